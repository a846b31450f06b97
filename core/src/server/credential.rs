//! What codes and tokens look like, and how they are made and recognised.
//!
//! A code or access token reads `locator (16) || secret (32)`, a refresh token `locator (16) || key id (1) ||
//! generation (4, big-endian) || MAC (32)`, all base64url. The locator names the grant, so that every key is known before
//! any load; it proves nothing. The digest of the secret, or the MAC, decides.

use super::change::{Key, Kind, sha256};
use super::jwt::{Signed, TokenId};
use super::record::{Digest, Grant};
use crate::secret::{Secret, ct_eq};
use crate::text::{base64, buf::Writer};
use crate::time::UnixTime;
use core::fmt;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroize;

const SECRET_TEXT: usize = 64;
const REFRESH_TEXT: usize = 71;

/// A key of the authorization server: it makes and recognises tokens and seals pending requests.
///
/// It lives outside the store, so that neither the store's content nor the key alone forges a token. Its id is written
/// into what it makes, so that it can be replaced while that is still in use.
///
/// ```
/// use valetkey::{secret::Secret, server::ServerKey};
/// let key = ServerKey::new(1, Secret::new([7; 32])); // in earnest: 32 bytes from the operating system
/// assert_eq!(key.id(), 1);
/// ```
#[derive(Debug)]
pub struct ServerKey {
    id: u8,
    secret: Secret<32>,
}

impl ServerKey {
    /// A key and its id; ids are never used again for another key.
    pub const fn new(id: u8, secret: Secret<32>) -> Self {
        Self { id, secret }
    }

    /// Its id.
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// HMAC-SHA-256 over a label, which separates the uses of the key, and parts of fixed length.
    pub(super) fn mac(&self, label: &str, parts: &[&[u8]]) -> Digest {
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(self.secret.expose()) {
            *to = *from;
        }
        let mut mac = Hmac::<Sha256>::new(&block.into());
        block.zeroize();
        mac.update(label.as_bytes());
        mac.update(&[0, self.id]);
        for part in parts {
            mac.update(part);
        }
        Digest(mac.finalize().into_bytes().into())
    }

    /// The secret of the access token that was issued at this time in a grant's generation: it can be computed again inside the
    /// grace window.
    pub(super) fn access_secret(&self, grant: &Digest, generation: u32, issued: UnixTime, salt: &Digest) -> Digest {
        self.mac("access", &[&grant.0, &generation.to_be_bytes(), &issued.0.to_be_bytes(), &salt.0])
    }

    /// The `jti` of a signed one.
    pub(super) fn token_id(&self, locator: Locator, generation: u32, issued: UnixTime, salt: &Digest) -> TokenId {
        let grant = locator.grant().id;
        let Digest(mac) = self.mac("jti", &[&grant.0, &generation.to_be_bytes(), &issued.0.to_be_bytes(), &salt.0]);
        TokenId(locator, mac.first_chunk().copied().unwrap_or_default())
    }

    fn refresh_mac(&self, grant: &Digest, generation: u32, salt: &Digest) -> Digest {
        self.mac("refresh", &[&grant.0, &generation.to_be_bytes(), &salt.0])
    }
}

/// What stands first in each code and token of a grant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Locator(pub(super) [u8; 16]);

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locator(..)") // part of codes and tokens; logs name a grant by its key
    }
}

impl Locator {
    pub(super) fn grant(self) -> Key {
        Key { kind: Kind::Grant, id: sha256(&[&self.0]) }
    }
}

/// A token as presented, taken apart. But for a signed one, it proves nothing yet.
#[derive(Clone, Copy)]
pub(super) enum Presented {
    /// A code or an access token: only the digest of its secret is kept.
    Secret { locator: Locator, digest: Digest },
    /// A refresh token.
    Refresh { locator: Locator, key_id: u8, generation: u32, mac: Digest },
    /// A signed access token of ours.
    Signed(Signed),
}

impl fmt::Debug for Presented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(..)") // a MAC is in it
    }
}

impl Presented {
    /// `None` if the text is neither of the forms that are not signed.
    pub(super) fn read(text: &str) -> Option<Self> {
        match text.len() {
            SECRET_TEXT => {
                let mut bytes: [u8; 48] = base64::decode_array(text).ok()?;
                let (locator, secret) = bytes.split_first_chunk::<16>()?;
                let found = Self::Secret { locator: Locator(*locator), digest: sha256(&[secret]) };
                bytes.zeroize();
                Some(found)
            }
            REFRESH_TEXT => {
                let bytes: [u8; 53] = base64::decode_array(text).ok()?;
                let (locator, rest) = bytes.split_first_chunk::<16>()?;
                let ([key_id], rest) = rest.split_first_chunk::<1>()?;
                let (generation, rest) = rest.split_first_chunk::<4>()?;
                let (mac, _) = rest.split_first_chunk::<32>()?;
                let generation = u32::from_be_bytes(*generation);
                Some(Self::Refresh { locator: Locator(*locator), key_id: *key_id, generation, mac: Digest(*mac) })
            }
            _ => None,
        }
    }

    pub(super) const fn locator(self) -> Locator {
        match self {
            Self::Secret { locator, .. } | Self::Refresh { locator, .. } => locator,
            Self::Signed(Signed { locator, .. }) => locator,
        }
    }

    /// What its record would be filed under if it is an access token.
    pub(super) fn access(self) -> Option<Key> {
        match self {
            Self::Secret { digest, .. } | Self::Signed(Signed { digest, .. }) => {
                Some(Key { kind: Kind::Access, id: digest })
            }
            Self::Refresh { .. } => None,
        }
    }
}

/// Whether a presented MAC is the one of that generation of the grant.
pub(super) fn refresh_is_ours(
    key: &ServerKey,
    grant_id: &Digest,
    grant: &Grant<'_>,
    generation: u32,
    mac: &Digest,
) -> bool {
    ct_eq(&key.refresh_mac(grant_id, generation, &grant.salt).0, &mac.0)
}

/// Appends a code or access token.
pub(super) fn push_secret(w: &mut Writer<'_>, locator: Locator, secret: &[u8; 32]) {
    let mut bytes = [0; 48];
    let (first, second) = bytes.split_at_mut_checked(16).unwrap_or_default();
    for (part, from) in [(first, &locator.0[..]), (second, &secret[..])] {
        for (to, from) in part.iter_mut().zip(from) {
            *to = *from;
        }
    }
    w.push_base64(&bytes);
    bytes.zeroize();
}

/// Appends the refresh token of a generation of a grant.
pub(super) fn push_refresh(w: &mut Writer<'_>, key: &ServerKey, locator: Locator, generation: u32, salt: &Digest) {
    let mac = key.refresh_mac(&locator.grant().id, generation, salt);
    let mut bytes = [0; 53];
    let parts = locator.0.into_iter().chain([key.id]).chain(generation.to_be_bytes()).chain(mac.0);
    for (to, from) in bytes.iter_mut().zip(parts) {
        *to = from;
    }
    w.push_base64(&bytes);
    bytes.zeroize();
}
