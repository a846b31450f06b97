//! The keys by which `token verify` checks: from a file, a URL, or the line itself.

use crate::operator::Failed;
use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use valetkey::jose::parts::MacKey;
use valetkey::jose::{Algorithm, Algorithms, Jwk, JwkError, Key, Material, PublicJwk, SymmetricJwk, Verify, each_key};
use valetkey::text::json::{JsonError, Limits, Reader};
use valetkey_aws_lc::PublicKey;
use valetkey_tokio::client::{SendError, Transport};

/// Most bytes of a key set.
const CAP: usize = 256 * 1024;

/// Where a key set comes from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A file, or a URL, as it was typed.
    At(String),
    /// The same, named by a line: only what ends is read.
    Named(String),
    /// These bytes.
    Inline(Vec<u8>),
}

/// Key sets that were fetched, each once in a run.
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<String, Result<Vec<u8>, String>>);

impl Sources {
    /// The bytes of a key set, or why they cannot be had.
    pub(super) async fn bytes(&mut self, source: &Source) -> Result<Vec<u8>, String> {
        match source {
            Source::Inline(bytes) => Ok(bytes.clone()),
            Source::At(place) | Source::Named(place) => {
                if !self.0.contains_key(place) {
                    let fetched = match source {
                        _ if place.contains("://") => fetch(place).await,
                        // A pipe would be waited for, and a terminal would ask.
                        Source::Named(_) if std::fs::metadata(place).is_ok_and(|found| !found.is_file()) => {
                            Err("no file".to_owned())
                        }
                        _ => load(place),
                    };
                    self.0.insert(place.clone(), fetched.map_err(|why| format!("the keys at {place}: {why}")));
                }
                self.0.get(place).cloned().unwrap_or_else(|| Err("the keys are not there".to_owned()))
            }
        }
    }
}

fn load(path: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(CAP).unwrap_or(u64::MAX) + 1;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() > CAP => Err("more than 256 KiB".to_owned()),
        Ok(_) => Ok(bytes),
        Err(error) => Err(error.to_string()),
    }
}

async fn fetch(url: &str) -> Result<Vec<u8>, String> {
    let why = |error: SendError| Failed::from_error(&error).to_string();
    let accept = "application/jwk-set+json, application/json";
    let received = Transport::new().map_err(why)?.get(url, accept, CAP).await.map_err(why)?;
    let response = received.response();
    match response.status {
        200 => Ok(response.body.to_vec()),
        status => Err(format!("the server answered with status {status}")),
    }
}

/// Keys that were parsed, each for one algorithm.
pub(super) struct Keys {
    keys: Vec<(String, Box<dyn Verify + Send + Sync>)>,
    /// Why one of them cannot be used, the first such.
    unusable: Option<String>,
}

impl Keys {
    /// Reads a set, or a single key, as far as its keys serve one of the algorithms that are taken.
    pub(super) fn read(json: &[u8], taken: Algorithms) -> Result<Self, String> {
        let mut keys = Self { keys: Vec::new(), unusable: None };
        let mut scratch = vec![0; 3 * json.len()];
        if is_set(json).map_err(|error| format!("the key set: {error}"))? {
            each_key(json, &mut scratch, |jwk| keys.add(jwk, taken))
                .map_err(|error| format!("the key set: {error}"))?;
        } else {
            keys.add_one(json, &mut scratch, taken);
        }
        match keys.unusable {
            Some(why) if keys.keys.is_empty() => Err(format!("no key can be used: {why}")),
            _ => Ok(keys),
        }
    }

    pub(super) fn lent(&self) -> Vec<Key<'_>> {
        self.keys.iter().map(|(kid, key)| Key::new(kid, key.as_ref())).collect()
    }

    /// A key that stands alone may leave its algorithm to the command, as the one of RFC 7515 A.1 does.
    fn add_one(&mut self, json: &[u8], scratch: &mut [u8], taken: Algorithms) {
        let only: Vec<_> = taken.iter().filter(|algorithm| algorithm.is_symmetric()).collect();
        let open = matches!(Jwk::read(json, scratch), Err(JwkError::Missing("alg")));
        match (open, only.as_slice()) {
            (true, [algorithm]) => {
                let rest = json.trim_ascii_start().strip_prefix(b"{").unwrap_or_default();
                let named = [format!("{{\"alg\":\"{algorithm}\",").as_bytes(), rest].concat();
                self.add(Jwk::read(&named, &mut vec![0; 2 * named.len()]), taken);
            }
            _ => self.add(Jwk::read(json, scratch), taken),
        }
    }

    fn add(&mut self, jwk: Result<Jwk<'_>, JwkError>, taken: Algorithms) {
        let added = match jwk {
            Ok(Jwk::Public(jwk)) => self.add_public(&jwk, taken),
            Ok(Jwk::Symmetric(jwk)) => self.add_shared(&jwk, taken),
            Err(error) => Err(error.to_string()),
        };
        if let Err(why) = added {
            self.unusable.get_or_insert(why);
        }
    }

    fn add_public(&mut self, jwk: &PublicJwk<'_>, taken: Algorithms) -> Result<(), String> {
        let algorithm = match (jwk.algorithm, jwk.material) {
            (Some(algorithm), _) => algorithm,
            (None, Material::Rsa { .. }) => taken.iter().find(is_rsa).unwrap_or(Algorithm::Rs256),
            (None, _) => return Err("the key has no alg".to_owned()),
        };
        let key = PublicKey::new(jwk, algorithm).map_err(|error| error.to_string())?;
        self.keys.push((jwk.kid.to_owned(), Box::new(key)));
        Ok(())
    }

    fn add_shared(&mut self, jwk: &SymmetricJwk<'_>, taken: Algorithms) -> Result<(), String> {
        if !taken.contains(jwk.algorithm) {
            return Err(format!("a shared key counts only with --alg {}", jwk.algorithm));
        }
        let key = MacKey::new(jwk).ok_or_else(|| JwkError::Weak.to_string())?;
        self.keys.push((jwk.kid.to_owned(), Box::new(key)));
        Ok(())
    }
}

const fn is_rsa(algorithm: &Algorithm) -> bool {
    use Algorithm::{Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
}

/// Whether it is a set of keys and no single one.
fn is_set(json: &[u8]) -> Result<bool, JsonError> {
    let mut scratch = vec![0; json.len()];
    let mut r = Reader::new(json, Limits::DEFAULT, &mut scratch);
    let mut found = false;
    r.object()?;
    while let Some(name) = r.name()? {
        found |= name == "keys";
        r.skip()?;
    }
    r.end()?;
    Ok(found)
}
