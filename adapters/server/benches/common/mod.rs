//! What the kept measurements share: the program as a process, a lean HTTP client, grants made beforehand, and numbers.

#![allow(dead_code, reason = "each measurement uses a part of it")]

pub(crate) mod grants;
pub(crate) mod http;
pub(crate) mod numbers;
pub(crate) mod process;

/// What goes wrong ends the measurement, with its message.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// How many requests are under way at once.
pub(crate) const REQUESTERS: usize = 64;
