//! Proof.

pub mod laws;
