//! Authorization server metadata. <https://www.rfc-editor.org/rfc/rfc8414>

use super::Server;
use crate::error::TooSmall;
use crate::jose::{Algorithm, PublicJwk};
use crate::text::buf::Writer;
use crate::text::json::Object;
use crate::text::scope;

/// The endpoints, as paths under the issuer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// <https://www.rfc-editor.org/rfc/rfc6749#section-3.1>
    Authorize,
    /// <https://www.rfc-editor.org/rfc/rfc6749#section-3.2>
    Token,
    /// <https://www.rfc-editor.org/rfc/rfc7009>
    Revoke,
    /// <https://www.rfc-editor.org/rfc/rfc7662>
    Introspect,
    /// The key set: <https://www.rfc-editor.org/rfc/rfc7517#section-5>
    Jwks,
}

impl Endpoint {
    /// The path to append to the issuer.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Authorize => "/authorize",
            Self::Token => "/token",
            Self::Revoke => "/revoke",
            Self::Introspect => "/introspect",
            Self::Jwks => "/jwks.json",
        }
    }
}

/// Writes the metadata document, which is served with status 200 as `application/json` under
/// `/.well-known/oauth-authorization-server`. `scopes` may be empty; then none are published.
///
/// ```
/// use valetkey::secret::Secret;
/// use valetkey::server::{Issuer, Policy, Server, ServerKey, write_metadata};
/// let keys = [ServerKey::new(1, Secret::new([7; 32]))];
/// let server = Server::new(Issuer::new("https://as.example")?, Policy::OAUTH21, &keys)?;
/// let mut buf = [0; 1024];
/// let json = write_metadata(&server, "read write", &mut buf)?;
/// assert!(json.contains(r#""token_endpoint":"https://as.example/token""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`TooSmall`] with the exact size.
pub fn write_metadata<'b>(server: &Server<'_>, scopes: &str, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
    let mut w = Writer::new(buf);
    let mut json = Object::new(&mut w);
    json.string("issuer", server.issuer());
    let endpoints = [
        ("authorization_endpoint", Endpoint::Authorize),
        ("token_endpoint", Endpoint::Token),
        ("revocation_endpoint", Endpoint::Revoke),
        ("introspection_endpoint", Endpoint::Introspect),
    ];
    let signs = !server.signing_keys().is_empty();
    for (name, endpoint) in endpoints.into_iter().chain(signs.then_some(("jwks_uri", Endpoint::Jwks))) {
        json.string_with(name, |w| {
            w.push_str(server.issuer().trim_end_matches('/'));
            w.push_str(endpoint.path());
        });
    }
    for (name, words) in [("scopes_supported", scopes), ("acr_values_supported", server.acr_values)] {
        if !words.is_empty() {
            json.strings(name, scope::words(words));
        }
    }
    json.strings("response_types_supported", ["code"]);
    json.strings("response_modes_supported", ["query"]);
    json.strings("grant_types_supported", ["authorization_code", "client_credentials", "refresh_token"]);
    json.strings("code_challenge_methods_supported", ["S256"]);
    let methods = ["client_secret_basic", "client_secret_post"].into_iter();
    let methods = methods.chain(server.client_keys.map(|_| "private_key_jwt"));
    json.strings("token_endpoint_auth_methods_supported", methods.clone().chain(["none"]));
    json.strings("revocation_endpoint_auth_methods_supported", methods.clone().chain(["none"]));
    json.strings("introspection_endpoint_auth_methods_supported", methods);
    if let Some(keys) = server.client_keys {
        for name in [
            "token_endpoint_auth_signing_alg_values_supported",
            "revocation_endpoint_auth_signing_alg_values_supported",
            "introspection_endpoint_auth_signing_alg_values_supported",
        ] {
            json.strings(name, keys.algorithms.iter().map(Algorithm::as_str));
        }
    }
    json.boolean("authorization_response_iss_parameter_supported", true);
    json.close();
    w.finish()
}

/// Writes the set of the keys that check signed access tokens, which is served with status 200 as
/// `application/jwk-set+json` under [`Endpoint::Jwks`]. A [`PublicJwk`] has no private member, so neither has the set.
/// <https://www.rfc-editor.org/rfc/rfc7517#section-5>
///
/// Publish a key before it signs, for as long as APIs keep a set, and after it was retired until what it signed has expired.
///
/// ```
/// use valetkey::jose::{Jwk, JwkError, each_key};
/// use valetkey::server::write_jwks;
/// let json = br#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"1"}"#;
/// let mut scratch = [0; 256];
/// let Jwk::Public(key) = Jwk::read(json, &mut scratch)? else { panic!() };
/// let mut buf = [0; 256];
/// let set = write_jwks(&[key], &mut buf).unwrap();
/// assert!(set.starts_with(r#"{"keys":[{"kty":"OKP","#));
/// # Ok::<(), JwkError>(())
/// ```
///
/// # Errors
/// [`TooSmall`] with the exact size.
pub fn write_jwks<'b>(keys: &[PublicJwk<'_>], buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
    let mut w = Writer::new(buf);
    w.push_str("{\"keys\":[");
    for (i, key) in keys.iter().enumerate() {
        if i > 0 {
            w.push(',');
        }
        key.write(&mut w);
    }
    w.push_str("]}");
    w.finish()
}
