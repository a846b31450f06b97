//! OAuth 2.x as pure state machines.
//!
//! The core decides; it never does. Time, entropy, storage, slow cryptography and a person's consent reach it as
//! values and leave it as values, so the same compiled logic serves a microcontroller, a blocking program, a tokio
//! server, a fuzzer and a model checker.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::std_instead_of_alloc,
        clippy::alloc_instead_of_core
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod client;
pub mod error;
pub mod resource;
pub mod secret;
pub mod server;
pub mod text;
pub mod time;
pub mod wire;
