//! Clients that sign an assertion for each request.

use crate::world::{
    Done, FORM, ISSUER, START, World, basic, credentials, form, issuer, query, redemption, secret_of, server,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use valetkey::jose::{Jwk, PublicJwk};
use valetkey::secret::Secret;
use valetkey::server::change::Key;
use valetkey::server::fault::Fault;
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes};
use valetkey::server::{
    AssertionAudience, FormRequest, MAX_CLIENT_JWKS, Policy, RegisterError, SCRATCH, Server, ServerKey,
    register_client, secret_digest, write_metadata,
};
use valetkey::text::base64;
use valetkey::wire::header::Header;

pub(crate) const OWN: [(&str, &str); 1] = [("grant_type", "client_credentials")];
const TOKEN_ENDPOINT: &str = "https://as.example/token";
pub(crate) const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn base64url(bytes: &[u8]) -> String {
    let mut room = vec![0; bytes.len() * 2 + 4];
    base64::encode(bytes, &mut room).unwrap().to_owned()
}

/// A key of P-256 that is named after its holder.
fn jwk(kid: &str) -> Value {
    let half = |which| base64url(&secret_digest(&format!("{which} of {kid}")).0);
    json!({"kty": "EC", "crv": "P-256", "x": half("x"), "y": half("y"), "kid": kid, "alg": "ES256"})
}

/// The set of the keys that have these names.
pub(crate) fn jwks(kids: &[&str]) -> String {
    json!({"keys": kids.iter().map(|kid| jwk(kid)).collect::<Vec<_>>()}).to_string()
}

/// In place of ECDSA: a digest of the key and the message.
pub(crate) fn verify(jwk: &PublicJwk<'_>, message: &[u8], signature: &[u8]) -> bool {
    signature == tag(&jwk.thumbprint(), message)
}

fn tag(thumbprint: &[u8], message: &[u8]) -> Vec<u8> {
    secret_digest(&format!("{thumbprint:?} {message:?}")).0.repeat(2)
}

/// What is in an assertion, to be changed before it is signed.
#[derive(Clone)]
pub(crate) struct Jwt {
    header: Value,
    claims: Value,
    /// Whose key signs.
    signer: String,
}

impl Jwt {
    /// A good one, with a `jti` that no other has.
    pub(crate) fn of(client_id: &str) -> Self {
        static DRAWN: AtomicU64 = AtomicU64::new(0);
        let id = format!("jti-{}", DRAWN.fetch_add(1, Ordering::Relaxed));
        Self {
            header: json!({"alg": "ES256", "kid": client_id, "typ": "client-authentication+jwt"}),
            claims: json!({"iss": client_id, "sub": client_id, "aud": ISSUER, "exp": START + 60, "iat": START, "jti": id}),
            signer: client_id.to_owned(),
        }
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name).unwrap();
        self
    }

    fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    pub(crate) fn sign(&self) -> String {
        let message = [&self.header, &self.claims].map(|part| base64url(part.to_string().as_bytes())).join(".");
        let key = jwk(&self.signer).to_string();
        let mut scratch = [0; 1024];
        let Jwk::Public(key) = Jwk::read(key.as_bytes(), &mut scratch).unwrap() else { unreachable!() };
        format!("{message}.{}", base64url(&tag(&key.thumbprint(), message.as_bytes())))
    }
}

/// A good assertion, never the same twice.
pub(crate) fn good(client_id: &str) -> String {
    Jwt::of(client_id).sign()
}

