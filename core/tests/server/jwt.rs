//! Signed access tokens: what they say, in every flow; and when they are not given.

use crate::world::{Done, PAIRS, Person, SIGNING_KEYS, START, World, credentials, query, redemption, server};
use proptest::prelude::*;
use valetkey::jose::{Algorithm, Algorithms};
use valetkey::resource::{Audience, Issuer, IssuerKeys, Policy as ApiPolicy, Refusal, validate};
use valetkey::secret::SecretText;
use valetkey::server::change::Committed;
use valetkey::server::fault::Fault;
use valetkey::server::record::{AccessTokenFormat, OwnedRecord};
use valetkey::server::{FormRequest, Policy, SCRATCH, Server, Step, token};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

const API: &str = "https://api.example/";
const FILES: &str = "https://files.example/";
const OWN: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// A world whose clients `web` and `app` have signed access tokens.
pub(crate) fn signing(algorithm: Algorithm) -> World {
    let mut w = World::new();
    for client in ["web", "app", "short"] {
        w.store.change_client(client, |client| client.access_token = AccessTokenFormat::Jwt(algorithm));
    }
    w
}

fn part(token: &str, n: usize) -> serde_json::Value {
    let mut room = vec![0; token.len()];
    let bytes = valetkey::text::base64::decode(token.split('.').nth(n).unwrap(), &mut room).unwrap();
    serde_json::from_slice(bytes).unwrap()
}

pub(crate) fn header(token: &str) -> serde_json::Value {
    part(token, 0)
}

pub(crate) fn claims(token: &str) -> serde_json::Value {
    part(token, 1)
}

/// What an API makes of a token that is shown to it.
fn at_api(token: &str, api: &str, now: u64) -> Result<String, Refusal> {
    let issuers = [Issuer::jwt(crate::world::ISSUER, Algorithms::ASYMMETRIC)];
    let policy = ApiPolicy::new(&issuers, Audience::Required(api), "");
    let keys = [IssuerKeys { issuer: crate::world::ISSUER, keys: &SIGNING_KEYS }];
    let mut room = [0; 8192];
    validate(SecretText::new(token), &policy, &keys, UnixTime(now), &mut room).map(|access| access.subject.to_owned())
}

/// The tokens of every flow: client credentials, code, refresh, and the same refresh in the grace window.
fn every_flow(w: &mut World) -> [Done; 4] {
    let own = w.token("web", &OWN);
    let code = w.tokens("web");
    let refreshed = w.refresh("web", &code.refresh());
    let again = w.refresh("web", &code.refresh());
    [own, code, refreshed, again]
}

#[test]
fn rfc9068_2_1_01_the_header_has_typ_at_jwt_and_the_token_is_signed_in_every_flow() {
    for (algorithm, kid) in [(Algorithm::Es256, "ec"), (Algorithm::EdDsa, "ed"), (Algorithm::Rs256, "rsa")] {
        let mut w = signing(algorithm);
        w.server = narrow();
        for done in every_flow(&mut w) {
            assert_eq!(done.status, 200, "{done:?}");
            let token = done.access();
            let expected = serde_json::json!({"typ": "at+jwt", "alg": algorithm.as_str(), "kid": kid});
            assert_eq!(header(&token), expected);
            assert!(at_api(&token, API, w.now).is_ok());
        }
    }
}

/// A server whose tokens are for [`API`] if nothing else is said.
fn narrow() -> &'static Server<'static> {
    let keys = Box::leak(Box::new([valetkey::server::ServerKey::new(1, valetkey::secret::Secret::new([1; 32]))]));
    let server = Server::new(crate::world::issuer(), Policy::OAUTH21, keys).unwrap();
    let server = server.with_signing_keys(&SIGNING_KEYS).unwrap().with_default_audience(API).unwrap();
    Box::leak(Box::new(server))
}

#[test]
fn rfc9068_2_2_01_rfc9068_6_02_every_token_has_the_seven_claims_and_nothing_else_of_a_person() {
    let mut w = signing(Algorithm::Es256);
    for (i, done) in every_flow(&mut w).iter().enumerate() {
        let claims = claims(&done.access());
        let (sub, person) = if i == 0 { ("client:web", false) } else { ("alice", true) };
        let mut expected = serde_json::json!({
            "iss": "https://as.example", "aud": "https://as.example", "sub": sub, "client_id": "web",
            "iat": START, "exp": START + 600, "jti": claims["jti"],
            "scope": if person { "read write" } else { "read write admin" },
        });
        if person {
            expected["auth_time"] = (START - 5).into();
        }
        assert_eq!(claims, expected);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 43);
        assert_eq!(done.json()["expires_in"], 600);
    }
}

