//! The client: a token that is kept for the APIs of a program, and the core's flows one by one, sent by ureq.
//!
//! [`ClientCredentials`] makes a client that calls APIs with a token which it gets, renews and replaces by itself:
//!
//! ```no_run
//! use valetkey_blocking::client::ClientCredentials;
//!
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let credentials = ClientCredentials::new("https://as.example/token", "reporter", "its-secret");
//! let api = credentials.for_api("https://api.example").into_client()?;
//! let notes = api.get("https://api.example/notes")?.body_mut().read_to_string()?;
//! # Ok(())
//! # }
//! ```
//!
//! For the other flows: one writes its request, [`Transport::send`] sends it, and the flow reads what came back.
//!
//! ```no_run
//! use valetkey::client::{ClientAuth, ClientCredentials, Config, Outcome};
//! use valetkey::secret::SecretText;
//! use valetkey_blocking::client::Transport;
//!
//! # fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let auth = ClientAuth::Basic(SecretText::new("device-secret"));
//! let config = Config::new("http://127.0.0.1:8080", "http://127.0.0.1:8080/token", "demo-device", auth)?;
//! let flow = ClientCredentials::new(&config)?;
//!
//! let received = Transport::new().send(&flow.request(&mut [0; 1024])?)?;
//! match flow.response(received.response(), &mut received.scratch())? {
//!     Outcome::Tokens(tokens) => println!("{} bytes of token", tokens.access_token.expose().len()),
//!     Outcome::Denied { status, error } => println!("refused with {status}: {}", error.error),
//!     Outcome::After(said) => println!("busy; come again in {:?} seconds", said.seconds()),
//! }
//! # Ok(())
//! # }
//! ```

mod api;
mod origin;
mod transport;

pub use api::{ApiClient, ClientCredentials};
pub use transport::{TIMEOUT, Transport};
pub use valetkey_std::kept::{ApiError, ClientKey, NoToken, Received, RefreshToken, SendError, SetupError};

use valetkey::secret::Entropy;

/// Draws the seed of one flow, such as [`Authorize`](valetkey::client::Authorize), from the operating system.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn draw<const N: usize>() -> Result<Entropy<N>, getrandom::Error> {
    let mut seed = [0; N];
    getrandom::fill(&mut seed)?;
    Ok(Entropy::new(seed))
}
