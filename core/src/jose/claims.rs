//! What an access token claims. <https://www.rfc-editor.org/rfc/rfc7519#section-4>,
//! <https://www.rfc-editor.org/rfc/rfc9068#section-2.2>

use crate::text::json::{self, JsonError, Kind, Limits, Reader};
use crate::text::scope;
use crate::time::UnixTime;
use core::fmt;

/// The claims of an access token that have a meaning here; others are passed over. One of a wrong type is an error, and
/// never absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims<'a> {
    /// `iss`
    pub issuer: Option<&'a str>,
    /// `sub`
    pub subject: Option<&'a str>,
    /// Whether `aud` names the audience that was asked about; `None` without `aud`.
    pub for_audience: Option<bool>,
    /// `aud`, if it is one text, and no array.
    pub audience: Option<&'a str>,
    /// `client_id`
    pub client_id: Option<&'a str>,
    /// `jti`
    pub id: Option<&'a str>,
    /// `scope`, space-separated.
    pub scope: Option<&'a str>,
    /// `exp`: the first second at which it is not good any more.
    pub expires_at: Option<UnixTime>,
    /// `nbf`: the first second at which it is good.
    pub not_before: Option<UnixTime>,
    /// `iat`
    pub issued_at: Option<UnixTime>,
    /// `auth_time`: when the person logged in.
    pub auth_time: Option<UnixTime>,
    /// `acr`: how.
    pub acr: Option<&'a str>,
    /// Whether there is a `cnf`: it is bound to a key, and nothing in the hand of who only bears it.
    pub bound: bool,
}

/// Why claims could not be read. It holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimsError {
    /// No JSON object by the rules; where, and why.
    Json(JsonError),
    /// The claim of this name is of a wrong type.
    Malformed(&'static str),
    /// The scratch is too short. As many bytes as the claims have suffice.
    Scratch,
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(e) => write!(f, "the token's claims are malformed: {e}"),
            Self::Malformed(name) => write!(f, "the token's {name} is malformed"),
            Self::Scratch => f.write_str("the scratch is too short for the token's claims"),
        }
    }
}

impl core::error::Error for ClaimsError {}

impl From<JsonError> for ClaimsError {
    fn from(e: JsonError) -> Self {
        if e.fault == json::Fault::Scratch { Self::Scratch } else { Self::Json(e) }
    }
}

impl<'a> Claims<'a> {
    /// How much of a token's claims is read before it is refused.
    pub const LIMITS: Limits = Limits { members: 64, ..Limits::DEFAULT };

    /// Reads the claims of a token for `audience`. `scratch` of as many bytes as there are suffices, and none where no text
    /// has escapes.
    ///
    /// ```
    /// use valetkey::jose::{Claims, ClaimsError};
    /// use valetkey::time::UnixTime;
    /// let json = br#"{"iss":"https://as.example","aud":["https://api.example"],"exp":1700000300.5,"plan":{"a":1}}"#;
    /// let claims = Claims::read(json, "https://api.example", &mut [])?;
    /// assert_eq!((claims.issuer, claims.for_audience), (Some("https://as.example"), Some(true)));
    /// assert_eq!(claims.expires_at, Some(UnixTime(1_700_000_301)));
    /// assert_eq!(Claims::read(br#"{"exp":"1700000300"}"#, "", &mut []), Err(ClaimsError::Malformed("exp")));
    /// # Ok::<(), ClaimsError>(())
    /// ```
    ///
    /// # Errors
    /// [`ClaimsError`].
    pub fn read(json: &'a [u8], audience: &str, scratch: &'a mut [u8]) -> Result<Self, ClaimsError> {
        let mut claims = Self::default();
        let mut r = Reader::new(json, Self::LIMITS, scratch);
        r.object()?;
        while let Some(name) = r.name_bytes()? {
            match name {
                b"iss" => claims.issuer = Some(text(&mut r, "iss")?),
                b"sub" => claims.subject = Some(text(&mut r, "sub")?),
                b"aud" if r.peek()? == Kind::String => {
                    let only = text(&mut r, "aud")?;
                    (claims.for_audience, claims.audience) = (Some(only == audience), Some(only));
                }
                b"aud" => claims.for_audience = Some(names(&mut r, audience)?),
                b"client_id" => claims.client_id = Some(text(&mut r, "client_id")?),
                b"jti" => claims.id = Some(text(&mut r, "jti")?),
                b"scope" => claims.scope = Some(scopes(&mut r)?),
                b"exp" => claims.expires_at = Some(time(&mut r, "exp")?),
                b"nbf" => claims.not_before = Some(time(&mut r, "nbf")?),
                b"iat" => claims.issued_at = Some(time(&mut r, "iat")?),
                b"auth_time" => claims.auth_time = Some(time(&mut r, "auth_time")?),
                b"acr" => claims.acr = Some(text(&mut r, "acr")?),
                b"cnf" => {
                    claims.bound = true;
                    r.skip()?;
                }
                _ => r.skip()?,
            }
        }
        r.end()?;
        Ok(claims)
    }
}

