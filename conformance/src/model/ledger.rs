//! The reference: a plain ledger of what was issued to whom, what was spent, and what ended.

use super::run::{CLIENTS, ISSUER, SUBJECTS};
use super::{Scope, Wrong, signed};
use std::collections::HashSet;
use valetkey::server::Policy;
use valetkey::server::change::{Change, EventKind, Key, Kind, Version};
use valetkey::server::record::{GrantState, Record};

/// What must not be, in words.
pub(super) type Check = Result<(), String>;

pub(super) fn ensure(holds: bool, otherwise: &str) -> Check {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

/// The client that authenticates; the others are public.
pub(super) const CONFIDENTIAL: usize = 0;

pub(super) const ALL: &str = "read write";
pub(super) const PART: &str = "read";

#[derive(Debug)]
pub(super) struct Grant {
    pub(super) key: Key,
    pub(super) client: usize,
    pub(super) subject: Option<usize>,
    consent: &'static str,
    began: u64,
    pub(super) ended: bool,
}

#[derive(Debug)]
pub(super) struct Code {
    pub(super) text: String,
    pub(super) grant: usize,
    issued: u64,
    /// At which event, and at what time by the request's clock.
    redeemed: Option<(u64, u64)>,
}

#[derive(Debug)]
pub(super) struct Access {
    pub(super) text: String,
    pub(super) grant: usize,
    expires: u64,
    revoked: bool,
}

#[derive(Debug)]
pub(super) struct Refresh {
    pub(super) text: String,
    pub(super) grant: usize,
    rotated: Option<Rotated>,
    /// At which event its successor was first known to be used: rotated, or its access token seen.
    successor_used: Option<u64>,
    /// At what time its access token was seen.
    successor_seen: Option<u64>,
    /// The next refresh token, once somebody saw it.
    successor: Option<String>,
    /// The access token of each time that it was issued, once somebody saw it.
    accesses: Vec<Option<String>>,
}

impl Refresh {
    /// Whether it gave this access token, at whichever time it was asked.
    fn gave(&self, text: &str) -> bool {
        self.accesses.iter().flatten().any(|gave| gave == text)
    }
}

#[derive(Clone, Copy, Debug)]
struct Rotated {
    event: u64,
    now: u64,
    scope: Scope,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) sealed: String,
    pub(super) client: usize,
    answered: bool,
}

impl Pending {
    pub(super) const fn new(sealed: String, client: usize) -> Self {
        Self { sealed, client, answered: false }
    }
}

/// A request, once its numbers are resolved.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked {
    ClientCredentials,
    Authorize { client: usize, subject: usize, scope: &'static str, pending: Option<usize> },
    Redeem { code: usize, client: usize, wrong: Wrong },
    Refresh { token: usize, client: usize, scope: Scope },
    RevokeAccess { token: usize, client: usize },
    RevokeRefresh { token: usize, client: usize },
    Introspect { token: usize },
}

impl Asked {
    /// Whether it is the client with a key pair that asks.
    const fn is_by_the_first(self) -> bool {
        match self {
            Self::ClientCredentials | Self::Introspect { .. } => true,
            Self::Authorize { .. } => false,
            Self::Redeem { client, .. }
            | Self::Refresh { client, .. }
            | Self::RevokeAccess { client, .. }
            | Self::RevokeRefresh { client, .. } => client == 0,
        }
    }
}

/// What was seen of one request on its way.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) asked: Asked,
    pub(super) now: u64,
    pub(super) opened: u64,
    /// By which assertion it authenticates, where it is of the first client.
    pub(super) assertion: usize,
    pub(super) conflicts: u32,
    /// Its change was applied, by this id, and whether that issued something.
    applied: Option<(Version, bool)>,
    grant: Option<usize>,
    /// As it was when the records were loaded.
    live_when_loaded: bool,
    locked_when_loaded: bool,
    successor_used_when_loaded: bool,
    /// Which of the access tokens of a refresh it is about.
    issue: usize,
    clock_when_loaded: u64,
}

impl Facts {
    pub(super) const fn new(asked: Asked, now: u64, opened: u64, assertion: usize) -> Self {
        let (applied, grant) = (None, None);
        let (live_when_loaded, locked_when_loaded, clock_when_loaded) = (false, false, 0);
        let (successor_used_when_loaded, issue) = (false, 0);
        Self {
            asked,
            now,
            opened,
            assertion,
            conflicts: 0,
            applied,
            grant,
            live_when_loaded,
            locked_when_loaded,
            successor_used_when_loaded,
            issue,
            clock_when_loaded,
        }
    }
}

