//! The server's side: a store in memory, a driver, and what the endpoints are asked.

use super::{CALLBACK, HUSH, ISSUER, NOW, RESOURCE, Watch, hush, must};
use std::collections::HashMap;
use std::sync::LazyLock;
use valetkey::client::Post;
use valetkey::jose::{Algorithm, Algorithms, Key as SigningKey, Verify, VerifyBy};
use valetkey::secret::{Entropy, Secret, SecretText};
use valetkey::server::change::{Change, Committed, Expect, Key, Kind, OwnedFound, Put, Version, found};
use valetkey::server::record::{
    AccessTokenFormat, ClientAuth, GrantTypes, OwnedAccount, OwnedClient, OwnedRecord, Record,
};
use valetkey::server::{
    AuthorizeRequest, FormRequest, Issuer, MAX_REQUEST, Owner, Policy, Reply, SCRATCH, Server, ServerKey, Step,
    authorize, introspect, introspect_local, reopen, revoke, secret_digest, token,
};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;
use valetkey::wire::introspection::Introspection;

static KEYS: LazyLock<[ServerKey; 1]> = LazyLock::new(|| [ServerKey::new(1, Secret::new(hush()))]);
static SERVER: LazyLock<Server<'static>> = LazyLock::new(|| {
    let server = Server::new(Issuer::new(ISSUER).unwrap(), Policy::OAUTH21, &*KEYS).unwrap();
    let server = server.with_signing_keys(&SIGNING_KEYS).unwrap().with_default_audience(RESOURCE).unwrap();
    let verify: VerifyBy = |_, message, signature| Pair.verify(message, signature);
    server.with_client_keys(Algorithms::of(&[Algorithm::Es256]), verify).unwrap()
});
static SIGNING_KEYS: [SigningKey<'static>; 1] = [SigningKey::new("1", &Pair)];

/// A key pair whose one signature is good for everything.
struct Pair;

pub(crate) const SIGNATURE: [u8; 64] = [7; 64];

/// The keys of the client "keyed", which are as good.
const JWKS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"1","alg":"ES256"}]}"#;

impl Verify for Pair {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        !message.is_empty() && signature == SIGNATURE
    }
}

/// The Argon2id hash of a client secret that a person chose, or of a password.
pub(crate) const PHC: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$HushHushHushHushHushHu$HushHushHushHushHushHushHushHushHushHushHus";

/// What an endpoint answered.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// The `Location`, empty if there is none.
    pub(crate) location: String,
}

/// An authorization server and what its store holds.
pub(crate) struct World {
    pub(crate) server: &'static Server<'static>,
    pub(crate) now: UnixTime,
    records: HashMap<Key, (OwnedRecord, Version)>,
    draws: u8,
    /// How many commits are answered with a conflict, whatever they say.
    pub(crate) conflicts: u8,
}

impl World {
    pub(crate) fn new<W: Watch>(w: &mut W) -> Self {
        let mut world = Self { server: &SERVER, now: NOW, records: HashMap::new(), draws: 0, conflicts: 0 };
        let digest = secret_digest(HUSH).to_string();
        w.hide(digest.as_bytes());
        w.hide(PHC.as_bytes());
        w.show(world.server);
        let version = Version::new(1).unwrap();
        for (client_id, auth, secret) in [
            ("web", ClientAuth::Drawn, digest.as_str()),
            ("api", ClientAuth::Chosen, PHC),
            ("app", ClientAuth::Public, ""),
            ("signed", ClientAuth::Public, ""),
            ("keyed", ClientAuth::PrivateKeyJwt, ""),
        ] {
            let client = OwnedClient {
                client_id: client_id.into(),
                name: "A client".into(),
                auth,
                secret: secret.into(),
                jwks: if auth == ClientAuth::PrivateKeyJwt { JWKS.into() } else { String::new() },
                redirect_uris: CALLBACK.into(),
                grant_types: GrantTypes {
                    authorization_code: true,
                    client_credentials: auth != ClientAuth::Public,
                    refresh_token: true,
                },
                scope: "read write".into(),
                resource: RESOURCE.into(),
                access_token: match client_id {
                    "signed" => AccessTokenFormat::Jwt(Algorithm::Es256),
                    _ => AccessTokenFormat::Opaque,
                },
                may_introspect: client_id == "api",
                live: true,
            };
            w.show(&client);
            world.records.insert(Key::client(client_id), (OwnedRecord::Client(client), version));
        }
        let account =
            OwnedAccount { subject: "alice".into(), name: "Alice".into(), password: PHC.into(), live: true, logins: 0 };
        w.show(&account);
        world.records.insert(Key::account("alice"), (OwnedRecord::Account(account), version));
        world
    }

    /// Secret bytes, but for those that become identifiers: change, salt and pending request. They may be shown.
    fn draw<const N: usize>(&mut self) -> Entropy<N> {
        self.draws += 1;
        let mut bytes = hush();
        bytes[48..].fill(self.draws);
        Entropy::new(bytes)
    }

