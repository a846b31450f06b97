//! How an authorization server describes itself, as others read it.
//! <https://www.rfc-editor.org/rfc/rfc8414>,
//! <https://openid.net/specs/openid-connect-discovery-1_0.html>

use crate::text::buf::Writer;
use crate::text::json::{self, JsonError, Kind, Limits, Reader};
use crate::text::uri;
use core::fmt;

/// Where the description of an issuer may be, in the order in which to look.
///
/// ```
/// use valetkey::wire::server_metadata::Place;
/// assert_eq!(Place::FIRST.after(404), Some(Place::OpenId));
/// assert_eq!(Place::FIRST.after(500), None); // it may be there, and nothing else will do
/// assert_eq!(Place::OpenId.after(404), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By [RFC 8414 section 3.1](https://www.rfc-editor.org/rfc/rfc8414#section-3.1).
    OAuth,
    /// By OpenID Connect Discovery, which is older; most issuers that do not know the other have this one.
    OpenId,
}

impl Place {
    /// Where to look first.
    pub const FIRST: Self = Self::OAuth;

    /// Appends its URL.
    pub fn url(self, w: &mut Writer<'_>, issuer: &str) {
        match self {
            Self::OAuth => uri::metadata_url(w, issuer),
            Self::OpenId => uri::openid_metadata_url(w, issuer),
        }
    }

    /// Where to look next, if this place answered with `status`: anywhere else only if there is nothing here.
    pub const fn after(self, status: u16) -> Option<Self> {
        match (self, status) {
            (Self::OAuth, 404) => Some(Self::OpenId),
            _ => None,
        }
    }
}

/// What an API needs of an authorization server's metadata. Other members are passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerMetadata<'a> {
    /// Where its keys are; empty if it has none. Https, or http on loopback where the issuer is there too.
    pub jwks_uri: &'a str,
    /// Where it tells what a token is worth; empty if it does not. Https, or http on loopback where the issuer is there too.
    pub introspection_endpoint: &'a str,
}

/// Why metadata are refused. Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Not JSON, or not by the rules; where, and why.
    Json(JsonError),
    /// They are those of another issuer, or do not say whose they are.
    /// <https://www.rfc-editor.org/rfc/rfc8414#section-3.3>
    Issuer,
    /// The member of this name is no URL that is https (or http on loopback, for an issuer there) without fragment and user information.
    Endpoint(&'static str),
    /// The scratch is too short. As many bytes as the body has suffice.
    Scratch,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(e) => e.fmt(f),
            Self::Issuer => f.write_str(
                "the metadata name another issuer than the one that was asked for, which counts to the letter, also for a slash \
                 at its end; or none",
            ),
            Self::Endpoint(name) => {
                write!(f, "{name} of the metadata must be https, or http on loopback for an issuer there")
            }
            Self::Scratch => f.write_str("the scratch is too short for the metadata"),
        }
    }
}

impl core::error::Error for Fault {}

impl From<JsonError> for Fault {
    fn from(e: JsonError) -> Self {
        if e.fault == json::Fault::Scratch { Self::Scratch } else { Self::Json(e) }
    }
}

impl<'a> ServerMetadata<'a> {
    /// How much of a document is read: servers of OpenID Connect describe themselves at length.
    pub const LIMITS: Limits = Limits { members: 128, ..Limits::DEFAULT };

    /// Reads the body of a response with status 200, which must be about `issuer` to the letter. `scratch` of as many bytes
    /// suffices.
    ///
    /// ```
    /// use valetkey::wire::server_metadata::{Fault, ServerMetadata};
    /// let body = br#"{"issuer":"https://as.example","jwks_uri":"https://as.example/jwks.json","scopes_supported":["read"]}"#;
    /// let read = ServerMetadata::read(body, "https://as.example", &mut [])?;
    /// assert_eq!(read.jwks_uri, "https://as.example/jwks.json");
    /// assert_eq!(ServerMetadata::read(body, "https://as.example/", &mut []), Err(Fault::Issuer));
    /// # Ok::<(), Fault>(())
    /// ```
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(body: &'a [u8], issuer: &str, scratch: &'a mut [u8]) -> Result<Self, Fault> {
        let (mut said, mut issuer_matches) = (Self { jwks_uri: "", introspection_endpoint: "" }, false);
        // An issuer elsewhere has no business with what listens on this machine.
        let local = issuer.starts_with("http://");
        let mut r = Reader::new(body, Self::LIMITS, scratch);
        r.object()?;
        while let Some(name) = r.name()? {
            match name {
                "issuer" if r.peek()? == Kind::String => issuer_matches = r.string()? == issuer,
                "jwks_uri" => said.jwks_uri = endpoint("jwks_uri", local, &mut r)?,
                "introspection_endpoint" => {
                    said.introspection_endpoint = endpoint("introspection_endpoint", local, &mut r)?;
                }
                _ => r.skip()?,
            }
        }
        r.end()?;
        if issuer_matches { Ok(said) } else { Err(Fault::Issuer) }
    }
}

