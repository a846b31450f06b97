//! Client authentication by an assertion that the client signs: `private_key_jwt`.
//! <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
//!
//! ```text
//!  flow --sign--> NeedSign: message or digest --(a key that may lie in a chip)--> resume(signature) --> Post
//! ```
//!
//! A client with a secret links none of this.

use super::{
    ClientCredentials, Exchange, Refresh,
    config::{Config, ConfigError},
    post::{Draft, Duties, Post, Retry},
};
use crate::{
    error::TooSmall,
    jose::Algorithm,
    secret::Entropy,
    text::{
        ascii, base64,
        buf::{Writer, wipe},
    },
    time::UnixTime,
};
use core::fmt;
use sha2::{Digest as _, Sha256};

/// What one assertion says: sign one for each request, as it is good once.
///
/// ```
/// use valetkey::client::{Assertion, ClientAuth, ClientCredentials, Config, ConfigError};
/// use valetkey::{jose::Algorithm, secret::Entropy, time::UnixTime};
/// # struct Chip; impl Chip { fn sign(&self, _digest: [u8; 32]) -> [u8; 64] { [7; 64] } }
/// # let chip = Chip;
/// let cfg = Config::new("https://as.example", "https://as.example/token", "device", ClientAuth::PrivateKeyJwt)?;
/// let flow = ClientCredentials::new(&cfg)?;
///
/// let (now, id) = (UnixTime(1_800_000_000), Entropy::new([5; Assertion::ENTROPY])); // in earnest: of a clock, and drawn
/// let assertion = Assertion::new(Algorithm::Es256, "key-1", now, id)?;
/// let mut buf = [0; 768];
/// let need = flow.sign(&assertion, &mut buf)?;
/// let signature = chip.sign(need.digest()); // wherever the key is, blocking or not
/// let post = need.resume(&signature)?;
/// assert!(post.body.starts_with("grant_type=client_credentials&client_id=device&client_assertion_type=urn%3A"));
///
/// // A clock that was never set would make assertions that nobody takes.
/// let unset = Assertion::new(Algorithm::Es256, "key-1", UnixTime(12), Entropy::new([5; Assertion::ENTROPY]));
/// assert_eq!(unset.unwrap_err(), ConfigError::Clock);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Assertion<'c> {
    algorithm: Algorithm,
    kid: &'c str,
    /// `iat`, `exp`, and `jti` in three numbers.
    numbers: [u32; 5],
}

impl fmt::Debug for Assertion<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assertion").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// 96 bits, so that no `jti` comes twice while an assertion is good.
const ENTROPY: usize = 12;

impl<'c> Assertion<'c> {
    /// Bytes of [`Entropy`] for an assertion, drawn for it alone.
    pub const ENTROPY: usize = ENTROPY;

    /// For how many seconds it is good.
    pub const LIFETIME: u32 = 60;

    /// 1 January 2023: a clock that says less was never set.
    const EARLIEST: u32 = 1_672_531_200;

    /// In 2106: a clock that says more runs wild. So each time has ten digits.
    const LATEST: u32 = u32::MAX - Self::LIFETIME;

    /// `kid` names the key among those that the server has of this client; empty if it has but one.
    ///
    /// # Errors
    /// [`ConfigError::Algorithm`] if it is one with a shared secret; [`ConfigError::Kid`] if the key's name has a control
    /// character; [`ConfigError::Clock`] if `now` is before the year 2023, so that a clock must be set first, such as by the
    /// `Date` of any response, or more than 32 bits tell (in 2106).
    #[inline]
    pub fn new(algorithm: Algorithm, kid: &'c str, now: UnixTime, id: Entropy<ENTROPY>) -> Result<Self, ConfigError> {
        let [a, b, c] = [0, 4, 8].map(|at| u32::from_be_bytes(id.part(at)));
        drop(id);
        if algorithm.is_symmetric() {
            return Err(ConfigError::Algorithm);
        }
        if kid.bytes().any(|byte| byte < b' ') {
            return Err(ConfigError::Kid);
        }
        match u32::try_from(now.0) {
            Ok(now @ Self::EARLIEST..=Self::LATEST) => {
                Ok(Self { algorithm, kid, numbers: [now, now.wrapping_add(Self::LIFETIME), a, b, c] })
            }
            _ => Err(ConfigError::Clock),
        }
    }

