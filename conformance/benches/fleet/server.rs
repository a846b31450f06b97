//! The authorization server in this process: the core's machines over a store in memory, driven as values. Requests may be
//! broken off at their commit.

use crate::dice::Dice;
use crate::wire::http_date;
use valetkey::jose::{Algorithm, Algorithms, PublicJwk};
use valetkey::secret::{Entropy, Secret};
use valetkey::server::change::{Change, Committed, EventKind, Expect, Key, Put, Version, found};
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantState, GrantTypes, OwnedRecord, Record};
use valetkey::server::{
    AUTHORIZE_ENTROPY, AuthorizeRequest, ENTROPY, FormRequest, Issuer, Owner, Policy, SCRATCH, Server, ServerKey, Step,
    authorize, introspect, secret_digest, token,
};
use valetkey::text::base64;
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;
use valetkey_memory::MemoryStore;
use valetkey_std::store::By;
use valetkey_std::store::blocking::Store;

pub(crate) const ISSUER: &str = "https://as.example";
/// Who asks about tokens.
const API: &str = "api";
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";
const CALLBACK: &str = "https://setup.example/cb";
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
const FORM: Header<'static> = Header::One("application/x-www-form-urlencoded");

/// A request to the token endpoint, as it goes over the network.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) authorization: Option<String>,
    pub(crate) body: String,
}

/// What comes back.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after: Option<String>,
    /// When it was made, by the server's clock.
    pub(crate) date: String,
    pub(crate) body: String,
}

/// What becomes of the request's commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commit {
    Good,
    /// The store fails before it.
    Fails,
    /// It is applied, and the store fails then: nobody knows.
    FailsAfter,
    /// It is applied, and the server dies.
    Dies,
}

/// In place of ECDSA: no signature is to be broken here.
pub(crate) fn signature(message: &[u8]) -> Vec<u8> {
    secret_digest(&String::from_utf8_lossy(message)).0.repeat(2)
}

fn verify(_: &PublicJwk<'_>, message: &[u8], shown: &[u8]) -> bool {
    shown == signature(message)
}

/// The first key, and the second before it.
pub(crate) fn keys() -> [[ServerKey; 2]; 2] {
    let key = |id| ServerKey::new(id, Secret::new([id; 32]));
    [[key(1), key(2)], [key(2), key(1)]]
}

pub(crate) fn server(policy: Policy, keys: &[ServerKey]) -> Server<'_> {
    let server = Server::new(Issuer::new(ISSUER).expect("an issuer"), policy, keys).expect("keys");
    server.with_client_keys(Algorithms::of(&[Algorithm::Es256]), verify).expect("an algorithm")
}

/// What the server knows of one device. Devices share nothing but its hours, so that each has a store of its own.
pub(crate) struct Account {
    store: MemoryStore,
    scratch: Vec<u8>,
    dice: Dice,
    /// Old refresh tokens that came outside of a grace window.
    pub(crate) replays: u32,
    /// Refreshes that were answered anew without a commit.
    pub(crate) graces: u32,
}

impl Account {
    pub(crate) fn new(client_id: &str, auth: ClientAuth, dice: Dice) -> Self {
        let store = MemoryStore::new();
        let mut account = Self { store, scratch: vec![0; SCRATCH], dice, replays: 0, graces: 0 };
        account.register(client_id, auth, false);
        account.register(API, ClientAuth::Drawn, true);
        account
    }

    fn register(&mut self, client_id: &str, auth: ClientAuth, may_introspect: bool) {
        let client = Client {
            client_id,
            name: client_id,
            auth,
            secret: &if auth == ClientAuth::Drawn { secret_digest(client_id).to_string() } else { String::new() },
            jwks: if auth == ClientAuth::PrivateKeyJwt { JWKS } else { "" },
            redirect_uris: CALLBACK,
            grant_types: GrantTypes { authorization_code: true, client_credentials: true, refresh_token: true },
            scope: "telemetry",
            resource: "",
            access_token: AccessTokenFormat::Opaque,
            may_introspect,
            live: true,
        };
        let (key, keep_until) = (Key::client(client_id), UnixTime(u64::MAX));
        let put = Put { key, expect: Expect::Absent, keep_until, index: [None; 2], record: Record::Client(client) };
        let id = Version::new(self.dice.next() >> 2 | 1).expect("a version");
        let change = Change { id, puts: [Some(put), None, None, None, None, None], holds: [None; 2], event: None };
        assert!(matches!(self.store.commit(&change), Ok(Committed::Applied)));
    }

