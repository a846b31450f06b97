//! Private keys at rest: AES-256-GCM under a key that is derived from the server's, with the key's id and algorithm as
//! associated data. A store that is read, or written to, gives nobody a key.
//!
//! ```text
//!  base64url( version 1 | nonce 12 | PKCS#8, encrypted | tag 16 )
//! ```
//!
//! Nonces are random: a server key seals a handful of keys in its life, and may seal 2^32.

use crate::KeyError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf;
use base64ct::{Base64UrlUnpadded, Encoding};
use valetkey::jose::Algorithm;
use valetkey::secret::Secret;
use zeroize::Zeroizing;

const VERSION: u8 = 1;

pub(crate) fn seal(
    server_key: &Secret<32>,
    algorithm: Algorithm,
    kid: &str,
    pkcs8: Zeroizing<Vec<u8>>,
) -> Result<String, KeyError> {
    encrypt(server_key, about(algorithm, kid), pkcs8)
}

fn encrypt(server_key: &Secret<32>, about: String, mut pkcs8: Zeroizing<Vec<u8>>) -> Result<String, KeyError> {
    // Encrypted where it lies, so that no copy is left behind when the tag is appended.
    let tag = AES_256_GCM.tag_len();
    let mut room = Zeroizing::new(Vec::with_capacity(pkcs8.len() + tag));
    room.append(&mut pkcs8);
    let key = derive(server_key)?;
    let nonce = key.seal_in_place_append_tag(Aad::from(about), &mut *room);
    let nonce = nonce.map_err(|_| KeyError::Failed)?;
    Ok(Base64UrlUnpadded::encode_string(&[&[VERSION], nonce.as_ref().as_slice(), &room].concat()))
}

pub(crate) fn open(
    server_key: &Secret<32>,
    algorithm: Algorithm,
    kid: &str,
    text: &str,
) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    decrypt(server_key, about(algorithm, kid), text)
}

/// Shows, to who has the server key, that a key was retired by who had it too: nothing sealed, as what was retired.
///
/// # Errors
/// [`KeyError::Failed`].
pub fn witness(server_key: &Secret<32>, algorithm: Algorithm, kid: &str) -> Result<String, KeyError> {
    encrypt(server_key, format!("retired {}", about(algorithm, kid)), Zeroizing::default())
}

/// Whether it is what [`witness`] made of this key.
pub fn is_witness(server_key: &Secret<32>, algorithm: Algorithm, kid: &str, text: &str) -> bool {
    decrypt(server_key, format!("retired {}", about(algorithm, kid)), text).is_ok()
}

fn decrypt(server_key: &Secret<32>, about: String, text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let bytes = Base64UrlUnpadded::decode_vec(text).map_err(|_| KeyError::Sealed)?;
    let mut bytes = Zeroizing::new(bytes);
    let Some(([VERSION], rest)) = bytes.split_first_chunk_mut() else { return Err(KeyError::Sealed) };
    let (nonce, rest) = rest.split_first_chunk_mut::<NONCE_LEN>().ok_or(KeyError::Sealed)?;
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = derive(server_key)?.open_in_place(nonce, Aad::from(about), rest);
    opened.map(|pkcs8| Zeroizing::new(pkcs8.to_vec())).map_err(|_| KeyError::Sealed)
}

/// A key of its own, so that the server key does nothing twice.
fn derive(server_key: &Secret<32>) -> Result<RandomizedNonceKey, KeyError> {
    let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"valetkey").extract(server_key.expose());
    let mut key = Zeroizing::new([0; 32]);
    root.expand(&[b"signing keys at rest"], &AES_256_GCM)
        .and_then(|derived| derived.fill(&mut *key))
        .and_then(|()| RandomizedNonceKey::new(&AES_256_GCM, &*key))
        .map_err(|_| KeyError::Failed)
}

/// What the sealed key is. No name of an algorithm has a space.
fn about(algorithm: Algorithm, kid: &str) -> String {
    format!("{algorithm} {kid}")
}
