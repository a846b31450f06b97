//! The `WWW-Authenticate` of a resource server. <https://www.rfc-editor.org/rfc/rfc6750#section-3>

use crate::error::{ErrorCode, TooSmall};
use crate::text::buf::Writer;

/// Why a resource server refuses, as its response says it: status and `WWW-Authenticate`.
///
/// ```
/// use valetkey::{error::ErrorCode, wire::challenge::Challenge};
/// let challenge = Challenge { error: Some(ErrorCode::InsufficientScope), scope: "write", ..Challenge::bare("demo") };
/// let mut buf = [0; 200];
/// assert_eq!(challenge.status(), 403);
/// assert!(challenge.write(&mut buf).unwrap().starts_with(r#"Bearer realm="demo", error="insufficient_scope""#));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a refusal that is not answered lets the request hang, or pass"]
pub struct Challenge<'a> {
    /// What the protected part is called. Quotes, backslashes and what is not printable ASCII are left out when written.
    pub realm: &'a str,
    /// `None` if the request had no credentials at all: then nothing more is said.
    pub error: Option<ErrorCode>,
    /// The scope that is needed, space-separated; empty to leave it out.
    pub scope: &'a str,
    /// Step-up: the classes of authentication of which one is needed, space-separated; empty to leave it out.
    /// <https://www.rfc-editor.org/rfc/rfc9470#section-3>
    pub acr_values: &'a str,
    /// Step-up: how many seconds may have passed since the login.
    pub max_age: Option<u32>,
    /// Where the resource describes itself; empty to leave it out.
    /// <https://www.rfc-editor.org/rfc/rfc9728#section-5.1>
    pub resource_metadata: &'a str,
}

impl<'a> Challenge<'a> {
    /// For a request without credentials.
    pub const fn bare(realm: &'a str) -> Self {
        Self { realm, error: None, scope: "", acr_values: "", max_age: None, resource_metadata: "" }
    }

    /// The HTTP status. <https://www.rfc-editor.org/rfc/rfc6750#section-3.1>
    pub const fn status(&self) -> u16 {
        match self.error {
            Some(ErrorCode::InvalidRequest) => 400,
            Some(ErrorCode::InsufficientScope) => 403,
            Some(ErrorCode::ServerError) => 500,
            Some(ErrorCode::TemporarilyUnavailable) => 503,
            _ => 401,
        }
    }

    const fn description(&self) -> &'static str {
        match self.error {
            Some(ErrorCode::InvalidRequest) => {
                "the Authorization header is malformed or came twice, or a token stands elsewhere too"
            }
            Some(ErrorCode::InvalidToken) => "the access token is expired, revoked, unknown or not for this API",
            Some(ErrorCode::InsufficientScope) => "the access token lacks a scope",
            Some(ErrorCode::InsufficientUserAuthentication) => "a more recent or another login is needed",
            _ => "",
        }
    }

    /// Writes the value of `WWW-Authenticate`. A refusal that is not the token's fault (500, 503) needs no such header.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    pub fn write<'b>(&self, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        let mut w = Writer::new(buf);
        w.push_str("Bearer realm=\"");
        quoted(&mut w, self.realm);
        let error = self.error.map_or("", ErrorCode::as_str);
        let parameters = [
            ("error", error),
            ("error_description", self.description()),
            ("scope", self.scope),
            ("acr_values", self.acr_values),
            ("resource_metadata", self.resource_metadata),
        ];
        for (name, value) in parameters.into_iter().filter(|(_, value)| !value.is_empty()) {
            w.push_str("\", ");
            w.push_str(name);
            w.push_str("=\"");
            quoted(&mut w, value);
        }
        if let Some(max_age) = self.max_age {
            w.push_str("\", max_age=\"");
            w.push_u64(u64::from(max_age));
        }
        w.push('"');
        w.finish()
    }
}

/// Leaves out what cannot stand in a quoted string as it is.
fn quoted(w: &mut Writer<'_>, text: &str) {
    for c in text.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')) {
        w.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::borrow::ToOwned;

    fn written(challenge: Challenge<'_>) -> std::string::String {
        challenge.write(&mut [0; 256]).unwrap().into()
    }

    #[test]
    fn rfc6750_3_01_a_request_without_credentials_gets_a_challenge() {
        assert_eq!(written(Challenge::bare("example")), r#"Bearer realm="example""#);
        assert_eq!(Challenge::bare("example").status(), 401);
    }

    /// The parameters of a challenge, read by RFC 9110 section 11.2 without help of the writer.
    fn parameters(text: &str) -> std::vec::Vec<(&str, &str)> {
        let mut rest = text.strip_prefix("Bearer ").unwrap();
        let mut found = std::vec::Vec::new();
        loop {
            let (name, after) = rest.split_once("=\"").unwrap();
            let (value, after) = after.split_once('"').unwrap();
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && !name.is_empty(), "{text}");
            found.push((name, value));
            match after.strip_prefix(", ") {
                Some(next) => rest = next,
                None if after.is_empty() => return found,
                None => panic!("{text}"),
            }
        }
    }

    proptest! {
        #[test]
        fn rfc6750_3_02_oauth21_5_3_1_01_a_challenge_has_parameters_and_none_twice(
            realm in ".{0,40}",
            scope in ".{0,40}",
            error in prop::option::of(prop::sample::select(std::vec![
                ErrorCode::InvalidRequest,
                ErrorCode::InvalidToken,
                ErrorCode::InsufficientScope,
                ErrorCode::ServerError,
            ])),
        ) {
            let text = Challenge { error, scope: &scope, ..Challenge::bare(&realm) }.write(&mut [0; 512]).unwrap().to_owned();
            let found = parameters(&text);
            let names: std::collections::BTreeSet<_> = found.iter().map(|(name, _)| *name).collect();
            prop_assert!(!found.is_empty() && names.len() == found.len(), "{text}");
            let told = found.iter().find(|(name, _)| *name == "error").map(|(_, value)| *value);
            prop_assert_eq!(told, error.map(ErrorCode::as_str));
        }
    }

    #[test]
    fn rfc6750_3_03_a_realm_cannot_break_out_of_its_quotes() {
        assert_eq!(written(Challenge::bare("a\"b\\c\r\nd")), r#"Bearer realm="abcd""#);
    }
}
