//! What a token endpoint answers, read strictly from borrowed bytes.
//!
//! <https://www.rfc-editor.org/rfc/rfc6749#section-5>

use crate::{
    error::ErrorCode,
    secret::SecretText,
    text::{
        buf::Writer,
        form::{Encoded, Form},
        grammar, is_in_any_case,
        json::{self, JsonError, Kind, Known, Limits, Reader},
        scope,
    },
    wire::header::is_media_type,
};
use core::fmt;

/// What a client forgives a server, as data: nothing unless named. Each flag says what it gives up.
///
/// ```
/// use valetkey::wire::token_response::Leniency;
/// let old_server = Leniency { expires_in_string: true, ..Leniency::NONE };
/// assert!(!Leniency::default().expires_in_string && old_server.expires_in_string);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leniency {
    /// `"expires_in": "3600"`: a string of digits counts as the number. Gives up the type check of one member.
    pub expires_in_string: bool,
    /// An error, such as a pending device flow, may come with status 200. Gives up that the status alone tells success
    /// from failure: a body that has an `error` is one, whatever else it has.
    pub error_as_200: bool,
    /// The body may be a form, if its `Content-Type` says so. Gives up the JSON syntax checks; a form's names are unique,
    /// too.
    pub form_encoded: Option<Forms>,
    /// A missing `token_type` means Bearer. Gives up the warning that a token may need a proof of possession.
    pub no_token_type: bool,
    /// `null` and `""` count as absent. Gives up the difference between a slip and a statement of the server.
    pub empty_as_absent: bool,
    /// Any `Content-Type`, or none, is taken for JSON. Gives up one sign that a proxy or portal answered instead.
    pub any_content_type: bool,
    /// Access tokens of any visible ASCII, not just those that a Bearer header may hold. Gives up that resource servers
    /// must be able to read them.
    pub any_token_characters: bool,
}

impl Leniency {
    /// Strict.
    pub const NONE: Self = Self {
        expires_in_string: false,
        error_as_200: false,
        form_encoded: None,
        no_token_type: false,
        empty_as_absent: false,
        any_content_type: false,
        any_token_characters: false,
    };
}

/// The reader of bodies that are forms. It is a value and no flag, so that it is linked only into programs that name it.
#[derive(Clone, Copy)]
pub struct Forms(ReadForm);

type ReadForm = for<'b> fn(&mut Members<'b>, Wanted, &'b [u8], &'b mut [u8]) -> Result<(), Fault>;

impl Forms {
    /// Forms are read.
    pub const READ: Self = Self(read_form);
}

impl fmt::Debug for Forms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forms::READ")
    }
}

impl PartialEq for Forms {
    fn eq(&self, _: &Self) -> bool {
        true // there is but one
    }
}

impl Eq for Forms {}

/// A member of a token response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the name on the wire")]
pub enum Member {
    Error,
    ErrorDescription,
    ErrorUri,
    AccessToken,
    TokenType,
    RefreshToken,
    Scope,
    ExpiresIn,
}

/// In the order of [`Member`]: those of an error first.
const NAMES: [&str; 8] =
    ["error", "error_description", "error_uri", "access_token", "token_type", "refresh_token", "scope", "expires_in"];
const KNOWN: Known = Known {
    names: &NAMES,
    quoted: r#""error""error_description""error_uri""access_token""token_type""refresh_token""scope""expires_in""#,
};
const ERROR_NAMES: usize = 3;

impl Member {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        let [error, error_description, error_uri, access_token, token_type, refresh_token, scope, expires_in] = NAMES;
        match self {
            Self::Error => error,
            Self::ErrorDescription => error_description,
            Self::ErrorUri => error_uri,
            Self::AccessToken => access_token,
            Self::TokenType => token_type,
            Self::RefreshToken => refresh_token,
            Self::Scope => scope,
            Self::ExpiresIn => expires_in,
        }
    }
}

/// Why a response could not be read. Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// `Content-Type` is not `application/json`.
    ContentType,
    /// Not JSON, or not by the rules; where, and why.
    Json(JsonError),
    /// Not a form by the rules (only where one is allowed).
    Form,
    /// A required member is missing.
    Missing(Member),
    /// A member breaks its grammar.
    Malformed(Member),
    /// A token of another type than Bearer, which this client cannot use.
    TokenType,
    /// The scratch is too short for the strings with escapes. As many bytes as the body has suffice.
    Scratch,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ContentType => f.write_str("the content type is not application/json"),
            Self::Json(e) => e.fmt(f),
            Self::Form => f.write_str("the form is malformed"),
            Self::Missing(member) => write!(f, "{} is missing", member.as_str()),
            Self::Malformed(member) => write!(f, "{} is malformed", member.as_str()),
            Self::TokenType => f.write_str("the token is not of type Bearer"),
            Self::Scratch => f.write_str("the scratch is too short for the strings with escapes"),
        }
    }
}

impl core::error::Error for Fault {}

impl From<JsonError> for Fault {
    fn from(e: JsonError) -> Self {
        Self::Json(e)
    }
}

