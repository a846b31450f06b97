//! The keys that sign access tokens: pairs in the store, their private halves sealed under the server keys.
//!
//! Neither the database nor the server keys alone sign anything. A pair for each of [`FIRST`] is made on the first start;
//! `valetkey keys` adds others and retires them beside a running server, which looks for that every few seconds. Of an
//! algorithm the newest pair signs that can be opened and whose time has come; the others are published, and what they
//! signed is recognised.

use crate::database::in_time;
use crate::system::{CLOCK, drawn, unix_time};
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use valetkey::jose::{Algorithm, Jwk, PublicJwk};
use valetkey::secret::Secret;
use valetkey::server::change::{Change, Committed, Kind, Version};
use valetkey::server::record::{OwnedRecord, OwnedSigningKey, SigningKey};
use valetkey::server::{add_signing_key, reseal_signing_key};
use valetkey::text::base64;
use valetkey::time::UnixTime;
use valetkey_aws_lc::{self as aws_lc, PublicKey};
use valetkey_tokio::server::{self, AuthorizationServer, Signer, Signing};
use valetkey_tokio::store::{By, Store, StoreError};

/// Those of which there is always a pair: short and quick; short, quick and the same each time; and the one that every API
/// knows ([RFC 9068 section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)).
pub const FIRST: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// Most pairs, those that were retired of late included: whoever fetches a set refuses one of more than 64.
const MOST: usize = 48;

/// How often a server looks for what commands have changed.
const EVERY: Duration = Duration::from_secs(5);

/// Pairs that are read at once.
const PAGE: usize = 200;

/// Under which the pairs are sealed: the current one first.
pub type Sealing = Arc<RwLock<Arc<[Secret<32>]>>>;

/// A pair as it is kept.
pub type Kept = (OwnedSigningKey, Version);

/// The pairs of a store, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn kept<S: Store>(store: &S) -> Result<Vec<Kept>, StoreError> {
    let (mut keys, mut after) = (Vec::new(), None);
    loop {
        let page = in_time(store.scan(By::Kind(Kind::SigningKey), after, PAGE)).await?;
        after = page.last().map(|(key, ..)| *key).filter(|_| page.len() >= PAGE);
        keys.extend(page.into_iter().filter_map(|(_, record, at)| match record {
            OwnedRecord::SigningKey(key) => Some((key, at)),
            _ => None,
        }));
        if after.is_none() {
            break;
        }
    }
    keys.sort_by(|(a, _), (b, _)| b.created_at.cmp(&a.created_at).then_with(|| a.kid.cmp(&b.kid)));
    Ok(keys)
}

/// For how many seconds a pair is published only, before it signs.
pub fn waits(key: &OwnedSigningKey, now: UnixTime) -> u64 {
    key.signs_from.0.saturating_sub(now.0)
}

/// Makes a pair and puts it into the store, sealed: published at once, and to sign `ahead` seconds later, if there is
/// another of its algorithm that may sign until then. Gives its `kid`, and from when it signs.
///
/// # Errors
/// Those of the store, and when the operating system gives no random bytes or time.
pub async fn add<S: Store>(
    store: &S,
    sealing: &Secret<32>,
    algorithm: Algorithm,
    ahead: u32,
) -> Result<(String, UnixTime), StoreError> {
    let pair = spawn_blocking(move || generate(algorithm)).await;
    let pair = pair.map_err(|error| StoreError::because("no signing key could be made", error))?;
    let pair = pair.map_err(|error| StoreError::because("no signing key could be made", error))?;
    let sealed = pair.seal(sealing).map_err(|error| StoreError::because("a signing key could not be sealed", error))?;
    let (public, now) = (pair.public_json(), unix_time().ok_or_else(|| StoreError::new(CLOCK))?);
    // The newest signs, so this one is newer, also than one of the same second.
    let others = kept(store).await?;
    if others.len() >= MOST {
        return Err(StoreError::new(
            "there are as many signing keys as a set may have: retire some, and wait until they go",
        ));
    }
    let newest = others.iter().filter(|(key, _)| key.algorithm == algorithm).map(|(key, _)| key.created_at).max();
    let created_at = newest.map_or(now, |newest| now.max(newest.plus(1)));
    let signs = |(key, _): &Kept| key.algorithm == algorithm && key.retired_at.is_none();
    let signs_from = if others.iter().any(signs) { now.plus(ahead) } else { now };
    let (kid, retired_at) = (pair.kid(), None);
    let record = SigningKey { kid, algorithm, public: &public, sealed: &sealed, created_at, signs_from, retired_at };
    let change = add_signing_key(drawn()?, now, record)
        .map_err(|error| StoreError::because("the signing key that was made cannot be kept", error))?;
    match commit(store, &change).await? {
        Committed::Applied => Ok((kid.to_owned(), signs_from)),
        Committed::Conflict => Err(StoreError::new("a signing key of this id is there already")),
    }
}

