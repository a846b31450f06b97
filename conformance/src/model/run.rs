//! The runner: opens requests, advances them step by step, and tells the ledger what it sees.

use super::ledger::{ALL, Asked, Check, Facts, Ledger, PART, Pending, Said, ensure};
use super::{Command, MOST_OPEN, Request, Scope, Store, Wrong, signed};
use std::sync::Arc;
use valetkey::jose::{Algorithm, Algorithms, PublicJwk};
use valetkey::secret::{Entropy, Secret};
use valetkey::server::change::{Change, Committed, Expect, Key, Put, Version, found};
use valetkey::server::record::{
    AccessTokenFormat, Account, Client, ClientAuth, GrantState, GrantTypes, OwnedRecord, Record,
};
use valetkey::server::{
    AuthorizeRequest, FormRequest, Issuer, Owner, Policy, Reply, Server, ServerKey, Step, authorize, introspect,
    reopen, revoke, secret_digest, token,
};
use valetkey::text::base64;
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

pub(super) const ISSUER: &str = "https://as.example";
pub(super) const CLIENTS: [&str; 3] = ["web", "app", "tool"];
pub(super) const SUBJECTS: [&str; 2] = ["alice", "bob"];
const BROWSER: &str = "browser";
const FORM: Header<'static> = Header::One("application/x-www-form-urlencoded");
const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters";
const ASSERTION: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
/// Enough for the short requests of the model.
const SCRATCH: usize = 8192;

/// Seconds after which whoever serves a request has given it up.
const LONGEST_HELD: u64 = 3600;

/// A request that is being served.
struct Open<'r> {
    facts: Facts,
    step: Step<'r>,
}

struct World<S> {
    store: S,
    access_token: AccessTokenFormat,
    ledger: Ledger,
    drawn: u64,
    /// Every assertion that the first client signed.
    assertions: Vec<String>,
    /// Of each client's and account's record: what an operator wrote last.
    versions: [Option<Version>; CLIENTS.len() + SUBJECTS.len()],
}

pub(super) fn run<S: Store>(commands: &[Command], access_token: AccessTokenFormat, policy: Policy) -> Check {
    let keys = [ServerKey::new(1, Secret::new([1; 32]))];
    let server = Issuer::new(ISSUER)
        .and_then(|issuer| Server::new(issuer, policy, &keys))
        .and_then(|server| server.with_signing_keys(&signed::KEYS))
        .and_then(|server| server.with_client_keys(Algorithms::of(&[Algorithm::Es256]), verify))
        .map_err(|e| e.to_string())?;
    let mut rooms = vec![[0; SCRATCH]; commands.len()];
    let mut rooms = rooms.iter_mut();
    let ledger = Ledger { policy, now: 1_700_000_000, stale: S::STALE, ..Ledger::default() };
    let mut world =
        World { store: S::default(), access_token, ledger, drawn: 0, assertions: Vec::new(), versions: [None; 5] };
    for client in 0..CLIENTS.len() {
        world.write_client(client)?;
    }
    for subject in 0..SUBJECTS.len() {
        world.write_account(subject)?;
    }
    let mut open: Vec<Open<'_>> = Vec::new();
    for (at, command) in commands.iter().enumerate() {
        let Some(room) = rooms.next() else { break };
        world
            .obey(&server, *command, &mut open, room)
            .map_err(|what| format!("{what}, at command {at}: {command:?}"))?;
    }
    for open in open {
        world.finish(open).map_err(|what| format!("{what}, at the end"))?;
    }
    // Each of the last looks is by an assertion of its own.
    world.ledger.event = world.ledger.event / 9 * 9 + 1;
    for token in 0..world.ledger.accesses.len() {
        let mut room = [0; SCRATCH];
        let facts = world.facts(Asked::Introspect { token });
        let step = world.start(&server, &facts, &mut room);
        world.finish(Open { facts, step }).map_err(|what| format!("{what}, in the last look"))?;
    }
    Ok(())
}

