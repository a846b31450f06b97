//! Valetkey on tokio: every protocol decision is the core's; this crate does what the core asks for.
//!
//! Each module but `store` begins with an example. In the sources, `examples/` has a custom server with its own store and pages, a
//! guarded API and a client, which run together.
//!
//! Features, all but `rustls` on by default:
//! - `server`: the authorization server as an axum `Router` over any [`store::Store`];
//! - `resource`: the resource server as a tower `Layer`, with an axum extractor that tells who calls;
//! - `client`: the client on reqwest;
//! - `audit`: what a server tells `tracing` of what happened; it comes with `server`;
//! - `kept`: a client's token without HTTP, for clients on other libraries; it comes with `client`;
//! - `rustls`: TLS of the client, without which it reaches servers on loopback only. It is not on by default because it is felt
//!   elsewhere: a `reqwest::Client` that another part of the program builds then needs a rustls provider too.

#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "client")]
pub mod client;
#[cfg(any(feature = "server", feature = "resource"))]
mod http;
#[cfg(feature = "kept")]
pub mod kept;
pub mod published;
#[cfg(feature = "resource")]
pub mod resource;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