fn endpoint<'a>(name: &'static str, local: bool, r: &mut Reader<'a>) -> Result<&'a str, Fault> {
    if r.peek()? != Kind::String {
        return Err(Fault::Endpoint(name));
    }
    let text = r.string()?;
    let https = text.get(..8).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"));
    if uri::is_endpoint(text) && (https || local) { Ok(text) } else { Err(Fault::Endpoint(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::format;

    const ISSUER: &str = "https://as.example";

    #[test]
    fn rfc8414_3_3_01_rfc8414_4_01_the_issuer_is_the_one_that_was_asked_for_to_the_letter() {
        let body = br#"{"issuer":"https://as.example"}"#;
        assert!(ServerMetadata::read(body, ISSUER, &mut []).is_ok());
        for other in [
            "https://as.example/",
            "https://AS.example",
            "https://as.example.",
            "https://other.example",
            "",
            "https://as.exampl\u{e9}",
        ] {
            assert_eq!(ServerMetadata::read(body, other, &mut []), Err(Fault::Issuer), "{other}");
        }
        for nobodys in [&b"{}"[..], br#"{"issuer":null}"#, br#"{"issuer":["https://as.example"]}"#, br#"{"issuer":""}"#]
        {
            assert_eq!(ServerMetadata::read(nobodys, ISSUER, &mut []), Err(Fault::Issuer));
        }
        let twice = br#"{"issuer":"https://as.example","issuer":"https://as.example"}"#;
        assert!(matches!(ServerMetadata::read(twice, ISSUER, &mut []), Err(Fault::Json(_))));
    }

    #[test]
    fn rfc8414_2_08_an_endpoint_that_is_not_https_is_refused() {
        for name in ["jwks_uri", "introspection_endpoint"] {
            for bad in [r#""http://as.example/x""#, r#""https://as.example/#x""#, r#""/x""#, r#""""#, "null", "7"] {
                let body = format!(r#"{{"issuer":"https://as.example","{name}":{bad}}}"#);
                let read = ServerMetadata::read(body.as_bytes(), ISSUER, &mut []);
                assert_eq!(read, Err(Fault::Endpoint(name)), "{body}");
            }
            for (issuer, allowed) in [("http://127.0.0.1:8080", true), (ISSUER, false)] {
                let body = format!(r#"{{"issuer":"{issuer}","{name}":"http://127.0.0.1:8080/x"}}"#);
                assert_eq!(ServerMetadata::read(body.as_bytes(), issuer, &mut []).is_ok(), allowed, "{issuer}");
            }
        }
    }

    proptest! {
        #[test]
        fn rfc8414_3_2_02_members_that_are_not_understood_change_nothing(
            names in prop::collection::hash_set("[a-z_]{9,20}", 0..100), at in any::<prop::sample::Index>(),
        ) {
            let known = [r#""issuer":"https://as.example""#, r#""jwks_uri":"https://as.example/k""#];
            let mut members: std::vec::Vec<_> = names
                .iter()
                .filter(|name| !["jwks_uri", "introspection_endpoint"].contains(&name.as_str()))
                .map(|name| format!(r#""{name}":[{{"issuer":"https://other.example"}},null,1.5]"#))
                .collect();
            for member in known {
                members.insert(at.index(members.len() + 1), member.into());
            }
            let body = format!("{{{}}}", members.join(","));
            let read = ServerMetadata::read(body.as_bytes(), ISSUER, &mut []);
            prop_assert_eq!(read, Ok(ServerMetadata { jwks_uri: "https://as.example/k", introspection_endpoint: "" }));
        }
    }
}
