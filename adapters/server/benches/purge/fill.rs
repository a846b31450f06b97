//! Tokens by the million, loaded through `commit`.

use crate::common::{REQUESTERS, Result, grants};
use std::path::Path;
use valetkey::server::change::{Change, Expect, Key, Kind, Put, Version};
use valetkey::server::record::{Digest, Grant, GrantState, Record};
use valetkey::time::UnixTime;
use valetkey_sqlite::SqliteStore;

/// Puts of one change.
const PUTS: usize = 6;

/// How long the live ones last, and since when the others have expired, in seconds.
const LIVE: u64 = 86_400;
const EXPIRED: u64 = 60;

/// Makes a database with the client of all runs and as many tokens of its own.
pub(crate) async fn tokens(db: &Path, live: usize, expired: usize) -> Result<()> {
    let store = SqliteStore::open(db)?;
    grants::register(&store).await?;
    let mut tasks = Vec::new();
    for task in 0..REQUESTERS {
        let share = |of: usize| of / REQUESTERS + usize::from(task < of % REQUESTERS);
        let (store, live, expired) = (store.clone(), share(live), share(expired));
        tasks.push(tokio::spawn(async move {
            let now = grants::now()?.0;
            put(&store, live, UnixTime(now + LIVE)).await?;
            put(&store, expired, UnixTime(now - EXPIRED)).await
        }));
    }
    for task in tasks {
        task.await??;
    }
    Ok(())
}

async fn put(store: &SqliteStore, count: usize, ends: UnixTime) -> Result<()> {
    let mut left = count;
    while left > 0 {
        let some = left.min(PUTS);
        let mut puts = [None; PUTS];
        for put in puts.iter_mut().take(some) {
            *put = Some(token(ends)?);
        }
        let id = u64::from_be_bytes(grants::drawn()?) >> 1;
        let change = Change { id: Version::new(id).ok_or("drew 0")?, puts, holds: [None; 2], event: None };
        grants::put(store, &change).await?;
        left -= some;
    }
    Ok(())
}

/// As the client-credentials grant writes it: a grant whose record holds its one access token's digest.
fn token(ends: UnixTime) -> Result<Put<'static>> {
    let issued_at = UnixTime(ends.0 - LIVE);
    let grant = Grant {
        client_id: grants::CLIENT.0,
        subject: "",
        scope: "read write",
        resource: "",
        state: GrantState::Live,
        issued_at,
        expires_at: ends,
        auth_time: UnixTime(0),
        acr: "",
        amr: "",
        account: None,
        access: Some(Digest(grants::drawn()?)),
        salt: Digest([0; 32]),
        server_key: 1,
        generation: 0,
        rotated_at: issued_at,
        rotated_by: None,
        seen_at: None,
        signed: false,
    };
    Ok(Put {
        key: Key { kind: Kind::Grant, id: Digest(grants::drawn()?) },
        expect: Expect::Absent,
        keep_until: ends,
        index: [None, Some(Key::client(grants::CLIENT.0))],
        record: Record::Grant(grant),
    })
}

/// How many records may be forgotten now.
pub(crate) fn due(db: &Path) -> Result<u64> {
    let now = i64::try_from(grants::now()?.0)?;
    let count: i64 =
        crate::reading(db)?.query_row("SELECT count(*) FROM records WHERE keep < ?1", [now], |row| row.get(0))?;
    Ok(u64::try_from(count)?)
}