/// What a reply says, taken apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) code: Option<String>,
    pub(super) access: Option<String>,
    pub(super) refresh: Option<String>,
    pub(super) scope: String,
    pub(super) expires_in: u64,
    pub(super) active: Option<bool>,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) policy: Policy,
    pub(super) grants: Vec<Grant>,
    pub(super) codes: Vec<Code>,
    pub(super) accesses: Vec<Access>,
    pub(super) refreshes: Vec<Refresh>,
    pub(super) pendings: Vec<Pending>,
    pub(super) locked: [bool; 2],
    pub(super) removed: [bool; 3],
    pub(super) event: u64,
    pub(super) now: u64,
    /// Assertions that were used.
    pub(super) used: HashSet<usize>,
    /// Loads may be behind.
    pub(super) stale: bool,
}

impl Ledger {
    /// The records were looked at just now.
    pub(super) fn loaded(&self, facts: &mut Facts) {
        let (grant, revoked, used) = match facts.asked {
            Asked::Introspect { token } => (self.accesses[token].grant, self.accesses[token].revoked, false),
            Asked::Refresh { token, .. } => {
                let refresh = &self.refreshes[token];
                facts.issue = refresh.accesses.len().saturating_sub(1);
                (refresh.grant, false, refresh.successor_used.is_some())
            }
            _ => return,
        };
        facts.successor_used_when_loaded = used;
        let grant = &self.grants[grant];
        facts.live_when_loaded = !grant.ended && !revoked;
        facts.locked_when_loaded = grant.subject.is_some_and(|subject| self.locked[subject]);
        facts.clock_when_loaded = self.now;
    }

    /// A change was applied just now, for the first time or once more.
    pub(super) fn applied(&mut self, facts: &mut Facts, change: &Change<'_>) -> Check {
        if let Some((id, _)) = facts.applied {
            return ensure(id == change.id || self.is_forgotten(facts), "a request changed something twice");
        }
        if facts.asked.is_by_the_first() {
            ensure(self.used.insert(facts.assertion), "an assertion was used twice")?;
        }
        let puts = || change.puts.iter().flatten();
        // A signed token has no record until it is revoked, so that one which is new may as well end something.
        let revokes = matches!(facts.asked, Asked::RevokeAccess { .. } | Asked::RevokeRefresh { .. });
        let ends = puts().any(|put| matches!(put.record, Record::Grant(grant) if grant.state == GrantState::Ended));
        if change.event.is_some_and(|event| event.what == EventKind::GraceEnded) {
            facts.applied = Some((change.id, false));
            return self.grace_ended(facts);
        }
        let only_used = puts().all(|put| matches!(put.record, Record::Used));
        let issues = !revokes && !ends && !only_used;
        facts.applied = Some((change.id, issues));
        if issues {
            let made = puts().find(|put| put.key.kind == Kind::Grant).map(|put| put.key);
            return self.issued(facts, made.ok_or("tokens without a grant")?);
        }
        for put in puts() {
            match put.record {
                Record::Grant(grant) if grant.state == GrantState::Ended => self.ended(facts, put.key)?,
                Record::Access(_) => self.access_ended(facts)?,
                Record::Used if facts.asked.is_by_the_first() => {}
                _ => return Err("a change that neither issues nor ends".into()),
            }
        }
        Ok(())
    }

    fn issued(&mut self, facts: &mut Facts, key: Key) -> Check {
        let (client, subject) = match facts.asked {
            Asked::ClientCredentials => {
                facts.grant = Some(self.begin(key, 0, None, ALL, facts.now));
                (0, None)
            }
            Asked::Authorize { client, subject, scope, pending } => {
                if let Some(pending) = pending {
                    let pending = &mut self.pendings[pending];
                    ensure(!pending.answered, "one consent issued two codes")?;
                    pending.answered = true;
                }
                facts.grant = Some(self.begin(key, client, Some(subject), scope, facts.now));
                (client, Some(subject))
            }
            Asked::Redeem { code, client, wrong } => {
                let code = &mut self.codes[code];
                ensure(wrong == Wrong::Nothing, "a code was redeemed by a wrong request")?;
                ensure(code.redeemed.is_none(), "a code issued twice")?;
                ensure(facts.now < code.issued + u64::from(self.policy.code_lifetime), "an expired code issued")?;
                code.redeemed = Some((self.event, facts.now));
                facts.grant = Some(code.grant);
                (client, self.grants[code.grant].subject)
            }
            Asked::Refresh { token, client, scope } => {
                let late = self.refreshes[token].rotated.is_none_or(|r| self.is_late(facts, r));
                let unseen = self.policy.grace_until_used && self.refreshes[token].successor_seen.is_none();
                let again = late && unseen && client == CONFIDENTIAL && self.in_grace(facts, token, client, scope);
                let refresh = &mut self.refreshes[token];
                ensure(refresh.rotated.is_none() || again, "a refresh token was rotated twice")?;
                let event = refresh.rotated.map_or(self.event, |r| r.event);
                refresh.rotated = Some(Rotated { event, now: facts.now, scope });
                facts.issue = refresh.accesses.len();
                refresh.accesses.push(None);
                let (grant, text) = (refresh.grant, refresh.text.clone());
                facts.grant = Some(grant);
                self.successor_used(|before| before.successor.as_ref() == Some(&text));
                (client, self.grants[grant].subject)
            }
            _ => return Err("a request that issues nothing issued something".into()),
        };
        let grant = &self.grants[facts.grant.ok_or("no grant")?];
        ensure(grant.key == key, "issued for another grant")?;
        ensure(grant.client == client, "issued to another client")?;
        ensure(!grant.ended, "issued from an ended grant")?;
        ensure(!self.removed[client], "issued to a removed client")?;
        ensure(!subject.is_some_and(|subject| self.locked[subject]), "issued for a locked account")
    }

