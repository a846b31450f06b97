//! What holds for every machine: its size, its needs, broken stores, conflicts without end, scratch that is too small.

use crate::world::{
    BROWSER, Counts, Done, FORM, ISSUER, Person, World, basic, credentials, query, redemption, secret_of,
};
use valetkey::jose::Algorithm;
use valetkey::secret::SecretText;
use valetkey::server::change::{Committed, Key, Kind, found};
use valetkey::server::fault::Fault;
use valetkey::server::record::{AccessTokenFormat, OwnedRecord, Record};
use valetkey::server::{
    AuthorizeRequest, FormRequest, MAX_REQUEST, Owner, SCRATCH, Step, authorize, introspect, introspect_local, reopen,
    revoke, token,
};
use valetkey::wire::header::Header;

/// One request of every kind, good if nothing is broken.
#[derive(Clone, Debug)]
enum Any {
    Authorize(String),
    Reopen(String),
    Token(&'static str, Vec<(&'static str, String)>),
    Revoke(&'static str, String),
    Introspect(&'static str, String),
    Local(String),
}

impl Any {
    fn all(w: &mut World) -> Vec<Self> {
        let own = |pairs: &[(&'static str, &str)]| pairs.iter().map(|(n, v)| (*n, (*v).to_owned())).collect::<Vec<_>>();
        let (code, chosen, tokens) = (w.code("web"), w.code("chosen"), w.tokens("web"));
        let (refresh, access) = (tokens.refresh(), tokens.access());
        let strings = |client, code: &str| {
            redemption(client, code).iter().map(|(n, v)| (leak(n), (*v).to_owned())).collect::<Vec<_>>()
        };
        let signed = AccessTokenFormat::Jwt(Algorithm::Es256);
        w.store.change_client("other", |client| client.access_token = signed);
        let (signed, signed_code) = (w.tokens("other"), w.code("other"));
        let (keyed, keyed_code) = (w.tokens("keyed"), w.code("keyed"));
        vec![
            Self::Authorize(query("web", &[])),
            Self::Reopen(w.pause(&query("app", &[]))),
            Self::Token("web", own(&[("grant_type", "client_credentials")])),
            Self::Token("web", strings("web", &code)),
            Self::Token("chosen", strings("chosen", &chosen)),
            Self::Introspect("rs", access.clone()),
            Self::Local(access.clone()),
            Self::Token("web", own(&[("grant_type", "refresh_token"), ("refresh_token", &refresh)])),
            Self::Revoke("web", access),
            Self::Token("other", own(&[("grant_type", "client_credentials")])),
            Self::Token("other", strings("other", &signed_code)),
            Self::Token("other", own(&[("grant_type", "refresh_token"), ("refresh_token", &signed.refresh())])),
            Self::Introspect("rs", signed.access()),
            Self::Local(signed.access()),
            Self::Revoke("other", signed.access()),
            Self::Revoke("web", refresh),
            Self::Token("keyed", own(&[("grant_type", "client_credentials")])),
            Self::Token("keyed", strings("keyed", &keyed_code)),
            Self::Token("keyed", own(&[("grant_type", "refresh_token"), ("refresh_token", &keyed.refresh())])),
            Self::Introspect("keyed-rs", keyed.access()),
            Self::Revoke("keyed", keyed.access()),
            Self::Revoke("keyed", "unknown".to_owned()),
            Self::Revoke("keyed", keyed.refresh()),
        ]
    }

    fn start<'r>(&self, w: &mut World, scratch: &'r mut [u8]) -> Step<'r> {
        let (now, content_type) = (w.now(), Header::One(FORM));
        let with = |client, params: &[(&str, &str)]| credentials(client, params);
        match self {
            Self::Authorize(query) => authorize(w.server, &AuthorizeRequest { query }, now, w.entropy(), scratch),
            Self::Reopen(sealed) => reopen(w.server, sealed, BROWSER, now, w.entropy(), scratch),
            Self::Token(client, params) => {
                let (header, body) = with(client, &params.iter().map(|(n, v)| (*n, v.as_str())).collect::<Vec<_>>());
                let authorization = header.as_deref().map_or(Header::Absent, Header::One);
                let request = FormRequest { authorization, content_type, body: body.as_bytes() };
                token(w.server, &request, now, w.entropy(), scratch)
            }
            Self::Revoke(client, text) => {
                let (header, body) = with(client, &[("token", text)]);
                let authorization = header.as_deref().map_or(Header::Absent, Header::One);
                let request = FormRequest { authorization, content_type, body: body.as_bytes() };
                revoke(w.server, &request, now, w.entropy(), scratch)
            }
            Self::Introspect(client, text) => {
                let (header, body) = with(client, &[("token", text)]);
                let authorization = header.as_deref().map_or(Header::Absent, Header::One);
                let request = FormRequest { authorization, content_type, body: body.as_bytes() };
                introspect(w.server, &request, now, w.entropy(), scratch)
            }
            Self::Local(text) => introspect_local(w.server, SecretText::new(text), now, scratch),
        }
    }
}

fn leak(text: &str) -> &'static str {
    Box::leak(text.to_owned().into_boxed_str())
}

