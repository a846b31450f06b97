//! People's passwords: Argon2id, off the async threads, on a pool that cannot be flooded.
//!
//! One check takes some 20 ms and 19 MiB. As many run at a time as there are cores; a limited number wait; the rest
//! are turned away at once, so that a flood of logins costs memory and time that are known beforehand.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

/// Checked in place of the hash that an unknown user does not have. Its output bytes were drawn at random, so that no
/// password is known that fits; and none would be let in.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$m3J6GBA1UugquYOmLM4l1Q$J55J1pTgcznrTPoRmwYb0WT5HxV4UV6UYBAjUByTJnw";

/// A password as it was typed: never shown, wiped from memory when dropped.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the text into custody.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Too many checks are waiting already. To be answered with 503 and `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy {
    /// After how many seconds trying again makes sense.
    pub retry_after: u32,
}

/// The pool in which passwords are hashed and checked. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    workers: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// How many workers and places there are.
    limits: (usize, usize),
    computed: Arc<AtomicU64>,
}

impl Passwords {
    /// A pool that computes `workers` hashes at a time, while up to `queue` requests wait.
    pub fn new(workers: usize, queue: usize) -> Self {
        let places = workers.saturating_add(queue);
        Self {
            workers: Arc::new(Semaphore::new(workers)),
            places: Arc::new(Semaphore::new(places)),
            limits: (workers, places),
            computed: Arc::default(),
        }
    }

    /// A worker for every core, and a queue that is worked off within about a second.
    pub fn for_this_machine() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::new(cores, cores.saturating_mul(32))
    }

    /// Whether `typed` is the password whose hash in PHC format is `stored`. `None` stands for an unknown user, costs
    /// the same, and is never right.
    ///
    /// # Errors
    /// [`Busy`] at once where the queue is full; nothing was computed then.
    pub async fn verify(&self, stored: Option<String>, typed: Password) -> Result<bool, Busy> {
        let right = self.run(move || check(stored.as_deref().unwrap_or(NOBODY), &typed) && stored.is_some()).await?;
        Ok(right.unwrap_or(false))
    }

    /// The hash to store for a new password, in PHC format with a fresh salt; `None` if the operating system gives no
    /// random bytes.
    ///
    /// # Errors
    /// [`Busy`] at once where the queue is full; nothing was computed then.
    pub async fn hash(&self, typed: Password) -> Result<Option<String>, Busy> {
        Ok(self.run(move || hash(&typed)).await?.flatten())
    }

    /// How many hashes have been computed, for checks and for new passwords.
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// How many wait for a worker.
    pub fn waiting(&self) -> usize {
        let (workers, places) = self.limits;
        let taken = places.saturating_sub(self.places.available_permits());
        taken.saturating_sub(workers.saturating_sub(self.workers.available_permits()))
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<Option<T>, Busy> {
        let busy = Busy { retry_after: 2 };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| busy)?;
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|_| busy)?;
        let computed = Arc::clone(&self.computed);
        // The permits go with the work: should the request be given up meanwhile, they still count what runs.
        let permits: (OwnedSemaphorePermit, OwnedSemaphorePermit) = (place, worker);
        let work = tokio::task::spawn_blocking(move || {
            computed.fetch_add(1, Ordering::Relaxed);
            let result = work();
            drop(permits);
            result
        });
        Ok(work.await.inspect_err(|error| tracing::error!(%error, "a password could not be hashed")).ok())
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").field("computed", &self.computed()).finish_non_exhaustive()
    }
}

/// Argon2id with the parameters that OWASP's Password Storage Cheat Sheet names: 19 MiB, 2 passes, 1 lane.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

fn check(stored: &str, typed: &Password) -> bool {
    match PasswordHash::new(stored) {
        Ok(hash) => argon2().verify_password(typed.0.as_bytes(), &hash).is_ok(),
        Err(_) => {
            tracing::error!("a stored password hash is not in PHC format; set that person's password anew");
            false
        }
    }
}

