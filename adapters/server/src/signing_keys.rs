//! The keys that sign access tokens: pairs in the store, their private halves sealed under the server keys.
//!
//! Neither the database nor the server keys alone sign anything. A pair for each of [`FIRST`] is made on the first start;
//! `valetkey keys` adds others and retires them beside a running server, which looks for that every few seconds.

use crate::database::in_time;
use crate::system::{CLOCK, drawn, unix_time};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use valetkey::jose::{Algorithm, Jwk};
use valetkey::secret::Secret;
use valetkey::server::change::{Change, Committed, Kind, Version};
use valetkey::server::record::{OwnedRecord, OwnedSigningKey, SigningKey};
use valetkey::server::{add_signing_key, reseal_signing_key};
use valetkey_aws_lc::{self as aws_lc, PublicKey};
use valetkey_tokio::server::{self, AuthorizationServer, Signer, Signing};
use valetkey_tokio::store::{By, Store, StoreError};

/// Those of which a pair is made where none signs: short and quick; short, quick and the same each time; and the one that
/// every API knows ([RFC 9068 section 2.1](https://www.rfc-editor.org/rfc/rfc9068#section-2.1)).
pub const FIRST: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

/// How often a server looks for what commands have changed.
const EVERY: Duration = Duration::from_secs(5);

/// More pairs than anyone has.
const MOST: usize = 200;

/// Under which the pairs are sealed: the current one first.
pub type Sealing = Arc<RwLock<Arc<[Secret<32>]>>>;

/// The pairs of a store, the newest first.
///
/// # Errors
/// Those of the store.
pub async fn kept<S: Store>(store: &S) -> Result<Vec<(OwnedSigningKey, Version)>, StoreError> {
    let page = in_time(store.scan(By::Kind(Kind::SigningKey), None, MOST)).await?;
    let mut keys: Vec<_> = page
        .into_iter()
        .filter_map(|(_, record, at)| match record {
            OwnedRecord::SigningKey(key) => Some((key, at)),
            _ => None,
        })
        .collect();
    keys.sort_by(|(a, _), (b, _)| b.created_at.cmp(&a.created_at).then_with(|| a.kid.cmp(&b.kid)));
    Ok(keys)
}

/// Makes a pair and puts it into the store, sealed. Gives its `kid`.
///
/// # Errors
/// Those of the store, and when the operating system gives no random bytes or time.
pub async fn add<S: Store>(store: &S, sealing: &Secret<32>, algorithm: Algorithm) -> Result<String, StoreError> {
    let pair = spawn_blocking(move || aws_lc::SigningKey::generate(algorithm)).await;
    let pair = pair.map_err(|error| StoreError::because("no signing key could be made", error))?;
    let pair = pair.map_err(|error| StoreError::because("no signing key could be made", error))?;
    let sealed = pair.seal(sealing).map_err(|error| StoreError::because("a signing key could not be sealed", error))?;
    let (public, now) = (pair.public_json(), unix_time().ok_or_else(|| StoreError::new(CLOCK))?);
    let record =
        SigningKey { kid: pair.kid(), algorithm, public: &public, sealed: &sealed, created_at: now, retired_at: None };
    let change = add_signing_key(drawn()?, now, record)
        .map_err(|error| StoreError::because("the signing key that was made cannot be kept", error))?;
    match commit(store, &change).await? {
        Committed::Applied => Ok(pair.kid().to_owned()),
        Committed::Conflict => Err(StoreError::new("a signing key of this id is there already")),
    }
}

/// What a server signs and publishes with at its start; a pair is made for each of [`FIRST`] that has none.
///
/// # Errors
/// Those of [`add`].
pub async fn first<S: Store>(store: &S, sealing: &[Secret<32>]) -> Result<Signing, StoreError> {
    let current = sealing.first().ok_or_else(|| StoreError::new("there is no server key"))?;
    let mut found = Found::open(kept(store).await?, sealing);
    let missing: Vec<_> = FIRST.into_iter().filter(|algorithm| !found.sign(*algorithm)).collect();
    for algorithm in &missing {
        let kid = add(store, current, *algorithm).await?;
        tracing::info!(%algorithm, kid, "a signing key was made");
    }
    if !missing.is_empty() {
        found = Found::open(kept(store).await?, sealing);
    }
    found.reseal(store, sealing).await?;
    Ok(found.signing())
}

