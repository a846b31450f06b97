//! What operators and owners do: what is written, and that what was given is good no more.

use crate::world::{FORM, Person, World, credentials, query};
use valetkey::server::change::{Change, Committed, EventKind, Expect, Key, Kind, Version};
use valetkey::server::fault::Fault;
use valetkey::server::record::{
    Account, Client, ClientAuth, Digest, GrantState, OwnedAccount, OwnedClient, OwnedGrant, OwnedRecord, Record,
};
use valetkey::server::{
    FormRequest, OperateError, RegisterError, SCRATCH, Step, change_client, change_password, end_grant, end_logins,
    end_own_grant, lock_account, register_account, register_client, remove_client, revoke, unlock_account,
};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

const HASH: &str = "$argon2id$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$a2V5";

impl World {
    fn client(&self, client_id: &str) -> (OwnedClient, Version) {
        match self.at(Key::client(client_id)) {
            (OwnedRecord::Client(client), at) => (client, at),
            other => panic!("{other:?}"),
        }
    }

    fn account(&self, subject: &str) -> (OwnedAccount, Version) {
        match self.at(Key::account(subject)) {
            (OwnedRecord::Account(account), at) => (account, at),
            other => panic!("{other:?}"),
        }
    }

    /// The only grant that there is, with its id.
    fn only_grant(&self) -> (Digest, OwnedGrant, Version) {
        let (key, grant) = self.store.grant();
        (key.id, grant, self.at(key).1)
    }

    fn at(&self, key: Key) -> (OwnedRecord, Version) {
        self.store.get(key).expect("it is there")
    }

    /// What the revocation endpoint puts and holds, shown; it is not committed.
    fn change_of_a_revocation(&mut self, client_id: &str, token: &str) -> String {
        let ((header, body), seed) = (credentials(client_id, &[("token", token)]), self.entropy());
        let authorization = header.as_deref().map_or(Header::Absent, Header::One);
        let request = FormRequest { authorization, content_type: Header::One(FORM), body: body.as_bytes() };
        let mut scratch = [0; SCRATCH];
        let mut step = revoke(self.server, &request, self.now(), seed, &mut scratch);
        loop {
            step = match step {
                Step::Commit(need) => return format!("{:?} {:?}", need.change().puts, need.change().holds),
                Step::Reply(_) => panic!("there is nothing to revoke"),
                step => self.advance(step),
            };
        }
    }

    /// Commits; the event is the last that the store was given.
    fn apply(&mut self, change: &Change<'_>) {
        assert_eq!(self.store.commit(change), Committed::Applied);
        let event = change.event.unwrap();
        assert_eq!((event.at, self.store.events.last()), (self.now(), Some(&event.what)));
    }
}

#[test]
fn a_removed_client_is_unknown_and_gets_nothing_more() {
    let mut w = World::new();
    let (code, tokens) = (w.code("web"), w.tokens("web"));
    let ((web, at), drawn) = (w.client("web"), w.drawn());
    let change = remove_client(drawn, w.now(), (web.as_view(), at)).unwrap();
    w.apply(&change);
    assert_eq!(w.store.events.last(), Some(&EventKind::ClientRemoved));
    assert_eq!(w.redeem("web", &code).fault, Some(Fault::UnknownClient));
    assert_eq!(w.refresh("web", &tokens.refresh()).fault, Some(Fault::UnknownClient));
    assert_eq!(w.token("web", &[("grant_type", "client_credentials")]).fault, Some(Fault::UnknownClient));
    let (removed, at) = w.client("web");
    assert!(!removed.live && removed.secret.is_empty());
    assert_eq!(removed.redirect_uris, web.redirect_uris, "what it was can still be looked up");
    let again = remove_client(drawn, w.now(), (removed.as_view(), at));
    assert_eq!(again.unwrap_err(), OperateError::Removed);
}

#[test]
fn the_id_of_a_removed_client_never_comes_to_mean_another() {
    let mut w = World::new();
    let ((spa, at), drawn) = (w.client("spa"), w.drawn());
    let change = remove_client(drawn, w.now(), (spa.as_view(), at)).unwrap();
    w.apply(&change);
    w.store.sweep(u64::MAX / 4);
    let (removed, at) = w.client("spa");
    let (first, second) = (w.drawn(), w.drawn());
    let anew = register_client(first, w.now(), spa.as_view()).unwrap();
    assert_eq!(w.store.commit(&anew), Committed::Conflict);
    let revived = change_client(second, w.now(), (removed.as_view(), at), spa.as_view());
    assert_eq!(revived.unwrap_err(), OperateError::Removed);
}