    fn commit(&mut self, change: &Change<'_>) -> Committed {
        let holds = |key: &Key, expect: Expect| match (self.records.get(key), expect) {
            (None, Expect::Absent) => true,
            (Some((_, version)), Expect::At(at)) => *version == at,
            _ => false,
        };
        let held = change.holds.iter().flatten().all(|(key, at)| holds(key, Expect::At(*at)));
        let replayed = |put: &Put<'_>| put.key.kind == Kind::Used && !holds(&put.key, put.expect);
        if self.conflicts > 0 || change.puts.iter().flatten().any(replayed) {
            self.conflicts = self.conflicts.saturating_sub(1);
            return Committed::Conflict;
        }
        assert!(held && change.puts.iter().flatten().all(|put| holds(&put.key, put.expect)), "a conflict of nobody's");
        for put in change.puts.iter().flatten() {
            self.records.insert(put.key, (OwnedRecord::from(&put.record), change.id));
        }
        Committed::Applied
    }

    /// Answers needs up to the reply, or up to the person's answer where `pause` is set.
    fn drive<'r, W: Watch>(&mut self, w: &mut W, mut step: Step<'r>, pause: bool) -> Step<'r> {
        loop {
            w.show(&step);
            step = match step {
                Step::Client(need) => {
                    w.show(&need);
                    let key = w.call(|| need.key());
                    let Some((OwnedRecord::Client(client), version)) = self.records.get(&key) else {
                        step = w.call(|| need.resume(None));
                        continue;
                    };
                    let client = w.call(|| client.as_view());
                    w.call(|| need.resume(Some((&client, Some(*version)))))
                }
                Step::Verify(need) => {
                    w.show(&need);
                    w.show(&need.secret());
                    let fits = need.hash() == PHC && w.call(|| need.secret().ct_eq(HUSH));
                    w.call(|| need.resume(fits))
                }
                Step::Owner(need) if pause => return Step::Owner(need),
                Step::Owner(need) => {
                    w.show(&need);
                    let scope = need.scope().to_owned();
                    let owner = Owner::Approved { subject: "alice", auth_time: NOW, acr: "", amr: "", scope: &scope };
                    w.show(&owner);
                    w.call(|| need.resume(owner))
                }
                Step::Load(need) => {
                    w.show(&need);
                    let of = |key| self.records.get(&key).map(|(record, version)| (record.clone().into(), *version));
                    let loaded: OwnedFound = need.keys().map(|key| of(key?));
                    let found = w.call(|| found(&loaded));
                    for (record, version) in found.iter().flatten() {
                        show_record(w, record);
                        w.show(version);
                    }
                    w.call(|| need.resume(found))
                }
                Step::Sign(need) => {
                    w.show(&need);
                    w.call(|| assert!(need.kid() == "1" && need.message().len() > 100));
                    w.hide(need.message());
                    w.call(|| need.resume(&SIGNATURE))
                }
                Step::Commit(need) => {
                    w.show(&need);
                    let change = w.call(|| need.change());
                    show_change(w, &change);
                    let outcome = self.commit(&change);
                    w.show(&outcome);
                    w.call(|| need.resume(outcome))
                }
                Step::Reply(reply) => {
                    w.show(&reply);
                    return Step::Reply(reply);
                }
            };
        }
    }

    fn answer<W: Watch>(&mut self, w: &mut W, step: Step<'_>) -> Answered {
        let Step::Reply(reply) = self.drive(w, step, false) else { panic!("no reply") };
        written(w, &reply)
    }

    /// Asks the token endpoint what a client wrote.
    pub(crate) fn token<W: Watch>(&mut self, w: &mut W, post: &Post<'_>) -> Answered {
        w.show(post);
        w.hide(post.body.as_bytes());
        w.hide(post.authorization.unwrap_or_default().as_bytes());
        let request = FormRequest {
            authorization: post.authorization.map_or(Header::Absent, Header::One),
            content_type: Header::One(Post::CONTENT_TYPE),
            body: post.body.as_bytes(),
        };
        w.show(&request);
        let (server, now, seed, mut scratch) = (self.server, self.now, self.draw(), vec![0; SCRATCH]);
        let step = w.call(|| token(server, &request, now, seed, &mut scratch));
        self.answer(w, step)
    }

    /// Asks the authorization endpoint; the person answers at once, or after a pause.
    pub(crate) fn authorize<W: Watch>(&mut self, w: &mut W, query: &str, pause: bool) -> Answered {
        w.hide(query.as_bytes());
        let request = AuthorizeRequest { query };
        w.show(&request);
        let (server, now, seed, mut scratch) = (self.server, self.now, self.draw(), vec![0; SCRATCH]);
        let step = w.call(|| authorize(server, &request, now, seed, &mut scratch));
        if !pause {
            return self.answer(w, step);
        }
        let Step::Owner(need) = self.drive(w, step, true) else { panic!("nobody is asked") };
        let mut buf = vec![0; MAX_REQUEST + 200];
        let sealed = must(w.call(|| need.export(HUSH, &mut buf)));
        w.hide(sealed.as_bytes());
        w.show(&need);
        drop(need);
        let (seed, mut scratch) = (self.draw(), vec![0; SCRATCH]);
        let step = w.call(|| reopen(server, sealed, HUSH, now, seed, &mut scratch));
        self.answer(w, step)
    }

    /// Asks the revocation endpoint, as the client "web".
    pub(crate) fn revoke<W: Watch>(&mut self, w: &mut W, token: &str) -> Answered {
        let body = format!("client_id=web&client_secret={HUSH}&token={token}");
        w.hide(body.as_bytes());
        let (authorization, content_type) = (Header::Absent, Header::One("application/x-www-form-urlencoded"));
        let request = FormRequest { authorization, content_type, body: body.as_bytes() };
        w.show(&request);
        let (server, now, seed, mut scratch) = (self.server, self.now, self.draw(), vec![0; SCRATCH]);
        let step = w.call(|| revoke(server, &request, now, seed, &mut scratch));
        self.answer(w, step)
    }

    /// Asks the introspection endpoint, as the resource server "api".
    pub(crate) fn introspect<W: Watch>(&mut self, w: &mut W, token: &str) -> Answered {
        let body = format!("client_id=api&client_secret={HUSH}&token={token}");
        w.hide(body.as_bytes());
        let (authorization, content_type) = (Header::Absent, Header::One("application/x-www-form-urlencoded"));
        let request = FormRequest { authorization, content_type, body: body.as_bytes() };
        w.show(&request);
        let (server, now, seed, mut scratch) = (self.server, self.now, self.draw(), vec![0; SCRATCH]);
        let step = w.call(|| introspect(server, &request, now, seed, &mut scratch));
        self.answer(w, step)
    }

    /// Looks a token up for a resource server in the same program.
    pub(crate) fn look_up<W: Watch, R>(
        &mut self,
        w: &mut W,
        token: SecretText<'_>,
        see: impl FnOnce(&mut W, &Introspection<'_>) -> R,
    ) -> R {
        let (server, now, mut scratch) = (self.server, self.now, vec![0; SCRATCH]);
        let step = w.call(|| introspect_local(server, token, now, &mut scratch));
        let Step::Reply(reply) = self.drive(w, step, false) else { panic!("no reply") };
        let Some(introspection) = w.call(|| reply.introspection()) else { panic!("nothing was looked up") };
        w.show(&introspection);
        see(w, &introspection)
    }
}

