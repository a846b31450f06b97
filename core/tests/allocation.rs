//! The core allocates nothing: no public function, no flow, no reader, no writer.
//!
//! Counted is what happens on this thread during a call; what a call is given is made before. Not in the tables, as they
//! allocate by design: the owned twins of records, which are methods of feature `alloc` and serve stores (the test at
//! the end holds them to it), and `Display`, whose text is whoever's that formats it.

mod flows;

use flows::{HUSH, ISSUER, NOW, RESOURCE, Watch, World, hush};
use std::hint::black_box;
use std::panic::Location;
use valetkey::jose::{Algorithm, Material, PublicJwk, parts};
use valetkey::secret::{Secret, SecretText};
use valetkey::server::change::Version;
use valetkey::server::record::{
    AccessTokenFormat, Account, Client, ClientAuth, Digest, Grant, GrantState, GrantTypes, OwnedAccount, OwnedRecord,
    Record, SigningKey,
};
use valetkey::server::{self, register_account, register_client, write_jwks};
use valetkey::text::json::{self, JsonError, Kind, Limits, Object, Reader};
use valetkey::text::{base64, buf::Writer, date, form, grammar, scope, uri};
use valetkey::wire::basic;
use valetkey::wire::challenge::Challenge;
use valetkey::wire::header::is_media_type;
use valetkey::wire::introspection::Introspection;
use valetkey::wire::token_response::{self, Answer, Forms, Leniency};

const CLIENT: Client<'_> = Client {
    client_id: "spa",
    name: "A page",
    auth: ClientAuth::Public,
    secret: "",
    jwks: "",
    redirect_uris: "https://spa.example/cb",
    grant_types: GrantTypes { authorization_code: true, client_credentials: false, refresh_token: true },
    scope: "read",
    resource: RESOURCE,
    access_token: AccessTokenFormat::Opaque,
    may_introspect: false,
    live: true,
};
const ACCOUNT: Account<'_> =
    Account { subject: "alice", name: "Alice", password: "$argon2id$..", live: true, logins: 0 };

const GRANT: Grant<'_> = Grant {
    client_id: "spa",
    subject: "alice",
    scope: "read",
    resource: RESOURCE,
    state: GrantState::Live,
    issued_at: NOW,
    expires_at: NOW,
    auth_time: NOW,
    acr: "",
    amr: "",
    account: None,
    access: None,
    salt: Digest([7; 32]),
    server_key: 1,
    generation: 0,
    rotated_at: NOW,
    rotated_by: None,
    seen_at: None,
    signed: false,
};

const KEY: SigningKey<'_> = SigningKey {
    kid: "1",
    algorithm: Algorithm::EdDsa,
    public: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1","alg":"EdDSA","use":"sig"}"#,
    sealed: "sealed",
    created_at: NOW,
    signs_from: NOW,
    retired_at: None,
};

fn at() -> Version {
    Version::new(7).unwrap()
}