pub(crate) fn params(assertion: &str) -> [(&'static str, &str); 2] {
    [("client_assertion_type", KIND), ("client_assertion", assertion)]
}

/// A client-credentials request by this assertion.
pub(crate) fn by(w: &mut World, assertion: &str) -> Done {
    w.post_token(Header::Absent, &form(&[&params(assertion), &OWN[..]].concat()))
}

/// Refused as a client that is not who it says, without a word of what was sent, and nothing is written.
pub(crate) fn refused(w: &mut World, assertion: &str, fault: Fault) {
    let rows = w.store.len();
    let done = by(w, assertion);
    assert_eq!((done.status, done.error().as_str(), done.fault), (401, "invalid_client", Some(fault)));
    assert!(done.gives_nothing() && w.store.len() == rows);
    assert!(!done.body.contains("jti-") && !done.body.contains("eyJ"), "{}", done.body);
}

#[test]
fn a_signed_assertion_authenticates_at_every_endpoint_with_or_without_client_id() {
    let mut w = World::new();
    let assertion = good("keyed");
    let with_id = form(&[&params(&assertion), &OWN[..], &[("client_id", "keyed")]].concat());
    assert_eq!(w.post_token(Header::Absent, &with_id).status, 200);
    let tokens = w.tokens("keyed");
    let tokens = w.refresh("keyed", &tokens.refresh());
    assert_eq!(w.introspect("keyed-rs", &tokens.access()).json()["active"], true);
    assert_eq!(w.revoke("keyed", &tokens.refresh()).status, 200);
    assert_eq!(w.introspect("keyed-rs", &tokens.access()).json()["active"], false);
}

#[test]
fn rfc7523_3_01_rfc7523_3_02_rfc7523_3_2_01_iss_and_sub_are_the_client() {
    let mut w = World::new();
    let jwt = || Jwt::of("keyed");
    refused(&mut w, &jwt().without("iss").sign(), Fault::AssertionSubject);
    refused(&mut w, &jwt().with("iss", json!("web")).sign(), Fault::AssertionSubject);
    refused(&mut w, &jwt().with("iss", json!(["keyed"])).sign(), Fault::MalformedAssertion);
    refused(&mut w, &jwt().without("sub").sign(), Fault::MalformedAssertion);
    refused(&mut w, &jwt().with("sub", json!("")).sign(), Fault::MalformedAssertion);
    refused(&mut w, &jwt().with("sub", json!("nobody")).sign(), Fault::UnknownClient);
    // By the key of the one in the name of the other.
    refused(&mut w, &jwt().with("sub", json!("keyed-rs")).sign(), Fault::UnknownAssertionKey);
}

#[test]
fn rfc7521_4_2_02_client_id_beside_the_assertion_is_the_same_client() {
    let mut w = World::new();
    for other in ["web", "keyed-rs", "Keyed", "keyed "] {
        let assertion = good("keyed");
        let body = form(&[&params(&assertion), &OWN[..], &[("client_id", other)]].concat());
        let done = w.post_token(Header::Absent, &body);
        assert_eq!((done.error().as_str(), done.fault), ("invalid_client", Some(Fault::AssertionSubject)), "{other}");
    }
}

#[test]
fn rfc7523_3_03_rfc7523_3_11_oauth21_2_4_03_the_audience_is_the_issuer_alone_as_a_string() {
    let mut w = World::new();
    let with = |aud: Value| Jwt::of("keyed").with("aud", aud).sign();
    for aud in [
        json!("https://other.example"),
        json!("https://as.example/"),
        json!("https://AS.example"),
        json!("keyed"),
        json!(TOKEN_ENDPOINT),
        json!([ISSUER]),
        json!([ISSUER, "https://other.example"]),
        json!([TOKEN_ENDPOINT]),
        json!([]),
    ] {
        refused(&mut w, &with(aud), Fault::AssertionAudience);
    }
    refused(&mut w, &with(json!("")), Fault::MalformedAssertion);
    refused(&mut w, &Jwt::of("keyed").without("aud").sign(), Fault::AssertionAudience);
}

#[test]
fn rfc7523_3_11_by_policy_the_token_endpoint_and_arrays_are_taken_but_no_other_server_among_them() {
    let mut w = World::new();
    let assertion_audience = AssertionAudience::IssuerOrTokenEndpoint;
    w.server = server(Policy { assertion_audience, ..Policy::OAUTH21 }, &[1]);
    let with = |aud: Value| Jwt::of("keyed").with("aud", aud).sign();
    for aud in [json!(ISSUER), json!(TOKEN_ENDPOINT), json!([ISSUER]), json!([TOKEN_ENDPOINT, ISSUER])] {
        assert_eq!(by(&mut w, &with(aud.clone())).status, 200, "{aud}");
    }
    let escaped = with(json!(TOKEN_ENDPOINT));
    let [header, claims, _] = escaped.split('.').collect::<Vec<_>>()[..] else { unreachable!() };
    let mut room = [0; 1024];
    let claims = String::from_utf8(base64::decode(claims, &mut room).unwrap().to_vec()).unwrap().replace('/', "\\/");
    let message = format!("{header}.{}", base64url(claims.as_bytes()));
    let key = jwk("keyed").to_string();
    let mut scratch = [0; 1024];
    let Jwk::Public(key) = Jwk::read(key.as_bytes(), &mut scratch).unwrap() else { unreachable!() };
    let escaped = format!("{message}.{}", base64url(&tag(&key.thumbprint(), message.as_bytes())));
    assert_eq!(by(&mut w, &escaped).status, 200, "as some libraries escape what need not be");
    for aud in [
        json!("https://other.example"),
        json!("https://as.example/revoke"),
        json!("https://as.example/token/"),
        json!("/token"),
        json!([ISSUER, "https://other.example"]),
        json!(["https://other.example", ISSUER]),
        json!([]),
    ] {
        refused(&mut w, &with(aud), Fault::AssertionAudience);
    }
}

#[test]
fn rfc7523_3_04_rfc7521_5_2_01_exp_is_there_and_ahead_and_not_far() {
    let mut w = World::new();
    let (leeway, longest) = (30, 3600);
    let exp = |exp: u64| Jwt::of("keyed").with("exp", json!(exp)).sign();
    for good in [START - leeway + 1, START + 1, START + longest] {
        assert_eq!(by(&mut w, &exp(good)).status, 200, "{good}");
    }
    for late in [START - leeway, START - 3600, 0] {
        refused(&mut w, &exp(late), Fault::ExpiredAssertion);
    }
    for far in [START + longest + leeway + 1, START + 86_400, u64::MAX] {
        refused(&mut w, &exp(far), Fault::LongAssertion);
    }
    refused(&mut w, &Jwt::of("keyed").without("exp").sign(), Fault::NoAssertionExpiry);
    refused(&mut w, &Jwt::of("keyed").with("exp", json!("tomorrow")).sign(), Fault::MalformedAssertion);
}

#[test]
fn rfc7523_3_05_rfc7523_3_06_nbf_and_iat_are_not_ahead_and_iat_is_not_long_ago() {
    let mut w = World::new();
    let with = |name: &str, time: u64| Jwt::of("keyed").with(name, json!(time)).sign();
    for name in ["nbf", "iat"] {
        assert_eq!(by(&mut w, &with(name, START + 30)).status, 200);
        refused(&mut w, &with(name, START + 31), Fault::EarlyAssertion);
        refused(&mut w, &with(name, START + 3600), Fault::EarlyAssertion);
    }
    assert_eq!(by(&mut w, &with("iat", START - 3600)).status, 200);
    refused(&mut w, &with("iat", START - 3630), Fault::ExpiredAssertion);
    refused(&mut w, &with("iat", START - 86_400), Fault::ExpiredAssertion);
    assert_eq!(by(&mut w, &with("nbf", 0)).status, 200);
    assert_eq!(by(&mut w, &Jwt::of("keyed").without("iat").sign()).status, 200, "it is optional");
}

#[test]
fn rfc7523_3_08_rfc7523_5_01_the_algorithm_is_the_keys_and_never_none() {
    let mut w = World::new();
    let alg = |name: &str| Jwt::of("keyed").header("alg", json!(name)).sign();
    refused(&mut w, &alg("none"), Fault::MalformedAssertion);
    for other in ["HS256", "ES384", "RS256", "PS256", "EdDSA"] {
        refused(&mut w, &alg(other), Fault::UnknownAssertionKey);
    }
    // The server takes no RS256, whatever the client's key is for.
    let n = base64url(&[0xc5; 256]);
    let rsa = json!({"keys": [{"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "keyed"}]}).to_string();
    w.store.change_client("keyed", |client| client.jwks = rsa);
    refused(&mut w, &alg("RS256"), Fault::ForgedAssertion);
    let unsigned = good("keyed");
    let (message, _) = unsigned.rsplit_once('.').unwrap();
    refused(&mut w, &format!("{message}."), Fault::UnknownAssertionKey);
    refused(&mut w, message, Fault::MalformedAssertion);
}

#[test]
fn rfc7521_5_2_02_rfc7523_3_09_rfc7521_4_2_1_01_only_the_clients_own_key_signs() {
    let mut w = World::new();
    let by_other = Jwt { signer: "keyed-rs".into(), ..Jwt::of("keyed") };
    refused(&mut w, &by_other.sign(), Fault::ForgedAssertion);
    refused(&mut w, &by_other.header("kid", json!("keyed-rs")).sign(), Fault::UnknownAssertionKey);
    let good = good("keyed");
    for at in 0..good.len() {
        let mut altered = good.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let done = by(&mut w, std::str::from_utf8(&altered).unwrap());
        assert_eq!((done.status, done.error().as_str()), (401, "invalid_client"), "{at}");
    }
    assert_eq!(by(&mut w, &good).status, 200, "as nothing of that was taken for it");
}

#[test]
fn of_several_keys_the_one_that_is_named_checks() {
    let mut w = World::new();
    w.store.change_client("keyed", |client| client.jwks = jwks(&["old", "new"]));
    for kid in ["old", "new"] {
        let jwt = Jwt { signer: kid.into(), ..Jwt::of("keyed") };
        assert_eq!(by(&mut w, &jwt.clone().header("kid", json!(kid)).sign()).status, 200);
        let mut nameless = Jwt { signer: kid.into(), ..Jwt::of("keyed") };
        nameless.header.as_object_mut().unwrap().remove("kid");
        refused(&mut w, &nameless.sign(), Fault::UnknownAssertionKey);
    }
    w.store.change_client("keyed", |client| client.jwks = jwks(&["new"]));
    let old = Jwt { signer: "old".into(), ..Jwt::of("keyed") }.header("kid", json!("old"));
    refused(&mut w, &old.sign(), Fault::UnknownAssertionKey);
    let mut nameless = Jwt { signer: "new".into(), ..Jwt::of("keyed") };
    nameless.header.as_object_mut().unwrap().remove("kid");
    assert_eq!(by(&mut w, &nameless.sign()).status, 200, "of one key it need not be said");
}

#[test]
fn a_token_of_another_type_is_no_assertion() {
    let mut w = World::new();
    for typ in ["at+jwt", "dpop+jwt", "oauth-authz-req+jwt", "logout+jwt", "jose", ""] {
        refused(&mut w, &Jwt::of("keyed").header("typ", json!(typ)).sign(), Fault::AssertionType);
    }
    for typ in ["client-authentication+jwt", "application/client-authentication+jwt", "JWT", "jwt"] {
        assert_eq!(by(&mut w, &Jwt::of("keyed").header("typ", json!(typ)).sign()).status, 200, "{typ}");
    }
    let mut untyped = Jwt::of("keyed");
    untyped.header.as_object_mut().unwrap().remove("typ");
    assert_eq!(by(&mut w, &untyped.sign()).status, 200, "as before the draft");
}

#[test]
fn the_method_is_the_one_that_is_registered() {
    let mut w = World::new();
    // Not a secret for who has a key pair, be it the empty one that is kept.
    let by_secret = basic("keyed", &secret_of("keyed"));
    assert_eq!(w.post_token(Header::One(&by_secret), &form(&OWN)).fault, Some(Fault::OtherAuthMethod));
    let nothing = form(&[&OWN[..], &[("client_id", "keyed")]].concat());
    assert_eq!(w.post_token(Header::Absent, &nothing).fault, Some(Fault::NoAssertion));
    // Not a key pair for who has a secret, or nothing.
    for client in ["web", "chosen", "app"] {
        let done = by(&mut w, &good(client));
        assert_eq!((done.status, done.fault), (401, Some(Fault::OtherAuthMethod)), "{client}");
    }
}

#[test]
fn rfc6749_2_3_02_two_methods_in_one_request_are_refused() {
    let mut w = World::new();
    let assertion = good("keyed");
    let (both, only) = (params(&assertion), &OWN[..]);
    let basic = basic("keyed", &secret_of("keyed"));
    let in_body = [("client_secret", "x")];
    for (header, body) in [
        (Header::One(basic.as_str()), form(&[&both, only].concat())),
        (Header::One("Bearer x"), form(&[&both, only].concat())),
        (Header::One(basic.as_str()), form(&[&both[..1], only].concat())),
        (Header::One(basic.as_str()), form(&[&both[1..], only].concat())),
        (Header::Absent, form(&[&both, only, &in_body].concat())),
    ] {
        let done = w.post_token(header, &body);
        assert_eq!((done.error().as_str(), done.fault), ("invalid_request", Some(Fault::TwoAuthMethods)), "{body}");
    }
    let twice = form(&[&both[..], &both[1..], only].concat());
    assert_eq!(w.post_token(Header::Absent, &twice).fault, Some(Fault::Malformed), "a single JWT");
}

#[test]
fn the_assertion_has_the_type_of_a_jwt() {
    let mut w = World::new();
    let assertion = good("keyed");
    let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
    for pairs in [
        vec![("client_assertion", assertion.as_str())],
        vec![("client_assertion_type", KIND)],
        vec![("client_assertion_type", saml), ("client_assertion", assertion.as_str())],
    ] {
        let done = w.post_token(Header::Absent, &form(&[&pairs[..], &OWN].concat()));
        assert_eq!((done.error().as_str(), done.fault), ("invalid_client", Some(Fault::AssertionKind)));
    }
    for text in ["x", "a.b.c", "..", "eyJ9.e30.AA", &"x".repeat(4096)] {
        assert_eq!(by(&mut w, text).fault, Some(Fault::MalformedAssertion), "{text}");
    }
    assert_eq!(by(&mut w, &"x".repeat(4097)).fault, Some(Fault::TooLong));
}

#[test]
fn a_server_without_client_keys_lets_no_such_client_in() {
    let mut w = World::new();
    let keys = vec![ServerKey::new(1, Secret::new([1; 32]))];
    let server = Server::new(issuer(), Policy::OAUTH21, keys.leak()).unwrap();
    w.server = Box::leak(Box::new(server));
    refused(&mut w, &good("keyed"), Fault::AssertionNotTaken);
}

/// A set of as many bytes as there may be, with the key of this name.
fn longest_set(kid: &str) -> String {
    let n = |byte| base64url(&[byte; 512]);
    let key = |kid: &str, byte| json!({"kty": "RSA", "n": n(byte), "e": "AQAB", "alg": "RS256", "kid": kid});
    let mut keys = vec![key("1", 0xc1), key("2", 0xc3), jwk(kid), jwk("more"), jwk("even more"), jwk("and more")];
    let set = |keys: &[Value]| json!({ "keys": keys }).to_string();
    keys[0]["kid"] = "k".repeat(MAX_CLIENT_JWKS + 1 - set(&keys).len()).into();
    set(&keys)
}

#[test]
fn assertion_set_request_and_record_fit_the_default_scratch_though_each_is_as_long_as_it_may() {
    let mut w = World::new();
    let scope: Vec<_> = (0..32).map(|i| format!("scope-{i:02}-{}", "s".repeat(61))).collect();
    let (scope, resource) = (scope.join(" "), format!("https://api.example/{}", "r".repeat(1_805)));
    let set = longest_set("keyed");
    assert_eq!((set.len(), scope.len() + resource.len()), (MAX_CLIENT_JWKS, 4_096));
    w.store.change_client("keyed", |client| {
        (client.jwks, client.scope, client.resource) = (set, scope.clone(), resource.clone());
    });
    // Of what an assertion says its `jti` is kept.
    let mut drawn = 0;
    let mut longest = || {
        drawn += 1;
        let id = format!("{drawn}{}", "j".repeat(2_842));
        let assertion = Jwt::of("keyed").with("jti", json!(id)).sign();
        assert!((4_090..=4_096).contains(&assertion.len()), "{}", assertion.len());
        assertion
    };
    let padded = |pairs: &[(&str, &str)]| {
        let body = form(pairs);
        let pad = "p".repeat(8_192 - body.len() - "&code_verifier=".len());
        form(&[pairs, &[("code_verifier", &pad)]].concat())
    };
    let assertion = longest();
    let own = padded(&[&params(&assertion)[..], &OWN].concat());
    assert_eq!((own.len(), w.post_token(Header::Absent, &own).status), (8_192, 200));

    let query = query("keyed", &[("scope", &scope), ("resource", &resource)]);
    let code = w.authorize(&query).param("code").unwrap();
    let assertion = longest();
    let redeemed = form(&[&params(&assertion)[..], &redemption("keyed", &code)].concat());
    let tokens = w.post_token(Header::Absent, &redeemed);
    // The account changed, so that the machine looks twice.
    w.store.change_account("alice", |account| account.name = "A".repeat(100));
    let (assertion, refresh) = (longest(), tokens.refresh());
    let asked = [("grant_type", "refresh_token"), ("refresh_token", &refresh), ("resource", &resource)];
    let refreshed = w.post_token(Header::Absent, &padded(&[&params(&assertion)[..], &asked].concat()));
    assert_eq!((refreshed.status, refreshed.text("scope")), (200, scope));
}

#[test]
fn what_is_registered_as_keys_was_checked() {
    let client = Client {
        client_id: "keyed",
        name: "K",
        auth: ClientAuth::PrivateKeyJwt,
        secret: "",
        jwks: "",
        redirect_uris: "",
        grant_types: GrantTypes { client_credentials: true, ..Default::default() },
        scope: "",
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    };
    let w = World::new();
    let register = |client: Client<'_>| register_client([1; 8], w.now(), client).map(|_| ());
    let set = |keys: Value| json!({ "keys": keys }).to_string();
    let (one, two) = (jwks(&["a"]), jwks(&["a", "b"]));
    let mut nameless = jwk("a");
    nameless.as_object_mut().unwrap().remove("kid");
    let rsa = json!({"kty": "RSA", "n": base64url(&[0xc5; 256]), "e": "AQAB", "kid": "r"});
    for good in [&one, &two, &set(json!([nameless]))] {
        assert_eq!(register(Client { jwks: good, ..client }), Ok(()), "{good}");
    }
    let shared = json!({"kty": "oct", "k": base64url(&[7; 32]), "alg": "HS256"});
    for bad in [
        String::new(),
        "{}".into(),
        set(json!([])),
        set(json!([rsa])),                // for which algorithm?
        set(json!([shared])),             // whoever checks could sign
        set(json!([jwk("a"), jwk("a")])), // which is meant?
        set(json!([nameless, jwk("b")])), // as above
        set(json!([{"kty": "XYZ"}])),
        jwk("a").to_string(),
        jwks(&["k".repeat(MAX_CLIENT_JWKS).as_str()]),
    ] {
        assert_eq!(register(Client { jwks: &bad, ..client }), Err(RegisterError::Jwks), "{bad}");
    }
    let digest = secret_digest("x").to_string();
    assert_eq!(register(Client { jwks: &one, secret: &digest, ..client }), Err(RegisterError::Secret));
    for auth in [ClientAuth::Drawn, ClientAuth::Public] {
        let (secret, own) = if auth == ClientAuth::Drawn { (digest.as_str(), true) } else { ("", false) };
        let grant_types = GrantTypes { client_credentials: own, ..client.grant_types };
        assert_eq!(register(Client { auth, secret, grant_types, jwks: &one, ..client }), Err(RegisterError::Jwks));
        assert_eq!(register(Client { auth, secret, grant_types, ..client }), Ok(()));
    }
}

#[test]
fn rfc8414_2_06_rfc9700_2_5_02_the_metadata_names_the_method_and_its_algorithms_where_it_is_taken() {
    let document = |server| -> Value {
        let mut room = [0; 4096];
        serde_json::from_str(write_metadata(server, "", &mut room).unwrap()).unwrap()
    };
    let taken = document(World::new().server);
    let keys = [ServerKey::new(1, Secret::new([1; 32]))];
    let not = document(&Server::new(issuer(), Policy::OAUTH21, &keys).unwrap());
    for endpoint in ["token", "revocation", "introspection"] {
        let (methods, algorithms) = (
            format!("{endpoint}_endpoint_auth_methods_supported"),
            format!("{endpoint}_endpoint_auth_signing_alg_values_supported"),
        );
        let names = |json: &Value| json[&methods].as_array().unwrap().contains(&json!("private_key_jwt"));
        assert!(names(&taken) && !names(&not));
        assert_eq!(taken[&algorithms], json!(["ES256", "EdDSA"]));
        assert_eq!(not.get(&algorithms), None);
    }
}

#[test]
fn a_limit_on_guesses_counts_by_the_client_that_the_assertion_names() {
    let body = form(&[&params(&good("keyed")), &OWN[..]].concat());
    let request = FormRequest { authorization: Header::Absent, content_type: Header::One(FORM), body: body.as_bytes() };
    assert_eq!(request.client(&mut [0; SCRATCH]), Some(Key::client("keyed").id));
    let (_, body) = credentials("keyed", &[("client_id", "web")]);
    let request = FormRequest { authorization: Header::Absent, content_type: Header::One(FORM), body: body.as_bytes() };
    assert_eq!(request.client(&mut [0; SCRATCH]), None, "refused whoever it is");
}

#[test]
fn a_record_without_keys_is_a_broken_one() {
    let mut w = World::new();
    w.store.change_client("keyed", |client| client.jwks = String::new());
    let done = by(&mut w, &good("keyed"));
    assert_eq!((done.status, done.fault), (500, Some(Fault::BadRecord)));
}
