//! The authorization server: each endpoint is a function from a request to a [`step::Step`].

pub mod change;
pub mod fault;
pub mod record;
