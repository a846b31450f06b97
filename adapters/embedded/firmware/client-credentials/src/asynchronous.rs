//! A device gets a token, async. Its UART leads to the server on the host, without TLS, as both are one machine.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::pin::pin;
use core::task::{Context, Poll, Waker};

use board::{Uart, exit, say, seconds};
use valetkey::client::{ClientAuth, ClientCredentials, Config, Outcome};
use valetkey::secret::SecretText;
use valetkey_embedded::{Connection, Error};

/// Seconds that a request may take in all.
const PATIENCE: u32 = 10;

#[board::entry]
fn main() -> ! {
    match block_on(fetch(Uart::link())) {
        Ok(()) => exit(0),
        Err(why) => {
            say("no token: ", why, None);
            exit(1)
        }
    }
}

async fn fetch(link: Uart) -> Result<(), &'static str> {
    let auth = ClientAuth::Basic(SecretText::new("device-secret"));
    let config =
        Config::new("http://127.0.0.1", "http://127.0.0.1/token", "demo-device", auth).map_err(|_| "settings")?;
    let flow = ClientCredentials::new(&config).map_err(|_| "settings")?;

    let mut server = Connection::over_dangerous_plaintext(link, "127.0.0.1");
    let (mut request, mut buf) = ([0; 256], [0; 1024]);
    let post = flow.request(&mut request).map_err(|_| "too small")?;
    let started = seconds();
    let response =
        server.send_async(&post, &mut buf, || seconds() - started > PATIENCE).await.map_err(Error::reason)?;
    match flow.response(response, &mut request).map_err(|_| "an answer as of no authorization server")? {
        Outcome::Tokens(tokens) => say("a token, ", "good for seconds: ", tokens.expires_in),
        Outcome::Denied { error, .. } => {
            say("refused: ", error.error, None);
            return Err("refused");
        }
        Outcome::After(said) => {
            say("busy, ", "seconds to wait: ", said.seconds_as_number());
            return Err("busy");
        }
    }
    Ok(())
}

/// Stands for the executor of a product.
fn block_on<F: Future>(future: F) -> F::Output {
    let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    board::nothing_in_this_firmware_may_panic()
}
