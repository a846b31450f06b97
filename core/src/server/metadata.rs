//! Authorization server metadata. <https://www.rfc-editor.org/rfc/rfc8414>

use super::Server;
use crate::error::TooSmall;
use crate::text::buf::Writer;
use crate::text::json::Object;

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
}

impl Endpoint {
    /// The path to append to the issuer.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Authorize => "/authorize",
            Self::Token => "/token",
            Self::Revoke => "/revoke",
            Self::Introspect => "/introspect",
        }
    }
}

/// Writes the metadata document, which is served with status 200 as `application/json` under
/// `/.well-known/oauth-authorization-server`. `scopes` may be empty; then none are published.
///
/// ```
/// use valetkey::secret::Secret;
/// use valetkey::server::{Policy, Server, ServerKey, write_metadata};
/// let keys = [ServerKey::new(1, Secret::new([7; 32]))];
/// let server = Server::new("https://as.example", Policy::OAUTH21, &keys)?;
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
    for (name, endpoint) in endpoints {
        json.string_with(name, |w| {
            w.push_str(server.issuer().trim_end_matches('/'));
            w.push_str(endpoint.path());
        });
    }
    if !scopes.is_empty() {
        json.strings("scopes_supported", crate::text::scope::words(scopes));
    }
    json.strings("response_types_supported", ["code"]);
    json.strings("response_modes_supported", ["query"]);
    json.strings("grant_types_supported", ["authorization_code", "client_credentials", "refresh_token"]);
    json.strings("code_challenge_methods_supported", ["S256"]);
    let methods = ["client_secret_basic", "client_secret_post"];
    json.strings("token_endpoint_auth_methods_supported", methods.into_iter().chain(["none"]));
    json.strings("revocation_endpoint_auth_methods_supported", methods.into_iter().chain(["none"]));
    json.strings("introspection_endpoint_auth_methods_supported", methods);
    json.boolean("authorization_response_iss_parameter_supported", true);
    json.close();
    w.finish()
}
