//! A server, its clients and people, and what they were given: the same at each run, so that a seed can hold a code.

use crate::store::Store;
use std::sync::LazyLock;
use valetkey::jose::{Algorithm, Key as SigningKey, Verify};
use valetkey::secret::{Entropy, Secret};
use valetkey::server::change::{Key, found};
use valetkey::server::record::{AccessTokenFormat, ClientAuth, GrantTypes, OwnedAccount, OwnedClient, OwnedRecord};
use valetkey::server::{
    AuthorizeRequest, FormRequest, Issuer, Owner, Policy, Reply, SCRATCH, Server, ServerKey, Step, authorize,
    secret_digest, token,
};
use valetkey::text::base64;
use valetkey::text::{buf::Writer, form};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

/// When everything happens, unless a target lets time pass.
pub const NOW: UnixTime = UnixTime(1_700_000_000);
/// The issuer.
pub const ISSUER: &str = "https://as.example";
/// What a form is sent as.
pub const FORM: Header<'static> = Header::One("application/x-www-form-urlencoded");
/// The verifier of the codes of this world.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// S256 of [`VERIFIER`]: RFC 7636 appendix B.
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// The browser's cookie.
pub const COOKIE: &str = "cookie";
/// Client, secret (empty: public), redirect URIs, scope, resources. Access tokens of `app` and `device` are signed.
pub const CLIENTS: [(&str, &str, &str, &str, &str); 5] = [
    ("web", "web-secret", WEB_URIS, "read write", "https://api.example https://files.example"),
    ("app", "", "com.example.app:/cb", "read", ""),
    ("device", "device-secret", "", "telemetry:write", ""),
    ("api", "api-secret", "", "", "https://api.example"),
    ("chosen", "chosen-secret", "https://chosen.example/cb", "read", ""),
];
/// Where `web` may be answered.
pub const WEB_URIS: &str = "https://web.example/cb https://web.example/cb?tenant=1 http://127.0.0.1/cb";

/// The server.
pub static SERVER: LazyLock<Server<'static>> = LazyLock::new(|| {
    static KEYS: LazyLock<[ServerKey; 2]> =
        LazyLock::new(|| [ServerKey::new(2, Secret::new([2; 32])), ServerKey::new(1, Secret::new([1; 32]))]);
    static SIGNING: [SigningKey<'static>; 1] = [SigningKey::new("key", &Pretended)];
    let issuer = Issuer::new(ISSUER).expect("the issuer is good");
    let server = Server::new(issuer, Policy::OAUTH21, &*KEYS).expect("the keys are good");
    server.with_signing_keys(&SIGNING).expect("the signing key is good")
});

/// Signs by a hash alone, as no signature is to be broken here: the same text always alike, so that the same token is the
/// same text.
struct Pretended;

impl Verify for Pretended {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDsa
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        sign(message).as_slice() == signature
    }
}

fn sign(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    ["one", "two"].map(|half| secret_digest(&format!("{half} {text}")).0).concat()
}

/// A world in which each thing was issued once.
#[derive(Debug)]
pub struct World {
    /// All records.
    pub store: Store,
    /// Not yet redeemed: of `web`, for alice, to `https://web.example/cb`.
    pub code: String,
    /// Of another grant of `web`.
    pub access: String,
    /// Goes with `access`.
    pub refresh: String,
    /// The device's own.
    pub device: String,
    /// A request that waits for alice in the browser with [`COOKIE`].
    pub sealed: String,
}

/// The world; take a copy of its store.
pub static WORLD: LazyLock<World> = LazyLock::new(|| {
    let mut store = REGISTERED.clone();
    let web = Header::One("Basic d2ViOndlYi1zZWNyZXQ=");
    let query = query(&[
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", "https://web.example/cb"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "xyz"),
    ]);
    let (spent, code) = (consent(&query, 1, &mut store), consent(&query, 2, &mut store));
    let body = redeem_body(&spent);
    let tokens = tokens(web, &body, 3, &mut store);
    let device = Header::One("Basic ZGV2aWNlOmRldmljZS1zZWNyZXQ=");
    let own = self::tokens(device, "grant_type=client_credentials", 4, &mut store);
    let text = |json: &serde_json::Value, name: &str| json[name].as_str().unwrap_or_default().to_owned();
    World {
        code,
        access: text(&tokens, "access_token"),
        refresh: text(&tokens, "refresh_token"),
        device: text(&own, "access_token"),
        sealed: sealed(&query, 5, &mut store),
        store,
    }
});

/// Clients and people, and nothing issued.
pub static REGISTERED: LazyLock<Store> = LazyLock::new(registered);

