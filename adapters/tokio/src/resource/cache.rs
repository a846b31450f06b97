//! Answers of introspection, kept for a stated time. While one is kept, a token that was revoked meanwhile still serves.

use super::introspect::{Ask, Introspect, OwnedIntrospection};
use crate::http::{now, uptime};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use valetkey::secret::SecretText;
use valetkey::time::Uptime;

/// Most bytes of an answer that is kept, so that `most` of them have a bound in bytes too.
const LARGEST: usize = 8 * 1024;

/// SHA-256 of a token: what is kept gives no token away.
type Digest = [u8; 32];

/// What is kept, and until when. Time is a value.
///
/// Only answers that a token is active are kept: whoever makes up tokens drives none of them out, and a token that was
/// just issued is never taken for unknown.
#[derive(Debug)]
struct Cache {
    most: usize,
    seconds: u32,
    answers: HashMap<Digest, (Uptime, Arc<OwnedIntrospection>)>,
    by_end: BTreeSet<(Uptime, Digest)>,
}

impl Cache {
    fn new(most: usize, seconds: u32) -> Self {
        Self { most, seconds, answers: HashMap::new(), by_end: BTreeSet::new() }
    }

    fn get(&self, token: &Digest, now: Uptime) -> Option<Arc<OwnedIntrospection>> {
        self.answers.get(token).filter(|(end, _)| now < *end).map(|(_, answer)| answer.clone())
    }

    /// `left`: the seconds until the token ends. Where there is no room, what ends first goes.
    fn keep(&mut self, token: Digest, answer: Arc<OwnedIntrospection>, now: Uptime, left: u32) {
        let end = now.plus(left.min(self.seconds));
        if !answer.active || end == now || self.most == 0 || answer.bytes() > LARGEST {
            self.forget(&token);
            return;
        }
        if let Some((old, _)) = self.answers.insert(token, (end, answer)) {
            self.by_end.remove(&(old, token));
        }
        self.by_end.insert((end, token));
        while self.answers.len() > self.most
            && let Some((_, first)) = self.by_end.pop_first()
        {
            self.answers.remove(&first);
        }
    }

    /// What was said of it before is not so any more.
    fn forget(&mut self, token: &Digest) {
        if let Some((end, _)) = self.answers.remove(token) {
            self.by_end.remove(&(end, *token));
        }
    }
}

/// Asks only about tokens of which no answer is kept.
pub(super) struct Cached {
    inner: Arc<dyn Ask>,
    cache: Mutex<Cache>,
}

impl Cached {
    pub(super) fn new(inner: Arc<dyn Ask>, most: usize, seconds: u32) -> Self {
        Self { inner, cache: Mutex::new(Cache::new(most, seconds)) }
    }
}

impl Introspect for Cached {
    async fn look_up(&self, token: SecretText<'_>) -> Option<OwnedIntrospection> {
        let digest = Sha256::digest(token.expose()).into();
        let kept = self.cache.lock().unwrap_or_else(PoisonError::into_inner).get(&digest, uptime());
        if let Some(kept) = kept {
            return Some(OwnedIntrospection::clone(&kept));
        }
        // Its age counts from here: what is revoked meanwhile may not be in the answer.
        let asked = uptime();
        let answer = Arc::new(self.inner.ask(token).await?);
        let left = answer.expires_at.since(now()?);
        self.cache.lock().unwrap_or_else(PoisonError::into_inner).keep(digest, answer.clone(), asked, left);
        Some(Arc::unwrap_or_clone(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use valetkey::wire::introspection::Introspection;

    fn answer(active: bool, version: usize) -> Arc<OwnedIntrospection> {
        let client_id = version.to_string();
        let said = Introspection { active, client_id: &client_id, ..Introspection::INACTIVE };
        OwnedIntrospection::from(&said).into()
    }

    #[derive(Clone, Debug)]
    struct Event {
        token: u8,
        passes: u64,
        /// An answer, active or not, with so many seconds left; or a look.
        keep: Option<(bool, u32)>,
    }

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let keep = prop::option::of((any::<bool>(), 0u32..40));
        let event = (0u8..6, 0u64..4_000, keep).prop_map(|(token, passes, keep)| Event { token, passes, keep });
        prop::collection::vec(event, 1..80)
    }

    proptest! {
        #[test]
        fn rfc7662_4_02_nothing_is_kept_beyond_its_token_the_stated_time_and_the_stated_room(events in events()) {
            let (most, seconds) = (3, 10);
            let (mut cache, mut now) = (Cache::new(most, seconds), Uptime(0));
            // What each token was last said to be, and until when that may be kept.
            let mut last: HashMap<u8, (Uptime, String)> = HashMap::new();
            for (version, Event { token, passes, keep }) in events.into_iter().enumerate() {
                now.0 += passes;
                if let Some((active, left)) = keep {
                    cache.keep([token; 32], answer(active, version), now, left);
                    if active && left > 0 {
                        last.insert(token, (now.plus(left.min(seconds)), version.to_string()));
                        prop_assert!(cache.get(&[token; 32], now).is_some() || cache.answers.len() == most);
                    } else {
                        prop_assert!(cache.get(&[token; 32], now).is_none());
                    }
                }
                prop_assert!(cache.answers.len() <= most && cache.by_end.len() == cache.answers.len());
                if let Some(kept) = cache.get(&[token; 32], now) {
                    let (end, said) = &last[&token];
                    prop_assert!(kept.active && now < *end && kept.client_id == *said);
                }
            }
        }
    }

    /// Or whoever fills their tokens with claims fills the memory.
    #[test]
    fn what_is_kept_has_a_bound_in_bytes() {
        let mut cache = Cache::new(2, 60);
        let of = |bytes| {
            Arc::new(OwnedIntrospection { claims: vec![0; bytes], ..OwnedIntrospection::clone(&answer(true, 0)) })
        };
        cache.keep([1; 32], of(LARGEST - 1), Uptime(0), 60);
        assert!(cache.get(&[1; 32], Uptime(0)).is_some());
        cache.keep([1; 32], of(LARGEST), Uptime(0), 60);
        cache.keep(
            [2; 32],
            Arc::new(OwnedIntrospection { scope: "s".repeat(LARGEST), ..OwnedIntrospection::clone(&answer(true, 0)) }),
            Uptime(0),
            60,
        );
        assert!(cache.answers.is_empty() && cache.by_end.is_empty(), "the older answer goes too");
    }

    #[test]
    fn what_ends_first_makes_room() {
        let mut cache = Cache::new(2, 60);
        for (token, left) in [(1, 30), (2, 10), (3, 20)] {
            cache.keep([token; 32], answer(true, 0), Uptime(0), left);
        }
        let kept = [1, 2, 3].map(|token| cache.get(&[token; 32], Uptime(1)).is_some());
        assert_eq!(kept, [true, false, true]);
    }
}
