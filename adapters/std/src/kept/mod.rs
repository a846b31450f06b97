//! A client's token that is kept, without HTTP and without waiting: what the clients of `valetkey-tokio` and
//! `valetkey-blocking` have in common. A program takes theirs; this is for a client on another HTTP library.
//!
//! ```
//! use std::sync::Mutex;
//! use valetkey::client::Response;
//! use valetkey::time::Uptime;
//! use valetkey_std::kept::{Credentials, KeptToken, Next};
//!
//! # fn send(_: &valetkey::client::Post<'_>) -> Response<'static> {
//! #     let body = br#"{"access_token":"2YotnFZ","token_type":"Bearer","expires_in":600}"#;
//! #     Response { status: 200, content_type: Some("application/json"), retry_after: None, date: None, body }
//! # }
//! let credentials = Credentials::new("https://as.example/token", "reporter", "its-secret");
//! let config = credentials.config()?;
//! let kept = Mutex::new(KeptToken::new(&credentials, Box::new(|| Uptime(1_000)))?);
//!
//! let next = kept.lock().unwrap().ask()?;
//! let Next::Renew { ticket, meanwhile: None } = next else { panic!("there is a token already") };
//! let (mut flow, mut buf) = (credentials.flow(&config, None)?, Default::default());
//! let post = credentials.draft(&mut flow, &mut buf).and_then(|draft| draft.signed());
//! let response = send(&post.unwrap()); // the lock is not held meanwhile
//! kept.lock().unwrap().answered(ticket, flow.response(response, &mut []));
//!
//! let Next::Use(token) = kept.lock().unwrap().ask()? else { panic!("there is no token") };
//! assert_eq!(token.text(), "2YotnFZ");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod clock;
mod credentials;
mod error;
mod flow;
mod key;
mod received;
mod refresh_token;
mod renewing;
mod send_error;
mod token;

pub use credentials::{ApiTransport, ClientCredentials, Credentials, SetupError};
pub use error::ApiError;
pub use flow::Flow;
pub use key::{ClientKey, Draft, NotSigned};
pub use received::Received;
pub use refresh_token::RefreshToken;
pub use renewing::{Renewing, SharedToken, Sharing};
pub use send_error::SendError;
pub use token::{KeptToken, Next, NoToken, Token};
