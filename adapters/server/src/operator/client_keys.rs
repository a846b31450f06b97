//! The public keys of a client that signs assertions, as an operator gives and sees them.

use super::Failed;
use super::table::visible;
use serde::Serialize;
use serde_json::Value;
use std::fmt;
use std::path::Path;
use valetkey::jose::{Jwk, each_key};
use valetkey::server::MAX_CLIENT_JWKS;
use valetkey::text::buf::Writer;

/// Most bytes of a file: keys may come with certificates, which are not kept.
const CAP: usize = 256 * 1024;

/// What tells a key from the others.
#[derive(Serialize)]
pub(super) struct ShownKey {
    kid: String,
    alg: &'static str,
}

impl fmt::Display for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.kid.is_empty() {
            write!(f, "{} ", self.kid)?;
        }
        write!(f, "({})", self.alg)
    }
}

/// Reads a JWK or a JWK Set, and writes it anew with nothing but what checks signatures.
pub(super) fn read(file: &Path) -> Result<String, Failed> {
    let wrong = |why: &str| Failed::Usage(format!("the keys in {}: {why}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| wrong(&error.to_string()))?;
    if text.len() > CAP {
        return Err(wrong("more than 256 KiB"));
    }
    let value: Value = serde_json::from_str(&text).map_err(|error| wrong(&error.to_string()))?;
    let keys = value.get("keys").and_then(Value::as_array).cloned().unwrap_or_else(|| vec![value.clone()]);
    if keys.iter().any(|key| key.get("d").is_some() || key.get("k").is_some()) {
        return Err(wrong("a private or shared key is among them; it is the client's alone, so give the public half"));
    }
    // What came is read, strictly, and not what was made of it.
    let set = if value.get("keys").is_some() { text } else { format!("{{\"keys\":[{text}]}}") };
    let (mut written, mut bad) = (Vec::new(), None);
    each_key(set.as_bytes(), &mut vec![0; 3 * set.len()], |key| match key {
        Ok(Jwk::Public(jwk)) if jwk.algorithm.is_none() => {
            bad = Some(format!("key `{}` does not say its alg, such as RS256 or PS256", visible(jwk.kid)));
        }
        Ok(Jwk::Public(jwk)) => {
            let mut buf = vec![0; set.len() + 256];
            let mut w = Writer::new(&mut buf);
            jwk.write(&mut w);
            written.extend(w.finish().map(str::to_owned));
        }
        Ok(Jwk::Symmetric(_)) => bad = Some("a shared key is among them".to_owned()),
        Err(error) => bad = Some(error.to_string()),
    })
    .map_err(|error| wrong(&error.to_string()))?;
    if let Some(why) = bad {
        return Err(wrong(&why));
    }
    let kept = format!("{{\"keys\":[{}]}}", written.join(","));
    if kept.len() > MAX_CLIENT_JWKS {
        return Err(wrong(&format!("too many: as they are kept they take {} bytes of {MAX_CLIENT_JWKS}", kept.len())));
    }
    Ok(kept)
}

/// Those of a client's record.
pub(super) fn shown(jwks: &str) -> Vec<ShownKey> {
    let mut keys = Vec::new();
    let read = each_key(jwks.as_bytes(), &mut vec![0; 3 * jwks.len()], |key| {
        if let Ok(Jwk::Public(jwk)) = key {
            let alg = jwk.algorithm.map_or("", |algorithm| algorithm.as_str());
            keys.push(ShownKey { kid: jwk.kid.to_owned(), alg });
        }
    });
    read.map_or_else(|_| Vec::new(), |()| keys)
}
