//! What Valetkey's adapters for machines with an operating system have in common, whether they wait or block: `std`, and
//! no runtime and no HTTP.
//!
//! Who writes a store as a crate of its own depends on this one alone, and implements one of the traits in [`store`] or
//! both. Programs take `valetkey-tokio` or `valetkey-blocking`, which hand on what of this their users need.
//!
//! Features, none on by default:
//! - `audit`: what a server tells `tracing` of what happened;
//! - `issuer`: another program's authorization server, its metadata and keys, without HTTP;
//! - `kept`: a client's token without HTTP, for a client on an HTTP library of your own.

#[cfg(feature = "audit")]
pub mod audit;
#[cfg(feature = "issuer")]
pub mod issuer;
#[cfg(feature = "kept")]
pub mod kept;
pub mod published;
pub mod store;
