//! How clients authenticate, what the token endpoint says to bad requests, and tokens for a client itself.

use crate::world::{START, VERIFIER, World, basic, escape, form, query, redemption, secret_of};
use valetkey::secret::Entropy;
use valetkey::server::change::Key;
use valetkey::server::fault::Fault;
use valetkey::server::record::{ClientAuth, OwnedRecord};
use valetkey::server::{ENTROPY, FormRequest, SCRATCH, Step, secret_digest, token};
use valetkey::wire::header::Header;

const OWN: &[(&str, &str)] = &[("grant_type", "client_credentials")];

#[test]
fn rfc6749_4_4_2_01_rfc6750_5_3_04_rfc6749_2_3_1_01_rfc6749_4_4_3_01_a_client_gets_a_token_for_itself_and_no_refresh_token()
 {
    let mut w = World::new();
    let done = w.token("web", OWN);
    assert_eq!((done.status, done.refresh().as_str()), (200, ""));
    assert_eq!(done.text("scope"), "read write admin");
    assert!(w.active(&done.access()));
    assert_eq!(w.store.grant().1.expires_at.0, START + 600);
    w.now += 600;
    assert!(!w.active(&done.access()));
}

#[test]
fn rfc6749_4_4_01_oauth21_4_2_01_a_public_client_gets_none() {
    let mut w = World::new();
    w.store.change_client("app", |client| client.grant_types.client_credentials = true);
    for client in ["app", "spa"] {
        let done = w.token(client, OWN);
        assert_eq!((done.status, done.error().as_str()), (400, "unauthorized_client"));
    }
}

#[test]
fn a_client_may_have_less_than_it_is_registered_for_and_never_more() {
    let mut w = World::new();
    let with = |name, value| [OWN, &[(name, value)]].concat();
    assert_eq!(w.token("web", &with("scope", "write")).text("scope"), "write");
    assert_eq!(w.token("web", &with("scope", "root")).error(), "invalid_scope");
    assert_eq!(w.token("web", &with("scope", "write  read")).error(), "invalid_scope");
    assert_eq!(w.token("web", &with("resource", "https://unknown.example/")).error(), "invalid_target");
    assert_eq!(w.token("web", &with("resource", "https://api.example/")).status, 200);
}

#[test]
fn rfc6749_2_2_01_rfc6749_3_2_1_01_rfc9700_2_5_01_oauth21_4_3_1_01_a_confidential_client_must_prove_itself() {
    let mut w = World::new();
    let code = w.code("web");
    let refresh = w.tokens("web").refresh();
    let grants = [
        OWN.to_vec(),
        redemption("web", &code).to_vec(),
        vec![("grant_type", "refresh_token"), ("refresh_token", &refresh)],
    ];
    for params in grants {
        let body = form(&[&[("client_id", "web")], &params[..]].concat());
        for (header, body) in [
            (Header::Absent, body.clone()),
            (Header::Absent, format!("{body}&client_secret=")),
            (Header::Absent, format!("{body}&client_secret=wrong")),
            (Header::One(&basic("web", "")), form(&params)),
            (Header::One(&basic("web", "wrong")), form(&params)),
            (Header::One(&basic("other", &secret_of("web"))), form(&params)),
            (Header::One(&basic("nobody", &secret_of("web"))), form(&params)),
        ] {
            let done = w.post_token(header, &body);
            assert_eq!((done.status, done.error().as_str()), (401, "invalid_client"), "{body}");
            assert!(done.gives_nothing());
        }
    }
    assert_eq!(w.redeem("web", &code).status, 200, "nothing was burnt");
}

#[test]
fn oauth21_2_4_1_01_credentials_may_come_in_the_body() {
    let mut w = World::new();
    let secret = secret_of("web");
    let body = form(&[OWN, &[("client_id", "web"), ("client_secret", &secret)]].concat());
    assert_eq!(w.post_token(Header::Absent, &body).status, 200);
}

