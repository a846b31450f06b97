//! The driver: a loop that answers what the core asks for. It decides nothing.
//!
//! This is all that stands between the core and a store; another store or verifier takes a loop like it.

use super::signing::{Sign, sign};
use crate::store::{Store, StoreError};
use std::thread::sleep;
use std::time::{Duration, Instant};
use valetkey::secret::SecretText;
use valetkey::server::change::{Change, Committed, found};
use valetkey::server::record::OwnedRecord;
use valetkey::server::{NeedClient, NeedOwner, Reply, Step};
use valetkey_std::audit;

/// For how long a change is sent again to a store that fails.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// The first pause before a change is sent again; each one after it is twice as long.
const PAUSE: Duration = Duration::from_millis(10);

/// What a loop over steps ends with.
#[must_use]
#[derive(Debug)]
pub enum End<'r> {
    /// The reply.
    Reply(Reply<'r>),
    /// A person's login and consent, which takes pages.
    Owner(NeedOwner<'r>),
}

/// Checks a secret that a person chose, as presented, against its Argon2id hash in PHC form. `None` if it is busy or broken,
/// so that the client is told to come again.
pub type Verify = dyn Fn(SecretText<'_>, &str) -> Option<bool> + Send + Sync;

/// Answers needs until there is a reply, or a person has to be asked. Without `verify` no client whose secret a person
/// chose can authenticate, and without `signer` no access token is signed.
pub fn drive<'r>(mut step: Step<'r>, store: &impl Store, verify: Option<&Verify>, signer: Option<&Sign>) -> End<'r> {
    loop {
        step = match step {
            Step::Client(need) => client(need, store),
            Step::Load(need) => match told(store.load(need.keys())) {
                Some(loaded) => need.resume(found(&loaded)),
                None => need.fail(),
            },
            Step::Verify(need) => match verify.and_then(|verify| verify(need.secret(), need.hash())) {
                Some(fits) => need.resume(fits),
                None => need.fail(),
            },
            Step::Sign(need) => sign(need, signer),
            Step::Commit(need) => {
                let outcome = commit(&need.change(), store);
                match outcome {
                    Some(outcome) => need.resume(outcome),
                    None => need.fail(),
                }
            }
            Step::Owner(need) => return End::Owner(need),
            Step::Reply(reply) => {
                audit::replied(&reply);
                return End::Reply(reply);
            }
        }
    }
}

/// Clients are kept in the same store, so the commit holds the version that was found here.
fn client<'r>(need: NeedClient<'r>, store: &impl Store) -> Step<'r> {
    let Some(loaded) = told(store.load(&[Some(need.key()), None, None, None])) else {
        return need.fail();
    };
    let Some((record, version)) = &loaded[0] else { return need.resume(None) };
    match &**record {
        OwnedRecord::Client(client) => need.resume(Some((&client.as_view(), Some(*version)))),
        _ => need.fail(),
    }
}

/// Commits a change and tells `tracing` of its event. After an error the outcome is unknown: the same change is sent
/// again, which is harmless, until [`DEADLINE`]; then `None`.
pub fn commit(change: &Change<'_>, store: &impl Store) -> Option<Committed> {
    let (deadline, mut pause) = (Instant::now() + DEADLINE, PAUSE);
    loop {
        if let Some(outcome) = told(store.commit(change)) {
            if let (Committed::Applied, Some(event)) = (outcome, change.event) {
                audit::committed(&event);
            }
            return Some(outcome);
        }
        if Instant::now() + pause >= deadline {
            return None;
        }
        sleep(pause);
        pause *= 2;
    }
}

/// What went wrong is the operator's to know.
fn told<T>(answer: Result<T, StoreError>) -> Option<T> {
    answer.inspect_err(|error| tracing::error!(error = %error.causes(), "the store cannot answer")).ok()
}
