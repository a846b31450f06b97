//! What is forgotten makes room for what comes.

use crate::changes::{change_of, key, open, put};
use rusqlite::Connection;
use valetkey::server::change::{Change, Committed, Expect, Put};
use valetkey::time::UnixTime;
use valetkey_std::store::Store;

#[tokio::test]
async fn the_file_does_not_grow_when_as_much_is_swept_as_is_put() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("valetkey.db");
    let store = open(&path);
    let look = Connection::open(&path).unwrap();
    let pages = || look.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)).unwrap();
    let mut sizes = Vec::new();
    for round in 0..20 {
        for n in round * 100..(round + 1) * 100 {
            let puts = [0, 1, 2].map(|slot| put(key(n, slot), Expect::Absent, "read write"));
            let change = change_of(n, puts.map(|put| Put { keep_until: UnixTime(round), ..put }));
            let change = Change { event: None, ..change };
            assert_eq!(store.commit(&change).await.unwrap(), Committed::Applied);
        }
        // What was put two rounds ago and before.
        while store.sweep(UnixTime(round.saturating_sub(1)), 50).await.unwrap() == 50 {}
        sizes.push(pages());
    }
    let (early, late) = (sizes[5..10].iter().max().unwrap(), sizes[10..].iter().max().unwrap());
    assert!(late * 10 <= early * 11, "pages after each round: {sizes:?}");
    assert_eq!(store.check().await.unwrap().records[4].1, 2 * 300);
}
