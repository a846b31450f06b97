//! Keys that sign access tokens, as they are kept: added by a checked change, and retired by another.

use super::change::{Change, Event, EventKind, Expect, Key, Put, Version};
use super::operate::OperateError;
use super::record::{Record, SigningKey};
use super::register::{RegisterError, one};
use crate::jose::Jwk;
use crate::text::buf::Writer;
use crate::time::UnixTime;

/// Most bytes of a public half: an RSA key of 8192 bits has about 1,500.
const MAX_PUBLIC: usize = 2048;

/// The change that adds a signing key where none of its `kid` was: `Conflict` means that there was one.
///
/// An API that keeps a key set meets the key before it meets its tokens if [`SigningKey::signs_from`] is later than that
/// set is kept: who makes a [`Server`](super::Server) puts a key whose time has not come after those whose time has.
///
/// `drawn` are eight bytes from the operating system, for this change alone. The key is kept for ever, until it is retired.
///
/// # Errors
/// [`RegisterError::SigningKey`]: above all, `public` must be to the letter what
/// [`PublicJwk::write`](crate::jose::PublicJwk::write) writes, so that nothing private ever stands in it.
///
/// ```
/// use valetkey::jose::Algorithm;
/// use valetkey::server::record::SigningKey;
/// use valetkey::server::{RegisterError, add_signing_key};
/// use valetkey::time::UnixTime;
/// let key = SigningKey {
///     kid: "1",
///     algorithm: Algorithm::EdDsa,
///     public: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1","alg":"EdDSA","use":"sig"}"#,
///     sealed: "as the program seals it",
///     created_at: UnixTime(1_700_000_000),
///     signs_from: UnixTime(1_700_003_600), // published for an hour before
///     retired_at: None,
/// };
/// assert!(add_signing_key([7; 8], UnixTime(1_700_000_000), key).is_ok());
/// let other = SigningKey { kid: "2", ..key };
/// assert_eq!(add_signing_key([7; 8], UnixTime(1_700_000_000), other), Err(RegisterError::SigningKey));
/// ```
pub fn add_signing_key(drawn: [u8; 8], now: UnixTime, key: SigningKey<'_>) -> Result<Change<'_>, RegisterError> {
    let fits = key.retired_at.is_none() && !key.kid.is_empty() && !key.sealed.is_empty() && is_public_half(&key);
    if !fits {
        return Err(RegisterError::SigningKey);
    }
    Ok(change(drawn, now, EventKind::SigningKeyAdded, Expect::Absent, UnixTime::FOR_EVER, key))
}

/// The change after which a key signs no more. What was kept of its private half goes at once; its public half stays,
/// to be published, until `until`: when the last token that it signed has expired.
///
/// `witness` takes the place of the private half: what shows the program, by a key that is not in the store, that it was
/// its own who retired this one. Without it, whoever writes to the store could have any key published as a retired one.
///
/// # Errors
/// [`OperateError::Retired`].
pub fn retire_signing_key<'a>(
    drawn: [u8; 8],
    now: UnixTime,
    until: UnixTime,
    (key, at): (SigningKey<'a>, Version),
    witness: &'a str,
) -> Result<Change<'a>, OperateError> {
    if key.retired_at.is_some() {
        return Err(OperateError::Retired);
    }
    let retired = SigningKey { sealed: witness, retired_at: Some(now), ..key };
    Ok(change(drawn, now, EventKind::SigningKeyRetired, Expect::At(at), until, retired))
}

/// The change after which a key that leaked is trusted by nobody: it signs no more, as when it is retired, and may be
/// forgotten at once, so that it is published no more either. Also for one that was retired before.
pub fn withdraw_signing_key(drawn: [u8; 8], now: UnixTime, (key, at): (SigningKey<'_>, Version)) -> Change<'_> {
    let retired = SigningKey { sealed: "", retired_at: Some(key.retired_at.unwrap_or(now)), ..key };
    change(drawn, now, EventKind::SigningKeyRetired, Expect::At(at), now, retired)
}

/// The change that keeps the private half sealed anew, as a program does when the key goes under which it was sealed. It
/// says nothing to the audit trail: the key is the same.
///
/// # Errors
/// [`OperateError::Retired`].
pub fn reseal_signing_key<'a>(
    drawn: [u8; 8],
    (key, at): (SigningKey<'a>, Version),
    sealed: &'a str,
) -> Result<Change<'a>, OperateError> {
    if key.retired_at.is_some() || sealed.is_empty() {
        return Err(OperateError::Retired);
    }
    let (what, until) = (EventKind::SigningKeyAdded, UnixTime::FOR_EVER);
    let key = SigningKey { sealed, ..key };
    Ok(Change { event: None, ..change(drawn, key.created_at, what, Expect::At(at), until, key) })
}

fn change(
    drawn: [u8; 8],
    now: UnixTime,
    what: EventKind,
    expect: Expect,
    keep_until: UnixTime,
    key: SigningKey<'_>,
) -> Change<'_> {
    let record = Record::SigningKey(key);
    let put = Put { key: Key::signing_key(key.kid), expect, keep_until, index: [None, None], record };
    one(drawn, put, Event { at: now, what, client_id: "", subject: "", grant: None, kid: key.kid })
}