    /// What the refresh gave that is meant was used.
    fn successor_used(&mut self, is_meant: impl Fn(&&mut Refresh) -> bool) -> Option<&mut Refresh> {
        let before = self.refreshes.iter_mut().find(is_meant)?;
        before.successor_used.get_or_insert(self.event);
        Some(before)
    }

    /// An access token was seen, and closed the grace window of the refresh that it came of.
    fn grace_ended(&mut self, facts: &Facts) -> Check {
        let Asked::Introspect { token } = facts.asked else {
            return Err("a grace window was ended by no introspection".into());
        };
        ensure(self.policy.grace_until_used, "a grace window was ended that does not wait")?;
        let text = self.accesses[token].text.clone();
        let before = self.successor_used(|before| before.gave(&text));
        before.ok_or("a grace window was ended by a token of no refresh")?.successor_seen = Some(facts.now);
        Ok(())
    }

    fn begin(&mut self, key: Key, client: usize, subject: Option<usize>, consent: &'static str, began: u64) -> usize {
        self.grants.push(Grant { key, client, subject, consent, began, ended: false });
        self.grants.len() - 1
    }

    /// A grant was ended: by a reason, and only by its own client.
    fn ended(&mut self, facts: &Facts, key: Key) -> Check {
        let (grant, client, reason) = match facts.asked {
            Asked::Redeem { code, client, wrong } => {
                let code = &self.codes[code];
                (code.grant, client, wrong == Wrong::Nothing && code.redeemed.is_some())
            }
            Asked::Refresh { token, client, scope } => {
                let Refresh { grant, rotated, .. } = self.refreshes[token];
                let retry = rotated.is_some_and(|r| r.scope == scope) && self.waits(facts, token, client);
                (grant, client, rotated.is_some() && (!retry || facts.successor_used_when_loaded))
            }
            Asked::RevokeRefresh { token, client } => (self.refreshes[token].grant, client, true),
            Asked::RevokeAccess { token, client } => {
                let grant = self.accesses[token].grant;
                (grant, client, self.grants[grant].subject.is_none())
            }
            _ => return Err("a request that ends nothing ended a grant".into()),
        };
        let grant = &mut self.grants[grant];
        ensure(reason, "a grant was ended for no reason")?;
        ensure(grant.key == key && grant.client == client, "a grant was ended by another client")?;
        grant.ended = true;
        Ok(())
    }

    fn access_ended(&mut self, facts: &Facts) -> Check {
        let Asked::RevokeAccess { token, client } = facts.asked else {
            return Err("an access token ended alone".into());
        };
        let access = &mut self.accesses[token];
        ensure(self.grants[access.grant].client == client, "an access token was revoked by another client")?;
        access.revoked = true;
        Ok(())
    }

    /// The reply reached whoever asked.
    pub(super) fn replied(&mut self, facts: &Facts, said: &Said) -> Check {
        let gave = said.code.is_some() || said.access.is_some() || said.refresh.is_some();
        let issued = matches!(facts.applied, Some((_, true)));
        let lost = self.is_forgotten(facts) || facts.grant.is_some_and(|grant| self.grants[grant].ended);
        ensure(gave || !issued || lost, "a change was applied, and the reply is a refusal")?;
        ensure(!gave || said.status == 200 || said.status == 303, "tokens beside an error")?;
        let told = facts.asked.is_by_the_first() && said.status < 400;
        ensure(!told || facts.applied.is_some(), "an assertion was taken, and nothing says so")?;
        match facts.asked {
            Asked::Refresh { token, client, scope } => self.refreshed(facts, said, token, client, scope),
            Asked::RevokeAccess { .. } | Asked::RevokeRefresh { .. } => self.revoked(facts, said),
            Asked::Introspect { token } => self.introspected(facts, said, token),
            Asked::Redeem { code, wrong, .. } if !gave => self.not_redeemed(facts, said, code, wrong),
            _ if gave => {
                ensure(issued, "tokens without a change that makes them")?;
                self.keep(facts, said)
            }
            _ => Ok(()),
        }
    }

