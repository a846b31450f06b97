//! A device with a key pair gets a token, and shares no secret with the server. It has no clock of its own: the
//! server's refusal of a request without a signature tells the time.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use board::{Uart, entropy, exit, say, seconds};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use valetkey::client::keeper::WallClock;
use valetkey::client::{Assertion, ClientAuth, ClientCredentials, Config, Outcome};
use valetkey::jose::Algorithm;
use valetkey::secret::Entropy;
use valetkey::time::{UnixTime, Uptime};
use valetkey_embedded::{Connection, Error};

/// Seconds that all of it may take.
const PATIENCE: u32 = 10;
/// 1 January 2025, before which nobody had this firmware: the time cannot be earlier.
const BUILT: UnixTime = UnixTime(1_735_689_600);
/// The private key of RFC 6979, appendix A.2.5, which everyone knows; `public.json` is its public half. In earnest it is made
/// on the device and never leaves it, at best in a secure element.
const KEY: [u8; 32] = [
    0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3,
    0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21,
];

#[board::entry]
fn main() -> ! {
    match fetch(Uart::link()) {
        Ok(()) => exit(0),
        Err(why) => {
            say("no token: ", why, None);
            exit(1)
        }
    }
}

fn fetch(link: Uart) -> Result<(), &'static str> {
    let key = SigningKey::from_slice(&KEY).map_err(|_| "no key")?;
    let config = Config::new("http://127.0.0.1", "http://127.0.0.1/token", "signing-device", ClientAuth::PrivateKeyJwt)
        .map_err(|_| "settings")?;
    let flow = ClientCredentials::new(&config).map_err(|_| "settings")?;
    let uptime = || Uptime(u64::from(seconds()) * 1_000);

    let mut server = Connection::over_dangerous_plaintext(link, "127.0.0.1");
    let (mut request, mut buf) = ([0; 768], [0; 1536]);
    let started = seconds();
    let expired = || seconds() - started > PATIENCE;
    // Without a signature the server says no, and what time it is.
    let unsigned = flow.request(&mut request).map_err(|_| "too small")?;
    let response = server.send(&unsigned, &mut buf, expired).map_err(Error::reason)?;
    let mut clock = WallClock::new(BUILT);
    clock.learn(response.date.unwrap_or_default(), uptime());
    loop {
        let now = clock.at(uptime()).ok_or("the time is not known, and nothing was signed")?;
        let id = Entropy::new(entropy().ok_or("no randomness")?);
        let assertion = Assertion::new(Algorithm::Es256, "", now, id).map_err(|_| "settings")?;
        let need = flow.sign(&assertion, &mut request).map_err(|_| "too small")?;
        let signature: Signature = key.try_sign(need.message()).map_err(|_| "no signature")?;
        let post = need.resume(&signature.to_bytes()).map_err(|_| "no signature")?;
        let response = server.send(&post, &mut buf, expired).map_err(Error::reason)?;
        let date = response.date.unwrap_or_default();
        match flow.response(response, &mut request).map_err(|_| "an answer as of no authorization server")? {
            Outcome::Tokens(tokens) => {
                say("a token, ", "good for seconds: ", tokens.expires_in);
                return Ok(());
            }
            Outcome::Denied { .. } if clock.refused(date, uptime()) => say("the clock was wrong, ", "again", None),
            Outcome::Denied { error, .. } => {
                say("refused: ", error.error, None);
                return Err("refused");
            }
            Outcome::After(said) => {
                say("busy, ", "seconds to wait: ", said.seconds_as_number());
                return Err("busy");
            }
        }
    }
}

/// The arithmetic of signatures is not proven to link without a panic, as a plain firmware is.
#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |at| (at.file(), at.line()));
    say("panicked in ", file, Some(line));
    exit(101)
}