fn written<W: Watch>(w: &mut W, reply: &Reply<'_>) -> Answered {
    if let Some(event) = w.call(|| reply.event()) {
        w.show(&event);
        w.show(&event.what);
    }
    let (page, mut buf) = (w.call(|| reply.page()), vec![0; 4096]);
    w.show(&page);
    let response = must(w.call(|| reply.write(&mut buf)));
    w.show(&response);
    w.call(|| assert!(response.headers().count() >= 2));
    w.hide(response.body().as_bytes());
    let location = response.headers().find(|(name, _)| *name == "Location").unwrap_or_default().1;
    w.hide(location.as_bytes());
    Answered { status: response.status(), body: response.body().into(), location: location.into() }
}

fn show_change<W: Watch>(w: &mut W, change: &Change<'_>) {
    w.show(change);
    w.show(&change.id);
    for put in change.puts.iter().flatten() {
        w.show(put);
        let Put { key, expect, record, .. } = put;
        w.show(key);
        w.show(&key.kind);
        w.show(&key.id);
        w.show(expect);
        show_record(w, record);
    }
    if let Some(event) = &change.event {
        w.show(event);
        w.show(&event.what);
    }
}

/// Shows a record and its owned twin, each by itself and as one of any kind.
pub(crate) fn show_record<W: Watch>(w: &mut W, record: &Record<'_>) {
    let twin = OwnedRecord::from(record);
    w.show(record);
    w.show(&twin);
    match (record, &twin) {
        (Record::Client(view), OwnedRecord::Client(twin)) => (w.show(view), w.show(twin)),
        (Record::Account(view), OwnedRecord::Account(twin)) => (w.show(view), w.show(twin)),
        (Record::Grant(view), OwnedRecord::Grant(twin)) => (w.show(view), w.show(twin)),
        (Record::Code(view), OwnedRecord::Code(twin)) => (w.show(view), w.show(twin)),
        (Record::Access(view), OwnedRecord::Access(twin)) => (w.show(view), w.show(twin)),
        (Record::SigningKey(view), OwnedRecord::SigningKey(twin)) => (w.show(view), w.show(twin)),
        _ => ((), ()),
    };
}