#[test]
fn a_request_that_saw_the_client_before_its_removal_gets_nothing() {
    let mut w = World::new();
    let code = w.code("web");
    let ((web, at), drawn) = (w.client("web"), w.drawn());
    let stale = w.client("web");
    let change = remove_client(drawn, w.now(), (web.as_view(), at)).unwrap();
    w.apply(&change);
    let drawn = w.drawn();
    let edit = change_client(drawn, w.now(), (stale.0.as_view(), stale.1), stale.0.as_view()).unwrap();
    assert_eq!(w.store.commit(&edit), Committed::Conflict, "an edit of what was there before removes no removal");
    assert!(w.redeem("web", &code).gives_nothing());
}

#[test]
fn a_changed_client_is_checked_and_its_secret_changes_with_an_event_of_its_own() {
    let mut w = World::new();
    let (web, at) = w.client("web");
    let (view, now) = (web.as_view(), w.now());
    let change_to = |drawn, new| change_client(drawn, now, (view, at), new);
    let refused = |new, error| assert_eq!(change_to([1; 8], new).unwrap_err(), error);
    refused(Client { client_id: "other", ..view }, OperateError::OtherClient);
    let bad = Client { redirect_uris: "http://web.example/cb", ..view };
    refused(bad, OperateError::Client(RegisterError::RedirectUri));
    let (first, second) = (w.drawn(), w.drawn());
    let less = Client { scope: "read", live: false, ..view };
    w.apply(&change_to(first, less).unwrap());
    assert_eq!(w.store.events.last(), Some(&EventKind::ClientChanged));
    let (web, at) = w.client("web");
    assert!(web.live && web.scope == "read", "it is changed, not removed");
    let secret = valetkey::server::secret_digest("another secret").to_string();
    let new = Client { auth: ClientAuth::Drawn, secret: &secret, ..web.as_view() };
    w.apply(&change_client(second, now, (web.as_view(), at), new).unwrap());
    assert_eq!(w.store.events.last(), Some(&EventKind::ClientSecretChanged));
    let done = w.token("web", &[("grant_type", "client_credentials")]);
    assert_eq!(done.fault, Some(Fault::WrongSecret), "the old one is good no more");
}

#[test]
fn a_locked_account_refreshes_nothing_and_its_logins_are_over() {
    let mut w = World::new();
    let (code, tokens) = (w.code("web"), w.tokens("app"));
    let ((alice, at), drawn) = (w.account("alice"), w.drawn());
    let change = lock_account(drawn, w.now(), (alice.as_view(), at));
    w.apply(&change);
    assert_eq!(w.store.events.last(), Some(&EventKind::AccountLocked));
    assert_eq!(w.refresh("app", &tokens.refresh()).fault, Some(Fault::LockedAccount));
    assert_eq!(w.redeem("web", &code).fault, Some(Fault::LockedAccount));
    assert!(w.authorize(&query("web", &[])).gives_nothing());
    let (locked, at) = w.account("alice");
    assert_eq!((locked.live, locked.logins), (false, alice.logins + 1));
    let drawn = w.drawn();
    let change = unlock_account(drawn, w.now(), (locked.as_view(), at)).unwrap();
    w.apply(&change);
    assert_eq!(w.store.events.last(), Some(&EventKind::AccountUnlocked));
    let (unlocked, _) = w.account("alice");
    assert!(unlocked.live && unlocked.logins > alice.logins, "no login from before the lock comes back");
    assert_eq!(w.refresh("app", &tokens.refresh()).status, 200, "a grant that nobody ended is good again");
}

#[test]
fn another_password_ends_the_logins() {
    let mut w = World::new();
    let ((alice, at), drawn) = (w.account("alice"), w.drawn());
    let plain = change_password(drawn, w.now(), (alice.as_view(), at), "hunter2 in the clear");
    assert_eq!(plain.unwrap_err(), OperateError::Password);
    let change = change_password(drawn, w.now(), (alice.as_view(), at), HASH).unwrap();
    w.apply(&change);
    assert_eq!(w.store.events.last(), Some(&EventKind::PasswordChanged));
    let (changed, at) = w.account("alice");
    assert_eq!(changed, OwnedAccount { password: HASH.into(), logins: alice.logins + 1, ..alice });
    let drawn = w.drawn();
    let change = end_logins(drawn, w.now(), (changed.as_view(), at)).unwrap();
    w.apply(&change);
    assert_eq!((w.store.events.last(), w.account("alice").0.logins), (Some(&EventKind::LoginsEnded), alice.logins + 2));
}

#[test]
fn the_numbers_of_logins_do_not_begin_again() {
    let w = World::new();
    let (alice, at) = w.account("alice");
    let last = OwnedAccount { logins: u32::MAX, ..alice };
    let loaded = (last.as_view(), at);
    assert_eq!(end_logins([1; 8], w.now(), loaded).unwrap_err(), OperateError::Logins);
    assert_eq!(change_password([1; 8], w.now(), loaded, HASH).unwrap_err(), OperateError::Logins);
    assert_eq!(unlock_account([1; 8], w.now(), loaded).unwrap_err(), OperateError::Logins);
    let Some(put) = lock_account([1; 8], w.now(), loaded).puts[0] else { panic!("nothing is put") };
    let locked = Account { live: false, ..last.as_view() };
    assert_eq!(put.record, Record::Account(locked), "it can be locked for all that");
}

