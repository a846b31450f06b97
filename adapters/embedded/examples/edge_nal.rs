//! A token over a raw TCP socket of `edge-nal`, as `embassy-net` and others have it too; here that of the operating system.
//! Before the demo server, which `cargo run` starts:
//!
//! ```sh
//! cargo run -p valetkey-embedded --example edge_nal
//! ```

use edge_nal::TcpConnect;
use std::error::Error;
use std::time::{Duration, Instant};
use valetkey::client::{ClientAuth, ClientCredentials, Config, Outcome};
use valetkey::secret::SecretText;
use valetkey_embedded::Connection;

const HOST: &str = "127.0.0.1:8080";
const SECRET: &str = "device-secret";

/// Works on any stack; what comes of it is how long the token is good for.
async fn fetch(stack: impl TcpConnect<Error: 'static>, secret: &str) -> Result<Option<u32>, Box<dyn Error>> {
    let auth = ClientAuth::Basic(SecretText::new(secret));
    let config = Config::new("http://127.0.0.1:8080", "http://127.0.0.1:8080/token", "demo-device", auth)?;
    let flow = ClientCredentials::new(&config)?;

    // In earnest a TLS session goes between the two, and then `Connection::over_tls`.
    let socket = stack.connect(HOST.parse()?).await?;
    let mut server = Connection::over_dangerous_plaintext(socket, HOST);
    let (mut request, mut buf) = ([0; 256], [0; 1024]);
    let until = Instant::now() + Duration::from_secs(10);
    let response = server.send_async(&flow.request(&mut request)?, &mut buf, || Instant::now() > until).await?;
    match flow.response(response, &mut request)? {
        Outcome::Tokens(tokens) => Ok(tokens.expires_in),
        Outcome::Denied { status, error } => Err(format!("refused with {status}: {}", error.error).into()),
        Outcome::After(said) => Err(format!("busy; come again in {:?} seconds", said.seconds()).into()),
    }
}

#[expect(clippy::print_stdout, reason = "an example says what came of it")]
fn main() -> Result<(), Box<dyn Error>> {
    let seconds = futures_lite::future::block_on(fetch(edge_nal_std::Stack::new(), SECRET))?;
    println!("a token, good for {seconds:?} seconds");
    Ok(())
}
