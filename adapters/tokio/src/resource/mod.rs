//! The resource server: a tower [`Layer`](tower_layer::Layer) that lets a request pass only with a good access token, and an
//! axum extractor that tells a handler whose it is.
//!
//! ```
//! use axum::{Router, routing::get};
//! use std::sync::Arc;
//! use valetkey_tokio::resource::{Access, Audience, Guard, Introspect};
//!
//! fn api(introspect: Arc<impl Introspect>) -> Router {
//!     let guard = Guard::new("https://as.example", Audience::IfNamed("https://api.example"), introspect);
//!     Router::new()
//!         .route("/notes", get(notes).layer(guard.needing("notes:read")))
//!         .route("/me", get(async |access: Access| access.subject).layer(guard))
//! }
//!
//! async fn notes(access: Access) -> String {
//!     let may_write = access.allows("notes:write");
//!     format!("the notes of {}, writable: {may_write}", access.subject)
//! }
//! ```
//!
//! What a token is worth is told by whoever implements [`Introspect`]: the `AuthorizationServer` itself, in one program
//! with the API, or a `RemoteIntrospection`.

mod guard;
mod introspect;
#[cfg(feature = "client")]
mod remote;

pub use guard::{Access, Guard, Guarded};
pub use introspect::{Introspect, OwnedIntrospection};
#[cfg(feature = "client")]
pub use remote::{RemoteError, RemoteIntrospection};
pub use valetkey::resource::Audience;