    /// Ends the body with what is to be signed, and leaves room for the signature.
    fn close<'b>(&self, mut draft: Draft<'b>, cfg: &Config<'b>) -> Result<NeedSign<'b>, TooSmall> {
        let Self { algorithm, kid, ref numbers } = *self;
        draft.w.push_str(PARAMETERS);
        let message = draft.w.len().wrapping_sub(1);
        write(&mut draft.w, message, [kid, algorithm.as_str(), cfg.client_id, cfg.issuer], numbers);
        let (buf, end) = draft.w.into_parts();
        let needed = end.saturating_add(base64::encoded_len(algorithm.signature_len()));
        if needed > buf.len() {
            wipe(buf);
            return Err(TooSmall { needed });
        }
        Ok(NeedSign { url: cfg.token_endpoint, algorithm, buf, message, end })
    }
}

/// The parameters of an assertion, after the others: what it is, and the name of its own, with the bracket that begins it.
const PARAMETERS: &str = "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
    &client_assertion={";

/// The header from its bracket on, and the claims. A byte below 9 stands for a value: one of the texts, or of the numbers
/// behind them. In one piece, as each call of the writer takes a dozen bytes of firmware.
///
/// By its type it passes for no other kind of token: draft-ietf-oauth-rfc7523bis. The issuer alone is the audience, as text: an
/// endpoint may have been told by another server.
const PARTS: &[u8] = b"\"kid\":\"\x00\",\"alg\":\"\x01\",\"typ\":\"client-authentication+jwt\"}.\
    {\"iss\":\"\x02\",\"sub\":\"\x02\",\"aud\":\"\x03\",\"iat\":\x04,\"exp\":\x05,\"jti\":\"\x06\x07\x08\"}.";

/// What is left out for a key without a name.
const KID: usize = b"\"kid\":\"\x00\",".len();

/// Writes header and claims, each as base64url with a period behind it; `begin` is where the header's bracket stands.
fn write(w: &mut Writer<'_>, mut begin: usize, texts: [&str; 4], numbers: &[u32; 5]) {
    let [kid, ..] = texts;
    for byte in PARTS.get(if kid.is_empty() { KID } else { 0 }..).unwrap_or_default() {
        let place = usize::from(*byte);
        if let Some(text) = texts.get(place) {
            for byte in text.bytes() {
                // None has a control character, so that nothing else is escaped: what writes any JSON takes more firmware.
                if matches!(byte, b'"' | b'\\') {
                    w.push_ascii(b'\\');
                }
                w.push_part(&[byte]);
            }
        } else if let Some(n) = numbers.get(place.wrapping_sub(texts.len())) {
            ten_digits(w, *n);
        } else {
            if *byte == b'.' {
                w.encode_since(begin);
                begin = w.len().wrapping_add(1);
            }
            w.push_ascii(*byte);
        }
    }
}

/// Writes a number in ten digits of decimal, zeros before it included: in less firmware than the writer takes for any number.
fn ten_digits(w: &mut Writer<'_>, mut n: u32) {
    let mut one = 1_000_000_000;
    while let (Some(digit), Some(rest)) = (n.checked_div(one), n.checked_rem(one)) {
        let [digit, ..] = digit.to_le_bytes();
        w.push_ascii(b'0' | digit);
        n = rest;
        one /= 10;
    }
}

/// A request lacks its signature.
#[must_use]
pub struct NeedSign<'b> {
    url: &'b str,
    algorithm: Algorithm,
    buf: &'b mut [u8],
    /// Where the message begins, and where the signature stands, behind a period.
    message: usize,
    end: usize,
}