#[test]
fn rfc9068_2_2_02_sub_is_the_owner_or_the_client_where_there_is_none() {
    let mut w = signing(Algorithm::Es256);
    w.person = Person::Approves("bob");
    assert_eq!(claims(&w.tokens("web").access())["sub"], "bob");
    assert_eq!(claims(&w.token("web", &OWN).access())["sub"], "client:web");
}

proptest! {
    #[test]
    fn rfc9068_5_01_no_client_can_be_taken_for_an_owner(name in "[ -~]{1,20}", clash in any::<bool>()) {
        let mut w = World::new();
        let found = w.store.get(valetkey::server::change::Key::client("web"));
        let Some((OwnedRecord::Client(mut client), _)) = found else { unreachable!() };
        client.client_id.clone_from(&name);
        client.access_token = AccessTokenFormat::Jwt(Algorithm::Es256);
        client.secret = valetkey::server::secret_digest(&crate::world::secret_of(&name)).to_string();
        w.store.put(valetkey::server::change::Key::client(&name), OwnedRecord::Client(client));
        let done = w.post_token(
            Header::One(&crate::world::basic(&name, &crate::world::secret_of(&name))),
            "grant_type=client_credentials",
        );
        let sub = claims(&done.access())["sub"].as_str().unwrap().to_owned();
        prop_assert_eq!(&sub, &format!("client:{name}"));
        // Neither an account nor a page can say that it is this subject.
        let account = valetkey::server::record::Account { subject: &sub, name: "", password: "", live: true, logins: 0 };
        prop_assert!(valetkey::server::register_account([1; 8], w.now(), account).is_err());
        let subject: &'static str = Box::leak(if clash { sub } else { name }.into_boxed_str());
        w.person = Person::Approves(subject);
        let done = w.authorize(&query("web", &[]));
        prop_assert_eq!(done.gives_nothing(), subject.starts_with("client:"));
    }

    #[test]
    fn rfc9068_2_2_01_claims_are_what_was_asked_whatever_is_in_it(
        subject in "\\PC{1,12}", name in "[ -~]{1,12}", tail in "[a-zA-Z0-9/._~?=-]{0,12}",
    ) {
        prop_assume!(!subject.starts_with("client:"));
        let mut w = signing(Algorithm::Es256);
        let resource = format!("https://api.example/{tail}");
        w.store.change_client("web", |client| {
            client.resource.clone_from(&resource);
            client.name.clone_from(&name);
        });
        w.person = Person::Approves(Box::leak(subject.clone().into_boxed_str()));
        let claims = claims(&w.tokens("web").access());
        prop_assert_eq!(claims["sub"].as_str(), Some(subject.as_str()));
        prop_assert_eq!(claims["aud"].as_str(), Some(resource.as_str()), "it is registered for this one only");
    }
}

#[test]
fn rfc9470_6_1_01_rfc9470_6_2_01_rfc9470_5_02_token_and_introspection_carry_acr_and_auth_time() {
    for acr in ["", "urn:example:mfa"] {
        let mut w = signing(Algorithm::Es256);
        w.acr = acr;
        let access = w.tokens("web").access();
        let told = w.introspect("rs", &access).json();
        for said in [claims(&access), told] {
            assert_eq!(said["auth_time"], START - 5);
            assert_eq!(said["acr"].as_str().unwrap_or_default(), acr);
        }
        // An opaque token's are told too.
        w.store.change_client("web", |client| client.access_token = AccessTokenFormat::Opaque);
        let access = w.tokens("web").access();
        let told = w.introspect("rs", &access).json();
        assert_eq!((told["acr"].as_str().unwrap_or_default(), told["auth_time"].as_u64()), (acr, Some(START - 5)));
    }
    let mut w = World::new();
    w.acr = "two words";
    assert_eq!(w.authorize(&query("web", &[])).fault, Some(Fault::BadConsent));
}

