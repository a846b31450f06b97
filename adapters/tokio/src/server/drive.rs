//! The driver: a loop that answers what the core asks for. It decides nothing.
//!
//! This is all that stands between the core and a store; another store, runtime or verifier takes a loop like it.

use super::signing::{Signer, sign};
use crate::store::{Store, StoreError};
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use valetkey::secret::SecretText;
use valetkey::server::change::{Change, Committed, found};
use valetkey::server::record::OwnedRecord;
use valetkey::server::{NeedOwner, Reply, Step};
use valetkey_std::audit;

/// How long a store may take for one answer, resending included.
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

/// Checks a secret that a person chose against its Argon2id hash, off the threads that serve.
pub struct Verifier(Box<Verify>);

type Verify = dyn Fn(SecretText<'_>, &str) -> Pin<Box<dyn Future<Output = Option<bool>> + Send>> + Send + Sync;

impl Verifier {
    /// `verify` is given the secret as presented and the hash in PHC form, and tells whether they fit; `None` if it is busy or
    /// broken, so that the client is told to come again.
    pub fn new<F>(verify: impl Fn(SecretText<'_>, &str) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<bool>> + Send + 'static,
    {
        Self(Box::new(move |secret, hash| Box::pin(verify(secret, hash))))
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// Answers needs until there is a reply, or a person has to be asked. Without a verifier no client whose secret a person
/// chose can authenticate, and without a signer no access token is signed.
pub async fn drive<'r, S: Store>(
    mut step: Step<'r>,
    store: &S,
    verifier: Option<&Verifier>,
    signer: Option<&Signer>,
) -> End<'r> {
    loop {
        step = match step {
            // Clients are kept in the same store, so the commit holds the version that was found here.
            Step::Client(need) => {
                let keys = [Some(need.key()), None, None, None];
                let loaded = in_time(store.load(&keys)).await;
                match &loaded {
                    Some([None, ..]) => need.resume(None),
                    Some([Some((record, version)), ..]) => match &**record {
                        OwnedRecord::Client(client) => need.resume(Some((&client.as_view(), Some(*version)))),
                        _ => need.fail(),
                    },
                    None => need.fail(),
                }
            }
            Step::Load(need) => {
                let loaded = in_time(store.load(need.keys())).await;
                match &loaded {
                    Some(loaded) => need.resume(found(loaded)),
                    None => need.fail(),
                }
            }
            Step::Verify(need) => {
                let fits = match verifier {
                    Some(Verifier(verify)) => verify(need.secret(), need.hash()).await,
                    None => None,
                };
                match fits {
                    Some(fits) => need.resume(fits),
                    None => need.fail(),
                }
            }
            Step::Sign(need) => sign(need, signer).await,
            Step::Commit(need) => {
                let outcome = commit(&need.change(), store).await;
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

/// Commits a change and tells `tracing` of its event. After an error the outcome is unknown: the same change is sent
/// again, which is harmless, until [`DEADLINE`]; then `None`.
pub async fn commit<S: Store>(change: &Change<'_>, store: &S) -> Option<Committed> {
    let (mut patience, mut pause) = (Patience::default(), PAUSE);
    loop {
        match patience.wait(store.commit(change)).await {
            Some(Ok(outcome)) => {
                if let (Committed::Applied, Some(event)) = (outcome, &change.event) {
                    audit::committed(event);
                }
                return Some(outcome);
            }
            Some(Err(error)) => complain(&error),
            None => tracing::error!("the store did not answer in time; whether it took a change is unknown"),
        }
        if Instant::now() + pause >= patience.end() {
            return None;
        }
        sleep(pause).await;
        pause *= 2;
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match Patience::default().wait(answer).await {
        Some(Ok(answer)) => return Some(answer),
        Some(Err(error)) => complain(&error),
        None => tracing::error!("the store did not answer in time"),
    }
    None
}

/// Until when a store is waited for: [`DEADLINE`] from when it first did not answer at once. Of one that does, such as a store
/// in memory, no time is taken: a clock and an alarm would cost as much as its answer.
#[derive(Default)]
struct Patience(Option<Instant>);

impl Patience {
    fn end(&mut self) -> Instant {
        *self.0.get_or_insert_with(|| Instant::now() + DEADLINE)
    }

    /// The answer; `None` when the time is over.
    async fn wait<T>(&mut self, answer: impl Future<Output = T>) -> Option<T> {
        let mut answer = pin!(answer);
        if let Poll::Ready(answer) = poll_fn(|cx| Poll::Ready(answer.as_mut().poll(cx))).await {
            return Some(answer);
        }
        timeout_at(self.end(), answer).await.ok()
    }
}

fn complain(error: &StoreError) {
    tracing::error!(error = %error.causes(), "the store cannot answer");
}