    /// What was given is in the world from now on.
    fn keep(&mut self, facts: &Facts, said: &Said) -> Check {
        let grant = facts.grant.ok_or("given without a grant")?;
        if let Some(text) = &said.code {
            self.codes.push(Code { text: text.clone(), grant, issued: facts.now, redeemed: None });
        }
        if let Some(text) = &said.access {
            self.within_consent(grant, &said.scope)?;
            let expires = facts.now + said.expires_in;
            ensure(expires <= self.grants[grant].began + u64::from(self.policy.grant_lifetime), "outlives its grant")?;
            ensure(self.accesses.iter().all(|access| access.text != *text), "an access token came twice")?;
            if text.contains('.') {
                let Grant { client, subject, .. } = self.grants[grant];
                let person = subject.map_or("", |subject| SUBJECTS[subject]);
                signed::is_taken(ISSUER, text, CLIENTS[client], person, &said.scope, expires)?;
            }
            self.accesses.push(Access { text: text.clone(), grant, expires, revoked: false });
        }
        if let Some(text) = &said.refresh {
            ensure(self.refreshes.iter().all(|refresh| refresh.text != *text), "a refresh token came twice")?;
            self.refreshes.push(Refresh {
                text: text.clone(),
                grant,
                rotated: None,
                successor_used: None,
                successor_seen: None,
                successor: None,
                accesses: Vec::new(),
            });
        }
        Ok(())
    }

    fn within_consent(&self, grant: usize, scope: &str) -> Check {
        let consent = self.grants[grant].consent;
        ensure(scope.split(' ').all(|word| consent.split(' ').any(|c| c == word)), "a scope wider than the consent")
    }

    /// A second valid use is refused, and by then the grant has ended.
    fn not_redeemed(&self, facts: &Facts, said: &Said, code: usize, wrong: Wrong) -> Check {
        let code = &self.codes[code];
        let Some((event, at)) = code.redeemed else { return Ok(()) };
        // A spent code may be forgotten once the tokens that it gave are expired.
        let remembered = self.now < at + u64::from(self.policy.access_lifetime);
        let second_use = wrong == Wrong::Nothing && event < facts.opened && said.status == 400 && remembered;
        ensure(self.stale || !second_use || self.grants[code.grant].ended, "a code was replayed and nothing ended")
    }

    /// A change may be sent again so late that what it wrote was revoked or swept meanwhile.
    fn is_forgotten(&self, facts: &Facts) -> bool {
        let revoked = match facts.asked {
            Asked::Refresh { token, .. } => {
                self.accesses.iter().any(|access| access.revoked && self.refreshes[token].gave(&access.text))
            }
            _ => false,
        };
        revoked || self.now >= facts.now + u64::from(self.policy.code_lifetime)
    }

    fn refreshed(&mut self, facts: &Facts, said: &Said, token: usize, client: usize, scope: Scope) -> Check {
        let (grant, rotated) = (self.refreshes[token].grant, self.refreshes[token].rotated);
        let in_grace = self.in_grace(facts, token, client, scope);
        let waits = rotated.is_some_and(|r| r.scope == scope) && self.waits(facts, token, client);
        let (Some(access), Some(refresh)) = (&said.access, &said.refresh) else {
            let reuse = rotated.is_some_and(|r| r.event < facts.opened) && !in_grace && !waits && facts.conflicts == 0;
            let own = self.grants[grant].client == client;
            let there = self.now < self.grants[grant].began + u64::from(self.policy.grant_lifetime);
            let within = scope != Scope::All || self.grants[grant].consent == ALL;
            let must_end = reuse && own && within && there && said.status == 400 && !self.stale;
            return ensure(!must_end || self.grants[grant].ended, "a refresh token was reused and nothing ended");
        };
        ensure(self.grants[grant].client == client, "another client refreshed")?;
        if !matches!(facts.applied, Some((_, true))) {
            ensure(in_grace, "the successor was given again outside the grace window")?;
            let late = !self.is_young(facts, token, client) && facts.successor_used_when_loaded;
            ensure(self.stale || !late, "the successor was given again though it was seen in use")?;
            ensure(self.stale || facts.live_when_loaded, "the successor was given again from an ended grant")?;
            ensure(self.stale || !facts.locked_when_loaded, "the successor was given again for a locked account")?;
        }
        let known = &mut self.refreshes[token];
        let new = known.successor.is_none();
        ensure(known.successor.get_or_insert(refresh.clone()) == refresh, "a refresh token has two successors")?;
        let gave = &mut known.accesses;
        let issue =
            if self.stale { gave.iter().position(|gave| gave.as_ref() == Some(access)) } else { Some(facts.issue) };
        let issue = issue.or_else(|| gave.iter().position(Option::is_none)).ok_or("an access token out of nothing")?;
        match gave.get_mut(issue).ok_or("an access token out of nothing")? {
            Some(known) => ensure(known == access, "another access token in the grace window"),
            none => {
                *none = Some(access.clone());
                let said = Said { refresh: said.refresh.clone().filter(|_| new), ..said.clone() };
                self.keep(&Facts { grant: Some(grant), ..facts.clone() }, &said)
            }
        }
    }

