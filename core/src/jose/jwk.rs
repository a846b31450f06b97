//! JSON Web Keys and sets of them. <https://www.rfc-editor.org/rfc/rfc7517>

mod rsa;
mod set;

pub use set::{MAX_KEYS, each_key};

use super::Algorithm;
use crate::text::base64::{self, Base64Error};
use crate::text::buf::Writer;
use crate::text::json::{JsonError, Kind, Limits, Object, Reader};
use core::fmt;
use sha2::{Digest as _, Sha256};

/// Most bytes of one key as JSON; certificates (`x5c`) that may come with it included.
pub const MAX_JWK: usize = 16 * 1024;

/// A key, as it stands in a set. The two kinds are two types, so that no public key ever serves as a shared secret
/// ([RFC 8725 section 3.1](https://www.rfc-editor.org/rfc/rfc8725#section-3.1)).
#[derive(Clone, Copy, Debug)]
pub enum Jwk<'a> {
    /// The public half of a pair; of a private key only that half is read.
    Public(PublicJwk<'a>),
    /// A secret that both sides know.
    Symmetric(SymmetricJwk<'a>),
}

/// The public half of a key pair, of sufficient strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicJwk<'a> {
    /// Its id within its set; empty if it has none.
    pub kid: &'a str,
    /// The algorithm it is for, if it says so or its curve does; an RSA key may leave it open.
    pub algorithm: Option<Algorithm>,
    /// The key itself.
    pub material: Material<'a>,
}

/// What a public key is made of; numbers are big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Material<'a> {
    /// A point for ES256, which may not lie on the curve: the part that takes it checks that.
    P256 {
        /// First coordinate.
        x: [u8; 32],
        /// Second coordinate.
        y: [u8; 32],
    },
    /// A point for ES384, as above.
    P384 {
        /// First coordinate.
        x: [u8; 48],
        /// Second coordinate.
        y: [u8; 48],
    },
    /// A point for EdDSA, which may be of small order: the part that takes it checks that.
    Ed25519 {
        /// The encoded point.
        x: [u8; 32],
    },
    /// A modulus of 2048 to 8192 bits and an odd exponent from 3 to 2^32 - 1.
    Rsa {
        /// Modulus.
        n: &'a [u8],
        /// Exponent.
        e: &'a [u8],
    },
}

/// A shared secret, at least as long as the hash of its algorithm.
#[derive(Clone, Copy)]
pub struct SymmetricJwk<'a> {
    /// Its id within its set; empty if it has none.
    pub kid: &'a str,
    /// HS256, HS384 or HS512.
    pub algorithm: Algorithm,
    /// The secret.
    pub key: &'a [u8],
}

impl fmt::Debug for SymmetricJwk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SymmetricJwk")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// Why a key cannot be used. It never holds any of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwkError {
    /// Not JSON, or not by the rules; where, and why.
    Json(JsonError),
    /// More than [`MAX_JWK`] bytes.
    TooLong,
    /// This member is missing.
    Missing(&'static str),
    /// This member is of a wrong type, no canonical base64url, or of a wrong length.
    Malformed(&'static str),
    /// `kty` and `crv` name no key that is used here.
    Unsupported,
    /// `alg` is not supported, or does not fit the key.
    Algorithm,
    /// `use` or `key_ops` say that it checks no signatures, or contradict themselves.
    Purpose,
    /// Too short, or of a form that is known to be weak.
    Weak,
    /// The scratch is too short. Twice as many bytes as the JSON has suffice.
    Scratch,
    /// A set that has both public and shared keys
    /// ([RFC 7517 section 9](https://www.rfc-editor.org/rfc/rfc7517#section-9)).
    Mixed,
    /// Another key of the set has the same `kid`, `kty` and `alg`: which of them is meant nobody knows
    /// ([RFC 7517 section 4.5](https://www.rfc-editor.org/rfc/rfc7517#section-4.5)).
    Duplicate,
    /// A set without an array `keys`, or with more keys than [`MAX_KEYS`].
    Set,
}

impl fmt::Display for JwkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(e) => e.fmt(f),
            Self::TooLong => f.write_str("the key is too long"),
            Self::Missing(name) => write!(f, "the key has no {name}"),
            Self::Malformed(name) => write!(f, "the key's {name} is malformed"),
            Self::Unsupported => f.write_str("the key's kty or crv is not supported"),
            Self::Algorithm => f.write_str("the key's alg is not supported, or does not fit the key"),
            Self::Purpose => f.write_str("the key's use or key_ops do not let it check signatures"),
            Self::Weak => f.write_str("the key is too weak"),
            Self::Scratch => f.write_str("the scratch is too short for the key"),
            Self::Mixed => f.write_str("the set holds public and shared keys together"),
            Self::Duplicate => f.write_str("another key of the set has the same kid, kty and alg"),
            Self::Set => f.write_str("the set has no array of keys, or too many"),
        }
    }
}

