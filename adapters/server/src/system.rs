//! What only the operating system knows: what time it is, and bytes that nobody can guess.

use std::time::{SystemTime, UNIX_EPOCH};
use valetkey::time::UnixTime;
use valetkey_tokio::store::StoreError;

/// Told where the time cannot be.
pub const CLOCK: &str = "the system's clock stands before 1970; set it";

/// The time; `None` if the clock stands before 1970.
pub fn unix_time() -> Option<UnixTime> {
    Some(UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs()))
}

/// As many random bytes as asked for: of a change to the store, its id.
///
/// # Errors
/// When there are none.
pub(crate) fn drawn<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map(|()| bytes).map_err(|error| StoreError::because("the operating system gives no random bytes", error))
}
