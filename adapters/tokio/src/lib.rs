//! Valetkey on tokio: every protocol decision is the core's; this crate does what the core asks for.
//!
//! Each module but `store` begins with an example. In the sources, `examples/` has a custom server with its own store and pages, a
//! guarded API and a client, which run together.
//!
//! Features, all but `rustls` on by default:
//! - `server`: the authorization server as an axum `Router` over any [`store::Store`];
//! - `resource`: the resource server as a tower `Layer`, with an axum extractor that tells who calls;
//! - `client`: the client on reqwest;
//! - `rustls`: TLS of the client, without which it reaches servers on loopback only. It is not on by default because it is felt
//!   elsewhere: a `reqwest::Client` that another part of the program builds then needs a rustls provider too.

#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "server", feature = "resource"))]
mod http;
#[cfg(feature = "resource")]
pub mod resource;
#[cfg(feature = "server")]
pub mod server;

/// What the server asks of a store, and what whoever writes one has to keep to; `valetkey_conformance::laws::store_laws` tries
/// to break it. All of it is that of `valetkey-std`: a crate that is a store and no more depends on that one alone.
pub mod store {
    pub use valetkey_std::store::{By, OwnedChange, OwnedEvent, OwnedPut, Store, StoreError};
}
