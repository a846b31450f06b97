//! A store with its contract to the letter, a clock and entropy that tests set, and a driver over both.

use crate::assertions;
use std::collections::HashMap;
use valetkey::jose::{Algorithm, Algorithms, Key as SigningKey, Verify};
use valetkey::secret::{Entropy, Secret, SecretText};
use valetkey::server::change::{Change, Committed, EventKind, Expect, Key, Keys, OwnedFound, Version, found};
use valetkey::server::fault::Fault;
use valetkey::server::record::{
    AccessTokenFormat, ClientAuth, GrantTypes, OwnedAccount, OwnedClient, OwnedGrant, OwnedRecord,
};
use valetkey::server::{
    AuthorizeRequest, FormRequest, Issuer, Owner, Policy, Reply, SCRATCH, Server, ServerKey, Step, authorize,
    introspect, introspect_local, reopen, revoke, secret_digest, token,
};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// RFC 7636 Appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const OTHER_VERIFIER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
pub(crate) const WEB_CB: &str = "https://web.example/cb";
pub(crate) const START: u64 = 1_700_000_000;
/// What a page shows a person and carries to the answer.
pub(crate) const BROWSER: &str = "cookie-of-this-browser";

/// The secret of a confidential client of this world.
pub(crate) fn secret_of(client_id: &str) -> String {
    format!("secret of {client_id}: 100% +&=")
}

struct Row {
    record: OwnedRecord,
    version: Version,
    keep_until: UnixTime,
}

/// The store: it knows nothing of OAuth.
#[derive(Default)]
pub(crate) struct Store {
    rows: HashMap<Key, Row>,
    pub(crate) events: Vec<EventKind>,
    seeded: u64,
}

impl Store {
    pub(crate) fn get(&self, key: Key) -> Option<(OwnedRecord, Version)> {
        self.rows.get(&key).map(|row| (row.record.clone(), row.version))
    }

    pub(crate) fn load(&self, keys: &Keys) -> OwnedFound {
        keys.map(|key| self.get(key?).map(|(record, version)| (record.into(), version)))
    }

    pub(crate) fn commit(&mut self, change: &Change<'_>) -> Committed {
        let at = |key| self.rows.get(&key).map(|row| row.version);
        let puts: Vec<_> = change.puts.iter().flatten().collect();
        assert!(!puts.is_empty() && puts.iter().enumerate().all(|(i, p)| puts[..i].iter().all(|q| q.key != p.key)));
        assert!(puts.iter().all(|put| put.key.kind == put.record.kind()));
        if at(puts[0].key) == Some(change.id) {
            return Committed::Applied;
        }
        let as_expected = puts.iter().all(|put| match put.expect {
            Expect::Absent => at(put.key).is_none(),
            Expect::At(version) => at(put.key) == Some(version),
        });
        if !as_expected || !change.holds.iter().flatten().all(|(key, version)| at(*key) == Some(*version)) {
            return Committed::Conflict;
        }
        for put in puts {
            let row = Row { record: (&put.record).into(), version: change.id, keep_until: put.keep_until };
            self.rows.insert(put.key, row);
        }
        self.events.extend(change.event.map(|event| event.what));
        Committed::Applied
    }

    /// What an operator writes.
    pub(crate) fn put(&mut self, key: Key, record: OwnedRecord) {
        self.seeded += 1;
        let version = Version::new(self.seeded).unwrap();
        self.rows.insert(key, Row { record, version, keep_until: UnixTime(u64::MAX) });
    }

    pub(crate) fn sweep(&mut self, now: u64) {
        self.rows.retain(|_, row| row.keep_until >= UnixTime(now));
    }

