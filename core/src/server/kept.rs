//! A grant as a machine keeps it between needs: its text in scratch, the rest by value.

use super::caller::Caller;
use super::change::{Key, Version};
use super::fault::Fault;
use super::record::{Digest, Grant, GrantState};
use crate::text::buf::{Scratch, Span};
use crate::time::UnixTime;

/// A grant whose text lies in scratch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) key: Key,
    pub(super) client_id: Span,
    pub(super) subject: Span,
    pub(super) scope: Span,
    pub(super) resource: Span,
    pub(super) state: GrantState,
    pub(super) issued_at: UnixTime,
    pub(super) expires_at: UnixTime,
    pub(super) auth_time: UnixTime,
    pub(super) acr: Span,
    pub(super) amr: Span,
    pub(super) account: Option<Version>,
    pub(super) access: Option<Digest>,
    pub(super) salt: Digest,
    pub(super) server_key: u8,
    pub(super) generation: u32,
    pub(super) rotated_at: UnixTime,
    pub(super) rotated_by: Option<Digest>,
    pub(super) seen_at: Option<UnixTime>,
    pub(super) signed: bool,
}

impl Kept {
    /// A grant that begins now.
    pub(super) const fn new(key: Key, client_id: Span, issued_at: UnixTime, expires_at: UnixTime) -> Self {
        Self {
            key,
            client_id,
            subject: Span::EMPTY,
            scope: Span::EMPTY,
            resource: Span::EMPTY,
            state: GrantState::Live,
            issued_at,
            expires_at,
            auth_time: UnixTime(0),
            acr: Span::EMPTY,
            amr: Span::EMPTY,
            account: None,
            access: None,
            salt: Digest([0; 32]),
            server_key: 0,
            generation: 0,
            rotated_at: issued_at,
            rotated_by: None,
            seen_at: None,
            signed: false,
        }
    }

    pub(super) fn keep(key: Key, grant: &Grant<'_>, scratch: &mut Scratch<'_>) -> Result<Self, Fault> {
        let mut keep = |text| scratch.keep(text).map_err(|_| Fault::Scratch);
        Ok(Self {
            key,
            client_id: keep(grant.client_id)?,
            subject: keep(grant.subject)?,
            scope: keep(grant.scope)?,
            resource: keep(grant.resource)?,
            acr: keep(grant.acr)?,
            amr: keep(grant.amr)?,
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
        })
    }

    pub(super) fn view<'a>(&self, scratch: &'a Scratch<'_>) -> Grant<'a> {
        Grant {
            client_id: scratch.text(self.client_id),
            subject: scratch.text(self.subject),
            scope: scratch.text(self.scope),
            resource: scratch.text(self.resource),
            state: self.state,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            auth_time: self.auth_time,
            acr: scratch.text(self.acr),
            amr: scratch.text(self.amr),
            account: self.account,
            access: self.access,
            salt: self.salt,
            server_key: self.server_key,
            generation: self.generation,
            rotated_at: self.rotated_at,
            rotated_by: self.rotated_by,
            seen_at: self.seen_at,
            signed: self.signed,
        }
    }

    /// The key of its account, where accounts are records.
    pub(super) fn account_key(&self, scratch: &Scratch<'_>) -> Option<Key> {
        self.account.map(|_| Key::account(scratch.text(self.subject)))
    }

    /// The keys that `scan` finds it by. It is mostly a grant of the client that calls, whose key is known.
    pub(super) fn index(&self, caller: &Caller, scratch: &Scratch<'_>) -> [Option<Key>; 2] {
        let client_id = scratch.text(self.client_id);
        let own = client_id == scratch.text(caller.client_id);
        index(scratch.text(self.subject), if own { caller.key() } else { Key::client(client_id) })
    }
}

/// The keys that `scan` finds a grant by, and all that belongs to it.
pub(super) fn index(subject: &str, client: Key) -> [Option<Key>; 2] {
    [(!subject.is_empty()).then(|| Key::account(subject)), Some(client)]
}
