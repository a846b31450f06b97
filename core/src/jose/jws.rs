//! JSON Web Signatures in their compact form. <https://www.rfc-editor.org/rfc/rfc7515#section-3.1>

use super::base64url::{decode, decoded_len};
use super::{Algorithm, Algorithms, Claims, ClaimsError, Key};
use crate::text::json::{self, JsonError, Reader};
use core::fmt;
use core::ops::Range;

/// How long a token may be, seen before any work is done
/// ([RFC 8725 section 2.11](https://www.rfc-editor.org/rfc/rfc8725)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Characters of the whole.
    pub token: usize,
    /// Characters of the header.
    pub header: usize,
}

impl Limits {
    /// 8 KiB, of which 2 KiB are header: as much as HTTP servers take for a header field.
    pub const DEFAULT: Self = Self { token: 8 * 1024, header: 2 * 1024 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a token's header says of how it is signed. Nothing in it is proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// `alg`
    pub algorithm: Algorithm,
    /// `kid`: a name to compare, and never a place to look at.
    pub kid: Option<&'a str>,
    /// `typ`, as it came; see [`Header::is_type`].
    pub typ: Option<&'a str>,
}

impl Header<'_> {
    /// Whether `typ` names this media type, of which `application/` is left out: in any case, with or without
    /// `application/`. <https://www.rfc-editor.org/rfc/rfc7515#section-4.1.9>
    ///
    /// ```
    /// use valetkey::jose::{Algorithm, Header};
    /// let header = |typ| Header { algorithm: Algorithm::Es256, kid: None, typ };
    /// assert!(header(Some("at+jwt")).is_type("at+jwt"));
    /// assert!(header(Some("Application/AT+JWT")).is_type("at+jwt"));
    /// assert!(!header(Some("JWT")).is_type("at+jwt"));
    /// assert!(!header(None).is_type("at+jwt"));
    /// ```
    pub fn is_type(&self, wanted: &str) -> bool {
        let typ = self.typ.unwrap_or_default();
        let short = match typ.split_at_checked("application/".len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("application/") => rest,
            _ => typ,
        };
        !wanted.is_empty() && (short == wanted || short.eq_ignore_ascii_case(wanted))
    }
}

/// Why a token is not good. It never holds any of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JwsError {
    /// Longer than [`Limits`] say.
    TooLong,
    /// Not three parts with a period between each: something else than a signed token in compact form.
    Segments,
    /// A part is no canonical base64url.
    Base64,
    /// The header is no JSON object by the rules; where, and why.
    Header(JsonError),
    /// This member of the header is missing, or of a wrong type.
    Malformed(&'static str),
    /// `alg` is unknown, or `none`.
    Algorithm,
    /// `alg` is none of those that are taken.
    NotAllowed,
    /// The header asks for something that is not understood here: `crit`, `b64` or `zip`.
    Critical,
    /// The key is for another algorithm than `alg`.
    OtherKey,
    /// The signature is not of this text by this key.
    Signature,
    /// The scratch is too short. Twice as many bytes as the token suffice.
    Scratch,
}

impl fmt::Display for JwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the token is too long",
            Self::Segments => "the token is not made of three parts with a period between each",
            Self::Base64 => "a part of the token is not canonical base64url",
            Self::Header(e) => return write!(f, "the token's header is malformed: {e}"),
            Self::Malformed(name) => return write!(f, "the token's header has no {name}, or a malformed one"),
            Self::Algorithm => "the token's alg is unknown or none",
            Self::NotAllowed => "the token's alg is not allowed here",
            Self::Critical => "the token's header asks for what is not understood here",
            Self::OtherKey => "the key is for another algorithm than the token's",
            Self::Signature => "the signature is not good",
            Self::Scratch => "the scratch is too short for the token",
        })
    }
}

impl core::error::Error for JwsError {}

impl From<JsonError> for JwsError {
    fn from(e: JsonError) -> Self {
        if e.fault == json::Fault::Scratch { Self::Scratch } else { Self::Header(e) }
    }
}