fn hash(typed: &Password) -> Option<String> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).ok()?;
    Some(argon2().hash_password_with_salt(typed.0.as_bytes(), &salt).ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn typed(text: &str) -> Password {
        Password::new(text.to_owned())
    }

    #[tokio::test]
    async fn the_right_password_and_no_other_is_let_in() {
        let pool = Passwords::new(1, 4);
        let stored = pool.hash(typed("wonderland")).await.unwrap();
        assert!(stored.as_deref().unwrap().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(pool.verify(stored.clone(), typed("wonderland")).await, Ok(true));
        assert_eq!(pool.verify(stored.clone(), typed("Wonderland")).await, Ok(false));
        assert_eq!(pool.verify(stored, typed("")).await, Ok(false));
    }

    #[tokio::test]
    async fn two_hashes_of_one_password_differ() {
        let pool = Passwords::new(1, 4);
        assert_ne!(pool.hash(typed("a")).await.unwrap(), pool.hash(typed("a")).await.unwrap());
    }

    #[tokio::test]
    async fn an_unknown_user_costs_as_much_as_a_wrong_password() {
        let pool = Passwords::new(1, 4);
        let stored = pool.hash(typed("wonderland")).await.unwrap();
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = stored.as_deref().map(PasswordHash::new).unwrap().unwrap();
        assert_eq!((nobody.algorithm, nobody.version), (somebody.algorithm, somebody.version));
        assert_eq!(nobody.params.to_string(), somebody.params.to_string());
        assert_eq!(nobody.salt.unwrap().len(), somebody.salt.unwrap().len());
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());

        let before = pool.computed();
        assert_eq!(pool.verify(stored.clone(), typed("wrong")).await, Ok(false));
        assert_eq!(pool.computed(), before + 1);
        assert_eq!(pool.verify(None, typed("wrong")).await, Ok(false));
        assert_eq!(pool.computed(), before + 2);
    }

    #[tokio::test]
    async fn a_stored_text_that_is_no_hash_lets_nobody_in() {
        let pool = Passwords::new(1, 4);
        assert_eq!(pool.verify(Some("wonderland".to_owned()), typed("wonderland")).await, Ok(false));
    }

    #[tokio::test]
    async fn a_full_queue_turns_away_at_once_and_serves_who_waited() {
        let pool = Passwords::new(1, 1);
        let worker = Arc::clone(&pool.workers).acquire_owned().await.unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(pool.verify(None, typed("a")));
        let mut second = pin!(pool.verify(None, typed("b")));
        assert!(first.as_mut().poll(&mut context).is_pending());
        assert!(second.as_mut().poll(&mut context).is_pending());
        let mut third = pin!(pool.verify(None, typed("c")));
        assert_eq!(third.as_mut().poll(&mut context), Poll::Ready(Err(Busy { retry_after: 2 })));
        assert_eq!(pool.computed(), 0);

        drop(worker);
        assert_eq!(tokio::join!(first, second), (Ok(false), Ok(false)));
        assert_eq!(pool.computed(), 2);
        assert_eq!(pool.verify(None, typed("d")).await, Ok(false));
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_the_place_to_others() {
        let pool = Passwords::new(1, 0);
        let worker = Arc::clone(&pool.workers).acquire_owned().await.unwrap();
        {
            let mut first = pin!(pool.verify(None, typed("a")));
            assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        drop(worker);
        assert_eq!(pool.verify(None, typed("b")).await, Ok(false));
    }

    #[tokio::test]
    async fn who_waits_is_counted() {
        let pool = Passwords::new(1, 4);
        let place = Arc::clone(&pool.places).acquire_owned().await.unwrap();
        let worker = Arc::clone(&pool.workers).acquire_owned().await.unwrap();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(pool.verify(None, typed("a")));
        let mut second = pin!(pool.verify(None, typed("b")));
        assert_eq!(pool.waiting(), 0);
        assert!(first.as_mut().poll(&mut context).is_pending() && second.as_mut().poll(&mut context).is_pending());
        assert_eq!(pool.waiting(), 2);
        drop((place, worker));
        assert_eq!(tokio::join!(first, second), (Ok(false), Ok(false)));
        assert_eq!(pool.waiting(), 0);
    }

    #[test]
    fn a_password_never_shows_itself() {
        assert_eq!(format!("{:?}", typed("wonderland")), "Password(..)");
    }
}