fn pick<T>(of: &[T], n: u8) -> Option<usize> {
    (!of.is_empty()).then(|| usize::from(n) % of.len())
}

impl<S: Store> World<S> {
    fn obey<'r>(
        &mut self,
        server: &'r Server<'r>,
        command: Command,
        open: &mut Vec<Open<'r>>,
        room: &'r mut [u8],
    ) -> Check {
        self.ledger.event += 1;
        match command {
            Command::Open(request) if open.len() < MOST_OPEN => {
                if let Some(asked) = self.resolve(request) {
                    let facts = self.facts(asked);
                    let step = self.start(server, &facts, room);
                    open.push(Open { facts, step });
                }
            }
            Command::Open(request) | Command::Do(request) => {
                if let Some(asked) = self.resolve(request) {
                    let facts = self.facts(asked);
                    let step = self.start(server, &facts, room);
                    self.finish(Open { facts, step })?;
                }
            }
            Command::Pause(client) => {
                let client = usize::from(client) % CLIENTS.len();
                let (query, seed) = (query(client), self.entropy());
                let step = authorize(server, &AuthorizeRequest { query: &query }, self.now(), seed, room);
                let mut facts = self.facts(Asked::Authorize { client, subject: 0, scope: ALL, pending: None });
                if let Step::Owner(need) = self.answer(&mut facts, step)? {
                    let sealed = need.export(BROWSER, &mut [0; 1024]).map_err(|e| e.to_string())?.to_owned();
                    self.ledger.pendings.push(Pending::new(sealed, client));
                }
            }
            Command::Step(n) => {
                if let Some(i) = pick(open, n) {
                    let Open { mut facts, step } = open.swap_remove(i);
                    match step {
                        Step::Reply(reply) => self.ledger.replied(&facts, &said(&reply)?)?,
                        step => {
                            let step = self.answer(&mut facts, step)?;
                            open.push(Open { facts, step });
                        }
                    }
                }
            }
            Command::Finish(n) => {
                if let Some(i) = pick(open, n) {
                    let open = open.swap_remove(i);
                    self.finish(open)?;
                }
            }
            Command::Lost(n) => {
                if let Some(i) = pick(open, n)
                    && let Open { facts, step: Step::Commit(need) } = &mut open[i]
                    && self.store.commit(&need.change()) == Committed::Applied
                {
                    self.ledger.applied(facts, &need.change())?;
                }
            }
            Command::Crash(n) => {
                if let Some(i) = pick(open, n) {
                    drop(open.swap_remove(i));
                }
            }
            Command::Clock(seconds) => {
                self.ledger.now += u64::from(seconds);
                // No program holds a request for an hour, and the core counts on that.
                open.retain(|open| self.ledger.now < open.facts.now + LONGEST_HELD);
            }
            Command::Lock(n) => {
                let subject = usize::from(n) % SUBJECTS.len();
                self.ledger.locked[subject] = !self.ledger.locked[subject];
                self.write_account(subject)?;
            }
            Command::Remove(n) => {
                let client = usize::from(n) % CLIENTS.len();
                self.ledger.removed[client] = !self.ledger.removed[client];
                self.write_client(client)?;
            }
            Command::EndGrant(n) => self.end_grant(n),
            Command::Sweep => self.store.sweep(self.now()),
        }
        Ok(())
    }

    const fn now(&self) -> UnixTime {
        UnixTime(self.ledger.now)
    }

    /// Now and then the first client, or who listened to it, shows an assertion again.
    fn facts(&mut self, asked: Asked) -> Facts {
        if self.assertions.is_empty() || !self.ledger.event.is_multiple_of(9) {
            self.assertions.push(assertion(self.assertions.len(), self.ledger.now));
        }
        Facts::new(asked, self.ledger.now, self.ledger.event, self.assertions.len() - 1)
    }

    fn entropy<const N: usize>(&mut self) -> Entropy<N> {
        self.drawn += 1;
        let mut bytes = [0; N];
        for (i, chunk) in bytes.chunks_mut(32).enumerate() {
            chunk.copy_from_slice(&secret_digest(&format!("{} {i}", self.drawn)).0[..chunk.len()]);
        }
        Entropy::new(bytes)
    }

    fn resolve(&self, request: Request) -> Option<Asked> {
        let Ledger { grants, codes, accesses, refreshes, pendings, .. } = &self.ledger;
        let by = |grant: usize, foreign: bool| (grants[grant].client + usize::from(foreign)) % CLIENTS.len();
        Some(match request {
            Request::ClientCredentials => Asked::ClientCredentials,
            Request::Authorize { client, subject, part } => Asked::Authorize {
                client: usize::from(client) % CLIENTS.len(),
                subject: usize::from(subject) % SUBJECTS.len(),
                scope: if part { PART } else { ALL },
                pending: None,
            },
            Request::Answer { pending, subject } => {
                let pending = pick(pendings, pending)?;
                let (client, subject) = (pendings[pending].client, usize::from(subject) % SUBJECTS.len());
                Asked::Authorize { client, subject, scope: ALL, pending: Some(pending) }
            }
            Request::Redeem { code, wrong } => {
                let code = pick(codes, code)?;
                Asked::Redeem { code, client: by(codes[code].grant, wrong == Wrong::Client), wrong }
            }
            Request::Refresh { token, foreign, scope } => {
                let token = pick(refreshes, token)?;
                Asked::Refresh { token, client: by(refreshes[token].grant, foreign), scope }
            }
            Request::RevokeAccess { token, foreign } => {
                let token = pick(accesses, token)?;
                Asked::RevokeAccess { token, client: by(accesses[token].grant, foreign) }
            }
            Request::RevokeRefresh { token, foreign } => {
                let token = pick(refreshes, token)?;
                Asked::RevokeRefresh { token, client: by(refreshes[token].grant, foreign) }
            }
            Request::Introspect { token } => Asked::Introspect { token: pick(accesses, token)? },
        })
    }

    fn start<'r>(&mut self, server: &'r Server<'r>, facts: &Facts, room: &'r mut [u8]) -> Step<'r> {
        let (now, seed, authorize_seed) = (self.now(), self.entropy(), self.entropy());
        let Ledger { codes, accesses, refreshes, pendings, .. } = &self.ledger;
        let assertion = &self.assertions[facts.assertion];
        let post = |client: usize, body: String| match client {
            0 => format!("{body}&client_assertion_type={ASSERTION}&client_assertion={assertion}"),
            _ => format!("{body}&client_id={}", CLIENTS[client]),
        };
        let (client, body) = match facts.asked {
            Asked::Authorize { client, pending: None, .. } => {
                return authorize(server, &AuthorizeRequest { query: &query(client) }, now, authorize_seed, room);
            }
            Asked::Authorize { pending: Some(pending), .. } => {
                return reopen(server, &pendings[pending].sealed, BROWSER, now, authorize_seed, room);
            }
            Asked::ClientCredentials => (0, "grant_type=client_credentials&scope=read+write".to_owned()),
            Asked::Redeem { code, client, wrong } => {
                let verifier = if wrong == Wrong::Verifier { VERIFIER.to_uppercase() } else { VERIFIER.to_owned() };
                let path = if wrong == Wrong::RedirectUri { "other" } else { "cb" };
                let code = &codes[code].text;
                let redirect_uri = format!("redirect_uri=https://client.example/{path}");
                (client, format!("grant_type=authorization_code&code={code}&{redirect_uri}&code_verifier={verifier}"))
            }
            Asked::Refresh { token, client, scope } => {
                let scope = match scope {
                    Scope::Unnamed => "",
                    Scope::Part => "&scope=read",
                    Scope::All => "&scope=read+write",
                };
                (client, format!("grant_type=refresh_token&refresh_token={}{scope}", refreshes[token].text))
            }
            Asked::RevokeAccess { token, client } => (client, format!("token={}", accesses[token].text)),
            Asked::RevokeRefresh { token, client } => (client, format!("token={}", refreshes[token].text)),
            Asked::Introspect { token } => (0, format!("token={}", accesses[token].text)),
        };
        let body = post(client, body);
        let (authorization, content_type, body) = (Header::Absent, FORM, body.as_bytes());
        match facts.asked {
            Asked::RevokeAccess { .. } | Asked::RevokeRefresh { .. } => {
                revoke(server, &FormRequest { authorization, content_type, body }, now, seed, room)
            }
            Asked::Introspect { .. } => {
                introspect(server, &FormRequest { authorization, content_type, body }, now, seed, room)
            }
            _ => token(server, &FormRequest { authorization, content_type, body }, now, seed, room),
        }
    }

    /// Answers one need.
    fn answer<'r>(&mut self, facts: &mut Facts, step: Step<'r>) -> Result<Step<'r>, String> {
        Ok(match step {
            Step::Client(need) => {
                let [record, ..] = self.store.load(&[Some(Key::client(need.id())), None, None, None]);
                let record = record.as_ref().map(|(record, version)| (&**record, *version));
                match record {
                    Some((OwnedRecord::Client(client), version)) => {
                        need.resume(Some((&client.as_view(), Some(version))))
                    }
                    _ => need.resume(None),
                }
            }
            Step::Verify(need) => need.fail(),
            Step::Sign(need) => {
                let signature = signed::sign(need.message());
                need.resume(&signature)
            }
            Step::Owner(need) => {
                let Asked::Authorize { subject, scope, .. } = facts.asked else { return Err("who is asked?".into()) };
                let subject = SUBJECTS[subject];
                need.resume(Owner::Approved { subject, auth_time: UnixTime(facts.now), acr: "", amr: "", scope })
            }
            Step::Load(need) => {
                let records = self.store.load(need.keys());
                self.ledger.loaded(facts);
                need.resume(found(&records))
            }
            Step::Commit(need) => {
                let outcome = self.store.commit(&need.change());
                match outcome {
                    Committed::Applied => self.ledger.applied(facts, &need.change())?,
                    Committed::Conflict => facts.conflicts += 1,
                }
                need.resume(outcome)
            }
            Step::Reply(_) => step,
        })
    }

    fn finish(&mut self, open: Open<'_>) -> Check {
        let Open { mut facts, mut step } = open;
        for _ in 0..40 {
            step = match step {
                Step::Reply(reply) => return self.ledger.replied(&facts, &said(&reply)?),
                step => self.answer(&mut facts, step)?,
            };
        }
        Err("a request does not come to its end".into())
    }

    fn write_client(&mut self, client: usize) -> Check {
        let (client_id, first) = (CLIENTS[client], client == 0);
        let record = Client {
            client_id,
            name: client_id,
            auth: if first { ClientAuth::PrivateKeyJwt } else { ClientAuth::Public },
            secret: "",
            jwks: if first { JWKS } else { "" },
            redirect_uris: "https://client.example/cb https://client.example/other",
            grant_types: GrantTypes { authorization_code: true, client_credentials: first, refresh_token: true },
            scope: ALL,
            resource: "",
            access_token: self.access_token,
            may_introspect: first,
            live: !self.ledger.removed[client],
        };
        self.write(client, Key::client(client_id), Record::Client(record))
    }

    fn write_account(&mut self, subject: usize) -> Check {
        let (name, live) = (SUBJECTS[subject], !self.ledger.locked[subject]);
        let record = Account { subject: name, name, password: "", live, logins: 0 };
        self.write(CLIENTS.len() + subject, Key::account(name), Record::Account(record))
    }

    /// As an operator: nobody else writes these records, so what was written last is what is there.
    fn write(&mut self, slot: usize, key: Key, record: Record<'_>) -> Check {
        let expect = self.versions[slot].map_or(Expect::Absent, Expect::At);
        let id = self.operator_version()?;
        self.versions[slot] = Some(id);
        let put = Put { key, expect, keep_until: UnixTime(u64::MAX), index: [None; 2], record };
        let change = Change { id, puts: [Some(put), None, None, None, None, None], holds: [None; 2], event: None };
        ensure(self.store.commit(&change) == Committed::Applied, "the store refuses what nobody contests")
    }

    fn operator_version(&mut self) -> Result<Version, String> {
        self.drawn += 1;
        Version::new(self.drawn).ok_or_else(|| "no version".to_owned())
    }

    fn end_grant(&mut self, n: u8) {
        let Some(grant) = pick(&self.ledger.grants, n) else { return };
        let key = self.ledger.grants[grant].key;
        let [record, ..] = self.store.load(&[Some(key), None, None, None]);
        let record = record.map(|(record, at)| (Arc::unwrap_or_clone(record), at));
        let Some((OwnedRecord::Grant(mut kept), at)) = record else { return };
        let Ok(id) = self.operator_version() else { return };
        kept.state = GrantState::Ended;
        let (expect, keep_until, record) = (Expect::At(at), kept.expires_at, Record::Grant(kept.as_view()));
        let put = Put { key, expect, keep_until, index: [None; 2], record };
        let change = Change { id, puts: [Some(put), None, None, None, None, None], holds: [None; 2], event: None };
        if self.store.commit(&change) == Committed::Applied {
            self.ledger.grants[grant].ended = true;
        }
    }
}

