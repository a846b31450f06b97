//! The keys of an authorization server elsewhere: fetched when the core's [`KeySet`] says so, and parsed once.

use super::{Presented, admit, told};
use crate::client::{SendError, Transport};
use crate::server::{Response, now};
use std::fmt;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;
use valetkey::jose::Algorithm;
use valetkey::resource::{self, Access, Advice, Check, KeySet, NeedKey, Policy, Refused, Timing};
use valetkey::text::uri;
use valetkey::time::Uptime;
use valetkey_aws_lc::PublicKey;
use valetkey_std::issuer::{DiscoverError, Discovery, Document, Keys, Next};

/// The keys by which another program's authorization server signs. They are fetched when a token takes one that is not at
/// hand, by one thread for all, and anew after a while, while they serve; an issuer that is away is answered with 503 once
/// they are too old.
///
/// ```no_run
/// use valetkey::jose::Algorithms;
/// use valetkey::resource::{Audience, Issuer, Policy};
/// use valetkey_blocking::client::Transport;
/// use valetkey_blocking::resource::{Presented, RemoteKeys, check_signed};
/// # fn run(presented: Presented<'_>) -> Result<(), Box<dyn std::error::Error>> {
///
/// let keys = [RemoteKeys::discover("https://as.example", Transport::new())?];
/// let issuers = [Issuer::jwt("https://as.example", Algorithms::ASYMMETRIC)];
/// let policy = Policy::new(&issuers, Audience::Required("https://api.example"), "notes:read");
///
/// // For each request:
/// match check_signed(&keys, &policy, &presented, |access| format!("the notes of {}", access.subject)) {
///     Ok(page) => println!("{page}"),
///     Err(response) => println!("{} {:?}", response.status, response.headers),
/// }
/// # Ok(()) }
/// ```
pub struct RemoteKeys {
    issuer: String,
    shared: Arc<Shared>,
}

struct Shared {
    document: Document,
    transport: Transport,
    held: Mutex<Held>,
    /// Tells whoever waits that a fetch has ended.
    ended: Condvar,
}

struct Held {
    set: KeySet,
    keys: Option<Arc<Keys<PublicKey>>>,
    fetches: u64,
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys").field("issuer", &self.issuer).field("url", &self.shared.document.url()).finish()
    }
}

impl RemoteKeys {
    /// Of an issuer that has metadata by [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414) or, where there are none, by
    /// OpenID Connect Discovery. Both the metadata, which are read once, and the keys are fetched now, so that a wrong name is
    /// noticed at the start.
    ///
    /// # Errors
    /// [`DiscoverError`]; try again later, or begin without it by [`Self::at`].
    pub fn discover(issuer: &str, transport: Transport) -> Result<Self, DiscoverError> {
        let mut discovery = Discovery::of(issuer)?;
        let found = loop {
            let document = discovery.document();
            let came = transport.get(document.url(), &document.accept(), document.cap());
            match discovery.answered(&document, came)? {
                Next::Found(found) => break found,
                Next::Ask(elsewhere) => discovery = elsewhere,
            }
        };
        if found.jwks_uri.is_empty() {
            return Err(DiscoverError::Without("jwks_uri"));
        }
        let keys = Self::at(issuer, &found.jwks_uri, transport)?;
        let came = uptime();
        let _ = keys.shared.lock().set.ask(false, came, came);
        Fetching::begun(&keys.shared).run()?;
        Ok(keys)
    }

    /// Of an issuer whose key set is at `jwks_uri`. Nothing is fetched before the first token comes: so an API starts while
    /// its issuer is away, and answers 503 until it is there.
    ///
    /// # Errors
    /// [`DiscoverError::Url`]: neither https nor http on loopback.
    pub fn at(issuer: &str, jwks_uri: &str, transport: Transport) -> Result<Self, DiscoverError> {
        if !uri::is_endpoint(jwks_uri) {
            return Err(DiscoverError::Url(jwks_uri.to_owned()));
        }
        let (document, set) = (Document::key_set(jwks_uri.to_owned()), KeySet::new(Timing::DEFAULT));
        let held = Mutex::new(Held { set, keys: None, fetches: 0 });
        let shared = Arc::new(Shared { document, transport, held, ended: Condvar::new() });
        Ok(Self { issuer: issuer.to_owned(), shared })
    }

    /// Fetches keys at other times than [`Timing::DEFAULT`].
    #[must_use]
    pub fn with_timing(self, timing: Timing) -> Self {
        let set = self.shared.lock().set.with_timing(timing);
        self.shared.lock().set = set;
        self
    }

