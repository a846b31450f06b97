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
//! A client with a key pair writes by `sign`, which leads to its request by way of a signature: see [`Assertion`].
//!
//! What writes takes `&self` and a slice, and may be repeated: a slice that is too small gets the exact size as answer, and
//! nothing is left in it. What goes on to the next state takes `self`. A [`Post`] carries the [`Duties`] of its transport.
//! What is wrong is told by who is at fault: the caller by [`ConfigError`], [`ImportError`] and
//! [`TooSmall`]; the peer by [`CallbackError`] and [`Error`]. A refusal by the server is none of these,
//! but an [`Outcome`]. When to ask for tokens, how long they are good and what comes of a failure is decided by a
//! [`keeper`].
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
//! let response = Response { status: 200, content_type: Some("application/json"), retry_after: None, date: None, body };
//! match exchange.response(response, &mut [0; 256])? {
//!     Outcome::Tokens(tokens) => assert_eq!((tokens.scope, tokens.is_wider_than("read")), ("read", false)),
//!     Outcome::Denied { .. } | Outcome::After(_) => panic!("ask the person again"),
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Without a heap, an enum of one's own gathers what can go wrong, so that `?` serves there too:
//!
//! ```
//! use valetkey::client::{ClientCredentials, Config, ConfigError, Error, Outcome, Response, TooSmall};
//!
//! enum Failed {
//!     Config(ConfigError), // the caller: a setting is wrong
//!     Buffer(TooSmall),    // the caller: the request needs so many bytes
//!     Server(Error),       // the peer: its answer cannot be believed
//!     Refused,             // the peer said no, or to come later
//! }
//! # impl From<ConfigError> for Failed { fn from(e: ConfigError) -> Self { Self::Config(e) } }
//! # impl From<TooSmall> for Failed { fn from(e: TooSmall) -> Self { Self::Buffer(e) } }
//! # impl From<Error> for Failed { fn from(e: Error) -> Self { Self::Server(e) } }
//! // impl From<ConfigError> for Failed, and so on.
//!
//! /// Writes the access token into `token`, and says for how many seconds from the sending of the request it is good.
//! fn fetch(cfg: &Config<'_>, send: fn(&str) -> (u16, &'static [u8]), token: &mut [u8]) -> Result<u32, Failed> {
//!     let flow = ClientCredentials::new(cfg)?;
//!     let mut buf = [0; 512];
//!     let (status, body) = send(flow.request(&mut buf)?.body);
//!     let response = Response { status, content_type: Some("application/json"), retry_after: None, date: None, body };
//!     let Outcome::Tokens(tokens) = flow.response(response, &mut buf)? else { return Err(Failed::Refused) };
//!     let text = tokens.access_token.expose().as_bytes();
//!     token.get_mut(..text.len()).ok_or(TooSmall { needed: text.len() })?.copy_from_slice(text);
//!     Ok(tokens.expires_in.unwrap_or(0))
//! }
//! ```

mod assertion;
pub mod authorize;
mod client_credentials;
mod config;
mod exchange;
pub mod keeper;
mod outcome;
mod pending;
mod post;
mod refresh;
mod retry_after;

pub use crate::error::TooSmall;
pub use crate::wire::token_response::{ErrorResponse, Fault, Forms, Leniency, Member};
pub use assertion::{Assertion, NeedSign, SignatureError};
pub use authorize::{Authorize, CallbackError, Denied, Rejected};
pub use client_credentials::ClientCredentials;
pub use config::{ClientAuth, Config, ConfigError};
pub use exchange::Exchange;
pub use outcome::{Error, Outcome, Response, Tokens};
pub use pending::{EXPORTED, ImportError};
pub use post::{Duties, Post, Retry};
pub use refresh::Refresh;
pub use retry_after::RetryAfter;
