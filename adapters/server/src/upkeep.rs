//! What may be forgotten is forgotten in the background: in small steps with long pauses between, as requests write to the
//! same database and wait for each step. Never inside a request.

use crate::database::Database;
use crate::system::unix_time;
use std::future::Future;
use std::time::{Duration, Instant};
use valetkey::time::UnixTime;
use valetkey_tokio::store::{Store, StoreError};

/// Rows of a step: requests that come meanwhile wait for it. As keys are drawn, each row is in pages of its own: that is a
/// fortieth of a millisecond, and some hundredths when the log is emptied.
const ROWS: usize = 10;

/// A step that took so long is followed by a pause of so many times that, at most. Where syncs take long, what a step adds
/// to those that requests wait for anyway is little, so that the pauses need not be as long.
const PACES: (u32, u32) = (20, 2);
const LONGEST_PAUSE: Duration = Duration::from_millis(25);

/// The longer there is more to forget than is forgotten, the more a step forgets and the shorter the pauses become: each
/// time that this has passed by [`ROWS`] and by [`QUICKER`], down to the shorter of [`PACES`]. So it keeps up with whatever
/// is issued. Where syncs are quick it forgets 700 rows a second at first, beside 400 requests a second.
const PATIENCE: Duration = Duration::from_secs(120);
const QUICKER: u32 = 2;

/// How long it waits for more to do, and after an error.
const REST: Duration = Duration::from_secs(5);

/// Forgets records whose time has come, for ever.
pub async fn records<S: Store>(store: S) {
    forget(|now, limit| store.sweep(now, limit)).await;
}

/// Forgets events that happened longer ago than `keep`, for ever. A store in memory keeps none.
pub async fn events(store: Database, keep: Duration) {
    if let Database::File(store) = store {
        forget(|now, limit| store.forget_events(UnixTime(now.0.saturating_sub(keep.as_secs())), limit)).await;
    }
}

async fn forget<F: Future<Output = Result<usize, StoreError>>>(step: impl Fn(UnixTime, usize) -> F) {
    let mut behind_since = Instant::now();
    loop {
        let began = Instant::now();
        let (limit, times) = pace(began - behind_since);
        let forgotten = match unix_time() {
            Some(now) => step(now, limit).await,
            None => Ok(0),
        };
        let pause = match forgotten {
            Ok(forgotten) if forgotten >= limit => (began.elapsed() * times).min(LONGEST_PAUSE),
            Ok(_) => REST,
            Err(error) => {
                tracing::error!(error = %error.causes(), "the store could not forget what it may");
                REST
            }
        };
        tokio::time::sleep(pause).await;
        if pause == REST {
            behind_since = Instant::now();
        }
    }
}

/// Rows of a step, and how many times as long as it took the pause after it is, once there was more to forget for so long.
fn pace(behind: Duration) -> (usize, u32) {
    let (slow, quick) = PACES;
    let times = u32::try_from(behind.as_secs() / PATIENCE.as_secs()).unwrap_or(u32::MAX).min((slow - quick) / QUICKER);
    (ROWS * (1 + times as usize), slow - times * QUICKER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_faster_the_longer_there_is_more_to_forget() {
        let after = |minutes: u64| pace(Duration::from_secs(60 * minutes));
        assert_eq!([after(0), after(1), after(2), after(4)], [(10, 20), (10, 20), (20, 18), (30, 16)]);
        assert_eq!([after(18), after(1_000_000)], [(100, 2); 2]);
    }
}