    /// The set in which to look for a token's key; `None` if none can be had now. It is waited for only if the key is not at
    /// hand and may be at the issuer.
    fn current_for(&self, algorithm: Algorithm, kid: Option<&str>) -> Option<Arc<Keys<PublicKey>>> {
        let (shared, came) = (&self.shared, uptime());
        let mut held = shared.lock();
        // A first wait may be for a fetch that began before the token came, a second is for one of its own.
        for _ in 0..3 {
            let has = held.keys.as_ref().is_some_and(|keys| keys.find(algorithm, kid).is_some());
            match held.set.ask(has, came, uptime()) {
                Advice::Use | Advice::Refuse => return held.keys.clone(),
                Advice::UseAndFetch => {
                    let (keys, fetching) = (held.keys.clone(), Fetching::begun(shared));
                    drop(held);
                    // Without a thread it is dropped, and counts as failed.
                    drop(thread::Builder::new().name("valetkey-keys".to_owned()).spawn(move || fetching.tell()));
                    return keys;
                }
                Advice::Unavailable => return None,
                Advice::Fetch => {
                    let fetching = Fetching::begun(shared);
                    drop(held);
                    fetching.tell();
                    held = shared.lock();
                }
                Advice::Wait => {
                    let seen = held.fetches;
                    let waited = shared.ended.wait_while(held, |held| held.fetches == seen);
                    held = waited.unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        None
    }
}

impl Shared {
    fn get(&self) -> Result<valetkey_std::kept::Received, SendError> {
        self.transport.get(self.document.url(), &self.document.accept(), self.document.cap())
    }

    /// What a panicking thread left behind is whole: nothing that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that is on. However it ends, be it by a panic, those who wait are told.
struct Fetching {
    shared: Arc<Shared>,
    got: Option<Keys<PublicKey>>,
}

impl Fetching {
    fn begun(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), got: None }
    }

    fn run(mut self) -> Result<(), DiscoverError> {
        self.got = Some(Keys::read(&self.shared.document, self.shared.get(), PublicKey::new)?);
        Ok(())
    }

    fn tell(self) {
        if let Err(error) = self.run() {
            let why: &dyn std::error::Error = &error;
            tracing::error!(error = why, "the keys of an issuer cannot be had");
        }
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let mut held = self.shared.lock();
        match self.got.take() {
            Some(keys) => {
                held.set.fetched(uptime());
                held.keys = Some(Arc::new(keys));
            }
            None => held.set.failed(uptime()),
        }
        held.fetches = held.fetches.wrapping_add(1);
        drop(held);
        self.shared.ended.notify_all();
    }
}

/// Gives `pass` what a good token lets its bearer do, like [`check`](super::check), where the authorization server is
/// elsewhere: the policy's issuers have signed tokens ([RFC 9068](https://www.rfc-editor.org/rfc/rfc9068)), and `keys` are
/// theirs. What they revoke is good until it expires. Why a token was refused is told to `tracing` with target
/// `valetkey::audit` at level info, never with the token.
///
/// # Errors
/// The response to answer with, which bears the challenge of
/// [RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3).
pub fn check_signed<T>(
    keys: &[RemoteKeys],
    policy: &Policy<'_>,
    presented: &Presented<'_>,
    pass: impl FnOnce(&Access<'_>) -> T,
) -> Result<T, Response> {
    let Some(now) = now() else { return Err(Response::broken(&"the system's clock stands before 1970; set it")) };
    let mut scratch = vec![0; 2 * resource::MAX_TOKEN];
    let answer = match resource::check(presented.authorization, policy, now, &mut scratch) {
        Check::Done(refused) => Err(refused),
        Check::Key(need) => by_key(keys, need).and_then(|access| admit(policy, presented, &access, pass)),
        Check::Introspect(need) => {
            tracing::error!(issuer = need.issuer(), "nobody is there to ask about opaque tokens of this issuer");
            Err(need.fail())
        }
    };
    told(answer)
}

fn by_key<'r>(keys: &[RemoteKeys], need: NeedKey<'r>) -> Result<Access<'r>, Refused<'r>> {
    let (algorithm, kid) = (need.algorithm(), need.kid());
    let Some(keys) = keys.iter().find(|keys| keys.issuer == need.issuer()) else {
        tracing::error!(issuer = need.issuer(), "there are no keys of this issuer");
        return Err(need.fail());
    };
    match keys.current_for(algorithm, kid) {
        Some(set) => need.resume(set.find(algorithm, kid).as_ref()),
        None => Err(need.fail()),
    }
}

/// Since this was asked for the first time.
fn uptime() -> Uptime {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Uptime(u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX))
}