/// What the first client signs, good for a minute.
fn assertion(id: usize, now: u64) -> String {
    let client = CLIENTS[0];
    let claims = format!(r#"{{"iss":"{client}","sub":"{client}","aud":"{ISSUER}","exp":{},"jti":"{id}"}}"#, now + 60);
    let encode = |bytes: &[u8]| base64::encode(bytes, &mut [0; 256]).map(str::to_owned).unwrap_or_default();
    let message = format!("{}.{}", encode(br#"{"alg":"ES256"}"#), encode(claims.as_bytes()));
    let signature = encode(&signature(message.as_bytes()));
    format!("{message}.{signature}")
}

/// In place of ECDSA: nobody but the first client signs here.
fn signature(message: &[u8]) -> Vec<u8> {
    secret_digest(&format!("{message:?}")).0.repeat(2)
}

fn verify(_: &PublicJwk<'_>, message: &[u8], shown: &[u8]) -> bool {
    shown == signature(message)
}

fn query(client: usize) -> String {
    let mut room = [0; 43];
    let challenge = base64::encode(&secret_digest(VERIFIER).0, &mut room).unwrap_or_default();
    let (id, redirect_uri) = (CLIENTS[client], "https://client.example/cb");
    let pkce = format!("code_challenge_method=S256&code_challenge={challenge}");
    format!("response_type=code&client_id={id}&redirect_uri={redirect_uri}&scope=read+write&{pkce}")
}

/// Takes a reply apart as its receiver would.
fn said(reply: &Reply<'_>) -> Result<Said, String> {
    let mut room = [0; 4096];
    let response = reply.write(&mut room).map_err(|e| e.to_string())?;
    let member = |name: &str| {
        let (_, after) = response.body().split_once(&format!("\"{name}\":\""))?;
        after.split('"').next().map(str::to_owned)
    };
    let location = response.headers().find(|(name, _)| *name == "Location").map_or("", |(_, value)| value);
    let code = location.split_once("?code=").and_then(|(_, after)| after.split('&').next()).map(str::to_owned);
    let expires_in = response.body().split_once("\"expires_in\":").map_or("", |(_, after)| after);
    let digits = expires_in.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    Ok(Said {
        status: response.status(),
        code,
        access: member("access_token"),
        refresh: member("refresh_token"),
        scope: member("scope").unwrap_or_default(),
        expires_in: digits.parse().unwrap_or_default(),
        active: reply.introspection().map(|introspection| introspection.active),
    })
}