/// Each request in a world of its own, as earlier ones may end what later ones need.
fn each(mut check: impl FnMut(World, Any)) {
    let count = Any::all(&mut World::new()).len();
    for i in 0..count {
        let mut w = World::new();
        let request = Any::all(&mut w).swap_remove(i);
        check(w, request);
    }
}

#[test]
fn a_step_is_small_and_can_be_sent_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<Step<'static>>();
    assert!(size_of::<Step<'static>>() <= 1024, "{}", size_of::<Step<'static>>());
}

#[test]
fn every_request_of_the_list_is_good() {
    each(|mut w, request| {
        let mut room = [0; SCRATCH];
        let step = request.start(&mut w, &mut room);
        let done = w.finish(step);
        assert_eq!(done.fault, None, "{request:?}");
    });
}

#[test]
fn a_request_without_conflict_takes_one_load_and_one_commit_at_most() {
    each(|mut w, request| {
        let mut room = [0; SCRATCH];
        w.counts = Counts::default();
        let step = request.start(&mut w, &mut room);
        w.finish(step);
        let Counts { clients, verifies, owners, loads, signs, commits } = w.counts;
        assert!(
            [clients, verifies, owners, loads, signs, commits].iter().all(|count| *count <= 1),
            "{request:?} {:?}",
            w.counts
        );
    });
}

#[test]
fn a_store_that_fails_at_any_need_gives_nothing_and_changes_nothing() {
    each(|mut w, request| {
        for failing in 0.. {
            let before = w.store.len();
            let mut room = [0; SCRATCH];
            let mut step = request.start(&mut w, &mut room);
            for _ in 0..failing {
                step = w.advance(step);
            }
            let step = match step {
                Step::Client(need) => need.fail(),
                Step::Verify(need) => need.fail(),
                Step::Owner(need) => need.fail(),
                Step::Load(need) => need.fail(),
                Step::Sign(need) => need.fail(),
                Step::Commit(need) => need.fail(),
                Step::Reply(_) => break,
            };
            let Step::Reply(reply) = step else { panic!("{request:?} goes on after a failure") };
            let done = Done::read(&reply);
            assert_eq!(done.fault, Some(Fault::Unavailable));
            assert!(done.gives_nothing());
            match done.header("Location") {
                Some(_) => assert_eq!((done.status, done.error().as_str()), (303, "temporarily_unavailable")),
                None => assert_eq!((done.status, done.header("Retry-After")), (503, Some("2"))),
            }
            assert_eq!(w.store.len(), before, "{request:?} {failing}");
        }
    });
}

#[test]
fn conflicts_without_end_end_after_three_commits() {
    each(|mut w, request| {
        let mut room = [0; SCRATCH];
        let mut step = request.start(&mut w, &mut room);
        let (mut commits, mut ids, mut owners) = (0, Vec::new(), 0);
        let done = loop {
            step = match step {
                Step::Commit(need) => {
                    commits += 1;
                    ids.push(need.change().id);
                    need.resume(Committed::Conflict)
                }
                Step::Reply(reply) => break Done::read(&reply),
                step => {
                    owners += u32::from(matches!(step, Step::Owner(_)));
                    w.advance(step)
                }
            };
        };
        if let Any::Introspect("rs", _) | Any::Local(_) = request {
            assert_eq!((commits, done.fault), (0, None));
            return;
        }
        assert_eq!((commits, done.fault), (3, Some(Fault::Contention)), "{request:?}");
        assert!(done.gives_nothing() && !done.body.contains("code"));
        assert!(done.status == 503 || done.error() == "temporarily_unavailable");
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2], "each attempt is a change of its own");
        assert!(owners <= 1, "nobody is asked twice");
    });
}

#[test]
fn a_change_shown_twice_is_the_same_and_may_be_sent_twice() {
    each(|mut w, request| {
        let mut room = [0; SCRATCH];
        let mut step = request.start(&mut w, &mut room);
        loop {
            step = match step {
                Step::Commit(need) => {
                    assert_eq!(need.change(), need.change());
                    assert_eq!(w.store.commit(&need.change()), Committed::Applied);
                    let rows = w.store.len();
                    assert_eq!(w.store.commit(&need.change()), Committed::Applied);
                    assert_eq!(w.store.len(), rows);
                    need.resume(Committed::Applied)
                }
                Step::Reply(reply) => {
                    assert_eq!(reply.fault(), None);
                    break;
                }
                step => w.advance(step),
            };
        }
    });
}

