//! The client: requests are written, callbacks and responses are checked; the sending is the caller's.
//!
//! ```text
//!  ClientCredentials --request--> (send) --response--> Tokens | Denied | After
//!
//!  Authorize --url--> (browser) --callback--+--> Exchange --request--> (send once) --response--> Tokens | Denied | After
//!   ^  |  ^                                 |
//!   |  |  +------ Rejected::NotOurs --------+--> Rejected::Denied
//!   |  +-export--> (kept with the session) --+
//!   +---------------------import-------------+
//!
//!  Refresh --request--> (send) --response--> Tokens | Denied | After
//! ```
//!
//! What writes takes `&self` and a slice, and may be repeated: a slice that is too small gets the exact size as answer, and
//! nothing is left in it. What goes on to the next state takes `self`. A [`Post`] carries the [`Duties`] of its transport.
//! What is wrong is told by who is at fault: the caller by [`ConfigError`], [`ImportError`] and
//! [`TooSmall`](crate::error::TooSmall); the peer by [`CallbackError`] and [`Error`]. A refusal by the server is none of these,
//! but an [`Outcome`].
//!
//! ```
//! use valetkey::client::{Authorize, ClientAuth, Config, Outcome, Rejected, Response, CallbackError, authorize};
//! use valetkey::secret::{Entropy, SecretText};
//!
//! let auth = ClientAuth::Basic(SecretText::new("web-secret"));
//! let cfg = Config::new("https://as.example", "https://as.example/token", "demo-web", auth)?
//!     .with_redirect("https://as.example/authorize", "https://client.example/cb")?
//!     .with_scope("read write")?
//!     .expecting_iss();
//! let seed = Entropy::new([7; authorize::ENTROPY]); // in earnest: from the operating system
//! let flow = Authorize::new(&cfg, seed)?;
//!
//! // Send the person's browser there.
//! let mut buf = [0; 1024];
//! let url = flow.url(&mut buf)?;
//! assert!(url.starts_with("https://as.example/authorize?response_type=code&client_id=demo-web&"));
//!
//! // A forged callback spends nothing.
//! let Err(Rejected::NotOurs { flow, why }) = flow.callback("code=stolen&state=guessed") else { panic!() };
//! assert_eq!(why, CallbackError::State);
//!
//! // The browser comes back with the right one.
//! let query = "code=SplxlOBeZQQYbYS6WxSbIA&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc&iss=https%3A%2F%2Fas.example";
//! let Ok(exchange) = flow.callback(query) else { panic!() };
//! let post = exchange.request(&mut buf)?;
//! assert!(post.body.starts_with("grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA&redirect_uri="));
//!
//! // Send the request once; here is what came back.
//! let body = br#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":600,"scope":"read"}"#;
//! let response = Response { status: 200, content_type: Some("application/json"), retry_after: None, body };
//! match exchange.response(response, &mut [0; 256])? {
//!     Outcome::Tokens(tokens) => assert_eq!((tokens.scope, tokens.wider), ("read", false)),
//!     Outcome::Denied { .. } | Outcome::After { .. } => panic!("ask the person again"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod authorize;
mod client_credentials;
mod config;
mod exchange;
mod outcome;
mod pending;
mod post;
mod refresh;

pub use crate::wire::token_response::{ErrorResponse, Fault, Forms, Leniency, Member};
pub use authorize::{Authorize, CallbackError, Denied, Rejected};
pub use client_credentials::ClientCredentials;
pub use config::{ClientAuth, Config, ConfigError};
pub use exchange::Exchange;
pub use outcome::{Error, Outcome, Response, Tokens};
pub use pending::{EXPORTED, ImportError};
pub use post::{Duties, Post, Retry};
pub use refresh::Refresh;
