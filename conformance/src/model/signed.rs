//! Signed access tokens in the model. They are signed by a hash alone: no signature is to be broken here, and the same
//! text is always signed alike, so that the same token is the same text.

use super::ledger::{Check, ensure};
use valetkey::jose::{Algorithm, Algorithms, Key, Verify};
use valetkey::resource::{Audience, Issuer, IssuerKeys, Policy, validate};
use valetkey::secret::SecretText;
use valetkey::server::secret_digest;
use valetkey::time::UnixTime;

pub(super) const ALGORITHM: Algorithm = Algorithm::EdDsa;
pub(super) static KEYS: [Key<'static>; 1] = [Key::new("key", &Pretended)];

#[derive(Debug)]
struct Pretended;

impl Verify for Pretended {
    fn algorithm(&self) -> Algorithm {
        ALGORITHM
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        sign(message).as_slice() == signature
    }
}

pub(super) fn sign(message: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(message);
    ["one", "two"].map(|half| secret_digest(&format!("{half} {text}")).0).concat()
}

/// An API takes a token that was given out just now, for whom it was given and with what was granted, and no longer than
/// that; `person` is empty where a client has a token of its own.
pub(super) fn is_taken(issuer: &str, token: &str, client: &str, person: &str, scope: &str, expires: u64) -> Check {
    let issuers = [Issuer::jwt(issuer, Algorithms::of(&[ALGORITHM]))];
    let keys = [IssuerKeys { issuer, keys: &KEYS }];
    let policy = Policy::new(&issuers, Audience::Required(issuer), "");
    let mut room = vec![0; 2 * token.len()];
    let last = UnixTime(expires.saturating_sub(1));
    let access = validate(SecretText::new(token), &policy, &keys, last, &mut room).map_err(|why| why.to_string())?;
    let subject = if person.is_empty() { format!("client:{client}") } else { person.to_owned() };
    ensure(access.client_id == client && access.subject == subject, "a signed token names somebody else")?;
    ensure(access.scope == scope, "a signed token says another scope than the answer")?;
    ensure(access.expires_at == UnixTime(expires), "a signed token ends at another time than the answer says")
}