#[test]
fn every_put_has_a_bound_on_its_life_and_finds_its_client() {
    each(|mut w, request| {
        let mut room = [0; SCRATCH];
        let mut step = request.start(&mut w, &mut room);
        loop {
            step = match step {
                Step::Commit(need) => {
                    for put in need.change().puts.iter().flatten() {
                        assert!(put.keep_until.0 <= w.now + 91 * 86_400);
                        assert!(put.index[1].is_some_and(|key| {
                            ["web", "app", "chosen", "other", "keyed", "keyed-rs"].map(Key::client).contains(&key)
                        }));
                        if let Record::Grant(grant) = put.record {
                            assert_eq!(put.keep_until, grant.expires_at);
                        }
                    }
                    need.resume(Committed::Applied)
                }
                Step::Reply(_) => break,
                step => w.advance(step),
            };
        }
    });
}

#[test]
fn too_little_scratch_is_a_server_error_and_no_panic() {
    each(|mut w, request| {
        let rows = w.store.len();
        for size in 0..=SCRATCH {
            let mut room = vec![0; size];
            let step = request.start(&mut w, &mut room);
            let done = w.finish(step);
            if done.fault != Some(Fault::Scratch) {
                assert_eq!(done.fault, None, "{size} {request:?}");
                assert!((64..2048).contains(&size), "{size} suffices for {request:?}");
                break;
            }
            assert!(done.gives_nothing() && w.store.len() == rows);
            assert!(done.status == 500 || done.error() == "server_error", "{done:?}");
        }
    });
}

#[test]
fn the_default_scratch_suffices_for_the_longest_requests_and_records() {
    let mut w = World::new();
    let long_scope: Vec<String> = (0..32).map(|i| format!("scope-{i:02}-{}", "x".repeat(90))).collect();
    let resource = format!("https://api.example/{}", "r".repeat(1500));
    w.store.change_client("web", |client| {
        client.scope = long_scope.join(" ");
        client.resource = resource.clone();
        client.name = "n".repeat(200);
    });
    let state = "s".repeat(800);
    let query = query("web", &[("scope", &long_scope.join(" ")), ("resource", &resource), ("state", &state)]);
    assert!(query.len() > 5700 && query.len() <= MAX_REQUEST, "{}", query.len());
    let sealed = w.pause(&query);
    let done = w.answer(&sealed, BROWSER);
    assert_eq!(done.fault, None);
    let code = done.param("code").unwrap();
    // The account changed, so that every machine looks twice.
    w.store.change_account("alice", |account| account.name = "A".repeat(100));
    let tokens = w.redeem("web", &code);
    assert_eq!(tokens.status, 200, "{tokens:?}");
    w.store.change_account("alice", |account| account.name = "B".repeat(100));
    let tokens = w.token(
        "web",
        &[
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh()),
            ("scope", &long_scope.join(" ")),
            ("resource", &resource),
        ],
    );
    assert_eq!(tokens.status, 200, "{tokens:?}");
    assert_eq!(w.introspect("rs", &tokens.access()).status, 200);
    assert_eq!(w.revoke("web", &tokens.access()).status, 200);
}

#[test]
fn scratch_is_zeroed_when_the_request_ends() {
    each(|mut w, request| {
        // No text has this byte: what still holds it was never written.
        let mut room = [0xaa; SCRATCH];
        let step = request.start(&mut w, &mut room);
        w.finish(step);
        assert!(room[0] == 0 && room.iter().all(|b| matches!(b, 0 | 0xaa)));
    });
}

#[test]
fn a_store_that_answers_with_another_kind_of_record_is_a_server_error() {
    each(|mut w, request| {
        let mut room = [0; SCRATCH];
        let mut step = request.start(&mut w, &mut room);
        loop {
            step = match step {
                Step::Load(need) => {
                    let mut records = w.store.load(need.keys());
                    let version = valetkey::server::change::Version::new(7).unwrap();
                    let wrong = need.keys()[0].map_or(1, |_| 0);
                    let record = match need.keys()[wrong].unwrap().kind {
                        Kind::Used => w.store.records().find(|record| **record != OwnedRecord::Used).unwrap().clone(),
                        _ => OwnedRecord::Used,
                    };
                    records[wrong] = Some((record.into(), version));
                    need.resume(found(&records))
                }
                Step::Reply(reply) => {
                    let asked_nothing = match &request {
                        Any::Token(_, params) => params[0].1 == "client_credentials",
                        Any::Revoke(_, token) => token == "unknown",
                        _ => false,
                    };
                    assert_eq!(reply.fault(), (!asked_nothing).then_some(Fault::BadRecord), "{request:?}");
                    assert!(asked_nothing || Done::read(&reply).gives_nothing());
                    break;
                }
                step => w.advance(step),
            };
        }
    });
}