#[test]
fn rfc7009_2_1_04_what_its_owner_ended_gives_nothing_from_then_on() {
    for by_owner in [true, false] {
        let mut w = World::new();
        let tokens = w.tokens("web");
        let ((id, grant, at), drawn) = (w.only_grant(), w.drawn());
        let (change, what) = if by_owner {
            let change = end_own_grant(drawn, w.now(), "alice", id, (grant.as_view(), at));
            (change.unwrap(), EventKind::GrantEndedByOwner)
        } else {
            (end_grant(drawn, w.now(), id, (grant.as_view(), at)).unwrap(), EventKind::GrantEndedByOperator)
        };
        w.apply(&change);
        let event = change.event.unwrap();
        assert_eq!((event.what, event.client_id, event.subject, event.grant), (what, "web", "alice", Some(id)));
        assert!(!w.active(&tokens.access()));
        assert_eq!(w.refresh("web", &tokens.refresh()).fault, Some(Fault::EndedGrant));
        let (id, ended, at) = w.only_grant();
        let again = end_grant(drawn, w.now(), id, (ended.as_view(), at));
        assert_eq!(again.unwrap_err(), OperateError::Ended);
        let again = end_own_grant(drawn, w.now(), "alice", id, (ended.as_view(), at));
        assert_eq!(again.unwrap_err(), OperateError::Ended);
    }
}

#[test]
fn an_ended_grant_with_an_open_code_gives_no_tokens() {
    let mut w = World::new();
    let code = w.code("web");
    let ((id, grant, at), drawn) = (w.only_grant(), w.drawn());
    assert_eq!(grant.state, GrantState::Pending);
    let change = end_own_grant(drawn, w.now(), "alice", id, (grant.as_view(), at)).unwrap();
    w.apply(&change);
    assert_eq!(w.redeem("web", &code).fault, Some(Fault::EndedGrant));
}

#[test]
fn nobody_ends_the_grant_of_another_person_or_of_nobody() {
    let mut w = World::new();
    w.tokens("web");
    let (id, grant, at) = w.only_grant();
    for other in ["bob", "", "Alice", "alice "] {
        let change = end_own_grant([1; 8], w.now(), other, id, (grant.as_view(), at));
        assert_eq!(change.unwrap_err(), OperateError::OtherOwner, "{other:?}");
    }
    let mut w = World::new();
    let access = w.token("web", &[("grant_type", "client_credentials")]).access();
    let (id, grant, at) = w.only_grant();
    assert_eq!(end_own_grant([1; 8], w.now(), "", id, (grant.as_view(), at)).unwrap_err(), OperateError::OtherOwner);
    let change = end_grant([1; 8], w.now(), id, (grant.as_view(), at)).unwrap();
    assert_eq!(change.event.unwrap().subject, "");
    w.apply(&change);
    assert!(!w.active(&access), "the operator ends it");
}

#[test]
fn a_grant_is_ended_by_the_same_put_as_at_the_revocation_endpoint() {
    for grant_type in ["authorization_code", "client_credentials"] {
        let mut w = World::new();
        let token = match grant_type {
            "authorization_code" => w.tokens("web").refresh(),
            _ => w.token("web", &[("grant_type", grant_type)]).access(),
        };
        let (id, grant, at) = w.only_grant();
        let ours = end_grant([1; 8], w.now(), id, (grant.as_view(), at)).unwrap();
        let theirs = w.change_of_a_revocation("web", &token);
        let mine = ours.puts[0].unwrap();
        assert_eq!((mine.key, mine.expect), (Key { kind: Kind::Grant, id }, Expect::At(at)));
        assert_eq!(format!("{:?} {:?}", ours.puts, ours.holds), theirs);
    }
}

#[test]
fn what_was_registered_is_told_with_the_time() {
    let mut w = World::new();
    let (first, second) = (w.drawn(), w.drawn());
    let (web, _) = w.client("web");
    let client = OwnedClient { client_id: "new".into(), ..web };
    let change = register_client(first, w.now(), client.as_view()).unwrap();
    w.apply(&change);
    let account = OwnedAccount { subject: "carol".into(), ..w.account("alice").0 };
    let account = OwnedAccount { password: HASH.into(), ..account };
    let change = register_account(second, w.now(), account.as_view()).unwrap();
    w.apply(&change);
    assert_eq!(w.store.events, [EventKind::ClientAdded, EventKind::AccountAdded]);
    w.person = Person::Approves("carol");
    assert_eq!(change.event.unwrap().at, UnixTime(w.now));
    assert!(w.authorize(&query("web", &[])).param("code").is_some());
}
