//! The first half of the authorization code grant: a person is sent to the server and comes back with a code.

use super::{
    config::{Config, ConfigError},
    exchange::Exchange,
};
use crate::{
    error::{ErrorCode, TooSmall},
    secret::{Entropy, Secret, SecretText},
    text::{
        base64,
        buf::Writer,
        form::{self, Encoded, Form, FormError},
        scope,
    },
    wire::token_response,
};
use core::fmt;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Bytes of entropy for one flow: 32 for `state`, 32 for the PKCE verifier.
pub const ENTROPY: usize = 64;
/// Most bytes of a code.
pub const MAX_CODE: usize = 4096;
/// Most bytes of a callback's query.
pub const MAX_QUERY: usize = 16 * 1024;

/// What an authorization request has.
pub(super) const PARAMETERS: [&str; 9] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "audience",
    "resource",
];

/// A person is at the server, or about to go there. Keep it with the browser's session, and with no other.
///
/// `state` guards the callback; PKCE with S256 binds the code to this flow; never anything weaker.
///
/// <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.1>, <https://www.rfc-editor.org/rfc/rfc7636>
#[derive(Debug)]
pub struct Authorize<'c> {
    pub(super) cfg: &'c Config<'c>,
    endpoint: &'c str,
    redirect_uri: &'c str,
    /// `state`, then the verifier.
    pub(super) seed: Entropy<ENTROPY>,
}

impl<'c> Authorize<'c> {
    /// Begins. The seed is drawn for this flow and serves no other.
    ///
    /// # Errors
    /// [`ConfigError::AuthorizationEndpoint`], if [`Config::with_redirect`] was not called.
    pub fn new(cfg: &'c Config<'c>, seed: Entropy<ENTROPY>) -> Result<Self, ConfigError> {
        match cfg.redirect {
            Some((endpoint, redirect_uri)) => Ok(Self { cfg, endpoint, redirect_uri, seed }),
            None => Err(ConfigError::AuthorizationEndpoint),
        }
    }

    /// Writes the URL to open in the person's browser: the system's own, never one inside the application
    /// ([RFC 8252 section 8.12](https://www.rfc-editor.org/rfc/rfc8252#section-8.12)).
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    pub fn url<'b>(&self, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        let mut verifier = Text::new([0; 43]);
        let challenge = Sha256::digest(text(&self.verifier(), &mut verifier));
        let mut w = Writer::new(buf);
        w.push_str(self.endpoint);
        w.push(if self.endpoint.bytes().any(|b| b == b'?') { '&' } else { '?' });
        w.push_str("response_type=code");
        let pair = |w: &mut Writer<'_>, name, value: &str| {
            if !value.is_empty() {
                form::further_pair(w, name, value);
            }
        };
        pair(&mut w, "client_id", self.cfg.client_id);
        pair(&mut w, "redirect_uri", self.redirect_uri);
        pair(&mut w, "scope", self.cfg.scope);
        w.push_str("&state=");
        w.push_base64(&self.state());
        w.push_str("&code_challenge=");
        w.push_base64(&challenge);
        w.push_str("&code_challenge_method=S256");
        pair(&mut w, "audience", self.cfg.audience);
        for resource in scope::words(self.cfg.resource) {
            pair(&mut w, "resource", resource);
        }
        Ok(w.finish_ascii(0)?.1)
    }

    /// Checks the query of the callback (what follows `?` in the URI on which the browser came back).
    ///
    /// `state` must be ours, compared in constant time; `iss` must be the issuer, to the letter, and be there if the
    /// server is known to send it; no parameter may come twice; and either a code or an error. Unknown parameters are passed over.
    ///
    /// # Errors
    /// [`Rejected`]. A forged or damaged callback hands the flow back, so that the right one can still come.
    pub fn callback<'q>(self, query: &'q str) -> Result<Exchange<'c, 'q>, Rejected<'c, 'q>> {
        match self.check(query) {
            Ok(Callback::Code(code)) => {
                let verifier = Secret::new(self.verifier());
                Ok(Exchange { cfg: self.cfg, redirect_uri: self.redirect_uri, verifier, code })
            }
            Ok(Callback::Denied(denied)) => Err(Rejected::Denied(denied)),
            Err(why) => Err(Rejected::NotOurs { flow: self, why }),
        }
    }

    fn check<'q>(&self, query: &'q str) -> Result<Callback<'q>, CallbackError> {
        if query.len() > MAX_QUERY {
            return Err(CallbackError::TooLong);
        }
        let form = Form::new(query, &[]).map_err(CallbackError::Form)?;
        if !form.get("state").is_some_and(|state| self.is_state(state)) {
            return Err(CallbackError::State);
        }
        match form.get("iss") {
            Some(iss) if iss.is(self.cfg.issuer) => {}
            None if !self.cfg.iss_expected => {}
            _ => return Err(CallbackError::Issuer),
        }
        match (form.get("code"), form.get("error")) {
            (Some(code), None) if is_ascii(code, MAX_CODE, |b| matches!(b, 0x20..=0x7e)) => Ok(Callback::Code(code)),
            (None, Some(error)) if is_nqschar(error) => Ok(Callback::Denied(Denied {
                error,
                description: form.get("error_description").filter(|d| is_nqschar(*d)),
            })),
            (Some(_), Some(_)) => Err(CallbackError::CodeAndError),
            (None, None) => Err(CallbackError::NoCode),
            _ => Err(CallbackError::Grammar),
        }
    }

    fn is_state(&self, given: Encoded<'_>) -> bool {
        let (mut ours, mut theirs) = (Text::new([0; 43]), [0; 43]);
        let mut w = Writer::new(&mut theirs);
        given.decode(&mut w).is_ok()
            && w.finish().is_ok_and(|theirs| SecretText::new(text(&self.state(), &mut ours)).ct_eq(theirs))
    }

    fn state(&self) -> [u8; 32] {
        self.seed.part(0)
    }

    fn verifier(&self) -> [u8; 32] {
        self.seed.part(32)
    }
}