#[test]
fn a_record_where_none_was_asked_for_is_a_server_error() {
    let mut w = World::new();
    let code = w.code("web");
    let request = Any::Token("web", redemption("web", &code).iter().map(|(n, v)| (leak(n), (*v).to_owned())).collect());
    let mut room = [0; SCRATCH];
    let mut step = request.start(&mut w, &mut room);
    let fault = loop {
        step = match step {
            Step::Load(need) => {
                let mut records = w.store.load(need.keys());
                assert_eq!(need.keys()[3], None);
                [records[3], _, _, _] = w.store.load(&[Some(Key::account("bob")), None, None, None]);
                need.resume(found(&records))
            }
            Step::Reply(reply) => break reply.fault(),
            step => w.advance(step),
        };
    };
    assert_eq!(fault, Some(Fault::BadRecord));
}

#[test]
fn a_client_record_of_another_client_is_a_server_error() {
    let mut w = World::new();
    let Some((OwnedRecord::Client(other), version)) = w.store.get(Key::client("other")) else { unreachable!() };
    let request = Any::Token("web", vec![("grant_type", "client_credentials".to_owned())]);
    let mut room = [0; SCRATCH];
    let Step::Client(need) = request.start(&mut w, &mut room) else { unreachable!() };
    let step = need.resume(Some((&other.as_view(), Some(version))));
    assert_eq!(w.finish(step).fault, Some(Fault::BadRecord));
}

#[test]
fn a_page_that_approves_nothing_or_more_than_was_asked_is_a_server_error() {
    for (subject, scope) in [
        ("", "read"),
        ("alice", "read read read read read read"),
        ("alice", ""),
        ("alice", " "),
        ("alice", "   "),
        ("alice", "admin"),
        ("alice", "read admin"),
        ("alice", "read\n"),
    ] {
        let mut w = World::new();
        w.person = Person::ApprovesOnly(subject, scope);
        let done = w.authorize(&query("web", &[]));
        assert_eq!(
            (done.error().as_str(), done.fault),
            ("server_error", Some(Fault::BadConsent)),
            "{subject:?} {scope:?}"
        );
        assert!(done.gives_nothing());
    }
}

#[test]
fn no_debug_output_of_any_step_shows_a_secret() {
    each(|mut w, request| {
        let secrets = match &request {
            Any::Authorize(query) | Any::Reopen(query) => vec![query.clone(), "st".to_owned()],
            Any::Token(client, params) => {
                let mut all: Vec<String> = params.iter().skip(1).map(|(_, value)| value.clone()).collect();
                all.push(secret_of(client));
                all.push(basic(client, &secret_of(client)));
                all
            }
            Any::Revoke(_, text) | Any::Introspect(_, text) | Any::Local(text) => vec![text.clone()],
        };
        let mut room = [0; SCRATCH];
        let mut step = request.start(&mut w, &mut room);
        loop {
            let shown = format!("{step:?} {step:#?}");
            assert!(secrets.iter().filter(|s| s.len() > 10).all(|s| !shown.contains(s.as_str())), "{shown}");
            step = match step {
                Step::Reply(reply) => {
                    let mut out = [0; 16 * 1024];
                    let response = reply.write(&mut out).unwrap();
                    assert_eq!(format!("{response:?}"), format!("Response({}, ..)", response.status()));
                    break;
                }
                step => w.advance(step),
            };
        }
    });
}

#[test]
fn the_owner_is_told_what_is_asked() {
    let mut w = World::new();
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let query = query("web", &[("resource", "https://api.example/")]);
    let step = authorize(w.server, &AuthorizeRequest { query: &query }, w.now(), seed, &mut room);
    let Step::Owner(need) = w.advance(step) else { panic!("nobody is asked") };
    assert_eq!((need.client_id(), need.client_name()), ("web", "The web client"));
    assert_eq!((need.scope(), need.resource()), ("read write", "https://api.example/"));
    assert_eq!((need.redirect_uri(), need.access_lifetime()), (crate::world::WEB_CB, 600));
    assert_eq!(need.grant_lifetime(), Some(90 * 86_400));
    assert_eq!(need.query(), query, "as it came, to be asked once more");
    let step = need.resume(Owner::Denied);
    let done = w.finish(step);
    assert_eq!((done.error().as_str(), done.param("iss").as_deref()), ("access_denied", Some(ISSUER)));
}