    /// Whether the same request may have the same successor again.
    fn in_grace(&self, facts: &Facts, token: usize, client: usize, scope: Scope) -> bool {
        let Some(rotated) = self.refreshes[token].rotated.filter(|r| r.scope == scope) else { return false };
        let idle = facts.now.abs_diff(rotated.now) >= u64::from(self.policy.refresh_idle);
        self.is_young(facts, token, client) || self.waits(facts, token, client) && !idle
    }

    /// Whether it is so by the seconds since the rotation, or since its use was seen.
    fn is_young(&self, facts: &Facts, token: usize, client: usize) -> bool {
        let Refresh { rotated, successor_seen, .. } = &self.refreshes[token];
        let seen = successor_seen.filter(|_| client == CONFIDENTIAL);
        let grace = u64::from(self.policy.refresh_grace);
        rotated.map(|r| r.now).into_iter().chain(seen).any(|then| facts.now.abs_diff(then) < grace)
    }

    /// Whether a retry gets another access token, as the life of the one before is over for the most part.
    fn is_late(&self, facts: &Facts, rotated: Rotated) -> bool {
        2 * facts.now.abs_diff(rotated.now) >= u64::from(self.policy.access_lifetime)
    }

    /// Whether the grace window waits for the client, as nobody is known to have used what it was sent.
    fn waits(&self, facts: &Facts, token: usize, client: usize) -> bool {
        // Nothing is committed by an answer that was given before, so that a look from before the use gives it once more.
        let used = !self.stale && self.refreshes[token].successor_used.is_some_and(|event| event < facts.opened);
        self.policy.grace_until_used && client == CONFIDENTIAL && !used
    }

    fn revoked(&self, facts: &Facts, said: &Said) -> Check {
        if said.status != 200 || self.stale {
            return Ok(());
        }
        let (gone, grant, client, expires) = match facts.asked {
            Asked::RevokeRefresh { token, client } => {
                let grant = self.refreshes[token].grant;
                (
                    self.grants[grant].ended,
                    grant,
                    client,
                    self.grants[grant].began + u64::from(self.policy.grant_lifetime),
                )
            }
            Asked::RevokeAccess { token, client } => {
                let access = &self.accesses[token];
                (access.revoked || self.grants[access.grant].ended, access.grant, client, access.expires)
            }
            _ => return Ok(()),
        };
        let effective = self.grants[grant].client == client && self.now < expires;
        ensure(!effective || gone, "a revocation was answered and did nothing")
    }

    fn introspected(&self, facts: &Facts, said: &Said, token: usize) -> Check {
        let access = &self.accesses[token];
        if said.status != 200 || self.stale {
            return Ok(());
        }
        let active = said.active.ok_or("introspection does not say whether the token is active")?;
        let live = facts.live_when_loaded && facts.now < access.expires;
        ensure(live || !active, "active, though revoked, ended or expired")?;
        let refresh = self.refreshes.iter().find(|refresh| refresh.gave(&access.text));
        let waits =
            |refresh: &Refresh| self.grants[refresh.grant].client == CONFIDENTIAL && refresh.successor_used.is_none();
        let open = self.policy.grace_until_used && refresh.is_some_and(waits);
        ensure(!active || !open, "an access token was seen in use and the grace window stays open")?;
        // A row that is swept under an old request is no longer found.
        ensure(active || !live || facts.clock_when_loaded >= access.expires, "inactive, though nothing ended it")?;
        if active { self.within_consent(access.grant, &said.scope) } else { Ok(()) }
    }
}