/// A token taken apart, of which nothing is proven yet: it tells which key it wants to be checked by.
#[must_use]
pub struct Unverified<'a> {
    header: Header<'a>,
    message: &'a [u8],
    payload: &'a [u8],
    signature: &'a [u8],
    rest: &'a mut [u8],
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<'a> Unverified<'a> {
    /// Takes a token apart. `scratch` of twice as many bytes as the token suffices.
    ///
    /// # Errors
    /// [`JwsError`].
    pub fn read(token: &'a str, limits: Limits, scratch: &'a mut [u8]) -> Result<Self, JwsError> {
        if token.len() > limits.token {
            return Err(JwsError::TooLong);
        }
        let token = token.as_bytes();
        let first = first_period(token).ok_or(JwsError::Segments)?;
        let second = last_period(token).filter(|second| *second > first).ok_or(JwsError::Segments)?;
        if first > limits.header {
            return Err(JwsError::TooLong);
        }
        let part = |range: Range<usize>| token.get(range).unwrap_or_default();
        let (message, payload) = (part(0..second), part(first.saturating_add(1)..second));
        // A third period is foreign to base64url, and is looked for only where something was.
        let why = |e| if payload.contains(&b'.') { JwsError::Segments } else { e };
        let (header, scratch) = segment(part(0..first), scratch).map_err(why)?;
        let (payload, scratch) = segment(payload, scratch).map_err(why)?;
        let (signature, scratch) = segment(part(second.saturating_add(1)..token.len()), scratch)?;
        let room = scratch.len().min(header.len());
        let (names, rest) = scratch.split_at_mut_checked(room).unwrap_or_default();
        let header = read_header(header, names)?;
        Ok(Self { header, message, payload, signature, rest })
    }

    /// What the header says.
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// Whether it is signed by `key` with one of the algorithms that are `allowed`.
    ///
    /// # Errors
    /// [`JwsError::NotAllowed`], [`JwsError::OtherKey`], [`JwsError::Signature`].
    pub fn verify(self, key: &Key<'_>, allowed: Algorithms) -> Result<Verified<'a>, JwsError> {
        self.check(key, allowed)?;
        Ok(Verified { header: self.header, payload: self.payload, rest: self.rest })
    }

    pub(crate) fn check(&self, key: &Key<'_>, allowed: Algorithms) -> Result<(), JwsError> {
        if !allowed.contains(self.header.algorithm) {
            return Err(JwsError::NotAllowed);
        }
        if key.algorithm() != self.header.algorithm {
            return Err(JwsError::OtherKey);
        }
        if key.verify(self.message, self.signature) { Ok(()) } else { Err(JwsError::Signature) }
    }

    /// What it claims. Nothing of that is proven; it serves to learn whose key is asked for.
    pub(crate) fn claims(&mut self, audience: &str) -> Result<Claims<'a>, ClaimsError> {
        Claims::read(self.payload, audience, core::mem::take(&mut self.rest))
    }

    /// The bytes that are proven once [`Self::check`] is passed.
    pub(crate) const fn payload(&self) -> &'a [u8] {
        self.payload
    }
}

/// A token that a key signed: who holds the private half, or the shared secret, said this.
#[must_use]
pub struct Verified<'a> {
    header: Header<'a>,
    payload: &'a [u8],
    rest: &'a mut [u8],
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("header", &self.header).finish_non_exhaustive()
    }
}

impl<'a> Verified<'a> {
    /// What the header says.
    pub const fn header(&self) -> &Header<'a> {
        &self.header
    }

    /// What was signed, decoded.
    pub const fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// What was signed, as the claims of a token for `audience`. That they are true now (issuer, times, audience) is still
    /// to be seen.
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn claims(self, audience: &str) -> Result<Claims<'a>, ClaimsError> {
        Claims::read(self.payload, audience, self.rest)
    }
}

/// Decodes into the front of `scratch`, and gives what is left of it.
fn segment<'a>(text: &[u8], scratch: &'a mut [u8]) -> Result<(&'a [u8], &'a mut [u8]), JwsError> {
    let len = decoded_len(text.len()).ok_or(JwsError::Base64)?;
    let (out, rest) = scratch.split_at_mut_checked(len).ok_or(JwsError::Scratch)?;
    if decode(text, out) { Ok((out, rest)) } else { Err(JwsError::Base64) }
}

fn read_header<'a>(bytes: &'a [u8], scratch: &'a mut [u8]) -> Result<Header<'a>, JwsError> {
    let (mut algorithm, mut kid, mut typ, mut critical) = (None, None, None, false);
    let mut r = Reader::new(bytes, json::Limits::DEFAULT, scratch);
    r.object()?;
    while let Some(name) = r.name_bytes()? {
        match name {
            b"alg" => algorithm = Some(Algorithm::from_name(text(&mut r, "alg")?).ok_or(JwsError::Algorithm)?),
            b"kid" => kid = Some(text(&mut r, "kid")?),
            b"typ" => typ = Some(text(&mut r, "typ")?),
            // Extensions that change what is signed, and of which none is understood here.
            b"crit" | b"b64" | b"zip" => {
                critical = true;
                r.skip()?;
            }
            // `jwk`, `jku`, `x5u` and `x5c` among them: no proof of anything.
            _ => r.skip()?,
        }
    }
    r.end()?;
    if critical {
        return Err(JwsError::Critical);
    }
    Ok(Header { algorithm: algorithm.ok_or(JwsError::Malformed("alg"))?, kid, typ })
}

fn text<'a>(r: &mut Reader<'a>, name: &'static str) -> Result<&'a str, JwsError> {
    r.string().map_err(|e| if e.fault == json::Fault::WrongType { JwsError::Malformed(name) } else { e.into() })
}

/// Found by the chunk, as most of them have none.
fn first_period(token: &[u8]) -> Option<usize> {
    let passed = token.as_chunks().0.iter().take_while(has_no_period).count().saturating_mul(16);
    let more = token.get(passed..)?.iter().position(|c| *c == b'.')?;
    Some(passed.saturating_add(more))
}

/// The same from the end, as the signature is short.
fn last_period(token: &[u8]) -> Option<usize> {
    let passed = token.as_rchunks().1.iter().rev().take_while(has_no_period).count().saturating_mul(16);
    let (rest, _) = token.split_at_checked(token.len().saturating_sub(passed))?;
    rest.iter().rposition(|c| *c == b'.')
}

fn has_no_period(chunk: &&[u8; 16]) -> bool {
    !chunk.iter().fold(false, |found, c| found | (*c == b'.'))
}