type Row = (&'static str, fn(&mut Counter));

/// Every public function that is no method, as its documentation names it, and what calls it. `.ci/run allocation` tells
/// which is missing.
#[rustfmt::skip] // one line each
const FUNCTIONS: &[Row] = &[
    // public functions: begin
    ("client::keeper::seed", flows::keeper),
    ("jose::each_key", flows::keys),
    ("jose::find", flows::signed_tokens),
    ("jose::parts::verify", |c| c.holds(|| !parts::verify(&PublicJwk { kid: "1", algorithm: Some(Algorithm::EdDsa), material: Material::Ed25519 { x: [7; 32] } }, b"message", &[7; 64]))),
    ("resource::check", flows::client_credentials),
    ("resource::validate", flows::signed_tokens),
    ("server::add_signing_key", |c| c.holds(|| server::add_signing_key([7; 8], NOW, KEY).is_ok())),
    ("server::authorize", flows::code),
    ("server::change::found", flows::code), // it borrows
    ("server::change_client", |c| c.holds(|| server::change_client([7; 8], NOW, (CLIENT, at()), CLIENT).is_ok())),
    ("server::change_password", |c| c.holds(|| server::change_password([7; 8], NOW, (ACCOUNT, at()), flows::PHC).is_ok())),
    ("server::end_grant", |c| c.holds(|| server::end_grant([7; 8], NOW, Digest([7; 32]), (GRANT, at())).is_ok())),
    ("server::end_logins", |c| c.holds(|| server::end_logins([7; 8], NOW, (ACCOUNT, at())).is_ok())),
    ("server::end_own_grant", |c| c.holds(|| server::end_own_grant([7; 8], NOW, "alice", Digest([7; 32]), (GRANT, at())).is_ok())),
    ("server::introspect", flows::client_credentials),
    ("server::introspect_local", flows::client_credentials),
    ("server::lock_account", |c| c.holds(|| server::lock_account([7; 8], NOW, (ACCOUNT, at())).event.is_some())),
    ("server::register_account", |c| c.holds(|| register_account([7; 8], NOW, ACCOUNT).is_ok())),
    ("server::register_client", |c| c.holds(|| register_client([7; 8], NOW, CLIENT).is_ok())),
    ("server::remove_client", |c| c.holds(|| server::remove_client([7; 8], NOW, (CLIENT, at())).is_ok())),
    ("server::reopen", flows::code),
    ("server::reseal_signing_key", |c| c.holds(|| server::reseal_signing_key([7; 8], (KEY, at()), "anew").is_ok())),
    ("server::retire_signing_key", |c| c.holds(|| server::retire_signing_key([7; 8], NOW, NOW, (KEY, at()), "witness").is_ok())),
    ("server::revoke", flows::revoke),
    ("server::secret_digest", |c| c.holds(|| server::secret_digest(HUSH).0 != [0; 32])),
    ("server::token", flows::client_credentials),
    ("server::unlock_account", |c| c.holds(|| server::unlock_account([7; 8], NOW, (ACCOUNT, at())).is_ok())),
    ("server::withdraw_signing_key", |c| c.holds(|| server::withdraw_signing_key([7; 8], NOW, (KEY, at())).event.is_some())),
    ("server::write_jwks", |c| c.holds(|| write_jwks(&[PublicJwk { kid: "1", algorithm: None, material: Material::Ed25519 { x: [7; 32] } }], &mut [0; 256]).is_ok())),
    ("server::write_metadata", flows::metadata),
    ("text::base64::decode", |c| c.holds(|| base64::decode("-_8", &mut [0; 4]).is_ok())),
    ("text::base64::decode_array", |c| c.holds(|| base64::decode_array::<2>("-_8").is_ok())),
    ("text::base64::decode_standard", |c| c.holds(|| base64::decode_standard("+/8=", &mut [0; 4]).is_ok())),
    ("text::base64::encode", |c| c.holds(|| base64::encode(&[0xfb, 0xff], &mut [0; 4]).is_ok())),
    ("text::base64::encode_standard", |c| c.holds(|| base64::encode_standard(&[0xfb, 0xff], &mut [0; 4]).is_ok())),
    ("text::base64::encoded_len", |c| c.holds(|| base64::encoded_len(black_box(32)) == 43)),
    ("text::base64::encoded_len_standard", |c| c.holds(|| base64::encoded_len_standard(black_box(32)) == 44)),
    ("text::date::http_date", |c| c.holds(|| date::http_date("Sunday, 06-Nov-94 08:49:37 GMT", NOW).is_some())),
    ("text::form::encode", |c| c.writes("+%25%26%2B%C2%A3", |w| form::encode(w, " %&+£"))),
    ("text::form::pair", |c| c.writes("&a=b+c", |w| form::pair(w, &mut false, "a", "b c"))),
    ("text::grammar::is_b64token", |c| c.holds(|| grammar::is_b64token(HUSH))),
    ("text::grammar::is_code_verifier", |c| c.holds(|| grammar::is_code_verifier(HUSH))),
    ("text::grammar::is_nqschar", |c| c.holds(|| grammar::is_nqschar("invalid_grant"))),
    ("text::grammar::is_vschar", |c| c.holds(|| grammar::is_vschar(HUSH))),
    ("text::json::from_slice", json_by_serde),
    ("text::json::string", |c| c.writes(r#""a\"\\\u0000é""#, |w| json::string(w, "a\"\\\0é"))),
    ("text::scope::contains", |c| c.holds(|| scope::contains("read write", "write"))),
    ("text::scope::is_scope", |c| c.holds(|| scope::is_scope("read write"))),
    ("text::scope::is_subset", |c| c.holds(|| scope::is_subset("write", "read write"))),
    ("text::scope::words", |c| c.holds(|| scope::words("read write").count() == 2)),
    ("text::uri::is_endpoint", |c| c.holds(|| uri::is_endpoint("https://as.example/token"))),
    ("text::uri::is_issuer", |c| c.holds(|| uri::is_issuer(ISSUER))),
    ("text::uri::is_loopback", |c| c.holds(|| uri::is_loopback("127.0.0.1"))),
    ("text::uri::is_redirect_uri", |c| c.holds(|| uri::is_redirect_uri("com.example.app:/cb"))),
    ("text::uri::is_resource", |c| c.holds(|| uri::is_resource(RESOURCE))),
    ("text::uri::metadata_url", |c| c.writes("https://as.example/.well-known/oauth-authorization-server", |w| uri::metadata_url(w, ISSUER))),
    ("text::uri::openid_metadata_url", |c| c.writes("https://as.example/.well-known/openid-configuration", |w| uri::openid_metadata_url(w, ISSUER))),
    ("text::uri::redirect_uri_matches", |c| c.holds(|| uri::redirect_uri_matches("http://127.0.0.1/cb", "http://127.0.0.1:8080/cb"))),
    ("text::uri::resource_metadata_url", |c| c.writes("https://api.example/.well-known/oauth-protected-resource", |w| uri::resource_metadata_url(w, RESOURCE))),
    ("text::uri::with_query", |c| c.writes("https://c.example/cb?code=a%26b", |w| uri::with_query(w, "https://c.example/cb", [("code", "a&b")]))),
    ("wire::basic::push", |c| c.writes("Basic YSUzQTpi", |w| basic::push(w, "a:", "b"))),
    ("wire::header::is_media_type", |c| c.holds(|| is_media_type("Text/HTML; charset=utf-8", "text/html"))),
    ("wire::token_response::read", token_responses),
    // public functions: end
];

/// Whole flows, each over all roles that take part in it.
const FLOWS: &[Row] = &[
    ("client credentials: asked for, issued, used, introspected, revoked", flows::client_credentials),
    ("refusals of clients", flows::refusals),
    ("assertions: signed, for tokens of each grant, and refused", flows::signed_requests),
    ("code: URL, consent, pause, callback, export and import, redeemed, used, replayed", flows::code),
    ("a callback that says no", flows::denied),
    ("refresh: rotated, in the grace window, replayed", flows::refresh),
    ("revocation of an access token, of a refresh token, of what is revoked", flows::revoke),
    ("a token's life: renewed, used, refused, failing, logged out", flows::keeper),
    ("metadata", flows::metadata),
    ("keys alone and in sets, read, named, written and refused", flows::keys),
    ("signed tokens, taken apart, verified, validated and refused", flows::signed_tokens),
    ("JSON that is read, escapes and refusals included", json_by_reader),
    ("token responses as JSON and as forms", token_responses),
    ("introspection responses", introspections),
    ("forms that are read", forms),
    ("JSON and headers that are written, also where there is no room", writers),
    ("secrets", |c| c.holds(|| Secret::new(hush::<32>()).ct_eq(&hush::<32>()) && SecretText::new(HUSH).ct_eq(HUSH))),
];

/// Counts allocations during the calls of the core.
#[derive(Default)]
struct Counter {
    calls: usize,
    /// Where something was allocated, and how often.
    allocating: Vec<(&'static Location<'static>, u64)>,
}

impl Watch for Counter {
    #[track_caller]
    fn call<R>(&mut self, call: impl FnOnce() -> R) -> R {
        let mut result = None;
        let count = allocation_counter::measure(|| result = Some(call())).count_total;
        self.calls += 1;
        if count > 0 {
            self.allocating.push((Location::caller(), count));
        }
        result.unwrap()
    }
}

impl Counter {
    #[track_caller]
    fn holds(&mut self, call: impl FnOnce() -> bool) {
        assert!(self.call(call));
    }

    #[track_caller]
    fn writes(&mut self, text: &str, write: impl FnOnce(&mut Writer<'_>)) {
        let mut buf = [0; 256];
        let written = self.call(|| {
            let mut w = Writer::new(&mut buf);
            write(&mut w);
            w.finish()
        });
        assert_eq!(written, Ok(text));
    }
}

const DOCUMENT: &str = r#" {"a\u006eme":"value \ud83d\ude00\n","n":-7,"big":18446744073709551615,"float":1.5e3,
    "list":[true,false,null,[],{}],"skipped":{"deep":[[[{"a\tb":"\u0041"}]]]},"plain":"text"} "#;

/// Reads [`DOCUMENT`] with each method of the reader.
fn read_document(scratch: &mut [u8]) -> Result<(&str, &str), JsonError> {
    let mut r = Reader::new(DOCUMENT.as_bytes(), Limits::DEFAULT, scratch);
    let (mut first, mut last) = ("", "");
    r.object()?;
    while let Some(name) = r.name()? {
        match name {
            "anme" => first = r.string()?,
            "n" => assert!(r.peek()? == Kind::Number && r.i64()? == -7),
            "big" => assert!(r.u64()? == u64::MAX),
            "float" => assert!(r.number()? == "1.5e3"),
            "list" => {
                r.array()?;
                assert!(r.element()? && r.boolean()?);
                assert!(r.element()? && !r.boolean()?);
                assert!(r.element()? && r.null()?);
                while r.element()? {
                    r.skip()?;
                }
            }
            "plain" => last = r.string()?,
            _ => r.skip()?,
        }
    }
    r.end()?;
    Ok((first, last))
}

fn json_by_reader(c: &mut Counter) {
    let mut scratch = [0; 512];
    let read = c.call(|| read_document(&mut scratch));
    assert_eq!(read, Ok(("value 😀\n", "text")));
    for refused in ["", "{", "[1,]", r#"{"a":1,"\u0061":2}"#, r#""\ud800""#, "1 2", &"[".repeat(40)] {
        let mut scratch = [0; 64];
        c.holds(|| {
            let mut r = Reader::new(refused.as_bytes(), Limits::DEFAULT, &mut scratch);
            r.skip().and_then(|()| r.end()).is_err()
        });
    }
}

fn json_by_serde(c: &mut Counter) {
    #[derive(serde::Deserialize)]
    struct Claims<'a> {
        tenant: &'a str,
        seats: Option<u32>,
        #[serde(default)]
        admin: bool,
    }
    let body = br#"{"tenant":"acme \u0026 sons","seats":12,"iat":[1,{"a\u0062":null}]}"#;
    let mut scratch = [0; 128];
    let claims: Result<Claims<'_>, _> = c.call(|| json::from_slice(body, Limits::DEFAULT, &mut scratch));
    assert!(claims.is_ok_and(|claims| (claims.tenant, claims.seats, claims.admin) == ("acme & sons", Some(12), false)));
    for refused in [&b"{\"tenant\":1}"[..], b"{}", b"{\"tenant\":\"a\",\"seats\":-1}", b"[\"a\",\"b\",\"c\",\"d\"]"] {
        let mut scratch = [0; 64];
        c.holds(|| json::from_slice::<Claims<'_>>(refused, Limits::DEFAULT, &mut scratch).is_err());
    }
}

fn token_responses(c: &mut Counter) {
    let lenient = Leniency { form_encoded: Some(Forms::READ), expires_in_string: true, ..Leniency::NONE };
    let (json, form) = ("application/json;charset=UTF-8", "application/x-www-form-urlencoded");
    for (content_type, body) in [
        (
            json,
            r#"{"access_token":"2Y\/o","token_type":"bearer","expires_in":"600","scope":"read","x":[{"y":"\u0041"}]}"#,
        ),
        (form, "access_token=2Y%2Fo&token_type=bearer&expires_in=600&scope=read"),
    ] {
        let mut scratch = [0; 256];
        let read = c.call(|| token_response::read(true, Some(content_type), body.as_bytes(), &mut scratch, lenient));
        let Ok(Answer::Tokens(tokens)) = read else { panic!("{read:?}") };
        assert_eq!((tokens.access_token.expose(), tokens.expires_in, tokens.scope), ("2Y/o", Some(600), Some("read")));
    }
    for refused in ["{}", r#"{"access_token":1}"#, r#"{"error":"x\"y"}"#, ""] {
        let mut scratch = [0; 64];
        c.holds(|| token_response::read(false, Some(json), refused.as_bytes(), &mut scratch, lenient).is_err());
    }
}

fn introspections(c: &mut Counter) {
    let body =
        br#"{"active":true,"client_id":"w\u0065b","aud":["https://a.example","https://b.example"],"exp":1700000000}"#;
    let mut scratch = [0; 256];
    let read = c.call(|| Introspection::read(body, &mut scratch));
    assert!(read.is_ok_and(|answer| answer.client_id == "web" && answer.audience.ends_with("https://b.example")));
    for refused in [r#"{"active":true,"exp":"x"}"#, "{"] {
        let mut scratch = [0; 64];
        c.holds(|| Introspection::read(refused.as_bytes(), &mut scratch).is_err());
    }
}

fn forms(c: &mut Counter) {
    c.writes("a b+é", |w| {
        let form = form::Form::new("grant_type=x&%6eame=a+b%2B%C3%A9&empty=", &[]).unwrap();
        assert!(form.pairs().count() == 2 && form.get("grant_type").is_some_and(|value| value.plain() == Some("x")));
        form.get("name").unwrap().decode(w).unwrap();
    });
    for refused in ["%zz=1", "a=1&a=2"] {
        c.holds(|| form::Form::new(refused, &[]).is_err());
    }
}

fn writers(c: &mut Counter) {
    let write_object = |w: &mut Writer<'_>| {
        let mut o = Object::new(w);
        o.string("text", "a\"b");
        o.string_with("made", |w| w.push('c'));
        o.number("n", u64::MAX);
        o.boolean("b", true);
        o.strings("list", ["d", "e"]);
        o.close();
    };
    c.writes(r#"{"text":"a\"b","made":"c","n":18446744073709551615,"b":true,"list":["d","e"]}"#, write_object);
    c.holds(|| {
        let mut short = [0; 8];
        let mut w = Writer::new(&mut short);
        write_object(&mut w);
        w.finish().is_err()
    });
    let active = Introspection { active: true, subject: "alice", expires_at: NOW, ..Introspection::INACTIVE };
    c.writes(r#"{"active":true,"sub":"alice","token_type":"Bearer","iat":0,"exp":1700000000}"#, |w| active.write(w));
    c.holds(|| {
        Challenge::bare(RESOURCE).write(&mut [0; 64]).is_ok() && Challenge::bare(RESOURCE).write(&mut []).is_err()
    });
}

fn run(rows: &[Row]) {
    for (name, calls) in rows {
        let mut counter = Counter::default();
        calls(&mut counter);
        assert!(counter.calls > 0, "{name} called nothing");
        assert!(counter.allocating.is_empty(), "{name} allocates: {:?}", counter.allocating);
    }
}

#[test]
fn no_public_function_allocates() {
    run(FUNCTIONS);
}

#[test]
fn no_flow_allocates() {
    run(FLOWS);
}

#[test]
fn owned_records_allocate_their_texts_and_that_is_counted() {
    let view = Account { subject: "alice", name: "Alice", password: flows::PHC, live: true, logins: 0 };
    let mut counter = Counter::default();
    let owned = counter.call(|| OwnedAccount::from(&view));
    assert_eq!(counter.allocating.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [3]);
    let record = counter.call(|| OwnedRecord::from(&Record::Account(view)));
    assert_eq!(counter.allocating.len(), 2);
    counter.call(|| assert!(owned.as_view() == view && record.as_view() == Record::Account(view)));
    assert_eq!(counter.allocating.len(), 2, "borrowing from them allocates nothing");
    World::new(&mut counter);
}