impl core::error::Error for JwkError {}

impl From<JsonError> for JwkError {
    fn from(e: JsonError) -> Self {
        if e.fault == crate::text::json::Fault::Scratch { Self::Scratch } else { Self::Json(e) }
    }
}

impl<'a> Jwk<'a> {
    /// Reads one key. `scratch` of twice as many bytes as the JSON suffices.
    ///
    /// ```
    /// use valetkey::jose::{Algorithm, Jwk, JwkError, Material};
    /// let json = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}"#;
    /// let mut scratch = [0; 256];
    /// let Jwk::Public(key) = Jwk::read(json, &mut scratch)? else { panic!() };
    /// assert_eq!((key.kid, key.algorithm), ("1", Some(Algorithm::EdDsa)));
    /// # Ok::<(), JwkError>(())
    /// ```
    ///
    /// # Errors
    /// [`JwkError`]; what it cannot do without is refused, unknown members are passed over.
    pub fn read(json: &'a [u8], scratch: &'a mut [u8]) -> Result<Self, JwkError> {
        let (members, decoded) = Members::of(json, scratch)?;
        members.judge(decoded)
    }
}

/// What a key says, as text; empty for what it does not.
#[derive(Default)]
struct Members<'a> {
    kty: &'a str,
    crv: &'a str,
    kid: &'a str,
    alg: &'a str,
    x: &'a str,
    y: &'a str,
    n: &'a str,
    e: &'a str,
    k: &'a str,
    purpose_is_other: bool,
}

impl<'a> Members<'a> {
    /// What a key says, and the half of the scratch that is left to decode it into.
    fn of(json: &'a [u8], scratch: &'a mut [u8]) -> Result<(Self, &'a mut [u8]), JwkError> {
        if json.len() > MAX_JWK {
            return Err(JwkError::TooLong);
        }
        let half = scratch.len() / 2;
        let (unescaped, decoded) = scratch.split_at_mut_checked(half).unwrap_or_default();
        let mut r = Reader::new(json, Limits::DEFAULT, unescaped);
        let members = Self::read(&mut r)?;
        r.end()?;
        Ok((members, decoded))
    }

    fn read(r: &mut Reader<'a>) -> Result<Self, JwkError> {
        let mut said = Self::default();
        r.object()?;
        while let Some(name) = r.name()? {
            match name {
                "kty" => said.kty = text(r, "kty")?,
                "crv" => said.crv = text(r, "crv")?,
                "kid" => said.kid = text(r, "kid")?,
                "alg" => said.alg = text(r, "alg")?,
                "x" => said.x = text(r, "x")?,
                "y" => said.y = text(r, "y")?,
                "n" => said.n = text(r, "n")?,
                "e" => said.e = text(r, "e")?,
                "k" => said.k = text(r, "k")?,
                "use" => said.purpose_is_other |= text(r, "use")? != "sig",
                "key_ops" => said.purpose_is_other |= !may_verify(r)?,
                // Private members, certificates and what nobody here knows.
                _ => r.skip()?,
            }
        }
        Ok(said)
    }