/// A value of a wrong type is the claim's fault, anything else the document's.
#[cold]
fn wrong(e: JsonError, name: &'static str) -> ClaimsError {
    if e.fault == json::Fault::WrongType { ClaimsError::Malformed(name) } else { e.into() }
}

/// Text with something in it: an empty one would pass for an absent one.
#[inline(always)]
fn text<'a>(r: &mut Reader<'a>, name: &'static str) -> Result<&'a str, ClaimsError> {
    let text = r.string().map_err(|e| wrong(e, name))?;
    if text.is_empty() { Err(ClaimsError::Malformed(name)) } else { Ok(text) }
}

/// A token may say that it is good for nothing.
fn scopes<'a>(r: &mut Reader<'a>) -> Result<&'a str, ClaimsError> {
    let text = r.string().map_err(|e| wrong(e, "scope"))?;
    if text.is_empty() || scope::is_scope(text) { Ok(text) } else { Err(ClaimsError::Malformed("scope")) }
}

/// Whether `aud`, here an array of texts, names the audience. <https://www.rfc-editor.org/rfc/rfc7519#section-4.1.3>
fn names(r: &mut Reader<'_>, audience: &str) -> Result<bool, ClaimsError> {
    if r.peek()? != Kind::Array {
        return Err(ClaimsError::Malformed("aud"));
    }
    let mut named = false;
    r.array()?;
    while r.element()? {
        named |= text(r, "aud")? == audience;
    }
    Ok(named)
}

/// A `NumericDate`: seconds, possibly with a fraction. As clocks here count whole seconds, the next one is meant: at it
/// the token is past its end, or has begun. What lies before 1970 is 1970.
/// <https://www.rfc-editor.org/rfc/rfc7519#section-2>
#[inline]
fn time(r: &mut Reader<'_>, name: &'static str) -> Result<UnixTime, ClaimsError> {
    match r.plain_integer() {
        Some(seconds) => Ok(UnixTime(seconds)),
        None => other_time(r, name),
    }
}

/// The same for a time that has a fraction, a sign, or else more to it than digits.
#[cold]
fn other_time(r: &mut Reader<'_>, name: &'static str) -> Result<UnixTime, ClaimsError> {
    let number = r.number().map_err(|e| wrong(e, name))?;
    let seconds =
        if number.bytes().all(|b| b.is_ascii_digit()) { number.parse().ok() } else { next_second(number.as_bytes()) };
    seconds.map(UnixTime).ok_or(ClaimsError::Malformed(name))
}

/// Beyond this, those who read numbers as `f64` cannot tell seconds apart any more.
const LAST_SECOND: u64 = 1 << 53;

/// A number of JSON, up to the next integer; what is negative is 0. Digit by digit, and so exactly: `f64` takes kilobytes on
/// processors that have none.
fn next_second(number: &[u8]) -> Option<u64> {
    if number.first() == Some(&b'-') {
        return Some(0);
    }
    let digits = number.iter().take_while(|b| !matches!(b, b'e' | b'E'));
    let whole = digits.clone().take_while(|b| **b != b'.').count();
    let exponent = exponent(number.get(digits.clone().count()..).unwrap_or_default());
    // So many digits from here stand before the point.
    let mut before = i32::try_from(whole).ok()?.saturating_add(exponent);
    let (mut seconds, mut fraction) = (0u64, false);
    let mut push = |digit: u8| {
        seconds = seconds.wrapping_mul(10).wrapping_add(u64::from(digit));
        (seconds <= LAST_SECOND).then_some(seconds)
    };
    for digit in digits.filter(|b| **b != b'.').map(|b| b.wrapping_sub(b'0')) {
        if before > 0 {
            push(digit)?;
            before = before.wrapping_sub(1);
        } else {
            fraction |= digit > 0;
        }
    }
    // Nothing becomes no more by this, and anything else soon becomes too much.
    while before > 0 && push(0)? > 0 {
        before = before.wrapping_sub(1);
    }
    let seconds = seconds.wrapping_add(u64::from(fraction));
    (seconds <= LAST_SECOND).then_some(seconds)
}

/// Of `e-5`; 0 of nothing, and of what is further from 0 than any text is long the furthest that there is.
fn exponent(text: &[u8]) -> i32 {
    let size = text.iter().filter(|b| b.is_ascii_digit());
    let size = size.fold(0i32, |size, b| size.saturating_mul(10).saturating_add(i32::from(b.wrapping_sub(b'0'))));
    if text.get(1) == Some(&b'-') { size.wrapping_neg() } else { size }
}
