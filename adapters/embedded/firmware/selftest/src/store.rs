//! A store in an array: what a server without a heap, or a test of one, keeps its records in.

use valetkey::server::change::{Change, Committed, Expect, Found, Key, Keys, Put, Version};
use valetkey::server::record::{Access, Code, Grant, Record};

/// Most records, and most bytes of a text.
const ROWS: usize = 8;
const TEXT: usize = 32;

#[derive(Clone, Copy)]
struct Text {
    bytes: [u8; TEXT],
    len: usize,
}

impl Text {
    fn of(text: &str) -> Option<Self> {
        let mut bytes = [0; TEXT];
        bytes.get_mut(..text.len())?.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
        Some(Self { bytes, len: text.len() })
    }

    fn get(&self) -> &str {
        self.bytes.get(..self.len).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

/// A record: its texts, and the rest of it with texts that are empty.
#[derive(Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "without a heap every row is as large as the largest")]
enum Kept {
    Grant([Text; 6], Grant<'static>),
    Code(Text, Code<'static>),
    Access([Text; 2], Access<'static>),
    Used,
}

impl Kept {
    /// `None` for what does not fit, and for records that are not kept here.
    fn of(record: &Record<'_>) -> Option<Self> {
        Some(match record {
            Record::Grant(grant) => {
                let Grant { client_id, subject, scope, resource, acr, amr, .. } = *grant;
                let rest = Grant {
                    client_id: "",
                    subject: "",
                    scope: "",
                    resource: "",
                    acr: "",
                    amr: "",
                    state: grant.state,
                    issued_at: grant.issued_at,
                    expires_at: grant.expires_at,
                    auth_time: grant.auth_time,
                    account: grant.account,
                    access: grant.access,
                    salt: grant.salt,
                    server_key: grant.server_key,
                    generation: grant.generation,
                    rotated_at: grant.rotated_at,
                    rotated_by: grant.rotated_by,
                    seen_at: grant.seen_at,
                    signed: grant.signed,
                };
                let text = Text::of;
                Self::Grant(
                    [text(client_id)?, text(subject)?, text(scope)?, text(resource)?, text(acr)?, text(amr)?],
                    rest,
                )
            }
            Record::Code(code) => {
                let Code { grant, redirect_uri_named, challenge, expires_at, spent, .. } = *code;
                let rest = Code { redirect_uri: "", grant, redirect_uri_named, challenge, expires_at, spent };
                Self::Code(Text::of(code.redirect_uri)?, rest)
            }
            Record::Access(access) => {
                let Access { grant, issued_at, expires_at, .. } = *access;
                let rest = Access { scope: "", resource: "", grant, issued_at, expires_at };
                Self::Access([Text::of(access.scope)?, Text::of(access.resource)?], rest)
            }
            Record::Used => Self::Used,
            Record::Client(_) | Record::Account(_) | Record::SigningKey(_) => return None,
        })
    }

    fn view(&self) -> Record<'_> {
        match self {
            Self::Grant([client_id, subject, scope, resource, acr, amr], rest) => Record::Grant(Grant {
                client_id: client_id.get(),
                subject: subject.get(),
                scope: scope.get(),
                resource: resource.get(),
                acr: acr.get(),
                amr: amr.get(),
                ..*rest
            }),
            Self::Code(redirect_uri, rest) => Record::Code(Code { redirect_uri: redirect_uri.get(), ..*rest }),
            Self::Access([scope, resource], rest) => {
                Record::Access(Access { scope: scope.get(), resource: resource.get(), ..*rest })
            }
            Self::Used => Record::Used,
        }
    }
}

/// Forgets everything at its end, and nothing before.
pub(crate) struct Store([Option<(Key, Version, Kept)>; ROWS]);

impl Store {
    pub(crate) const fn new() -> Self {
        Self([None; ROWS])
    }

    pub(crate) fn load(&self, keys: &Keys) -> Found<'_> {
        keys.map(|key| {
            let (_, version, kept) = self.row(key?)?;
            Some((kept.view(), *version))
        })
    }

    /// All of it or nothing. `None` if there is no room, so that nobody knows what would become of it.
    pub(crate) fn commit(&mut self, change: &Change<'_>) -> Option<Committed> {
        let first = change.puts.iter().flatten().next()?;
        if self.row(first.key).is_some_and(|(_, version, _)| *version == change.id) {
            return Some(Committed::Applied);
        }
        let at = |key| self.row(key).map(|(_, version, _)| *version);
        let expected = |put: &Put<'_>| match put.expect {
            Expect::Absent => at(put.key).is_none(),
            Expect::At(version) => at(put.key) == Some(version),
        };
        let held = change.holds.iter().flatten().all(|(key, version)| at(*key) == Some(*version));
        if !held || !change.puts.iter().flatten().all(expected) {
            return Some(Committed::Conflict);
        }
        let before = self.0;
        for put in change.puts.iter().flatten() {
            if self.put(put, change.id).is_none() {
                self.0 = before;
                return None;
            }
        }
        Some(Committed::Applied)
    }

    fn row(&self, key: Key) -> Option<&(Key, Version, Kept)> {
        self.0.iter().flatten().find(|(at, ..)| *at == key)
    }

    fn put(&mut self, put: &Put<'_>, version: Version) -> Option<()> {
        let kept = Kept::of(&put.record)?;
        let taken = |row: &Option<(Key, Version, Kept)>| row.as_ref().is_some_and(|(at, ..)| *at == put.key);
        let row = self.0.iter().position(taken).or_else(|| self.0.iter().position(Option::is_none))?;
        *self.0.get_mut(row)? = Some((put.key, version, kept));
        Some(())
    }
}