#[test]
fn rfc6749_2_3_02_a_client_authenticates_in_one_way_only() {
    let mut w = World::new();
    let header = basic("web", &secret_of("web"));
    for (name, value, fault) in [
        ("client_secret", &*secret_of("web"), Fault::TwoAuthMethods),
        ("client_secret", "x", Fault::TwoAuthMethods),
        ("client_id", "other", Fault::TwoClientIds),
    ] {
        let done = w.post_token(Header::One(&header), &form(&[OWN, &[(name, value)]].concat()));
        let told = (done.status, &*done.error(), done.fault);
        assert_eq!(told, (400, "invalid_request", Some(fault)), "{name}={value}");
    }
    let body = form(&[OWN, &[("client_id", "web")]].concat());
    assert_eq!(w.post_token(Header::One(&header), &body).status, 200, "client_id alone is no second method");
    assert_eq!(w.post_token(Header::Many, &body).status, 401);
}

#[test]
fn rfc6749_2_3_1_03_both_halves_are_decoded_after_the_split() {
    let mut w = World::new();
    let (id, secret) = ("a:b c%2B", "p:ä+ &%");
    let mut room = [0; 256];
    let pair = format!("{}:{}", escape(id), escape("p:a+ &%"));
    let header = format!("Basic {}", valetkey::text::base64::encode_standard(pair.as_bytes(), &mut room).unwrap());
    w.store.change_client("other", |_| {});
    let Some((OwnedRecord::Client(mut client), _)) = w.store.get(Key::client("other")) else { unreachable!() };
    client.client_id = id.into();
    client.secret = secret_digest("p:a+ &%").to_string();
    let key = Key::client(id);
    w.store.put(key, OwnedRecord::Client(client));
    assert_eq!(w.post_token(Header::One(&header), &form(OWN)).status, 200);
    // Outside VSCHAR no secret is.
    assert_eq!(w.post_token(Header::One(&basic(id, secret)), &form(OWN)).error(), "invalid_client");
}