/// Of which the id does not begin with `-`, as `keys remove` would take that for an option.
fn generate(algorithm: Algorithm) -> Result<aws_lc::SigningKey, aws_lc::KeyError> {
    loop {
        let pair = aws_lc::SigningKey::generate(algorithm)?;
        if !pair.kid().starts_with('-') {
            return Ok(pair);
        }
    }
}

/// The ids of the pairs that are to sign, and that no server key opens.
pub fn closed(kept: Vec<Kept>, sealing: &[Secret<32>]) -> Vec<String> {
    Found::open(kept, sealing).closed().map(str::to_owned).collect()
}

/// What a server signs and publishes with at its start. Pairs are made where one is missing; no two servers do so at once,
/// as each claims its database before.
///
/// # Errors
/// Those of [`add`].
pub async fn first<S: Store>(store: &S, sealing: &[Secret<32>]) -> Result<Signing, StoreError> {
    let found = complete(store, kept(store).await?, sealing).await?;
    // Now, and not before: those that were made just now do not wait.
    Ok(found.signing(unix_time().ok_or_else(|| StoreError::new(CLOCK))?))
}

/// What was found at the last look, by which server keys it was opened, when that was, and when the next pair begins to sign.
type Seen = (Vec<(String, Version)>, Arc<[Secret<32>]>, Range<UnixTime>);

/// Lets a server sign and publish with the pairs that its store has, also with those that commands add and retire meanwhile.
pub struct Following<S> {
    server: Arc<AuthorizationServer<S>>,
    sealing: Sealing,
    seen: Option<Seen>,
}

impl<S> fmt::Debug for Following<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following").field("server", &self.server).finish_non_exhaustive()
    }
}

impl<S: Store> Following<S> {
    pub(crate) const fn new(server: Arc<AuthorizationServer<S>>, sealing: Sealing) -> Self {
        Self { server, sealing, seen: None }
    }

    /// Looks every few seconds, for ever.
    pub async fn run(mut self) {
        loop {
            sleep(EVERY).await;
            if let Err(error) = self.look().await {
                tracing::error!(error = %error.causes(), "the server goes on with the signing keys that it has");
            }
        }
    }

    /// Looks once. Pairs are made where one is missing, as when the server keys are all new, and sealed anew where the
    /// server key was rotated.
    ///
    /// # Errors
    /// Those of the store; then all stays as it is until the next look.
    pub async fn look(&mut self) -> Result<(), StoreError> {
        self.look_at(unix_time().ok_or_else(|| StoreError::new(CLOCK))?).await
    }

    async fn look_at(&mut self, now: UnixTime) -> Result<(), StoreError> {
        let keys = Arc::clone(&self.sealing.read().unwrap_or_else(PoisonError::into_inner));
        let found = kept(self.server.store()).await?;
        let versions: Vec<_> = found.iter().map(|(key, at)| (key.kid.clone(), *at)).collect();
        let is_same = |(seen, by, times): &Seen| *seen == versions && Arc::ptr_eq(by, &keys) && times.contains(&now);
        if self.seen.as_ref().is_some_and(is_same) {
            return Ok(());
        }
        let waiting = found.iter().map(|(key, _)| key.signs_from).filter(|from| *from > now);
        let until = waiting.min().unwrap_or(UnixTime::FOR_EVER);
        let signing = complete(self.server.store(), found, &keys).await?.signing(now);
        self.server
            .replace_signing(signing)
            .map_err(|error| StoreError::because("the signing keys in the store cannot be used", error))?;
        let kids: Vec<_> = versions.iter().map(|(kid, _)| &**kid).collect();
        tracing::info!(kids = kids.join(" "), "the signing keys were read again");
        // A clock that was set back since may have made a key sign before its time.
        self.seen = Some((versions, keys, now..until));
        Ok(())
    }
}