impl fmt::Debug for NeedSign<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NeedSign").field("url", &self.url).field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl<'b> NeedSign<'b> {
    /// By which algorithm.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// What is to be signed: the JWS signing input. <https://www.rfc-editor.org/rfc/rfc7515#section-5.1>
    pub fn message(&self) -> &[u8] {
        self.buf.get(self.message..self.end.wrapping_sub(1)).unwrap_or_default()
    }

    /// Its SHA-256, for ES256 by what signs digests, such as a secure element.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.message()).into()
    }

    /// Ends the request with the signature: of ECDSA and EdDSA in its fixed size, and not as DER
    /// ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)). Send it once: for another try sign anew.
    ///
    /// # Errors
    /// [`SignatureError`]; begin again with `sign`.
    pub fn resume(self, signature: &[u8]) -> Result<Post<'b>, SignatureError> {
        if !self.algorithm.fits(signature.len()) {
            return Err(SignatureError::Length);
        }
        let mut w = Writer::at(self.buf, self.end);
        w.push_part(signature);
        w.encode_since(self.end);
        // All of it is ASCII: to check it as UTF-8 would take more of firmware.
        let body = ascii(w.finish_bytes().map_err(SignatureError::TooSmall)?);
        Ok(Post {
            url: self.url,
            authorization: None,
            body,
            duties: Duties { body_cap: Duties::BODY_CAP, retry: Retry::Never },
        })
    }
}

/// Why a signature cannot end a request. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureError {
    /// It has not the length of a signature by that algorithm: one of ECDSA may be DER.
    Length,
    /// An RSA key of more than 2048 bits needs so large a slice.
    TooSmall(TooSmall),
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length => f.write_str("the signature has not the length of its algorithm: ECDSA's must not be DER"),
            Self::TooSmall(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl core::error::Error for SignatureError {}

/// The client names itself, whatever secret it may have besides: an assertion is never sent with another method
/// ([RFC 7521 section 4.2](https://www.rfc-editor.org/rfc/rfc7521#section-4.2)).
const fn bare<'c>(cfg: &Config<'c>) -> Config<'c> {
    Config { auth: super::ClientAuth::PrivateKeyJwt, ..*cfg }
}

impl<'c> ClientCredentials<'c> {
    /// Writes the request by an assertion, up to its signature. Repeatable.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size; for RSA that of a key of 2048 bits.
    pub fn sign<'b>(&self, assertion: &Assertion<'_>, buf: &'b mut [u8]) -> Result<NeedSign<'b>, TooSmall>
    where
        'c: 'b,
    {
        let mut draft = Draft::new(buf);
        self.write(&bare(self.cfg), &mut draft);
        assertion.close(draft, self.cfg)
    }
}

impl<'c> Refresh<'c> {
    /// Writes the request by an assertion, up to its signature. Repeatable.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size; for RSA that of a key of 2048 bits.
    pub fn sign<'b>(&self, assertion: &Assertion<'_>, buf: &'b mut [u8]) -> Result<NeedSign<'b>, TooSmall>
    where
        'c: 'b,
    {
        let mut draft = Draft::new(buf);
        self.write(&bare(self.cfg), &mut draft);
        assertion.close(draft, self.cfg)
    }
}

impl<'c> Exchange<'c, '_> {
    /// Writes the request by an assertion, up to its signature. Repeatable.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size; for RSA that of a key of 2048 bits.
    pub fn sign<'b>(&self, assertion: &Assertion<'_>, buf: &'b mut [u8]) -> Result<NeedSign<'b>, TooSmall>
    where
        'c: 'b,
    {
        let mut draft = Draft::new(buf);
        self.write(&bare(self.cfg), &mut draft);
        assertion.close(draft, self.cfg)
    }
}
