//! A token that many share, and a renewal of it that is on: it ends once, and always.

use super::KeptToken;
use super::token::Request;
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use valetkey::client::keeper::Ticket;

/// A [`KeptToken`] behind a lock.
#[derive(Debug)]
pub struct SharedToken(Mutex<KeptToken>);

impl SharedToken {
    /// No renewal is on.
    pub const fn new(kept: KeptToken) -> Self {
        Self(Mutex::new(kept))
    }

    /// The token. What a panicking thread left behind is whole: nothing that can panic runs under the lock.
    pub fn kept(&self) -> MutexGuard<'_, KeptToken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What threads or tasks have in common that share a token.
pub trait Sharing {
    /// The token.
    fn token(&self) -> &SharedToken;

    /// Tells those who wait that a ticket was handed back.
    fn handed_back(&self);
}

/// A renewal that is on. However it ends, be it by a panic or with its runtime, its ticket is handed back and those who wait
/// are told.
pub struct Renewing<S: Sharing> {
    shared: Arc<S>,
    ticket: Option<Ticket>,
    alone: bool,
}

impl<S: Sharing> fmt::Debug for Renewing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").field("alone", &self.alone).finish_non_exhaustive()
    }
}

impl<S: Sharing> Renewing<S> {
    /// The renewal that this ticket is for.
    pub fn new(shared: &Arc<S>, ticket: Ticket) -> Self {
        let mut kept = shared.token().kept();
        let alone = kept.renewing.is_none();
        kept.renewing.get_or_insert(Request::Unsent);
        drop(kept);
        Self { shared: Arc::clone(shared), ticket: Some(ticket), alone }
    }

    /// What is shared.
    pub fn shared(&self) -> Arc<S> {
        Arc::clone(&self.shared)
    }

    /// Whether no other one is on, the ticket of which was given up. Otherwise nothing is to be sent.
    pub const fn is_alone(&self) -> bool {
        self.alone
    }

    /// To be called by the one that is alone: before its request is sent, and with `false` when it is known that it was not, or
    /// when its answer brought a successor.
    pub fn sent(&self, sent: bool) {
        self.shared.token().kept().renewing = Some(if sent { Request::Sent } else { Request::Unsent });
    }

    /// Ends it with what came of it. The next may begin.
    pub fn end(mut self, told: impl FnOnce(&mut KeptToken, Ticket)) {
        self.leave(|kept, ticket, _| told(kept, ticket));
    }

    /// Says what came of it. It is on until it is dropped. To be called by the one that is alone.
    pub fn tell(&mut self, told: impl FnOnce(&mut KeptToken, Ticket)) {
        let mut kept = self.shared.token().kept();
        kept.renewing = Some(Request::Told);
        if let Some(ticket) = self.ticket.take() {
            told(&mut kept, ticket);
        }
    }

    /// Lets the next one begin, when it is told what came of this one and whether that was sent.
    fn leave(&mut self, told: impl FnOnce(&mut KeptToken, Ticket, Option<Request>)) {
        let mut kept = self.shared.token().kept();
        let request = if mem::take(&mut self.alone) { kept.renewing.take() } else { None };
        if let Some(ticket) = self.ticket.take() {
            told(&mut kept, ticket, request);
        }
    }
}

impl<S: Sharing> Drop for Renewing<S> {
    fn drop(&mut self) {
        self.leave(|kept, ticket, request| kept.unanswered(ticket, request != Some(Request::Sent)));
        self.shared.handed_back();
    }
}