fn registered() -> Store {
    let mut store = Store::default();
    for (client_id, secret, redirect_uris, scope, resource) in CLIENTS {
        let auth = match client_id {
            "app" => ClientAuth::Public,
            "chosen" => ClientAuth::Chosen,
            _ => ClientAuth::Drawn,
        };
        let kept = match auth {
            ClientAuth::Public | ClientAuth::PrivateKeyJwt => String::new(),
            ClientAuth::Drawn => secret_digest(secret).to_string(),
            ClientAuth::Chosen => format!("hash of {secret}"),
        };
        let client = OwnedClient {
            client_id: client_id.into(),
            name: "A client".into(),
            auth,
            secret: kept,
            jwks: String::new(),
            redirect_uris: redirect_uris.into(),
            grant_types: GrantTypes {
                authorization_code: !redirect_uris.is_empty(),
                refresh_token: !redirect_uris.is_empty(),
                client_credentials: client_id == "device",
            },
            scope: scope.into(),
            resource: resource.into(),
            access_token: match client_id {
                "app" | "device" => AccessTokenFormat::Jwt(Algorithm::EdDsa),
                _ => AccessTokenFormat::Opaque,
            },
            may_introspect: client_id == "api",
            live: true,
        };
        store.put(Key::client(client_id), OwnedRecord::Client(client));
    }
    for subject in ["alice", "bob"] {
        let account =
            OwnedAccount { subject: subject.into(), name: subject.into(), password: "x".into(), live: true, logins: 0 };
        store.put(Key::account(subject), OwnedRecord::Account(account));
    }
    store
}

/// Different bytes for each number, as entropy would be.
pub fn entropy<const N: usize>(n: u64) -> Entropy<N> {
    let mut state = n;
    Entropy::new(std::array::from_fn(|_| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z >> 56).to_le_bytes()[0]
    }))
}

/// Answers one need as a faultless program does, for an alice who agrees to everything.
pub fn answer<'r>(step: Step<'r>, store: &mut Store) -> Step<'r> {
    match step {
        Step::Client(need) => {
            let client = store.client(need.id());
            need.resume(
                client
                    .as_ref()
                    .map(|(client, version)| (client.as_view(), Some(*version)))
                    .as_ref()
                    .map(|(c, v)| (c, *v)),
            )
        }
        Step::Verify(need) => {
            let fits = need.hash().strip_prefix("hash of ") == Some(need.secret().expose());
            need.resume(fits)
        }
        Step::Owner(need) => {
            let scope = need.scope().to_owned();
            need.resume(Owner::Approved { subject: "alice", auth_time: NOW, acr: "", amr: "", scope: &scope })
        }
        Step::Load(need) => {
            let loaded = store.load(need.keys());
            need.resume(found(&loaded))
        }
        Step::Sign(need) => {
            let signature = sign(need.message());
            need.resume(&signature)
        }
        Step::Commit(need) => {
            let committed = store.commit(&need.change());
            need.resume(committed)
        }
        Step::Reply(reply) => Step::Reply(reply),
    }
}

/// Answers needs to the end.
pub fn run<'r>(mut step: Step<'r>, store: &mut Store) -> Reply<'r> {
    loop {
        match step {
            Step::Reply(reply) => return reply,
            step_again => step = answer(step_again, store),
        }
    }
}

/// A form of these pairs.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let mut out = form_urlencoded::Serializer::new(String::new());
    out.extend_pairs(pairs.iter().filter(|(_, value)| !value.is_empty()));
    out.finish()
}

/// The body that redeems a code of this world.
pub fn redeem_body(code: &str) -> String {
    let uri = "https://web.example/cb";
    query(&[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", uri), ("code_verifier", VERIFIER)])
}

/// `Authorization` by HTTP Basic.
pub fn basic(client_id: &str, secret: &str) -> String {
    let encode = |text: &str| {
        let mut room = [0; 64];
        let mut w = Writer::new(&mut room);
        form::encode(&mut w, text);
        w.finish().expect("names here are short").to_owned()
    };
    let joined = format!("{}:{}", encode(client_id), encode(secret));
    let mut room = [0; 128];
    format!("Basic {}", base64::encode_standard(joined.as_bytes(), &mut room).expect("names here are short"))
}

/// The value of a parameter of a redirect's target.
pub fn parameter(location: &str, name: &str) -> Option<String> {
    let (_, query) = location.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, value)| value.into_owned())
}

fn consent(query: &str, n: u64, store: &mut Store) -> String {
    let (mut scratch, mut out) = ([0; SCRATCH], [0; 1024]);
    let reply = run(authorize(&SERVER, &AuthorizeRequest { query }, NOW, entropy(n), &mut scratch), store);
    let response = reply.write(&mut out).expect("a redirect is short");
    let (_, location) = response.headers().find(|(name, _)| *name == "Location").expect("a code was asked for");
    parameter(location, "code").expect("alice agreed")
}

fn tokens(authorization: Header<'_>, body: &str, n: u64, store: &mut Store) -> serde_json::Value {
    let (mut scratch, mut out) = ([0; SCRATCH], [0; 1024]);
    let request = FormRequest { authorization, content_type: FORM, body: body.as_bytes() };
    let reply = run(token(&SERVER, &request, NOW, entropy(n), &mut scratch), store);
    let response = reply.write(&mut out).expect("tokens are short");
    assert_eq!(response.status(), 200);
    serde_json::from_str(response.body()).expect("tokens are JSON")
}

fn sealed(query: &str, n: u64, store: &mut Store) -> String {
    let (mut scratch, mut out) = ([0; SCRATCH], [0; 1024]);
    let step = authorize(&SERVER, &AuthorizeRequest { query }, NOW, entropy(n), &mut scratch);
    let Step::Owner(need) = answer(step, store) else { panic!("alice is asked") };
    need.export(COOKIE, &mut out).expect("the request is short").to_owned()
}
