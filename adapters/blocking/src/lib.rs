//! Valetkey for programs with threads: every protocol decision is the core's; this crate does what the core asks for, and
//! blocks the thread that called while it does. It needs no async runtime.
//!
//! Each module but `store` begins with an example. In the sources, `examples/blocking_server` is a whole server with its own
//! HTTP, store and pages.
//!
//! Features, all but `rustls` on by default:
//! - `server`: the authorization server and the guard of an API beside it, over any [`store::Store`] and for any HTTP
//!   library;
//! - `resource`: the guard of an API whose authorization server is another program, by its signed tokens;
//! - `client`: the client on ureq;
//! - `rustls`: its TLS, without which it reaches servers on loopback only.

#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "server")]
pub mod resource;
#[cfg(feature = "server")]
pub mod server;

/// What the server asks of a store, and what whoever writes one has to keep to;
/// `valetkey_conformance::laws::blocking_store_laws` tries to break it. All of it is that of `valetkey-std`: a crate that is a
/// store and no more depends on that one alone.
pub mod store {
    pub use valetkey_std::store::blocking::Store;
    pub use valetkey_std::store::{By, OwnedChange, OwnedEvent, OwnedPut, StoreError};
}