#[test]
fn rfc6749_5_2_02_oauth21_3_2_4_01_a_failed_authentication_is_401_with_a_challenge() {
    let mut w = World::new();
    for header in
        ["Basic", "Basic ", "Basic !!", "Basic d2Vi", "Bearer abc", "basic", &basic("web", "wrong"), "Digest x"]
    {
        let done = w.post_token(Header::One(header), &form(OWN));
        assert_eq!((done.status, done.error().as_str()), (401, "invalid_client"), "{header}");
        let challenge = done.header("WWW-Authenticate").unwrap();
        assert_eq!(challenge, r#"Basic realm="https://as.example", charset="UTF-8""#);
    }
    let lower = basic("web", &secret_of("web")).replacen("Basic", "bAsIc", 1);
    assert_eq!(w.post_token(Header::One(&lower), &form(OWN)).status, 200, "a scheme has no case");
}

#[test]
fn rfc6749_2_3_2_01_rfc6749_2_3_03_rfc8252_8_5_01_oauth21_8_1_01_a_public_client_proves_nothing_with_a_secret() {
    let mut w = World::new();
    let code = w.code("app");
    let params = redemption("app", &code);
    let body = form(&[&[("client_id", "app"), ("client_secret", "shipped with the app")], &params[..]].concat());
    assert_eq!(w.post_token(Header::Absent, &body).error(), "invalid_client");
    assert_eq!(w.post_token(Header::One(&basic("app", "x")), &form(&params)).error(), "invalid_client");
    assert_eq!(w.redeem("app", &code).status, 200);
}

#[test]
fn a_secret_that_a_person_chose_is_checked_outside_once() {
    let mut w = World::new();
    assert_eq!(w.token("chosen", OWN).status, 200);
    assert_eq!(w.counts.verifies, 1);
    let done = w.post_token(Header::One(&basic("chosen", "wrong")), &form(OWN));
    assert_eq!((done.error().as_str(), done.fault), ("invalid_client", Some(Fault::WrongSecret)));
    assert_eq!(w.post_token(Header::One(&basic("chosen", "")), &form(OWN)).fault, Some(Fault::NoSecret));
    assert_eq!(w.counts.verifies, 2, "an empty secret is not worth the work");
}

#[test]
fn unknown_clients_and_wrong_secrets_are_answered_alike() {
    let mut w = World::new();
    let unknown = w.post_token(Header::One(&basic("nobody", "x")), &form(OWN));
    let wrong = w.post_token(Header::One(&basic("web", "x")), &form(OWN));
    assert_eq!((unknown.status, unknown.body, unknown.headers), (wrong.status, wrong.body, wrong.headers));
}

#[test]
fn rfc6749_2_3_1_06_rfc6749_5_2_04_rfc6749_5_2_05_rfc6749_4_3_01_rfc9700_2_4_01_oauth21_10_1_01_bad_grant_types_are_told()
 {
    let mut w = World::new();
    for (grant_type, error) in [
        ("", "invalid_request"),
        ("password", "unsupported_grant_type"),
        ("implicit", "unsupported_grant_type"),
        ("urn:ietf:params:oauth:grant-type:jwt-bearer", "unsupported_grant_type"),
        ("Client_Credentials", "unsupported_grant_type"),
        ("client_credentials ", "unsupported_grant_type"),
    ] {
        let params = [("grant_type", grant_type), ("username", "alice"), ("password", "p")];
        let done = w.token("web", &params);
        assert_eq!((done.status, done.error().as_str()), (400, error), "{grant_type}");
    }
    w.store.change_client("web", |client| client.grant_types = Default::default());
    for grant_type in ["authorization_code", "client_credentials", "refresh_token"] {
        assert_eq!(w.token("web", &[("grant_type", grant_type)]).error(), "unauthorized_client");
    }
    let mut w = World::new();
    for grant_type in ["authorization_code", "refresh_token"] {
        assert_eq!(w.token("web", &[("grant_type", grant_type)]).error(), "invalid_request");
    }
}

#[test]
fn rfc6749_3_2_03_oauth21_3_2_01_what_is_repeated_is_refused_and_what_is_empty_or_unknown_passed_over() {
    let mut w = World::new();
    let header = basic("web", &secret_of("web"));
    for name in ["grant_type", "scope", "code", "client_id", "unknown", "code_verifier"] {
        for (a, b) in [("client_credentials", "client_credentials"), ("", "web"), ("x", "")] {
            let rest = if name == "grant_type" { "x=1" } else { "grant_type=client_credentials" };
            let done = w.post_token(Header::One(&header), &format!("{rest}&{name}={a}&{name}={b}"));
            assert_eq!((done.status, done.error().as_str()), (400, "invalid_request"), "{name}");
        }
    }
    let body = "grant_type=client_credentials&scope=&code=&username=x&unknown=&&%78=y";
    assert_eq!(w.post_token(Header::One(&header), body).status, 200);
}

#[test]
fn rfc6749_b_02_bodies_that_are_no_form_are_refused() {
    let mut w = World::new();
    let header = basic("web", &secret_of("web"));
    for body in ["grant_type=client_credentials%", "grant_type=%zz", "grant_type=%ff", "%=x", "scope=%e2%82"] {
        let done = w.post_token(Header::One(&header), body);
        assert_eq!((done.status, done.error().as_str()), (400, "invalid_request"), "{body}");
    }
    let long = format!("grant_type=client_credentials&scope={}", "s".repeat(4097));
    assert_eq!(w.post_token(Header::One(&header), &long).fault, Some(Fault::TooLong));
    let long = format!("grant_type=client_credentials&x={}", "s".repeat(8200));
    assert_eq!(w.post_token(Header::One(&header), &long).fault, Some(Fault::TooLong));
    let many: String = (0..40).map(|i| format!("p{i}=1&")).collect();
    assert_eq!(w.post_token(Header::One(&header), &many).fault, Some(Fault::TooLong));
}

#[test]
fn a_very_long_scope_costs_nothing() {
    let mut w = World::new();
    let header = basic("web", &secret_of("web"));
    let many = vec!["a"; 2000].join("+");
    let done = w.post_token(Header::One(&header), &format!("grant_type=client_credentials&scope={many}"));
    assert_eq!((done.error().as_str(), done.fault), ("invalid_scope", Some(Fault::BadScope)));
    assert_eq!(w.counts.loads + w.counts.commits, 0);
}

#[test]
fn the_body_is_a_form_by_its_type() {
    let mut w = World::new();
    let header = basic("web", &secret_of("web"));
    for (content_type, good) in [
        (Header::One("application/x-www-form-urlencoded"), true),
        (Header::One("Application/X-WWW-Form-Urlencoded; charset=utf-8"), true),
        (Header::One("application/json"), false),
        (Header::One("text/plain"), false),
        (Header::One(""), false),
        (Header::Absent, false),
        (Header::Many, false),
    ] {
        let (mut room, seed) = ([0; SCRATCH], w.entropy());
        let authorization = Header::One(&header);
        let request = FormRequest { authorization, content_type, body: b"grant_type=client_credentials" };
        let step = token(w.server, &request, w.now(), seed, &mut room);
        let done = w.finish(step);
        assert_eq!(done.fault, (!good).then_some(Fault::ContentType), "{content_type:?}");
    }
}

#[test]
fn rfc6749_10_10_01_oauth21_7_7_01_tokens_are_drawn_anew_and_have_256_bits() {
    let mut w = World::new();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..50 {
        assert!(seen.insert(w.token("web", OWN).access()));
    }
    // All of the token comes from the entropy: the same bytes, the same token.
    let one = |byte| {
        let w = World::new();
        let header = basic("web", &secret_of("web"));
        let (authorization, content_type) = (Header::One(header.as_str()), Header::One(crate::world::FORM));
        let request = FormRequest { authorization, content_type, body: b"grant_type=client_credentials" };
        let mut room = [0; SCRATCH];
        let step = token(w.server, &request, w.now(), Entropy::new([byte; ENTROPY]), &mut room);
        let mut w = World::new();
        assert!(matches!(step, Step::Client(_)));
        w.finish(step).access()
    };
    assert!(one(1) == one(1) && one(1) != one(2));
}

#[test]
fn a_refusal_names_its_client_only_once_it_was_recognised() {
    let w = World::new();
    let name = |id: &str, secret: &str| {
        let header = basic(id, secret);
        let mut w = World::new();
        let (mut room, seed) = ([0; SCRATCH], w.entropy());
        let (authorization, content_type) = (Header::One(header.as_str()), Header::One(crate::world::FORM));
        let request = FormRequest { authorization, content_type, body: b"grant_type=x" };
        let mut step = token(w.server, &request, w.now(), seed, &mut room);
        loop {
            step = match step {
                Step::Reply(reply) => break reply.event().unwrap().client_id.to_owned(),
                step => w.advance(step),
            };
        }
    };
    assert_eq!(name("web", &secret_of("web")), "web");
    assert_eq!(name("web", "wrong"), "web");
    assert_eq!(name("what an attacker wants in the log", "x"), "");
    assert!(w.store.events.is_empty());
}

#[test]
fn rfc8252_7_2_01_rfc8252_8_4_02_oauth21_2_1_01_the_type_of_a_client_is_that_of_its_registration() {
    for uri in ["https://claimed.example/cb", "com.example.app:/cb", "http://127.0.0.1/cb"] {
        let mut w = World::new();
        for client in ["app", "web"] {
            w.store.change_client(client, |client| client.redirect_uris = uri.into());
        }
        let types = ["app", "web"].map(|id| match w.store.get(Key::client(id)) {
            Some((OwnedRecord::Client(client), _)) => client.auth,
            other => panic!("{other:?}"),
        });
        assert_eq!(types, [ClientAuth::Public, ClientAuth::Drawn], "it is recorded");
        for (id, public) in [("app", true), ("web", false)] {
            let code = w.authorize(&query(id, &[("redirect_uri", uri)])).param("code").expect(uri);
            let params = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", uri)];
            let params = [&params[..], &[("code_verifier", VERIFIER)]].concat();
            // Neither passes for the other type: a public one by a secret, a confidential one by its name alone.
            let named = form(&[&[("client_id", id)], &params[..]].concat());
            let with_secret = basic(id, &secret_of(id));
            let as_public = (Header::Absent, named);
            let as_confidential = (Header::One(with_secret.as_str()), form(&params));
            let (other, own) = if public { (as_confidential, as_public) } else { (as_public, as_confidential) };
            assert_eq!(w.post_token(other.0, &other.1).error(), "invalid_client", "{id} {uri}");
            assert_eq!(w.post_token(own.0, &own.1).status, 200, "{id} {uri}");
        }
    }
}

#[test]
fn rfc6749_2_3_1_07_a_limit_on_guesses_knows_the_client_that_will_be_compared_and_no_other() {
    let named = |header: Option<&str>, content_type, body: &str| {
        let authorization = header.map_or(Header::Absent, Header::One);
        let request = FormRequest { authorization, content_type, body: body.as_bytes() };
        request.client(&mut [0; SCRATCH])
    };
    let (of_form, web) = (Header::One(crate::world::FORM), Some(secret_digest("web")));
    for secret in ["", "x", "a:b"] {
        assert_eq!(named(Some(&basic("web", secret)), of_form, "grant_type=x"), web);
    }
    for body in ["client_id=web", "client_id=web&client_secret=x", "client%5Fid=%77eb&scope=", "x=1&client_id=we%62"] {
        assert_eq!(named(None, of_form, body), web, "{body}");
    }
    assert_eq!(named(Some(&basic("a:b c", "x")), of_form, "client_id=a:b+c"), Some(secret_digest("a:b c")));
    // What is refused whatever the client is named needs no limit.
    let header = basic("web", "x");
    for (header, content_type, body) in [
        (None, of_form, "grant_type=x"),
        (None, of_form, "client_id=web&client_id=web"),
        (Some("Bearer x"), of_form, "client_id=web"),
        (Some(&*header), of_form, "client_id=other"),
        (Some(&*header), of_form, "client_secret=x"),
        (Some(&*header), Header::Absent, ""),
    ] {
        assert_eq!(named(header, content_type, body), None, "{header:?} {body}");
    }
}

#[cfg(feature = "serde")]
#[test]
fn rows_that_were_written_before_a_field_was_there_are_still_read() {
    let mut w = World::new();
    w.tokens("web");
    let client = w.store.get(Key::client("web"));
    let grant = OwnedRecord::Grant(w.store.grant().1);
    let key = OwnedRecord::SigningKey(valetkey::server::record::OwnedSigningKey {
        kid: "1".into(),
        algorithm: valetkey::jose::Algorithm::EdDsa,
        public: "{}".into(),
        sealed: "sealed".into(),
        created_at: valetkey::time::UnixTime(START),
        signs_from: valetkey::time::UnixTime(0),
        retired_at: None,
    });
    for (record, kind, field) in [
        (client.unwrap().0, "client", "access_token"),
        (grant.clone(), "grant", "acr"),
        (grant.clone(), "grant", "amr"),
        (grant.clone(), "grant", "seen_at"),
        (grant, "grant", "signed"),
        (key, "signing_key", "signs_from"),
    ] {
        let mut row = serde_json::to_value(&record).unwrap();
        assert!(row[kind].as_object_mut().unwrap().remove(field).is_some(), "{row}");
        let read: OwnedRecord = serde_json::from_value(row).unwrap();
        assert_eq!(read, record);
    }
}
