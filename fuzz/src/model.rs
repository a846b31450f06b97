//! The model that judges a sequence of interleaved requests against one server and one store.
//!
//! It knows what was handed out and what must be dead, and nothing of how the server works. Three bytes are a command:
//! begin a request, answer a need of an open one (well, or as a broken part would), let time pass, or lock somebody out.

use crate::store::{Store, grant_of};
use crate::world::{self, CHALLENGE, FORM, SERVER, VERIFIER, answer, basic, entropy, parameter, query};
use std::collections::BTreeSet;
use valetkey::secret::SecretText;
use valetkey::server::change::{Committed, Key};
use valetkey::server::fault::Fault;
use valetkey::server::{
    AuthorizeRequest, FormRequest, Owner, Reply, Step, authorize, introspect, introspect_local, reopen, revoke, token,
};
use valetkey::text::scope::is_subset;
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

/// Scratch of one request, which is short here.
pub const ROOM: usize = 4096;
/// Requests of one sequence.
pub const REQUESTS: usize = 24;
/// Requests that are open at once.
const OPEN: usize = 4;
const URIS: [&str; 3] = ["https://web.example/cb", "https://web.example/cb?tenant=1", "http://127.0.0.1:7/cb"];
const SCOPES: [&str; 4] = ["", "read", "write", "read write"];
const OTHER_VERIFIER: &str = "zBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

struct Code {
    text: String,
    client: &'static str,
    uri: &'static str,
    scope: String,
    issued_at: UnixTime,
    redeemed: bool,
}

struct Token {
    text: String,
    client: &'static str,
    scope: String,
    refresh: bool,
    /// The refresh token that took its place.
    successor: Option<usize>,
}

#[derive(Clone, Copy)]
enum Intent {
    Authorize { client: &'static str, uri: &'static str, sealed: Option<usize> },
    Redeem { code: usize, valid: bool, again: bool },
    Refresh { token: usize, own: bool, stale: bool },
    ClientCredentials,
    Revoke { token: usize, own: bool },
    Introspect { token: usize },
}

struct Open<'r> {
    step: Step<'r>,
    intent: Intent,
    began: UnixTime,
    /// What the person agreed to.
    approved: String,
    /// Whether the token or its grant was known to be dead when the store was read last.
    dead: bool,
}

/// The state of one sequence.
pub struct Model<'r> {
    store: Store,
    now: UnixTime,
    draws: u64,
    room: std::slice::IterMut<'r, [u8; ROOM]>,
    open: Vec<Open<'r>>,
    sealed: Vec<(String, &'static str, &'static str, bool)>,
    codes: Vec<Code>,
    tokens: Vec<Token>,
    dead_grants: BTreeSet<Key>,
    dead_tokens: BTreeSet<usize>,
}

impl std::fmt::Debug for Model<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("now", &self.now).finish_non_exhaustive()
    }
}

impl<'r> Model<'r> {
    /// Registered clients and people, nothing issued.
    pub fn new(room: &'r mut [[u8; ROOM]]) -> Self {
        Self {
            store: world::REGISTERED.clone(),
            now: world::NOW,
            draws: 0,
            room: room.iter_mut(),
            open: Vec::new(),
            sealed: Vec::new(),
            codes: Vec::new(),
            tokens: Vec::new(),
            dead_grants: BTreeSet::new(),
            dead_tokens: BTreeSet::new(),
        }
    }

    /// Carries out one command.
    pub fn command(&mut self, [op, a, b]: [u8; 3]) {
        let (a_at, scope) = (usize::from(a), SCOPES[usize::from(b) % SCOPES.len()]);
        match op % 10 {
            0 => self.authorize(a_at, scope),
            1 if !self.sealed.is_empty() => self.reopen(a_at % self.sealed.len(), b % 4 == 3),
            2 if !self.codes.is_empty() => self.redeem(a_at % self.codes.len(), b >> 2, scope),
            3 if !self.tokens.is_empty() => self.refresh(a_at % self.tokens.len(), b >> 2 & 3 == 3, scope),
            4 => self.client_credentials(),
            5 if !self.tokens.is_empty() => self.revoke(a_at % self.tokens.len(), b % 4 == 3),
            6 if !self.tokens.is_empty() => self.introspect(a_at % self.tokens.len(), b % 2 == 0),
            7 | 8 if !self.open.is_empty() => self.go_on(a_at % self.open.len(), b % 8),
            // Mostly seconds, sometimes hours.
            9 if a % 8 < 6 => self.now = self.now.plus(u32::from(b) * if a % 8 == 5 { 3600 } else { 1 }),
            9 => {
                let keys = [Key::account("alice"), Key::client("web"), Key::client("app"), Key::client("device")];
                self.store.set_live(keys[usize::from(b) % keys.len()], b & 4 == 0);
            }
            _ => {}
        }
    }

