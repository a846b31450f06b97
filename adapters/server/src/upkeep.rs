//! What may be forgotten is forgotten in the background: in small steps with long pauses between, as requests write to the
//! same database and wait for each step. Never inside a request.

use crate::database::Database;
use crate::system::unix_time;
use std::future::Future;
use std::time::{Duration, Instant};
use valetkey::time::UnixTime;
use valetkey_tokio::store::{Store, StoreError};

/// Fewest and most rows of one step.
const STEPS: (usize, usize) = (25, 200);

/// What a step may take: requests that come meanwhile wait for it. Those that take longer are followed by smaller ones.
const LONGEST: Duration = Duration::from_millis(4);

/// A step that took so long is followed by a pause of so many times that: many at first, and fewer the longer there is more to
/// forget than is forgotten, down to the second. So it keeps up with whatever is issued.
const PACES: (u32, u32) = (10, 2);

/// At most, as a step that took long did so for reasons that may be over.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// After so many steps in a row that left something to forget the pauses become shorter.
const PATIENCE: u32 = 100;

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
    let ((fewest, most), (slow, quick)) = (STEPS, PACES);
    let (mut limit, mut full) = (fewest, 0_u32);
    loop {
        let began = Instant::now();
        let forgotten = match unix_time() {
            Some(now) => step(now, limit).await,
            None => Ok(0),
        };
        let took = began.elapsed();
        let pause = match forgotten {
            Ok(forgotten) if forgotten >= limit => {
                limit = if took > LONGEST { limit / 2 } else { limit + limit / 4 }.clamp(fewest, most);
                full = full.saturating_add(1);
                (took * slow.saturating_sub(full / PATIENCE).max(quick)).min(LONGEST_PAUSE)
            }
            Ok(_) => {
                full = 0;
                REST
            }
            Err(error) => {
                tracing::error!(error = %error.causes(), "the store could not forget what it may");
                REST
            }
        };
        tokio::time::sleep(pause).await;
    }
}