#[test]
fn rfc9068_2_2_1_01_auth_time_acr_and_amr_are_constant_across_refreshes() {
    let mut w = signing(Algorithm::EdDsa);
    (w.acr, w.amr) = ("urn:example:mfa", "pwd otp");
    let mut last = w.tokens("web");
    let first = claims(&last.access());
    (w.acr, w.amr) = ("urn:example:other", "face");
    assert_eq!(first["amr"], serde_json::json!(["pwd", "otp"]));
    for _ in 0..5 {
        w.now += 4000;
        last = w.refresh("web", &last.refresh());
        let claims = claims(&last.access());
        for name in ["auth_time", "acr", "amr"] {
            assert_eq!(claims[name], first[name]);
        }
        assert_eq!(claims["iat"], w.now);
    }
}

#[test]
fn rfc9068_2_2_1_01_no_means_are_told_but_those_that_the_login_tells() {
    let mut w = signing(Algorithm::EdDsa);
    assert!(claims(&w.tokens("web").access()).get("amr").is_none());
    for amr in [" ", "pwd ", " pwd", "pwd  otp"] {
        w.amr = amr;
        assert_eq!(w.authorize(&query("web", &[])).fault, Some(Fault::BadConsent), "{amr:?}");
    }
}

#[test]
fn rfc9068_2_2_3_01_scope_is_that_of_the_token() {
    let mut w = signing(Algorithm::Es256);
    let tokens = w.tokens("web");
    assert_eq!(claims(&tokens.access())["scope"], "read write");
    let narrow = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh()), ("scope", "write")];
    assert_eq!(claims(&w.token("web", &narrow).access())["scope"], "write");
    w.store.change_client("web", |client| client.scope = String::new());
    assert_eq!(claims(&w.token("web", &OWN).access()).get("scope"), None);
}

#[test]
fn rfc9068_3_01_rfc9068_5_02_rfc8707_2_04_rfc8707_2_2_02_aud_is_the_resource_that_was_asked_for() {
    let mut w = signing(Algorithm::Es256);
    let both = query("web", &[("resource", API)]) + "&resource=https%3A%2F%2Ffiles.example%2F";
    let code = w.authorize(&both).param("code").unwrap();
    let redeem = [redemption("web", &code).as_slice(), &[("resource", API)]].concat();
    let mut last = w.token("web", &redeem);
    for resource in [API, FILES, FILES, API] {
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", &last.refresh()), ("resource", resource)];
        last = w.token("web", &refresh);
        assert_eq!(claims(&last.access())["aud"], resource);
        for api in [API, FILES] {
            let there = at_api(&last.access(), api, w.now);
            assert_eq!(there, if api == resource { Ok("alice".into()) } else { Err(Refusal::Audience) });
        }
        let own = w.token("web", &[OWN[0], ("resource", resource)]);
        assert_eq!(claims(&own.access())["aud"], resource);
    }
}

#[test]
fn rfc9068_3_02_rfc8707_2_05_without_resource_aud_is_a_default() {
    let mut w = signing(Algorithm::Es256);
    assert_eq!(claims(&w.token("web", &OWN).access())["aud"], crate::world::ISSUER);
    w.server = narrow();
    assert_eq!(claims(&w.token("web", &OWN).access())["aud"], API);
    // Registered for one only, it can mean no other.
    w.store.change_client("web", |client| client.resource = FILES.into());
    assert_eq!(claims(&w.token("web", &OWN).access())["aud"], FILES);
}

#[test]
fn rfc9068_3_03_rfc9068_3_04_a_token_for_several_resources_is_refused_and_no_code_is_spent() {
    let mut w = signing(Algorithm::Es256);
    let both = query("web", &[("resource", API)]) + "&resource=https%3A%2F%2Ffiles.example%2F";
    let code = w.authorize(&both).param("code").unwrap();
    let done = w.redeem("web", &code);
    assert_eq!(
        (done.status, done.error().as_str(), done.fault),
        (400, "invalid_target", Some(Fault::SeveralResources))
    );
    assert!(done.gives_nothing());
    let (header, body) = credentials("web", &[OWN[0], ("resource", API), ("resource", FILES)]);
    assert_eq!(w.post_token(Header::One(header.as_deref().unwrap()), &body).error(), "invalid_target");
    let redeem = [redemption("web", &code).as_slice(), &[("resource", FILES)]].concat();
    let tokens = w.token("web", &redeem);
    assert_eq!(tokens.status, 200);
    assert_eq!(w.refresh("web", &tokens.refresh()).error(), "invalid_target", "and it is not rotated");
    assert_eq!(w.store.grant().1.generation, 0);
}