/// Opens what is there, makes a pair where one is missing, and seals anew what is sealed under an older server key.
async fn complete<S: Store>(store: &S, kept: Vec<Kept>, sealing: &[Secret<32>]) -> Result<Found, StoreError> {
    let current = sealing.first().ok_or_else(|| StoreError::new("there is no server key"))?;
    let mut found = Found::open(kept, sealing);
    for kid in found.closed() {
        tracing::error!(
            kid,
            "no server key opens a signing key, so that it signs nothing: send SIGHUP if the key file was changed, or \
             restore it; if that server key is lost, retire the signing key with `valetkey keys remove`"
        );
    }
    let missing = found.missing();
    for algorithm in &missing {
        // Nothing else of its algorithm can sign meanwhile.
        let (kid, _) = add(store, current, *algorithm, 0).await?;
        tracing::info!(%algorithm, kid, "a signing key was made");
    }
    if !missing.is_empty() {
        found = Found::open(self::kept(store).await?, sealing);
    }
    found.reseal(store, sealing).await?;
    Ok(found)
}

/// The pairs of a store, opened as far as they can be.
struct Found(Vec<Pair>);

struct Pair {
    kept: OwnedSigningKey,
    at: Version,
    verifier: PublicKey,
    /// The private half, while it signs and can be opened, and whether by an older server key.
    private: Option<(Arc<aws_lc::SigningKey>, bool)>,
    /// Whether it was retired by who had a server key.
    was_ours: bool,
}

impl Found {
    fn open(kept: Vec<Kept>, sealing: &[Secret<32>]) -> Self {
        Self(kept.into_iter().filter_map(|(kept, at)| Pair::open(kept, at, sealing)).collect())
    }

    /// The ids of those that are to sign and cannot.
    fn closed(&self) -> impl Iterator<Item = &str> {
        let closed = self.0.iter().filter(|pair| pair.is_to_sign() && pair.private.is_none());
        closed.map(|pair| &*pair.kept.kid)
    }

    /// The algorithms that are to sign, and for which no pair can.
    fn missing(&self) -> Vec<Algorithm> {
        let wanted = self.0.iter().filter(|pair| pair.is_to_sign()).map(|pair| pair.kept.algorithm);
        let mut missing = Vec::new();
        for algorithm in FIRST.into_iter().chain(wanted) {
            let signs = self.0.iter().any(|pair| pair.kept.algorithm == algorithm && pair.private.is_some());
            if !signs && !missing.contains(&algorithm) {
                missing.push(algorithm);
            }
        }
        missing
    }

    /// Seals under the current server key what an older one opened, as that will go.
    async fn reseal<S: Store>(&self, store: &S, sealing: &[Secret<32>]) -> Result<(), StoreError> {
        let Some(current) = sealing.first() else { return Ok(()) };
        for pair in &self.0 {
            let Some((private, true)) = &pair.private else { continue };
            let sealed = private.seal(current);
            let sealed = sealed.map_err(|error| StoreError::because("a signing key could not be sealed", error))?;
            let change = reseal_signing_key(drawn()?, (pair.kept.as_view(), pair.at), &sealed);
            let change = change.map_err(|error| StoreError::because("a signing key could not be sealed", error))?;
            // After a conflict it is retired, or another server has done it.
            commit(store, &change).await?;
        }
        Ok(())
    }