    /// A person sets the device up: its first refresh token.
    pub(crate) fn set_up(&mut self, server: &Server<'_>, client_id: &str, now: UnixTime) -> String {
        let mut room = [0; 43];
        let challenge = base64::encode(&secret_digest(VERIFIER).0, &mut room).unwrap_or_default();
        let query = format!(
            "response_type=code&client_id={client_id}&redirect_uri={CALLBACK}&code_challenge_method=S256&code_challenge={challenge}"
        );
        let seed = Entropy::new(self.dice.bytes::<AUTHORIZE_ENTROPY>());
        let mut scratch = std::mem::take(&mut self.scratch);
        let step = authorize(server, &AuthorizeRequest { query: &query }, now, seed, &mut scratch);
        let location = self.drive(step, Commit::Good, now).expect("an answer").body;
        self.scratch = scratch;
        let code = location.split("?code=").nth(1).and_then(|rest| rest.split('&').next()).expect("a code");
        let body = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}&client_id={client_id}&client_secret={client_id}"
        );
        let request = Request { authorization: None, body };
        let answer = self.token(server, &request, now, Commit::Good).expect("an answer");
        let token = answer.body.split("\"refresh_token\":\"").nth(1).and_then(|rest| rest.split('"').next());
        token.expect("a refresh token").to_owned()
    }

    /// `None` if the server dies.
    pub(crate) fn token(
        &mut self,
        server: &Server<'_>,
        request: &Request,
        now: UnixTime,
        commit: Commit,
    ) -> Option<Answer> {
        let authorization = request.authorization.as_deref().map_or(Header::Absent, Header::One);
        let form = FormRequest { authorization, content_type: FORM, body: request.body.as_bytes() };
        let seed = Entropy::new(self.dice.bytes::<ENTROPY>());
        let mut scratch = std::mem::take(&mut self.scratch);
        let step = token(server, &form, now, seed, &mut scratch);
        let answer = self.drive(step, commit, now);
        self.scratch = scratch;
        answer
    }

    /// Whether the token is good, as an API asks.
    pub(crate) fn is_active(&mut self, server: &Server<'_>, access_token: &str, now: UnixTime) -> bool {
        let body = format!("token={access_token}&client_id={API}&client_secret={API}");
        let form = FormRequest { authorization: Header::Absent, content_type: FORM, body: body.as_bytes() };
        let seed = Entropy::new(self.dice.bytes::<ENTROPY>());
        let mut scratch = std::mem::take(&mut self.scratch);
        let step = introspect(server, &form, now, seed, &mut scratch);
        let answer = self.drive(step, Commit::Good, now);
        self.scratch = scratch;
        answer.is_some_and(|answer| answer.body.starts_with("{\"active\":true"))
    }

    fn drive(&mut self, mut step: Step<'_>, commit: Commit, now: UnixTime) -> Option<Answer> {
        let mut commits = 0;
        loop {
            step = match step {
                Step::Client(need) => {
                    let [loaded, ..] = self.store.load(&[Some(need.key()), None, None, None]).expect("memory");
                    let client = loaded.as_ref().map(|(record, version)| (record.as_view(), *version));
                    match &client {
                        Some((Record::Client(client), version)) => need.resume(Some((client, Some(*version)))),
                        _ => need.resume(None),
                    }
                }
                Step::Load(need) => match self.store.load(need.keys()) {
                    Ok(records) => need.resume(found(&records)),
                    Err(_) => need.fail(),
                },
                Step::Owner(need) => {
                    let scope = need.scope().to_owned();
                    let (subject, auth_time) = ("alice", now);
                    need.resume(Owner::Approved { subject, auth_time, acr: "", amr: "", scope: &scope })
                }
                Step::Commit(need) if commit == Commit::Fails => need.fail(),
                Step::Commit(need) => {
                    commits += 1;
                    let change = need.change();
                    let outcome = self.store.commit(&change).expect("memory does not fail");
                    let replayed = change.event.is_some_and(|event| event.what == EventKind::RefreshReplayed);
                    self.replays += u32::from(replayed && outcome == Committed::Applied);
                    match commit {
                        Commit::Dies => return None,
                        Commit::FailsAfter => need.fail(),
                        _ => need.resume(outcome),
                    }
                }
                Step::Verify(need) => need.fail(),
                Step::Sign(need) => need.fail(),
                Step::Reply(reply) => {
                    let mut room = [0; 2048];
                    let response = reply.write(&mut room).expect("room for the answer");
                    let header = |wanted| response.headers().find(|(name, _)| *name == wanted).map(|(_, value)| value);
                    let retry_after = header("Retry-After").map(str::to_owned);
                    let body = header("Location").unwrap_or(response.body()).to_owned();
                    self.graces += u32::from(commits == 0 && body.contains("\"refresh_token\""));
                    let (status, content_type) = (response.status(), "application/json");
                    return Some(Answer { status, content_type, retry_after, date: http_date(now), body });
                }
            }
        }
    }

    /// Whether every grant of a person gives something still.
    pub(crate) fn is_granted(&self) -> bool {
        let grants = self.store.scan(By::Kind(valetkey::server::change::Kind::Grant), None, usize::MAX);
        grants.unwrap_or_default().iter().all(|(_, record, _)| match record {
            OwnedRecord::Grant(grant) => grant.subject.is_empty() || grant.state == GrantState::Live,
            _ => true,
        })
    }

    /// Forgets what has expired.
    pub(crate) fn sweep(&self, now: UnixTime) {
        while self.store.sweep(now, 1_000).is_ok_and(|swept| swept == 1_000) {}
    }
}