    pub(crate) fn remove(&mut self, key: Key) {
        self.rows.remove(&key);
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &OwnedRecord> {
        self.rows.values().map(|row| &row.record)
    }

    /// The only grant that there is.
    pub(crate) fn grant(&self) -> (Key, OwnedGrant) {
        let mut grants = self.rows.iter().filter_map(|(key, row)| match &row.record {
            OwnedRecord::Grant(grant) => Some((*key, grant.clone())),
            _ => None,
        });
        let only = grants.next().unwrap();
        assert!(grants.next().is_none());
        only
    }

    pub(crate) fn change_client(&mut self, client_id: &str, change: impl FnOnce(&mut OwnedClient)) {
        let key = Key::client(client_id);
        let OwnedRecord::Client(mut client) = self.rows[&key].record.clone() else { unreachable!() };
        change(&mut client);
        self.put(key, OwnedRecord::Client(client));
    }

    pub(crate) fn change_account(&mut self, subject: &str, change: impl FnOnce(&mut OwnedAccount)) {
        let key = Key::account(subject);
        let OwnedRecord::Account(mut account) = self.rows[&key].record.clone() else { unreachable!() };
        change(&mut account);
        self.put(key, OwnedRecord::Account(account));
    }
}

/// What a person answers.
#[derive(Clone, Debug)]
pub(crate) enum Person {
    Approves(&'static str),
    ApprovesOnly(&'static str, &'static str),
    Denies,
}

/// How often each need came.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) clients: u32,
    pub(crate) verifies: u32,
    pub(crate) owners: u32,
    pub(crate) loads: u32,
    pub(crate) signs: u32,
    pub(crate) commits: u32,
}

pub(crate) struct World {
    pub(crate) server: &'static Server<'static>,
    pub(crate) store: Store,
    pub(crate) now: u64,
    pub(crate) person: Person,
    /// How that person logged in.
    pub(crate) acr: &'static str,
    pub(crate) amr: &'static str,
    pub(crate) counts: Counts,
    drawn: u64,
}

pub(crate) fn issuer() -> Issuer<'static> {
    Issuer::new(ISSUER).unwrap()
}

pub(crate) fn server(policy: Policy, keys: &[u8]) -> &'static Server<'static> {
    let keys: Vec<ServerKey> = keys.iter().map(|id| ServerKey::new(*id, Secret::new([*id; 32]))).collect();
    let server = Server::new(issuer(), policy, keys.leak()).and_then(|server| server.with_signing_keys(&SIGNING_KEYS));
    let algorithms = Algorithms::of(&[Algorithm::Es256, Algorithm::EdDsa]);
    Box::leak(Box::new(server.and_then(|server| server.with_client_keys(algorithms, assertions::verify)).unwrap()))
}

/// A key pair for tests: a signature is 32 bytes that are drawn, as with ECDSA, and a digest over them and the message.
pub(crate) struct Pair(Algorithm);

impl Pair {
    fn digest(&self, nonce: &[u8], message: &[u8]) -> [u8; 32] {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        secret_digest(&format!("{} {} {}", self.0, hex(nonce), hex(message))).0
    }

    pub(crate) fn sign(&self, nonce: u64, message: &[u8]) -> Vec<u8> {
        let nonce = secret_digest(&nonce.to_string()).0;
        let mut signature = [nonce, self.digest(&nonce, message)].concat();
        if self.0 == Algorithm::Rs256 {
            signature.resize(256, 0);
        }
        signature
    }
}

impl Verify for Pair {
    fn algorithm(&self) -> Algorithm {
        self.0
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        let (nonce, digest) = signature.split_at(32);
        digest[..32] == self.digest(nonce, message)
    }
}

