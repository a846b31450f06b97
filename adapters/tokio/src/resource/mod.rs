//! The resource server: a tower [`Layer`](tower_layer::Layer) that lets a request pass only with a good access token, and an
//! axum extractor that tells a handler whose it is.
//!
//! Three lines guard an API with the signed access tokens of any issuer that has metadata:
//!
//! ```no_run
//! use axum::{Router, routing::get};
//! use valetkey_tokio::resource::{Access, Guard};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let guard = Guard::discover("https://as.example", "https://api.example").await?;
//! let app: Router = Router::new()
//!     .route("/notes", get(notes).layer(guard.needing("notes:read")))
//!     .route("/me", get(async |access: Access| access.subject).layer(guard));
//! # axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8081").await?, app).await?;
//! # Ok(()) }
//!
//! async fn notes(access: Access) -> String {
//!     let may_write = access.allows("notes:write");
//!     format!("the notes of {}, writable: {may_write}", access.subject)
//! }
//! ```
//!
//! [`Issuer`] takes the choices: which signatures, opaque tokens too, how long keys and answers are kept; [`Guard::of`]
//! takes several. [`Guard::needing_login`] asks for a recent login, [`Guard::described`] has the API describe itself, and
//! [`Access::claims`] hands over your own claims.
//!
//! What an opaque token is worth is told by whoever implements [`Introspect`]: the `AuthorizationServer` itself, in one
//! program with the API ([`Guard::new`]), or a `RemoteIntrospection`. Keys are fetched by the core's
//! [`KeySet`](valetkey::resource::KeySet), parsed once, and read without a lock. An issuer that is away is answered with
//! 503 once its keys are too old, and never with a yes.

mod access;
mod cache;
#[cfg(feature = "client")]
mod discover;
mod guard;
mod introspect;
mod issuer;
#[cfg(feature = "client")]
mod keys;
mod metadata;
#[cfg(feature = "client")]
mod remote;

pub use access::{Access, ClaimsError};
pub use guard::{Guard, Guarded};
pub use introspect::{Introspect, OwnedIntrospection};
pub use issuer::Issuer;
pub use metadata::Description;
#[cfg(feature = "client")]
pub use remote::RemoteIntrospection;
pub use valetkey::resource::{Audience, StepUp, Timing};
pub use valetkey::wire::resource_metadata::BadResource;
#[cfg(feature = "client")]
pub use valetkey_std::issuer::{DiscoverError, RemoteError};
