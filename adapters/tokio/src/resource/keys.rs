//! The keys of an issuer: fetched when the core's [`KeySet`] says so, parsed once, and read without a lock.

use super::discover::fetch;
use crate::client::Transport;
use crate::http::uptime;
use arc_swap::ArcSwapOption;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use valetkey::jose::Algorithm;
use valetkey::resource::{Advice, KeySet, Timing};
use valetkey::time::Uptime;
use valetkey_aws_lc::PublicKey;
use valetkey_std::issuer::{self, DiscoverError, Document};

/// Where an issuer's keys are, and what is held of them.
pub(super) struct Keys {
    document: Document,
    transport: Transport,
    timing: Timing,
    /// Written under the lock of `set`, so that whoever holds that sees both as they belong together.
    current: ArcSwapOption<Parsed>,
    set: Mutex<KeySet>,
    /// Tells whoever waits that a fetch has ended.
    ended: Notify,
}

/// A set as it was fetched.
pub(super) struct Parsed {
    since: Uptime,
    pub(super) keys: issuer::Keys<PublicKey>,
}

/// A set in use by a reader.
pub(super) type Current = arc_swap::Guard<Option<Arc<Parsed>>>;

impl Keys {
    /// Nothing is fetched yet.
    pub(super) fn new(url: String, transport: Transport) -> Self {
        let (timing, current, ended) = (Timing::DEFAULT, ArcSwapOption::empty(), Notify::new());
        let document = Document::key_set(url);
        Self { document, transport, timing, current, set: Mutex::new(KeySet::new(timing)), ended }
    }

    /// The same keys, with other times.
    pub(super) fn with_timing(&self, timing: Timing) -> Self {
        Self {
            document: self.document.clone(),
            transport: self.transport.clone(),
            timing,
            current: ArcSwapOption::new(self.current.load_full()),
            set: Mutex::new(self.lock().with_timing(timing)),
            ended: Notify::new(),
        }
    }

    /// Fetches at once, so that whoever starts learns what is wrong.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<(), DiscoverError> {
        let now = uptime();
        if self.lock().ask(false, now, now) != Advice::Fetch {
            return Ok(());
        }
        let fetching = Fetching { keys: Arc::clone(self), got: None };
        fetching.end(self.read().await?);
        Ok(())
    }

    /// The set in which to look for a token's key; `None` if none can be had now. It is waited for only if the key is not
    /// at hand and may be at the issuer.
    pub(super) async fn current_for(self: &Arc<Self>, algorithm: Algorithm, kid: Option<&str>) -> Option<Current> {
        let has = |set: &Current| set.as_ref().is_some_and(|set| set.keys.find(algorithm, kid).is_some());
        let (current, came) = (self.current.load(), uptime());
        if current.as_ref().is_some_and(|set| self.timing.is_fresh(set.since, came)) && has(&current) {
            return Some(current);
        }
        drop(current);
        // A first wait may be for a fetch that began before the token came, a second is for one of its own.
        for _ in 0..3 {
            let ended = self.ended.notified();
            let (advice, current) = {
                let mut set = self.lock();
                let current = self.current.load();
                (set.ask(has(&current), came, uptime()), current)
            };
            match advice {
                Advice::Use | Advice::Refuse => return Some(current),
                Advice::UseAndFetch => {
                    self.fetch();
                    return Some(current);
                }
                Advice::Unavailable => return None,
                Advice::Fetch => self.fetch(),
                Advice::Wait => {}
            }
            drop(current);
            ended.await;
        }
        None
    }

    /// In a task of its own: whoever asked may go away, and others wait for it too.
    fn fetch(self: &Arc<Self>) {
        let fetching = Fetching { keys: Arc::clone(self), got: None };
        tokio::spawn(async move {
            match fetching.keys.read().await {
                Ok(keys) => fetching.end(keys),
                Err(error) => {
                    let why: &dyn std::error::Error = &error;
                    tracing::error!(error = why, "the keys of an issuer cannot be had");
                }
            }
        });
    }

    async fn read(&self) -> Result<issuer::Keys<PublicKey>, DiscoverError> {
        let came = fetch(&self.transport, &self.document).await;
        issuer::Keys::read(&self.document, came, PublicKey::new)
    }

    fn lock(&self) -> MutexGuard<'_, KeySet> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that is on. However it ends, be it by a panic, those who wait are told.
struct Fetching {
    keys: Arc<Keys>,
    got: Option<issuer::Keys<PublicKey>>,
}

impl Fetching {
    /// It has ended well.
    fn end(mut self, keys: issuer::Keys<PublicKey>) {
        self.got = Some(keys);
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let mut set = self.keys.lock();
        match self.got.take() {
            Some(keys) => {
                let since = set.fetched(uptime());
                self.keys.current.store(Some(Arc::new(Parsed { since, keys })));
            }
            None => set.failed(uptime()),
        }
        drop(set);
        self.keys.ended.notify_waiters();
    }
}