/// Room for 32 bytes in base64url, zeroed when dropped.
pub(super) type Text = Zeroizing<[u8; 43]>;

/// 32 bytes as text.
pub(super) fn text<'s>(bytes: &[u8; 32], out: &'s mut Text) -> &'s str {
    base64::encode(bytes, &mut **out).unwrap_or_default()
}

/// Whether a value is one to `max` bytes of a class within ASCII, when decoded.
fn is_ascii(value: Encoded<'_>, max: usize, class: fn(u8) -> bool) -> bool {
    let mut len = 0usize;
    let good = value.bytes().all(|b| {
        len = len.saturating_add(1);
        b.is_ok_and(class)
    });
    good && (1..=max).contains(&len)
}

fn is_nqschar(value: Encoded<'_>) -> bool {
    is_ascii(value, MAX_CODE, |b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}

enum Callback<'q> {
    Code(Encoded<'q>),
    Denied(Denied<'q>),
}

/// Why no code came of a callback.
#[derive(Debug)]
pub enum Rejected<'c, 'q> {
    /// It is forged, belongs to another flow, or was damaged. Nothing was spent: here is the flow again.
    NotOurs {
        /// The flow, as it was.
        flow: Authorize<'c>,
        /// What was wrong.
        why: CallbackError,
    },
    /// The server itself ended the flow.
    Denied(Denied<'q>),
}

/// Which check a callback failed. Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallbackError {
    /// The query exceeds [`MAX_QUERY`].
    TooLong,
    /// The query is malformed, or has a parameter twice.
    Form(FormError),
    /// `state` is missing or another's.
    State,
    /// `iss` names another server, or is missing though the server sends it.
    Issuer,
    /// Both a code and an error.
    CodeAndError,
    /// Neither a code nor an error.
    NoCode,
    /// The code or error has characters that it must not have, or is too long.
    Grammar,
}

impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the callback is too long",
            Self::Form(e) => return e.fmt(f),
            Self::State => "the callback's state is missing or not that of this flow",
            Self::Issuer => "the callback's iss is missing or names another server",
            Self::CodeAndError => "the callback has both a code and an error",
            Self::NoCode => "the callback has neither a code nor an error",
            Self::Grammar => "the callback's code or error is malformed",
        })
    }
}

impl core::error::Error for CallbackError {}

/// The server's answer was an error. <https://www.rfc-editor.org/rfc/rfc6749#section-4.1.2.1>
#[derive(Clone, Copy, Debug)]
pub struct Denied<'q> {
    error: Encoded<'q>,
    description: Option<Encoded<'q>>,
}

impl Denied<'_> {
    /// The code, if it is one of those that this crate knows.
    pub fn code(&self) -> Option<ErrorCode> {
        token_response::known(|word| self.error.is(word))
    }

    /// Writes the code as it came. It is printable ASCII.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    pub fn error<'b>(&self, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        decoded(self.error, buf)
    }

    /// Writes the text for a developer, empty if there is none. It is printable ASCII, but anything may stand in it:
    /// escape it for where it is shown.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    pub fn description<'b>(&self, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        self.description.map_or(Ok(""), |description| decoded(description, buf))
    }
}

fn decoded<'b>(value: Encoded<'_>, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
    let mut w = Writer::new(buf);
    // It was decoded once before, to check its characters.
    value.decode(&mut w).unwrap_or_default();
    w.finish()
}