#[test]
fn rfc7519_4_1_7_01_no_two_tokens_have_the_same_jti() {
    let mut w = signing(Algorithm::Es256);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let own = w.token("web", &OWN);
        let code = w.tokens("web");
        let next = w.refresh("web", &code.refresh());
        let after = w.refresh("web", &next.refresh());
        for done in [own, code, next, after] {
            assert!(seen.insert(claims(&done.access())["jti"].as_str().unwrap().to_owned()));
        }
    }
}

#[test]
fn the_same_request_in_the_grace_window_gets_the_same_token_signed_anew() {
    let mut w = signing(Algorithm::Es256);
    let first = w.tokens("app");
    w.now += 50;
    let second = w.refresh("app", &first.refresh());
    let (rows, commits) = (w.store.len(), w.counts.commits);
    for after in [0, 9] {
        w.now += after;
        let again = w.refresh("app", &first.refresh());
        assert_eq!(again.refresh(), second.refresh());
        let signed = |done: &Done| done.access().rsplit_once('.').unwrap().0.to_owned();
        assert_eq!(signed(&again), signed(&second), "jti, iat and exp are the same");
        assert_ne!(again.access(), second.access(), "the signature is another");
        assert_eq!(again.json()["expires_in"], 600 - after);
        assert!(w.active(&again.access()) && w.active(&second.access()));
        assert_eq!((w.counts.commits, w.store.len()), (commits, rows), "nothing is written");
        w.now -= after;
    }
}

#[test]
fn no_access_row_is_written_for_a_signed_token() {
    let mut w = signing(Algorithm::Es256);
    let rows = w.store.len();
    let tokens = w.tokens("web");
    assert_eq!(w.store.len(), rows + 2, "the code and its grant");
    w.refresh("web", &tokens.refresh());
    assert_eq!(w.store.len(), rows + 3, "a mark of the rotation, for a minute");
    w.token("web", &OWN);
    assert_eq!(w.store.len(), rows + 4, "a grant");
    assert!(!w.store.records().any(|record| matches!(record, OwnedRecord::Access(_))));
}

