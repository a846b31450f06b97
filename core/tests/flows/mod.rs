//! Whole flows through all three roles of the core, run by the tests of redaction and of allocation.
//!
//! Each call of the core goes through [`Watch::call`], each value that comes of it through [`Watch::show`]. Every secret
//! that a person, a server or a generator of randomness chooses is made of [`HUSH`], so that it can be recognised.

mod client;
mod keeper;
mod resource;
mod server;

pub(crate) use client::*;
pub(crate) use keeper::*;
pub(crate) use resource::*;
pub(crate) use server::*;

use std::fmt::Debug;
use valetkey::time::UnixTime;

/// Stands in every secret. Its period of four bytes makes the same run of base64 digits wherever a group begins.
pub(crate) const HUSH: &str = "HushHushHushHushHushHushHushHushHushHushHushHushHushHushHushHush";
pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const RESOURCE: &str = "https://api.example";
pub(crate) const CALLBACK: &str = "https://client.example/cb";
pub(crate) const NOW: UnixTime = UnixTime(1_700_000_000);

/// What looks on while flows run.
pub(crate) trait Watch {
    /// Calls the core.
    #[track_caller]
    fn call<R>(&mut self, call: impl FnOnce() -> R) -> R {
        call()
    }

    /// A value of the core, as it stands between two calls.
    fn show<T: Debug>(&mut self, _value: &T) {}

    /// Nothing that is shown, before or after, may show this.
    fn hide(&mut self, _secret: &[u8]) {}
}

/// `N` secret bytes.
pub(crate) fn hush<const N: usize>() -> [u8; N] {
    std::array::from_fn(|i| HUSH.as_bytes()[i % 4])
}

/// Whether `flow` gave what it must, told without what it is about.
pub(crate) fn must<T, E>(given: Result<T, E>) -> T {
    given.unwrap_or_else(|_| panic!("the flow went another way"))
}
