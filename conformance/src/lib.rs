//! Proof of Valetkey, and of what is built on it.
//!
//! [`laws`] try any store, and need no feature: `default-features = false` spares their users what the rest depends on.
//! `model` tries the authorization server with many requests open at once. The program `catalogue` matches tests with the
//! requirements of the RFCs, and `tests/` holds the sources to their own rules. `benches/fleet.rs` lives a year of 10,000
//! devices, through a bad network, power cuts and outages, and can live it again.

pub mod laws;
#[cfg(feature = "model")]
pub mod model;

/// The README's examples compile and run as tests of this crate, which sees all that they use.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;
