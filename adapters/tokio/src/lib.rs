//! Valetkey on tokio.
//!
//! Every protocol decision is the core's; this crate does what the core asks for. Features, all on by default:
//! `server` gives the authorization server as an axum `Router` over any [`store::Store`].

#[cfg(feature = "server")]
mod http;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