impl Fault {
    /// Whether the caller's scratch is at fault, and not the peer. Who tells the fault asks, once: each conversion of a
    /// [`JsonError`] would have to otherwise, in firmware too.
    pub(crate) const fn is_scratch(self) -> bool {
        matches!(self, Self::Scratch | Self::Json(JsonError { fault: json::Fault::Scratch, .. }))
    }
}

/// A successful response. <https://www.rfc-editor.org/rfc/rfc6749#section-5.1>
#[derive(Clone, Copy, Debug)]
pub struct TokenResponse<'b> {
    /// The access token, of type Bearer.
    pub access_token: SecretText<'b>,
    /// Its lifetime in seconds from the response on; `u32::MAX` if these are more than nine digits, over thirty years.
    pub expires_in: Option<u32>,
    /// The refresh token.
    pub refresh_token: Option<SecretText<'b>>,
    /// The granted scope, if it was said.
    pub scope: Option<&'b str>,
}

/// An error response. <https://www.rfc-editor.org/rfc/rfc6749#section-5.2>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorResponse<'b> {
    /// The code, which may be one that this crate does not know.
    pub error: &'b str,
    /// Text for a developer, not for a person to act on. `None` also if it breaks the grammar: so it is printable ASCII.
    pub description: Option<&'b str>,
    /// A page about the error; `None` also if it breaks the grammar.
    pub uri: Option<&'b str>,
}

impl ErrorResponse<'_> {
    /// The code, if it is one of those that this crate knows.
    pub fn code(&self) -> Option<ErrorCode> {
        known(|word| word == self.error)
    }
}

/// The code whose word `is` accepts, among those of the authorization and the token endpoint.
pub(crate) fn known(is: impl Fn(&str) -> bool) -> Option<ErrorCode> {
    const CODES: [ErrorCode; 11] = [
        ErrorCode::InvalidRequest,
        ErrorCode::InvalidClient,
        ErrorCode::InvalidGrant,
        ErrorCode::UnauthorizedClient,
        ErrorCode::UnsupportedGrantType,
        ErrorCode::UnsupportedResponseType,
        ErrorCode::InvalidScope,
        ErrorCode::InvalidTarget,
        ErrorCode::AccessDenied,
        ErrorCode::ServerError,
        ErrorCode::TemporarilyUnavailable,
    ];
    CODES.into_iter().find(|code| is(code.as_str()))
}

/// What was answered.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'b> {
    /// Tokens.
    Tokens(TokenResponse<'b>),
    /// A refusal.
    Error(ErrorResponse<'b>),
}

/// Reads a body. `success` is whether the status was 200. Members that are not asked for are passed over. Strings with
/// escapes go to `scratch`.
///
/// # Errors
/// [`Fault`].
pub fn read<'b>(
    success: bool,
    content_type: Option<&str>,
    body: &'b [u8],
    scratch: &'b mut [u8],
    leniency: Leniency,
) -> Result<Answer<'b>, Fault> {
    let mut members = Members::default();
    let told = |fault: Fault| if fault.is_scratch() { Fault::Scratch } else { fault };
    if read_members(&mut members, success, content_type, body, scratch, &leniency).map_err(told)? {
        tokens(&members, &leniency).map(Answer::Tokens)
    } else {
        error(&members).map(Answer::Error)
    }
}

/// What a body says, in the order of [`NAMES`].
pub(crate) type Members<'b> = [Option<&'b str>; NAMES.len()];

/// Which members mean something here. In a success an `error` is an unknown member like any other, and so are tokens in an
/// error.
#[derive(Clone, Copy)]
struct Wanted {
    /// The place of the first in [`NAMES`], and how many follow each other from there.
    first: usize,
    count: usize,
}

impl Wanted {
    const fn new(tokens: bool, errors: bool) -> Self {
        let first = if errors { 0 } else { ERROR_NAMES };
        let end = if tokens { NAMES.len() } else { ERROR_NAMES };
        Self { first, count: end.wrapping_sub(first) }
    }

    /// Whether the name at this place is among them.
    const fn has(self, place: usize) -> bool {
        place.wrapping_sub(self.first) < self.count
    }
}

/// Reads `members`, which hold nothing yet, and says whether they are those of a success.
///
/// `leniency` is lent where it was given, and goes to nothing that is not inlined: so the compiler sees what is not forgiven, and
/// leaves out what would forgive it.
#[inline]
pub(crate) fn read_members<'b>(
    members: &mut Members<'b>,
    success: bool,
    content_type: Option<&str>,
    body: &'b [u8],
    scratch: &'b mut [u8],
    leniency: &Leniency,
) -> Result<bool, Fault> {
    let is = |wanted| content_type.is_some_and(|content_type| is_media_type(content_type, wanted));
    let wanted = Wanted::new(success, !success || leniency.error_as_200);
    let form = leniency.form_encoded.filter(|_| is("application/x-www-form-urlencoded"));
    if let Some(Forms(read)) = form {
        read(members, wanted, body, scratch)?;
    } else if leniency.any_content_type || is("application/json") {
        read_json(members, wanted, body, scratch, leniency)?;
    } else {
        return Err(Fault::ContentType);
    }
    let [error, ..] = members;
    Ok(success && error.is_none())
}

