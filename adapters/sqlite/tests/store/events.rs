//! The audit trail: in the transaction of the change, found by filter and page, forgotten in steps.

use crate::changes::{change, change_of, event, key, open, put, version};
use valetkey::server::change::{Change, Committed, Event, EventKind, Expect};
use valetkey::time::UnixTime;
use valetkey_sqlite::{EventFilter, SqliteStore};
use valetkey_std::store::{OwnedEvent, Store};

/// A store and the directory that it is in.
fn fresh() -> (tempfile::TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = open(&directory.path().join("valetkey.db"));
    (directory, store)
}

async fn append(store: &SqliteStore, n: u64, event: Event<'_>) {
    let change = Change { event: Some(event), ..change(n) };
    assert_eq!(store.commit(&change).await.unwrap(), Committed::Applied);
}

/// The times and clients of all events that a filter lets pass, by pages of two.
async fn walk(store: &SqliteStore, filter: &EventFilter) -> Vec<(u64, String)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.events(filter, after, 2).await.unwrap();
        after = page.last().map(|(id, _)| *id).or(after);
        let end = page.len() < 2;
        found.extend(page.into_iter().map(|(_, event)| (event.at.0, event.client_id)));
        if end {
            return found;
        }
    }
}

#[tokio::test]
async fn events_come_by_time_and_filter_and_page() {
    let (_directory, store) = fresh();
    for (n, (at, client_id)) in (0..).zip([(30, "a"), (10, "a"), (20, "b"), (20, "a"), (20, "c")]) {
        let subject = if client_id == "c" { "bob" } else { "alice" };
        append(&store, n, Event { subject, ..event(at, client_id) }).await;
    }
    let shown = |all: &[(u64, &str)]| all.iter().map(|(at, client)| (*at, (*client).to_owned())).collect::<Vec<_>>();
    let all = EventFilter::default();
    assert_eq!(walk(&store, &all).await, shown(&[(10, "a"), (20, "b"), (20, "a"), (20, "c"), (30, "a")]));
    let of_a = EventFilter { client_id: Some("a".into()), ..all.clone() };
    assert_eq!(walk(&store, &of_a).await, shown(&[(10, "a"), (20, "a"), (30, "a")]));
    let of_bob = EventFilter { subject: Some("bob".into()), ..all.clone() };
    assert_eq!(walk(&store, &of_bob).await, shown(&[(20, "c")]));
    let since = EventFilter { since: Some(UnixTime(20)), ..of_a };
    assert_eq!(walk(&store, &since).await, shown(&[(20, "a"), (30, "a")]));
    assert_eq!(walk(&store, &EventFilter { since: Some(UnixTime(31)), ..all }).await, shown(&[]));
}

#[tokio::test]
async fn an_event_comes_back_as_it_was() {
    let (_directory, store) = fresh();
    let kinds = [
        EventKind::CodeIssued,
        EventKind::CodeRedeemed,
        EventKind::CodeReplayed,
        EventKind::ClientCredentialsIssued,
        EventKind::Refreshed,
        EventKind::RefreshReplayed,
        EventKind::Revoked,
    ];
    for (n, what) in (0..).zip(kinds) {
        let event = Event { what, grant: event(0, "").grant.filter(|_| n % 2 == 0), ..event(n, "it's \"c\"\0") };
        append(&store, n, event).await;
        let found = store.events(&EventFilter::default(), None, 99).await.unwrap();
        assert_eq!(found.last().unwrap().1, OwnedEvent::from(&event));
    }
    let of_a_key = Event { what: EventKind::SigningKeyAdded, grant: None, kid: "es256-1", ..event(99, "") };
    append(&store, 99, of_a_key).await;
    let found = store.events(&EventFilter::default(), None, 99).await.unwrap();
    assert_eq!(found.last().unwrap().1, OwnedEvent::from(&of_a_key));
}

#[tokio::test]
async fn an_event_is_appended_with_its_change_and_once() {
    let (_directory, store) = fresh();
    append(&store, 1, event(1, "a")).await;
    append(&store, 1, event(1, "a")).await;
    let conflict = change_of(2, [put(key(1, 1), Expect::At(version(7)), "")]);
    assert_eq!(store.commit(&conflict).await.unwrap(), Committed::Conflict);
    assert_eq!(walk(&store, &EventFilter::default()).await, [(1, "a".to_owned())]);
}

#[tokio::test]
async fn old_events_are_forgotten_in_steps() {
    let (_directory, store) = fresh();
    for n in 0..10 {
        append(&store, n, event(n, "a")).await;
    }
    let before = UnixTime(7);
    assert_eq!(store.forget_events(before, 5).await.unwrap(), 5);
    assert_eq!(store.forget_events(before, 5).await.unwrap(), 2);
    assert_eq!(store.forget_events(before, 5).await.unwrap(), 0);
    let left: Vec<u64> = walk(&store, &EventFilter::default()).await.into_iter().map(|(at, _)| at).collect();
    assert_eq!(left, [7, 8, 9]);
    assert_eq!(store.check().await.unwrap().records[4].1, 30, "records stay");
}
