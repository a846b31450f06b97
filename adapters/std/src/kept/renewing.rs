//! A token that many share, and a renewal of it that is on: it ends once, and always.

use super::KeptToken;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use valetkey::client::keeper::Ticket;

/// A [`KeptToken`] behind a lock, and whether it is being renewed.
#[derive(Debug)]
pub struct SharedToken {
    kept: Mutex<KeptToken>,
    /// Whether a renewal is on, though its ticket may be lost by now: a refresh token is not sent by two.
    renewing: AtomicBool,
}

impl SharedToken {
    /// No renewal is on.
    pub const fn new(kept: KeptToken) -> Self {
        Self { kept: Mutex::new(kept), renewing: AtomicBool::new(false) }
    }

    /// The token. What a panicking thread left behind is whole: nothing that can panic runs under the lock.
    pub fn kept(&self) -> MutexGuard<'_, KeptToken> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Whether the request was sent, or may have been, and no answer was read. To be set by what sends it.
    pub sent: bool,
}

impl<S: Sharing> fmt::Debug for Renewing<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewing").field("alone", &self.alone).field("sent", &self.sent).finish_non_exhaustive()
    }
}

impl<S: Sharing> Renewing<S> {
    /// The renewal that this ticket is for.
    pub fn new(shared: &Arc<S>, ticket: Ticket) -> Self {
        let alone = !shared.token().renewing.swap(true, Ordering::AcqRel);
        Self { shared: Arc::clone(shared), ticket: Some(ticket), alone, sent: false }
    }

    /// What is shared.
    pub fn shared(&self) -> Arc<S> {
        Arc::clone(&self.shared)
    }

    /// Whether no other one is on, the ticket of which was given up. Otherwise nothing is to be sent.
    pub const fn is_alone(&self) -> bool {
        self.alone
    }

    /// Ends it with what came of it. The next may begin.
    pub fn end(mut self, told: impl FnOnce(&mut KeptToken, Ticket)) {
        self.leave();
        self.tell(told);
    }

    /// Says what came of it. It is on until it is dropped.
    pub fn tell(&mut self, told: impl FnOnce(&mut KeptToken, Ticket)) {
        if let Some(ticket) = self.ticket.take() {
            told(&mut self.shared.token().kept(), ticket);
        }
    }

    /// Lets the next one begin.
    fn leave(&mut self) {
        if mem::take(&mut self.alone) {
            self.shared.token().renewing.store(false, Ordering::Release);
        }
    }
}

impl<S: Sharing> Drop for Renewing<S> {
    fn drop(&mut self) {
        self.leave();
        let unsent = !self.sent;
        self.tell(|kept, ticket| kept.unanswered(ticket, unsent));
        self.shared.handed_back();
    }
}