pub(crate) const PAIRS: [Pair; 3] = [Pair(Algorithm::Es256), Pair(Algorithm::EdDsa), Pair(Algorithm::Rs256)];
pub(crate) static SIGNING_KEYS: [SigningKey<'static>; 3] =
    [SigningKey::new("ec", &PAIRS[0]), SigningKey::new("ed", &PAIRS[1]), SigningKey::new("rsa", &PAIRS[2])];

fn client(client_id: &str, auth: ClientAuth, redirect_uris: &str) -> OwnedClient {
    let secret = match auth {
        ClientAuth::Public => String::new(),
        ClientAuth::Drawn => secret_digest(&secret_of(client_id)).to_string(),
        ClientAuth::Chosen => format!("slow hash of {}", secret_of(client_id)),
        ClientAuth::PrivateKeyJwt => String::new(),
    };
    let jwks = if auth == ClientAuth::PrivateKeyJwt { assertions::jwks(&[client_id]) } else { String::new() };
    let confidential = auth != ClientAuth::Public;
    OwnedClient {
        client_id: client_id.into(),
        name: format!("The {client_id} client"),
        auth,
        secret,
        jwks,
        redirect_uris: redirect_uris.into(),
        grant_types: GrantTypes {
            authorization_code: true,
            client_credentials: confidential,
            refresh_token: client_id != "short",
        },
        scope: "read write admin".into(),
        resource: "https://api.example/ https://files.example/".into(),
        access_token: AccessTokenFormat::Opaque,
        may_introspect: false,
        live: true,
    }
}

impl World {
    /// `web`, `other` and `chosen` have secrets, `keyed` has a key pair, `app`, `spa` and `short` are public; `rs`, `rs2` and
    /// `keyed-rs` are resource servers.
    pub(crate) fn new() -> Self {
        let mut store = Store::default();
        let resource_server = |id, auth, resource: &str| OwnedClient {
            may_introspect: true,
            grant_types: GrantTypes::default(),
            resource: resource.into(),
            ..client(id, auth, "")
        };
        let clients = [
            client("web", ClientAuth::Drawn, &format!("{WEB_CB} https://web.example/two?tenant=1")),
            client("other", ClientAuth::Drawn, WEB_CB),
            client("chosen", ClientAuth::Chosen, "https://chosen.example/cb"),
            client("app", ClientAuth::Public, "com.example.app:/cb http://127.0.0.1/cb http://[::1]/cb"),
            client("spa", ClientAuth::Public, "https://spa.example/cb"),
            client("short", ClientAuth::Public, "https://short.example/cb"),
            client("keyed", ClientAuth::PrivateKeyJwt, WEB_CB),
            resource_server("rs", ClientAuth::Drawn, "https://api.example/"),
            resource_server("rs2", ClientAuth::Drawn, "https://files.example/"),
            resource_server("keyed-rs", ClientAuth::PrivateKeyJwt, "https://api.example/"),
        ];
        for client in clients {
            store.put(Key::client(&client.client_id), OwnedRecord::Client(client));
        }
        for subject in ["alice", "bob"] {
            let (name, password) = (subject.to_uppercase(), "argon2id".into());
            let account = OwnedAccount { subject: subject.into(), name, password, live: true, logins: 0 };
            store.put(Key::account(subject), OwnedRecord::Account(account));
        }
        let person = Person::Approves("alice");
        let server = server(Policy::OAUTH21, &[1]);
        Self { server, store, now: START, person, acr: "", amr: "", counts: Counts::default(), drawn: 0 }
    }

    pub(crate) const fn now(&self) -> UnixTime {
        UnixTime(self.now)
    }

    /// Never the same twice, and the same in every run.
    pub(crate) fn entropy<const N: usize>(&mut self) -> Entropy<N> {
        self.drawn += 1;
        let mut bytes = [0; N];
        for (i, chunk) in bytes.chunks_mut(32).enumerate() {
            let digest = secret_digest(&format!("{} {i}", self.drawn)).0;
            chunk.copy_from_slice(&digest[..chunk.len()]);
        }
        Entropy::new(bytes)
    }

    /// Eight bytes for one change, never the same twice.
    pub(crate) fn drawn(&mut self) -> [u8; 8] {
        self.drawn += 1;
        std::array::from_fn(|i| secret_digest(&format!("{} change", self.drawn)).0[i])
    }

    /// Answers one need.
    pub(crate) fn advance<'r>(&mut self, step: Step<'r>) -> Step<'r> {
        match step {
            Step::Client(need) => {
                self.counts.clients += 1;
                assert_eq!(need.key(), Key::client(need.id()));
                match &self.store.get(need.key()) {
                    Some((OwnedRecord::Client(client), version)) => {
                        need.resume(Some((&client.as_view(), Some(*version))))
                    }
                    _ => need.resume(None),
                }
            }
            Step::Verify(need) => {
                self.counts.verifies += 1;
                let fits = need.hash() == format!("slow hash of {}", need.secret().expose());
                need.resume(fits)
            }
            Step::Owner(need) => {
                self.counts.owners += 1;
                let scope = need.scope().to_owned();
                let (auth_time, acr, amr) = (UnixTime(self.now - 5), self.acr, self.amr);
                match self.person {
                    Person::Approves(subject) => {
                        need.resume(Owner::Approved { subject, auth_time, acr, amr, scope: &scope })
                    }
                    Person::ApprovesOnly(subject, scope) => {
                        need.resume(Owner::Approved { subject, auth_time, acr, amr, scope })
                    }
                    Person::Denies => need.resume(Owner::Denied),
                }
            }
            Step::Load(need) => {
                self.counts.loads += 1;
                let records = self.store.load(need.keys());
                need.resume(found(&records))
            }
            Step::Sign(need) => {
                self.counts.signs += 1;
                self.drawn += 1;
                let pair = PAIRS.iter().find(|pair| pair.0 == need.algorithm()).unwrap();
                let signature = pair.sign(self.drawn, need.message());
                need.resume(&signature)
            }
            Step::Commit(need) => {
                self.counts.commits += 1;
                let outcome = self.store.commit(&need.change());
                need.resume(outcome)
            }
            Step::Reply(_) => step,
        }
    }

    /// Answers needs until there is a reply.
    pub(crate) fn finish(&mut self, mut step: Step<'_>) -> Done {
        loop {
            step = match step {
                Step::Reply(reply) => return Done::read(&reply),
                step => self.advance(step),
            };
        }
    }

    pub(crate) fn authorize(&mut self, query: &str) -> Done {
        let (mut scratch, seed) = ([0; SCRATCH], self.entropy());
        let step = authorize(self.server, &AuthorizeRequest { query }, self.now(), seed, &mut scratch);
        self.finish(step)
    }

    /// Seals the pending request of a query, as a page does.
    pub(crate) fn pause(&mut self, query: &str) -> String {
        let (mut scratch, seed) = ([0; SCRATCH], self.entropy());
        let step = authorize(self.server, &AuthorizeRequest { query }, self.now(), seed, &mut scratch);
        let Step::Owner(need) = self.advance(step) else { panic!("nobody is asked") };
        need.export(BROWSER, &mut [0; 9000]).unwrap().to_owned()
    }

    pub(crate) fn answer(&mut self, sealed: &str, browser: &str) -> Done {
        let (mut scratch, seed) = ([0; SCRATCH], self.entropy());
        let step = reopen(self.server, sealed, browser, self.now(), seed, &mut scratch);
        self.finish(step)
    }

    pub(crate) fn post_token(&mut self, authorization: Header<'_>, body: &str) -> Done {
        let (mut scratch, seed) = ([0; SCRATCH], self.entropy());
        let request = FormRequest { authorization, content_type: Header::One(FORM), body: body.as_bytes() };
        let step = token(self.server, &request, self.now(), seed, &mut scratch);
        self.finish(step)
    }

    /// A token request with the client's right credentials.
    pub(crate) fn token(&mut self, client_id: &str, params: &[(&str, &str)]) -> Done {
        let (header, body) = credentials(client_id, params);
        self.post_token(header.as_deref().map_or(Header::Absent, Header::One), &body)
    }

    pub(crate) fn revoke(&mut self, client_id: &str, token: &str) -> Done {
        let (header, body) = credentials(client_id, &[("token", token)]);
        let authorization = header.as_deref().map_or(Header::Absent, Header::One);
        self.post_revoke(authorization, &body)
    }

    pub(crate) fn post_revoke(&mut self, authorization: Header<'_>, body: &str) -> Done {
        let (mut scratch, seed) = ([0; SCRATCH], self.entropy());
        let request = FormRequest { authorization, content_type: Header::One(FORM), body: body.as_bytes() };
        let step = revoke(self.server, &request, self.now(), seed, &mut scratch);
        self.finish(step)
    }

    pub(crate) fn introspect(&mut self, client_id: &str, token: &str) -> Done {
        let (header, body) = credentials(client_id, &[("token", token)]);
        self.post_introspect(header.as_deref().map_or(Header::Absent, Header::One), &body)
    }

    pub(crate) fn post_introspect(&mut self, authorization: Header<'_>, body: &str) -> Done {
        let (mut scratch, seed) = ([0; SCRATCH], self.entropy());
        let request = FormRequest { authorization, content_type: Header::One(FORM), body: body.as_bytes() };
        let step = introspect(self.server, &request, self.now(), seed, &mut scratch);
        self.finish(step)
    }

    /// Whether a token is good now, asked where it is issued.
    pub(crate) fn active(&mut self, token: &str) -> bool {
        let mut scratch = [0; SCRATCH];
        let mut step = introspect_local(self.server, SecretText::new(token), self.now(), &mut scratch);
        loop {
            step = match step {
                Step::Reply(reply) => return reply.introspection().unwrap().active,
                step => self.advance(step),
            };
        }
    }

    /// A code for a client, by the plainest request.
    pub(crate) fn code(&mut self, client_id: &str) -> String {
        self.authorize(&query(client_id, &[])).param("code").expect("a code")
    }

    pub(crate) fn redeem(&mut self, client_id: &str, code: &str) -> Done {
        self.token(client_id, &redemption(client_id, code))
    }

    pub(crate) fn refresh(&mut self, client_id: &str, token: &str) -> Done {
        self.token(client_id, &[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// Tokens of a fresh grant.
    pub(crate) fn tokens(&mut self, client_id: &str) -> Done {
        let code = self.code(client_id);
        let done = self.redeem(client_id, &code);
        assert_eq!(done.status, 200, "{done:?}");
        done
    }
}

/// Where the plain requests of a client have their codes sent.
pub(crate) fn redirect_uri(client_id: &str) -> &'static str {
    match client_id {
        "app" => "com.example.app:/cb",
        "chosen" => "https://chosen.example/cb",
        "spa" => "https://spa.example/cb",
        "short" => "https://short.example/cb",
        _ => WEB_CB,
    }
}

pub(crate) fn redemption<'a>(client_id: &str, code: &'a str) -> [(&'a str, &'a str); 4] {
    let redirect_uri = redirect_uri(client_id);
    [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri), ("code_verifier", VERIFIER)]
}