    /// Ends what is open, and looks at every token once more.
    pub fn finish(mut self) {
        while !self.open.is_empty() {
            self.go_on(0, 0);
        }
        let mut scratch = [0; ROOM];
        for i in 0..self.tokens.len() {
            let dead = self.is_dead(i);
            let token = SecretText::new(&self.tokens[i].text);
            let reply = world::run(introspect_local(&SERVER, token, self.now, &mut scratch), &mut self.store);
            assert!(!(dead && reply.introspection().expect("it was asked").active), "what was ended stays ended");
        }
    }

    fn begin(&mut self, intent: Intent, step: impl FnOnce(&mut Self, &'r mut [u8]) -> Step<'r>) {
        while self.open.len() == OPEN {
            self.go_on(0, 0);
        }
        let Some(room) = self.room.next() else { return };
        self.draws += 1;
        let step = step(self, room);
        self.open.push(Open { step, intent, began: self.now, approved: String::new(), dead: false });
    }

    fn authorize(&mut self, a: usize, scope: &str) {
        let (client, uri) = if a % 4 == 3 { ("app", "com.example.app:/cb") } else { ("web", URIS[a % 4]) };
        let query = query(&[
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", uri),
            ("scope", if client == "app" { "read" } else { scope }),
            ("resource", if a & 4 == 0 || client == "app" { "" } else { "https://api.example" }),
            ("state", "xyz"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]);
        self.begin(Intent::Authorize { client, uri, sealed: None }, |m, room| {
            authorize(&SERVER, &AuthorizeRequest { query: &query }, m.now, entropy(m.draws), room)
        });
    }

    fn reopen(&mut self, at: usize, other_browser: bool) {
        let (text, client, uri, _) = self.sealed[at].clone();
        let cookie = if other_browser { "other" } else { world::COOKIE };
        self.begin(Intent::Authorize { client, uri, sealed: Some(at) }, |m, room| {
            let step = reopen(&SERVER, &text, cookie, m.now, entropy(m.draws), room);
            assert!(!other_browser || matches!(step, Step::Reply(_)), "another browser gets no further");
            step
        });
    }

    fn credentials(client: &str) -> (String, String) {
        match client {
            "web" => (basic("web", "web-secret"), String::new()),
            "device" => (basic("device", "device-secret"), String::new()),
            _ => (String::new(), query(&[("client_id", client)])),
        }
    }

    fn token_request(&mut self, intent: Intent, client: &str, pairs: &[(&str, &str)]) {
        let (header, own) = Self::credentials(client);
        let body = format!("{}&{own}", query(pairs));
        self.begin(intent, |m, room| {
            let authorization = if header.is_empty() { Header::Absent } else { Header::One(&header) };
            let request = FormRequest { authorization, content_type: FORM, body: body.as_bytes() };
            token(&SERVER, &request, m.now, entropy(m.draws), room)
        });
    }

    fn redeem(&mut self, at: usize, wrong: u8, scope: &str) {
        let code = &self.codes[at];
        let (text, other) = (code.text.clone(), if code.client == "web" { "app" } else { "web" });
        let client = if wrong % 8 == 1 { other } else { code.client };
        let verifier = if wrong % 8 == 2 { OTHER_VERIFIER } else { VERIFIER };
        let uri = if wrong % 8 == 3 { "https://web.example/cc" } else { code.uri };
        let intent = Intent::Redeem { code: at, valid: !(1..4).contains(&(wrong % 8)), again: code.redeemed };
        let grant_type = ("grant_type", "authorization_code");
        let rest = [("code", text.as_str()), ("redirect_uri", uri), ("code_verifier", verifier), ("scope", scope)];
        self.token_request(intent, client, &[&[grant_type], &rest[..]].concat());
    }

    fn refresh(&mut self, at: usize, foreign: bool, scope: &str) {
        let token = &self.tokens[at];
        let text = token.text.clone();
        let client = if foreign { if token.client == "web" { "app" } else { "web" } } else { token.client };
        let stale = token.successor.is_some_and(|next| self.tokens[next].successor.is_some());
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", &text), ("scope", scope)];
        self.token_request(Intent::Refresh { token: at, own: !foreign, stale }, client, &pairs);
    }

    fn client_credentials(&mut self) {
        self.token_request(Intent::ClientCredentials, "device", &[("grant_type", "client_credentials")]);
    }

    fn revoke(&mut self, at: usize, foreign: bool) {
        let (text, owner) = (self.tokens[at].text.clone(), self.tokens[at].client);
        let (header, own) = Self::credentials(if foreign && owner == "web" {
            "app"
        } else if foreign {
            "web"
        } else {
            owner
        });
        let body = format!("token={text}&{own}");
        self.begin(Intent::Revoke { token: at, own: !foreign }, |m, room| {
            let authorization = if header.is_empty() { Header::Absent } else { Header::One(&header) };
            let request = FormRequest { authorization, content_type: FORM, body: body.as_bytes() };
            revoke(&SERVER, &request, m.now, entropy(m.draws), room)
        });
    }

    fn introspect(&mut self, at: usize, local: bool) {
        let text = self.tokens[at].text.clone();
        self.begin(Intent::Introspect { token: at }, |m, room| {
            if local {
                return introspect_local(&SERVER, SecretText::new(&text), m.now, room);
            }
            let (header, body) = (basic("api", "api-secret"), format!("token={text}"));
            let request =
                FormRequest { authorization: Header::One(&header), content_type: FORM, body: body.as_bytes() };
            introspect(&SERVER, &request, m.now, entropy(m.draws), room)
        });
    }

    /// Answers one need: well, or as something broken or a busy store would.
    fn go_on(&mut self, at: usize, how: u8) {
        let mut open = self.open.remove(at);
        open.step = match (open.step, how) {
            (Step::Client(need), 1) => need.fail(),
            (Step::Load(need), 1) => need.fail(),
            (Step::Sign(need), 1) => need.fail(),
            (Step::Owner(need), 1) => need.resume(Owner::Denied),
            (Step::Owner(need), 2 | 3) if self.sealed.len() < 4 => {
                let Intent::Authorize { client, uri, sealed } = open.intent else { panic!("nobody else is asked") };
                let mut out = [0; 2048];
                let text = need.export(world::COOKIE, &mut out).expect("there is room").to_owned();
                if sealed.is_none() {
                    self.sealed.push((text, client, uri, false));
                }
                return;
            }
            (Step::Owner(need), how) => {
                let all = need.scope().to_owned();
                open.approved = if how == 4 && all.contains("read") { "read".into() } else { all };
                need.resume(Owner::Approved {
                    subject: "alice",
                    auth_time: self.now,
                    acr: "",
                    amr: "",
                    scope: &open.approved,
                })
            }
            (Step::Commit(need), 1) => need.fail(),
            (Step::Commit(need), 2) => need.resume(Committed::Conflict),
            (Step::Commit(need), 3) => {
                // Applied, but nobody heard of it.
                let _ = self.store.commit(&need.change());
                need.fail()
            }
            (Step::Commit(need), how) => {
                let foreign = matches!(open.intent, Intent::Revoke { own: false, .. });
                assert!(!foreign, "another client's token is left alone");
                let committed = self.store.commit(&need.change());
                if how == 4 && committed == Committed::Applied {
                    assert_eq!(self.store.commit(&need.change()), Committed::Applied, "sending it again is harmless");
                }
                need.resume(committed)
            }
            (Step::Load(need), _) => {
                open.dead = match open.intent {
                    Intent::Refresh { token, .. } | Intent::Introspect { token } => self.is_dead(token),
                    Intent::Redeem { code, .. } => self.dead_grants.contains(&grant_of(&self.codes[code].text)),
                    _ => false,
                };
                answer(Step::Load(need), &mut self.store)
            }
            (step, _) => answer(step, &mut self.store),
        };
        match open.step {
            Step::Reply(reply) => self.judge(reply, open.intent, open.began, open.approved, open.dead),
            step => self.open.insert(at, Open { step, ..open }),
        }
    }

    fn is_dead(&self, token: usize) -> bool {
        self.dead_tokens.contains(&token) || self.dead_grants.contains(&grant_of(&self.tokens[token].text))
    }

    fn judge(&mut self, reply: Reply<'_>, intent: Intent, began: UnixTime, approved: String, dead: bool) {
        let fault = reply.fault();
        let mut out = [0; 2048];
        let response = reply.write(&mut out).expect("there is room");
        let broken = [Fault::Scratch, Fault::BadRecord, Fault::NoServerKey, Fault::BadConsent, Fault::NoSigningKey];
        assert!(fault.is_none_or(|fault| !broken.contains(&fault)), "{fault:?}");
        match intent {
            Intent::Authorize { client, uri, sealed } => {
                let Some((_, location)) = response.headers().find(|(name, _)| *name == "Location") else { return };
                assert!(location.starts_with(if uri.contains('?') { uri } else { uri.trim_end_matches('/') }));
                assert_eq!(parameter(location, "iss").as_deref(), Some(world::ISSUER));
                assert_eq!(parameter(location, "state").as_deref(), Some("xyz"));
                let Some(text) = parameter(location, "code") else { return };
                assert!(fault.is_none());
                if let Some(at) = sealed {
                    assert!(!std::mem::replace(&mut self.sealed[at].3, true), "one consent, one code");
                }
                assert!(self.codes.iter().all(|code| code.text != text), "codes differ");
                self.codes.push(Code { text, client, uri, scope: approved, issued_at: began, redeemed: false });
            }
            Intent::Redeem { code: at, valid, again } => {
                let code = &mut self.codes[at];
                let grant = grant_of(&code.text);
                if response.status() == 200 {
                    assert!(valid && !again && !dead, "a code is good once, for its client with its verifier");
                    assert!(!std::mem::replace(&mut code.redeemed, true), "a code issues at most once");
                    assert!(began < code.issued_at.plus(SERVER.policy().code_lifetime));
                    let (client, scope) = (code.client, code.scope.clone());
                    self.take_tokens(response.body(), client, &scope);
                } else if matches!(fault, Some(Fault::SpentCode | Fault::EndedGrant)) {
                    assert!(valid, "who cannot redeem a code cannot end its grant");
                    self.dead_grants.insert(grant);
                } else {
                    let away = [Fault::Unavailable, Fault::Contention, Fault::UnknownClient, Fault::ExpiredGrant];
                    let seen = fault.is_some_and(|fault| away.contains(&fault));
                    assert!(!(valid && again) || seen, "a replay is seen: {fault:?}");
                }
            }
            Intent::Refresh { token: at, own, stale } => {
                if response.status() == 200 {
                    assert!(self.tokens[at].refresh && own && !stale && !dead, "a refresh token has one successor");
                    let (client, scope) = (self.tokens[at].client, self.tokens[at].scope.clone());
                    let next = self.take_tokens(response.body(), client, &scope).expect("it is rotated");
                    let known = *self.tokens[at].successor.get_or_insert(next);
                    assert_eq!(known, next, "the grace window gives the same successor");
                } else if matches!(fault, Some(Fault::SpentRefreshToken | Fault::EndedGrant)) {
                    assert!(own, "another client cannot end a grant");
                    self.dead_grants.insert(grant_of(&self.tokens[at].text));
                }
            }
            Intent::ClientCredentials => {
                if response.status() == 200 {
                    let refresh = self.take_tokens(response.body(), "device", "telemetry:write");
                    assert!(refresh.is_none(), "RFC 6749 section 4.4.3");
                }
            }
            Intent::Revoke { token: at, own } => {
                if response.status() == 200 && own {
                    let token = &self.tokens[at];
                    if token.refresh || token.client == "device" {
                        self.dead_grants.insert(grant_of(&token.text));
                    } else {
                        self.dead_tokens.insert(at);
                    }
                }
            }
            Intent::Introspect { token: at } => {
                let token = &self.tokens[at];
                let Some(said) = reply.introspection().filter(|said| said.active) else { return };
                assert!(!dead && !token.refresh, "only live access tokens are active");
                assert!(said.expires_at > began && said.client_id == token.client);
                assert!(is_subset(said.scope, &token.scope));
                assert_eq!(said.subject, if token.client == "device" { "" } else { "alice" });
            }
        }
    }

    /// Takes down what was issued; `whole` is what was consented to. The place of the refresh token, if there is one.
    fn take_tokens(&mut self, body: &str, client: &'static str, whole: &str) -> Option<usize> {
        let json: serde_json::Value = serde_json::from_str(body).expect("it is JSON");
        let scope = json["scope"].as_str().unwrap_or_default();
        assert!(is_subset(scope, whole), "scope is never widened");
        // A refresh token is good for all that was consented to; an access token for what was asked.
        let mut place = None;
        for (name, scope, refresh) in [("access_token", scope, false), ("refresh_token", whole, true)] {
            let Some(text) = json[name].as_str() else { continue };
            let known = self.tokens.iter().position(|token| token.text == text);
            let at = known.unwrap_or_else(|| {
                let token = Token { text: text.into(), client, scope: scope.into(), refresh, successor: None };
                self.tokens.push(token);
                self.tokens.len() - 1
            });
            place = refresh.then_some(at);
        }
        place
    }
}