    /// Those that can sign come first, as the first of an algorithm does, and of them those whose time has come: where it
    /// has come for none, the one signs that would be the next to do so. What was retired is published and recognised, and
    /// nothing else: who has the server keys that opened a pair, and they are not ours any more, may have its private half.
    fn signing(self, now: UnixTime) -> Signing {
        let (mut can, cannot): (Vec<_>, Vec<_>) = self.0.into_iter().partition(|pair| pair.private.is_some());
        can.sort_by_key(|pair| waits(&pair.kept, now));
        let retired = cannot.into_iter().filter(|pair| pair.was_ours);
        let private =
            can.iter().filter_map(|pair| Some((pair.kept.kid.clone(), Arc::clone(&pair.private.as_ref()?.0))));
        let signer = signer(private.collect());
        let pairs = can.into_iter().chain(retired);
        let (texts, verifiers): (Vec<_>, Vec<_>) = pairs.map(|pair| (pair.kept.public, pair.verifier)).unzip();
        let mut rooms: Vec<_> = texts.iter().map(|text| vec![0; 2 * text.len()]).collect();
        let keys = texts.iter().zip(&mut rooms).zip(verifiers).filter_map(|((text, room), verifier)| {
            // Read before, when the verifier was made of it.
            let Ok(Jwk::Public(public)) = Jwk::read(text.as_bytes(), room) else { return None };
            Some(server::SigningKey { public, verifier: Box::new(verifier) })
        });
        Signing::new(keys.collect(), signer)
    }
}

impl Pair {
    /// `None` if its public half cannot be read, so that nothing could be done with it, or is not the one that its id was
    /// made of: whoever writes to the database must not publish a key of their own.
    fn open(kept: OwnedSigningKey, at: Version, sealing: &[Secret<32>]) -> Option<Self> {
        let mut room = vec![0; 2 * kept.public.len()];
        let verifier = match Jwk::read(kept.public.as_bytes(), &mut room) {
            Ok(Jwk::Public(public)) if is_named_after(&public, &kept.kid) => {
                PublicKey::new(&public, kept.algorithm).ok()
            }
            _ => None,
        };
        let Some(verifier) = verifier else {
            tracing::error!(kid = kept.kid, "a signing key cannot be read, and is passed over");
            return None;
        };
        let open = |key| aws_lc::SigningKey::open(key, kept.algorithm, &kept.kid, &kept.sealed).ok();
        let private = sealing.iter().enumerate().find_map(|(n, key)| Some((Arc::new(open(key)?), n > 0)));
        let is_ours = |key| aws_lc::is_witness(key, kept.algorithm, &kept.kid, &kept.sealed);
        let was_ours = kept.retired_at.is_some() && sealing.iter().any(is_ours);
        Some(Self { kept, at, verifier, private, was_ours })
    }

    const fn is_to_sign(&self) -> bool {
        self.kept.retired_at.is_none()
    }
}

/// Whether a key has this id, and the id is its thumbprint, to which the seal of its private half is bound.
fn is_named_after(public: &PublicJwk<'_>, kid: &str) -> bool {
    let mut room = [0; 43];
    public.kid == kid && base64::encode(&public.thumbprint(), &mut room).is_ok_and(|thumbprint| thumbprint == kid)
}

/// What shows a server that a key which is retired now was its own; nothing for one that no server key opens, and that is
/// published no more.
///
/// # Errors
/// When the operating system gives no random bytes.
pub fn witness(key: &OwnedSigningKey, sealing: &[Secret<32>]) -> Result<String, aws_lc::KeyError> {
    let opens = |by: &&Secret<32>| aws_lc::SigningKey::open(by, key.algorithm, &key.kid, &key.sealed).is_ok();
    sealing.iter().find(opens).map_or_else(|| Ok(String::new()), |by| aws_lc::witness(by, key.algorithm, &key.kid))
}

/// Signs by these pairs, by RSA off the threads that serve, as that takes a millisecond.
fn signer(pairs: HashMap<String, Arc<aws_lc::SigningKey>>) -> Signer {
    Signer::new(move |kid, algorithm, message| {
        let (pair, message) = (pairs.get(kid).cloned(), message.to_vec());
        async move {
            let pair = pair?;
            match algorithm {
                Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => pair.sign(&message).ok(),
                _ => spawn_blocking(move || pair.sign(&message)).await.ok()?.ok(),
            }
        }
    })
}

/// Sent again where the outcome is unknown, which does no harm.
async fn commit<S: Store>(store: &S, change: &Change<'_>) -> Result<Committed, StoreError> {
    match in_time(store.commit(change)).await {
        Ok(outcome) => Ok(outcome),
        Err(_) => in_time(store.commit(change)).await,
    }
}

#[cfg(test)]
mod tests;