    fn judge(self, decoded: &'a mut [u8]) -> Result<Jwk<'a>, JwkError> {
        if self.kty.is_empty() {
            return Err(JwkError::Missing("kty"));
        }
        if self.purpose_is_other {
            return Err(JwkError::Purpose);
        }
        let named = match self.alg {
            "" => None,
            name => Some(Algorithm::from_name(name).ok_or(JwkError::Algorithm)?),
        };
        let only = |algorithm| match named {
            Some(other) if other != algorithm => Err(JwkError::Algorithm),
            _ => Ok(Some(algorithm)),
        };
        let (algorithm, material) = match (self.kty, self.crv) {
            ("EC", "P-256") => {
                (only(Algorithm::Es256)?, Material::P256 { x: array(self.x, "x")?, y: array(self.y, "y")? })
            }
            ("EC", "P-384") => {
                (only(Algorithm::Es384)?, Material::P384 { x: array(self.x, "x")?, y: array(self.y, "y")? })
            }
            ("OKP", "Ed25519") => (only(Algorithm::EdDsa)?, Material::Ed25519 { x: array(self.x, "x")? }),
            ("RSA", _) => (rsa::algorithm(named)?, self.rsa(decoded)?),
            ("oct", _) => return self.symmetric(named, decoded).map(Jwk::Symmetric),
            _ => return Err(JwkError::Unsupported),
        };
        Ok(Jwk::Public(PublicJwk { kid: self.kid, algorithm, material }))
    }

    fn rsa(&self, decoded: &'a mut [u8]) -> Result<Material<'a>, JwkError> {
        // A modulus is most of its key: the exponent has what is left.
        let most = decoded.len().min(self.n.len());
        let (first, second) = decoded.split_at_mut_checked(most).unwrap_or_default();
        let (n, e) = (bytes(self.n, "n", first)?, bytes(self.e, "e", second)?);
        rsa::check(n, e)?;
        Ok(Material::Rsa { n, e })
    }

    /// A shared key says which algorithm it is for, or it would serve several.
    fn symmetric(&self, named: Option<Algorithm>, decoded: &'a mut [u8]) -> Result<SymmetricJwk<'a>, JwkError> {
        let algorithm = named.ok_or(JwkError::Missing("alg"))?;
        let least = match algorithm {
            Algorithm::Hs256 => 32,
            Algorithm::Hs384 => 48,
            Algorithm::Hs512 => 64,
            _ => return Err(JwkError::Algorithm),
        };
        let key = bytes(self.k, "k", decoded)?;
        // RFC 7518 section 3.2: at least as long as the hash.
        if key.len() < least {
            return Err(JwkError::Weak);
        }
        Ok(SymmetricJwk { kid: self.kid, algorithm, key })
    }
}

fn text<'a>(r: &mut Reader<'a>, name: &'static str) -> Result<&'a str, JwkError> {
    if r.peek()? != Kind::String {
        return Err(JwkError::Malformed(name));
    }
    let text = r.string()?;
    if text.is_empty() { Err(JwkError::Malformed(name)) } else { Ok(text) }
}

/// `key_ops`: an array of different texts, `verify` (or, of a private key, `sign`) among them.
/// <https://www.rfc-editor.org/rfc/rfc7517#section-4.3>
fn may_verify(r: &mut Reader<'_>) -> Result<bool, JwkError> {
    const KNOWN: [&str; 8] =
        ["verify", "sign", "encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"];
    let mut seen = [false; KNOWN.len()];
    if r.peek()? != Kind::Array {
        return Err(JwkError::Malformed("key_ops"));
    }
    r.array()?;
    while r.element()? {
        let operation = text(r, "key_ops")?;
        for (known, seen) in KNOWN.iter().zip(&mut seen) {
            if *known == operation {
                if *seen {
                    return Err(JwkError::Purpose);
                }
                *seen = true;
            }
        }
    }
    let [verify, sign, others @ ..] = seen;
    Ok((verify || sign) && !others.contains(&true))
}

fn array<const N: usize>(text: &str, name: &'static str) -> Result<[u8; N], JwkError> {
    if text.is_empty() {
        return Err(JwkError::Missing(name));
    }
    base64::decode_array(text).map_err(|_| JwkError::Malformed(name))
}

fn bytes<'a>(text: &str, name: &'static str, out: &'a mut [u8]) -> Result<&'a [u8], JwkError> {
    if text.is_empty() {
        return Err(JwkError::Missing(name));
    }
    base64::decode(text, out).map_err(|e| match e {
        Base64Error::TooSmall(_) => JwkError::Scratch,
        _ => JwkError::Malformed(name),
    })
}

impl PublicJwk<'_> {
    /// The SHA-256 of its required members: a name for the key that everyone computes alike, whatever else is said of it.
    /// Shared keys have none, as it would tell something of them.
    /// <https://www.rfc-editor.org/rfc/rfc7638#section-3>
    pub fn thumbprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        self.required(&mut |text| hash.update(text));
        hash.finalize().into()
    }

    /// Writes it as JSON, with `kid`, `alg` and `use` where it has them. There is nothing private in it.
    pub fn write(&self, w: &mut Writer<'_>) {
        let mut json = Object::new(w);
        match self.material {
            Material::P256 { x, y } => {
                json.string("kty", "EC");
                json.string("crv", "P-256");
                json.string_with("x", |w| push_base64(&x, &mut |text| w.push_str(text)));
                json.string_with("y", |w| push_base64(&y, &mut |text| w.push_str(text)));
            }
            Material::P384 { x, y } => {
                json.string("kty", "EC");
                json.string("crv", "P-384");
                json.string_with("x", |w| push_base64(&x, &mut |text| w.push_str(text)));
                json.string_with("y", |w| push_base64(&y, &mut |text| w.push_str(text)));
            }
            Material::Ed25519 { x } => {
                json.string("kty", "OKP");
                json.string("crv", "Ed25519");
                json.string_with("x", |w| push_base64(&x, &mut |text| w.push_str(text)));
            }
            Material::Rsa { n, e } => {
                json.string("kty", "RSA");
                json.string_with("n", |w| push_base64(n, &mut |text| w.push_str(text)));
                json.string_with("e", |w| push_base64(e, &mut |text| w.push_str(text)));
            }
        }
        if !self.kid.is_empty() {
            json.string("kid", self.kid);
        }
        if let Some(algorithm) = self.algorithm {
            json.string("alg", algorithm.as_str());
        }
        json.string("use", "sig");
        json.close();
    }

    /// The required members in the order of their names, without white space.
    fn required(&self, push: &mut impl FnMut(&str)) {
        let mut point = |crv: &str, x: &[u8], y: &[u8]| {
            push("{\"crv\":\"");
            push(crv);
            push("\",\"kty\":\"");
            push(if y.is_empty() { "OKP" } else { "EC" });
            push("\",\"x\":\"");
            push_base64(x, push);
            if !y.is_empty() {
                push("\",\"y\":\"");
                push_base64(y, push);
            }
            push("\"}");
        };
        match self.material {
            Material::P256 { x, y } => point("P-256", &x, &y),
            Material::P384 { x, y } => point("P-384", &x, &y),
            Material::Ed25519 { x } => point("Ed25519", &x, &[]),
            Material::Rsa { n, e } => {
                push("{\"e\":\"");
                push_base64(e, push);
                push("\",\"kty\":\"RSA\",\"n\":\"");
                push_base64(n, push);
                push("\"}");
            }
        }
    }
}

/// Pushes base64url piece by piece, as a modulus is long.
fn push_base64(bytes: &[u8], push: &mut impl FnMut(&str)) {
    for piece in bytes.chunks(48) {
        push(base64::encode(piece, &mut [0; 64]).unwrap_or_default());
    }
}
