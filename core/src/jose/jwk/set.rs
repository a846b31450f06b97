//! Sets of keys, as issuers publish them. <https://www.rfc-editor.org/rfc/rfc7517#section-5>

use super::{Jwk, JwkError, Members};
use crate::text::json::{Kind, Limits, Reader};
use sha2::{Digest as _, Sha256};

/// Most keys of a set.
pub const MAX_KEYS: usize = 64;

/// Hands each key of a set to `each`, in the order in which they stand there; one that cannot be used as its error, so
/// that it can be told and passed over, as can each of several with one `kid`, `kty` and `alg`. `scratch` of three times as many bytes as the JSON suffices.
///
/// ```
/// use valetkey::jose::{JwkError, each_key};
/// let set = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"},
///                        {"kty":"XYZ","kid":"2"}]}"#;
/// let (mut usable, mut others) = (0, 0);
/// each_key(set, &mut [0; 1024], |key| match key {
///     Ok(_) => usable += 1,
///     Err(JwkError::Unsupported) => others += 1,
///     Err(e) => panic!("{e}"),
/// })?;
/// assert_eq!((usable, others), (1, 1));
/// # Ok::<(), JwkError>(())
/// ```
///
/// # Errors
/// [`JwkError::Json`], [`JwkError::Set`], [`JwkError::Mixed`]: of what the set as a whole must be, before `each` is
/// called for the first time.
pub fn each_key(
    json: &[u8],
    scratch: &mut [u8],
    mut each: impl FnMut(Result<Jwk<'_>, JwkError>),
) -> Result<(), JwkError> {
    let (mut public, mut symmetric) = (false, false);
    let mut names = [None; MAX_KEYS];
    let mut free = names.iter_mut();
    walk(json, scratch, |key| {
        let Ok((members, decoded)) = key else { return };
        if let Some(slot) = free.next() {
            *slot = name(&members);
        }
        match members.judge(decoded) {
            Ok(Jwk::Public(_)) => public = true,
            Ok(Jwk::Symmetric(_)) => symmetric = true,
            Err(_) => {}
        }
    })?;
    if public && symmetric {
        return Err(JwkError::Mixed);
    }
    walk(json, scratch, |key| {
        each(key.and_then(|(members, decoded)| {
            let name = name(&members);
            if name.is_some() && names.iter().filter(|other| **other == name).count() > 1 {
                return Err(JwkError::Duplicate);
            }
            members.judge(decoded)
        }));
    })
}

/// What a token tells it from the other keys by, hashed to a fixed size; `None` if it has no id, or checks no signatures.
/// That it cannot be used now does not matter: its id is taken.
fn name(members: &Members<'_>) -> Option<[u8; 32]> {
    if members.kid.is_empty() || members.purpose_is_other {
        return None;
    }
    let mut hash = Sha256::new();
    for text in [members.kty, members.alg, members.kid] {
        hash.update(text);
        hash.update([0xff]); // in no text
    }
    Some(hash.finalize().into())
}

fn walk(
    json: &[u8],
    scratch: &mut [u8],
    mut each: impl for<'k> FnMut(Result<(Members<'k>, &'k mut [u8]), JwkError>),
) -> Result<(), JwkError> {
    let (names, scratch) = scratch.split_at_mut_checked(json.len()).ok_or(JwkError::Scratch)?;
    let mut r = Reader::new(json, Limits::DEFAULT, names);
    let (mut found, mut count) = (false, 0usize);
    r.object()?;
    while let Some(name) = r.name()? {
        if name != "keys" {
            r.skip()?;
            continue;
        }
        found = true;
        if r.peek()? != Kind::Array {
            return Err(JwkError::Set);
        }
        r.array()?;
        while r.element()? {
            count = count.saturating_add(1);
            if count > MAX_KEYS {
                return Err(JwkError::Set);
            }
            let key = r.raw()?;
            each(Members::of(key.as_bytes(), scratch));
        }
    }
    r.end()?;
    if found { Ok(()) } else { Err(JwkError::Set) }
}