/// Each token request that signs, up to its signature.
fn to_signature(check: impl Fn(&mut World, Step<'_>, &str)) {
    for grant_type in ["client_credentials", "authorization_code", "refresh_token", "grace"] {
        let mut w = signing(Algorithm::Es256);
        let code = w.code("web");
        let refresh = match grant_type {
            "refresh_token" | "grace" => w.tokens("web").refresh(),
            _ => String::new(),
        };
        let params = match grant_type {
            "client_credentials" => OWN.to_vec(),
            "authorization_code" => redemption("web", &code).to_vec(),
            _ => vec![("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())],
        };
        if grant_type == "grace" {
            assert_eq!(w.token("web", &params).status, 200);
        }
        let (header, body) = credentials("web", &params);
        let (authorization, content_type) = (Header::One(header.as_deref().unwrap()), Header::One(crate::world::FORM));
        let (mut room, seed) = ([0; SCRATCH], w.entropy());
        let request = FormRequest { authorization, content_type, body: body.as_bytes() };
        let mut step = token(w.server, &request, w.now(), seed, &mut room);
        while !matches!(step, Step::Sign(_)) {
            assert!(!matches!(step, Step::Commit(_) | Step::Reply(_)), "{grant_type} is not signed first");
            step = w.advance(step);
        }
        check(&mut w, step, grant_type);
        // Nothing was spent, so that the same request is good.
        let done = w.token("web", &params);
        assert_eq!(done.status, 200, "{grant_type} {done:?}");
    }
}

#[test]
fn a_signer_that_fails_spends_nothing() {
    to_signature(|w, step, name| {
        let rows = w.store.len();
        let Step::Sign(need) = step else { unreachable!() };
        let done = w.finish(need.fail());
        assert_eq!((done.status, done.fault, w.store.len()), (503, Some(Fault::Unavailable), rows), "{name}");
        assert!(done.gives_nothing());
    });
}

#[test]
fn a_signature_of_a_wrong_length_is_a_server_error() {
    for length in [0, 1, 63, 65, 70, 72, 96, 132, 256, 9000] {
        to_signature(|w, step, name| {
            let Step::Sign(need) = step else { unreachable!() };
            let done = w.finish(need.resume(&vec![7; length]));
            assert_eq!((done.status, done.fault), (500, Some(Fault::BadSignature)), "{name} {length}");
            assert!(done.gives_nothing());
        });
    }
}

#[test]
fn the_need_tells_key_algorithm_and_message() {
    to_signature(|w, step, _| {
        let Step::Sign(need) = step else { unreachable!() };
        assert_eq!((need.kid(), need.algorithm()), ("ec", Algorithm::Es256));
        let message = std::str::from_utf8(need.message()).unwrap().to_owned();
        assert_eq!(message.split('.').count(), 2);
        assert_eq!(header(&message)["kid"], "ec");
        let done = w.finish(need.fail());
        assert_eq!(done.status, 503);
    });
}

#[test]
fn after_a_conflict_all_is_decided_and_signed_anew() {
    let mut w = signing(Algorithm::Es256);
    let code = w.code("web");
    let (header, body) = credentials("web", &redemption("web", &code));
    let (authorization, content_type) = (Header::One(header.as_deref().unwrap()), Header::One(crate::world::FORM));
    let (mut room, seed) = ([0; SCRATCH], w.entropy());
    let request = FormRequest { authorization, content_type, body: body.as_bytes() };
    let mut step = token(w.server, &request, w.now(), seed, &mut room);
    let mut commits = 0;
    let done = loop {
        step = match step {
            Step::Commit(need) if commits < 2 => {
                commits += 1;
                w.store.change_client("web", |client| client.scope = "read write".into());
                need.resume(Committed::Conflict)
            }
            Step::Reply(reply) => break Done::read(&reply),
            step => w.advance(step),
        };
    };
    assert_eq!((done.status, w.counts.signs), (200, 3), "{done:?}");
    assert!(w.active(&done.access()));
}

#[test]
fn a_code_redeemed_twice_gives_one_token_and_then_none() {
    let mut w = signing(Algorithm::Es256);
    let code = w.code("web");
    let tokens = w.redeem("web", &code);
    assert!(w.active(&tokens.access()));
    let signs = w.counts.signs;
    assert_eq!(w.redeem("web", &code).fault, Some(Fault::SpentCode));
    assert!(!w.active(&tokens.access()));
    assert_eq!(w.counts.signs, signs, "a replay is not signed for");
}

#[test]
fn a_missing_signing_key_is_the_operators_fault() {
    let mut w = signing(Algorithm::Es384);
    let done = w.token("web", &OWN);
    assert_eq!((done.status, done.error().as_str(), done.fault), (500, "server_error", Some(Fault::NoSigningKey)));
    let code = w.code("web");
    assert_eq!(w.redeem("web", &code).fault, Some(Fault::NoSigningKey));
    w.store.change_client("web", |client| client.access_token = AccessTokenFormat::Jwt(Algorithm::EdDsa));
    assert_eq!(w.redeem("web", &code).status, 200, "the code was not spent");
}

#[test]
fn the_first_key_of_an_algorithm_signs_and_the_others_still_recognise() {
    let mut w = signing(Algorithm::Es256);
    let old = w.token("web", &OWN).access();
    let keys = valetkey::server::ServerKey::new(1, valetkey::secret::Secret::new([1; 32]));
    let (keys, mut signing) = (Box::leak(Box::new([keys])), vec![valetkey::jose::Key::new("new", &PAIRS[0])]);
    signing.extend(SIGNING_KEYS);
    let new = Server::new(crate::world::issuer(), Policy::OAUTH21, keys).unwrap();
    w.server = Box::leak(Box::new(new.with_signing_keys(signing.leak()).unwrap()));
    let new = w.token("web", &OWN).access();
    assert_eq!((header(&old)["kid"].as_str(), header(&new)["kid"].as_str()), (Some("ec"), Some("new")));
    assert!(w.active(&old) && w.active(&new));
    w.server = server(Policy::OAUTH21, &[1]);
    assert!(w.active(&old) && !w.active(&new), "that key is not known here");
}

/// An account may be older than the rule that keeps its subject apart from those of clients.
#[test]
fn rfc9068_5_01_a_grant_of_an_account_that_is_named_as_a_client_gives_no_signed_token() {
    let mut w = signing(Algorithm::Es256);
    let tokens = w.tokens("web");
    let (key, mut grant) = w.store.grant();
    grant.subject = "client:web".to_owned();
    grant.account = None;
    w.store.put(key, OwnedRecord::Grant(grant));
    let done = w.refresh("web", &tokens.refresh());
    assert!(done.gives_nothing() && done.status != 200, "{done:?}");
}