/// A good authorization request, with some parameters changed; an empty value leaves one out.
pub(crate) fn query(client_id: &str, changed: &[(&str, &str)]) -> String {
    let plain = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri(client_id)),
        ("scope", "read write"),
        ("state", "st"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let new = |name: &str| changed.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let kept = plain.iter().map(|(name, value)| (*name, new(name).unwrap_or(value)));
    let added = changed.iter().filter(|(name, _)| plain.iter().all(|(n, _)| n != name)).copied();
    form(&kept.chain(added).filter(|(_, value)| !value.is_empty()).collect::<Vec<_>>())
}

pub(crate) fn form(params: &[(&str, &str)]) -> String {
    params.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect::<Vec<_>>().join("&")
}

pub(crate) fn escape(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

pub(crate) fn unescape(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(b) = rest.next() {
        bytes.push(match b {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            _ => b,
        });
    }
    String::from_utf8(bytes).unwrap()
}

/// HTTP Basic, written here anew so that the core's reader has an opponent.
pub(crate) fn basic(id: &str, secret: &str) -> String {
    let mut out = [0; 2048];
    let pair = format!("{}:{}", escape(id), escape(secret));
    format!("Basic {}", valetkey::text::base64::encode_standard(pair.as_bytes(), &mut out).unwrap())
}

/// The Authorization header and the body of a request of this client.
pub(crate) fn credentials(client_id: &str, params: &[(&str, &str)]) -> (Option<String>, String) {
    match client_id {
        "app" | "spa" | "short" => (None, form(&[&[("client_id", client_id)], params].concat())),
        "keyed" | "keyed-rs" => (None, form(&[&assertions::params(&assertions::good(client_id)), params].concat())),
        _ => (Some(basic(client_id, &secret_of(client_id))), form(params)),
    }
}

/// A reply, owned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Done {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) fault: Option<Fault>,
    /// A person must be shown a page.
    pub(crate) page: bool,
}