#[inline]
fn read_json<'b>(
    members: &mut Members<'b>,
    wanted: Wanted,
    body: &'b [u8],
    scratch: &'b mut [u8],
    leniency: &Leniency,
) -> Result<(), JsonError> {
    let mut r = Reader::new(body, Limits::DEFAULT, scratch);
    // A fault ends the loop, and is told at the end.
    r.enter();
    while let Some(place) = r.known_member(&KNOWN) {
        if !wanted.has(place) {
            _ = r.pass_over();
            continue;
        }
        if leniency.empty_as_absent && r.null()? {
            continue;
        }
        let is_number =
            place == Member::ExpiresIn as usize && !(leniency.expires_in_string && r.peek()? == Kind::String);
        let text = r.ascii_value(is_number);
        if let Some(slot) = members.get_mut(place) {
            *slot = text.filter(|text| !text.is_empty() || !leniency.empty_as_absent);
        }
    }
    r.ended().ok_or(r.fault())
}

fn read_form<'b>(
    members: &mut Members<'b>,
    wanted: Wanted,
    body: &'b [u8],
    mut scratch: &'b mut [u8],
) -> Result<(), Fault> {
    let text = core::str::from_utf8(body).map_err(|_| Fault::Form)?;
    let form = Form::new(text, &[]).map_err(|_| Fault::Form)?;
    for (name, value) in form.pairs() {
        if let Some(place) = NAMES.iter().position(|known| name.is(known)).filter(|place| wanted.has(*place)) {
            let text = match value.plain() {
                Some(text) => text,
                None => decode(value, &mut scratch)?,
            };
            if let Some(slot) = members.get_mut(place) {
                *slot = Some(text);
            }
        }
    }
    Ok(())
}

#[inline]
pub(crate) fn tokens<'b>(members: &Members<'b>, leniency: &Leniency) -> Result<TokenResponse<'b>, Fault> {
    let [.., access_token, token_type, refresh_token, scope, expires_in] = *members;
    let access_token = access_token.ok_or(Fault::Missing(Member::AccessToken))?;
    let sendable = if leniency.any_token_characters {
        grammar::is_vschar(access_token) && !access_token.bytes().any(|b| b == b' ')
    } else {
        grammar::is_b64token(access_token)
    };
    check(sendable, Member::AccessToken)?;
    match token_type {
        Some(word) if is_in_any_case(word.as_bytes(), b"bearer") => {}
        Some(_) => return Err(Fault::TokenType),
        None if leniency.no_token_type => {}
        None => return Err(Fault::Missing(Member::TokenType)),
    }
    check(refresh_token.is_none_or(grammar::is_vschar), Member::RefreshToken)?;
    check(scope.is_none_or(scope::is_scope), Member::Scope)?;
    let expires_in = match expires_in {
        Some(digits) => Some(number(digits).ok_or(Fault::Malformed(Member::ExpiresIn))?),
        None => None,
    };
    Ok(TokenResponse {
        access_token: SecretText::new(access_token),
        expires_in,
        refresh_token: refresh_token.map(SecretText::new),
        scope,
    })
}

#[inline]
pub(crate) fn error<'b>(members: &Members<'b>) -> Result<ErrorResponse<'b>, Fault> {
    let [error, description, uri, ..] = *members;
    let error = error.ok_or(Fault::Missing(Member::Error))?;
    check(grammar::is_nqschar(error), Member::Error)?;
    Ok(ErrorResponse {
        error,
        description: description.filter(|text| grammar::is_nqschar(text)),
        // The characters that it may have are those of a word.
        uri: uri.filter(|text| scope::is_list(text, 1)),
    })
}

const fn check(good: bool, member: Member) -> Result<(), Fault> {
    if good { Ok(()) } else { Err(Fault::Malformed(member)) }
}

/// Decodes into the front of `scratch`, which keeps the rest.
fn decode<'b>(value: Encoded<'_>, scratch: &mut &'b mut [u8]) -> Result<&'b str, Fault> {
    let mut counter = Writer::new(&mut []);
    value.decode(&mut counter).map_err(|_| Fault::Form)?;
    let (room, rest) = core::mem::take(scratch).split_at_mut_checked(counter.len()).ok_or(Fault::Scratch)?;
    *scratch = rest;
    let mut w = Writer::new(room);
    value.decode(&mut w).map_err(|_| Fault::Form)?;
    w.finish().map_err(|_| Fault::Scratch)
}

/// Digits alone, as a number of seconds; `u32::MAX` if they are more than nine, which is over thirty years. Not so many that 64
/// bits may be too few: that is no time.
pub(crate) fn number(digits: &str) -> Option<u32> {
    let mut n = 0u32;
    for byte in digits.bytes() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        n = n.wrapping_mul(10).wrapping_add(digit.into());
    }
    match digits.len() {
        1..=9 => Some(n),
        10..20 => Some(u32::MAX),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    #[test]
    fn the_names_are_those_between_quotes() {
        let quoted: String = NAMES.iter().flat_map(|name| ["\"", *name, "\""]).collect();
        assert_eq!(quoted, KNOWN.quoted);
    }
}
