//! Another program's authorization server: how its metadata and its keys are found and read, without HTTP and without
//! waiting. What the resource servers of `valetkey-tokio` and `valetkey-blocking` have in common; a program takes theirs, and
//! when to fetch is decided by the core's [`KeySet`](valetkey::resource::KeySet).
//!
//! ```
//! use valetkey_std::issuer::{DiscoverError, Discovery, Found, Next};
//! use valetkey_std::kept::{Received, SendError};
//!
//! /// `get` fetches a URL.
//! fn discover(issuer: &str, get: impl Fn(&str) -> Result<Received, SendError>) -> Result<Found, DiscoverError> {
//!     let mut discovery = Discovery::of(issuer)?;
//!     loop {
//!         let document = discovery.document();
//!         match discovery.answered(&document, get(document.url()))? {
//!             Next::Found(found) => return Ok(found),
//!             Next::Ask(elsewhere) => discovery = elsewhere,
//!         }
//!     }
//! }
//!
//! let away = discover("https://as.example", |_| Err(SendError::Timeout)).unwrap_err().to_string();
//! let url = "https://as.example/.well-known/oauth-authorization-server";
//! assert_eq!(away, format!("{url}: the server took too long to answer"));
//! ```

mod discovery;
mod error;
mod keys;

pub use discovery::{Discovery, Document, Found, Next};
pub use error::{DiscoverError, RemoteError};
pub use keys::Keys;