impl Done {
    pub(crate) fn read(reply: &Reply<'_>) -> Self {
        let mut room = [0; 16 * 1024];
        let response = reply.write(&mut room).unwrap();
        let headers = response.headers().map(|(name, value)| (name.into(), value.into())).collect();
        let (status, body) = (response.status(), response.body().into());
        Self { status, headers, body, fault: reply.fault(), page: reply.page().is_some() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A text member of the body; empty if it is not there.
    pub(crate) fn text(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().into()
    }

    pub(crate) fn access(&self) -> String {
        self.text("access_token")
    }

    pub(crate) fn refresh(&self) -> String {
        self.text("refresh_token")
    }

    /// The error of a JSON body, or of a redirect, or nothing.
    pub(crate) fn error(&self) -> String {
        match self.header("Location") {
            Some(_) => self.param("error").unwrap_or_default(),
            None if self.body.is_empty() => String::new(),
            None => self.text("error"),
        }
    }

    /// The parameters of a redirect, in order.
    pub(crate) fn params(&self) -> Vec<(String, String)> {
        let (_, query) = self.header("Location").unwrap_or("?").split_once('?').unwrap();
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap()).map(|(n, v)| (unescape(n), unescape(v))).collect()
    }

    pub(crate) fn param(&self, name: &str) -> Option<String> {
        self.params().into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }

    /// Whether nothing was given: no code, no token.
    pub(crate) fn gives_nothing(&self) -> bool {
        let location = self.header("Location").unwrap_or_default();
        !self.body.contains("_token\"") && !location.contains("code=")
    }
}