fn is_public_half(key: &SigningKey<'_>) -> bool {
    if key.public.len() > MAX_PUBLIC {
        return false;
    }
    let (mut scratch, mut written) = ([0; 2 * MAX_PUBLIC], [0; MAX_PUBLIC]);
    let Ok(Jwk::Public(read)) = Jwk::read(key.public.as_bytes(), &mut scratch) else { return false };
    let mut w = Writer::new(&mut written);
    read.write(&mut w);
    let same = w.finish().is_ok_and(|text| text == key.public);
    same && read.kid == key.kid && read.algorithm == Some(key.algorithm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jose::Algorithm;

    const NOW: UnixTime = UnixTime(1_700_000_000);
    const KEY: SigningKey<'_> = SigningKey {
        kid: "1",
        algorithm: Algorithm::EdDsa,
        public: r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1","alg":"EdDSA","use":"sig"}"#,
        sealed: "sealed",
        created_at: NOW,
        signs_from: NOW,
        retired_at: None,
    };

    #[test]
    fn rfc7517_9_01_what_is_kept_to_be_published_has_nothing_private() {
        let private = KEY.public.replace(r#""kid""#, r#""d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","kid""#);
        for bad in [
            SigningKey { public: &private, ..KEY },
            SigningKey { public: r#"{"kty":"oct","alg":"HS256","k":"AAAA"}"#, ..KEY },
            SigningKey { public: "", ..KEY },
            SigningKey { kid: "", ..KEY },
            SigningKey { kid: "2", ..KEY },
            SigningKey { sealed: "", ..KEY },
            SigningKey { algorithm: Algorithm::Es256, ..KEY },
            SigningKey { retired_at: Some(NOW), ..KEY },
        ] {
            assert_eq!(add_signing_key([1; 8], NOW, bad), Err(RegisterError::SigningKey), "{bad:?}");
        }
        let put = add_signing_key([1; 8], NOW, KEY).unwrap().puts[0].unwrap();
        assert_eq!((put.key, put.expect), (Key::signing_key("1"), Expect::Absent));
        assert_eq!((put.keep_until, put.record), (UnixTime::FOR_EVER, Record::SigningKey(KEY)));
    }

    #[test]
    fn the_audit_trail_names_the_key() {
        let at = Version::new(3).unwrap();
        let changes = [
            add_signing_key([1; 8], NOW, KEY).unwrap(),
            retire_signing_key([1; 8], NOW, NOW, (KEY, at), "").unwrap(),
            withdraw_signing_key([1; 8], NOW, (KEY, at)),
        ];
        for change in changes {
            assert_eq!(change.event.map(|event| event.kid), Some("1"));
        }
    }

    #[test]
    fn a_retired_key_keeps_its_public_half_until_its_tokens_have_expired() {
        let (at, until) = (Version::new(3).unwrap(), UnixTime(NOW.0 + 600));
        let change = retire_signing_key([1; 8], NOW, until, (KEY, at), "witness").unwrap();
        let put = change.puts[0].unwrap();
        let retired = SigningKey { sealed: "witness", retired_at: Some(NOW), ..KEY };
        assert_eq!((put.expect, put.keep_until, put.record), (Expect::At(at), until, Record::SigningKey(retired)));
        assert_eq!(change.event.map(|event| event.what), Some(EventKind::SigningKeyRetired));
        assert_eq!(retire_signing_key([1; 8], NOW, until, (retired, at), "witness"), Err(OperateError::Retired));
        assert_eq!(reseal_signing_key([1; 8], (retired, at), "anew"), Err(OperateError::Retired));
    }

    #[test]
    fn a_key_that_leaked_may_be_forgotten_at_once_also_after_it_was_retired() {
        let (at, later) = (Version::new(3).unwrap(), UnixTime(NOW.0 + 60));
        let retired = SigningKey { sealed: "", retired_at: Some(NOW), ..KEY };
        for (key, now) in [(KEY, NOW), (retired, later)] {
            let change = withdraw_signing_key([1; 8], now, (key, at));
            let put = change.puts[0].unwrap();
            assert_eq!((put.expect, put.keep_until, put.record), (Expect::At(at), now, Record::SigningKey(retired)));
            assert_eq!(change.event.map(|event| event.what), Some(EventKind::SigningKeyRetired));
        }
    }

    #[test]
    fn a_key_that_is_sealed_anew_is_the_same_key() {
        let at = Version::new(3).unwrap();
        let change = reseal_signing_key([1; 8], (KEY, at), "anew").unwrap();
        let put = change.puts[0].unwrap();
        assert_eq!((put.expect, put.keep_until), (Expect::At(at), UnixTime::FOR_EVER));
        assert_eq!(put.record, Record::SigningKey(SigningKey { sealed: "anew", ..KEY }));
        assert_eq!(change.event, None);
    }
}
