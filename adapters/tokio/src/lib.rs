//! valetkey-tokio

pub mod store;