/// Lets a server sign and publish with the pairs that are there, for ever, also with those that commands add and retire
/// meanwhile.
pub async fn follow<S: Store>(server: Arc<AuthorizationServer<S>>, sealing: Sealing) {
    let (mut seen, mut opened_by) = (Vec::new(), None);
    loop {
        sleep(EVERY).await;
        let keys = Arc::clone(&sealing.read().unwrap_or_else(PoisonError::into_inner));
        let now = match kept(server.store()).await {
            Ok(now) => now,
            Err(error) => {
                tracing::error!(error = %error.causes(), "whether signing keys have changed is not known");
                continue;
            }
        };
        let versions: Vec<_> = now.iter().map(|(key, at)| (key.kid.clone(), *at)).collect();
        if versions == seen && opened_by.as_ref().is_some_and(|before| Arc::ptr_eq(before, &keys)) {
            continue;
        }
        let found = Found::open(now, &keys);
        if let Err(error) = found.reseal(server.store(), &keys).await {
            tracing::error!(error = %error.causes(), "signing keys stay sealed under an older server key");
        }
        if let Err(error) = server.replace_signing(found.signing()) {
            tracing::error!(%error, "the server goes on with the signing keys that it has");
        }
        (seen, opened_by) = (versions, Some(keys));
    }
}

/// The pairs of a store, opened as far as they can be.
struct Found(Vec<Pair>);

struct Pair {
    kept: OwnedSigningKey,
    at: Version,
    verifier: PublicKey,
    /// The private half, while it signs and can be opened, and whether by an older server key.
    private: Option<(Arc<aws_lc::SigningKey>, bool)>,
}

impl Found {
    fn open(kept: Vec<(OwnedSigningKey, Version)>, sealing: &[Secret<32>]) -> Self {
        Self(kept.into_iter().filter_map(|(kept, at)| Pair::open(kept, at, sealing)).collect())
    }

    fn sign(&self, algorithm: Algorithm) -> bool {
        self.0.iter().any(|pair| pair.kept.algorithm == algorithm && pair.private.is_some())
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

    /// Those that can sign come first, as the first of an algorithm does; what is retired is published and recognised.
    fn signing(self) -> Signing {
        let (can, cannot): (Vec<_>, Vec<_>) = self.0.into_iter().partition(|pair| pair.private.is_some());
        let private =
            can.iter().filter_map(|pair| Some((pair.kept.kid.clone(), Arc::clone(&pair.private.as_ref()?.0))));
        let signer = signer(private.collect());
        let pairs = can.into_iter().chain(cannot);
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
    /// `None` if its public half cannot be read, so that nothing could be done with it.
    fn open(kept: OwnedSigningKey, at: Version, sealing: &[Secret<32>]) -> Option<Self> {
        let mut room = vec![0; 2 * kept.public.len()];
        let verifier = match Jwk::read(kept.public.as_bytes(), &mut room) {
            Ok(Jwk::Public(public)) => PublicKey::new(&public, kept.algorithm).ok(),
            _ => None,
        };
        let Some(verifier) = verifier else {
            tracing::error!(kid = kept.kid, "a signing key cannot be read, and is passed over");
            return None;
        };
        let open = |key| aws_lc::SigningKey::open(key, kept.algorithm, &kept.kid, &kept.sealed).ok();
        let private = sealing.iter().enumerate().find_map(|(n, key)| Some((Arc::new(open(key)?), n > 0)));
        if private.is_none() && kept.retired_at.is_none() {
            tracing::error!(
                kid = kept.kid,
                "no server key opens a signing key: it signs no more; retire it with `valetkey keys remove`"
            );
        }
        Some(Self { kept, at, verifier, private })
    }
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
