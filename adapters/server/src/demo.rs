//! The demo: an account and clients whose secrets everyone knows, and what to try with them.
//!
//! They are put into an empty store, and only where nobody but this machine can reach the server.

use crate::config::metadata_url;
use std::fmt;

/// The one person of the demo.
pub const USERNAME: &str = "alice";
/// Her password.
pub const PASSWORD: &str = "wonderland";

/// Where the demo's web clients are answered. Nothing listens there: the address bar shows the answer.
pub const REDIRECT_URI: &str = "http://127.0.0.1:9099/cb";

/// What the demo's scopes mean to a person.
pub const SCOPES: [(&str, &str); 3] =
    [("read", "Read your data"), ("write", "Change your data"), ("telemetry:write", "Send in its measurements")];

/// A client of the demo. Lists are separated by spaces, as on the wire.
#[derive(Clone, Copy, Debug)]
pub struct DemoClient {
    /// Its `client_id`.
    pub id: &'static str,
    /// Its name on the consent page.
    pub name: &'static str,
    /// Its secret, by Basic or in the body; none for a public client. Counts as drawn, so it is stored as SHA-256.
    pub secret: Option<&'static str>,
    /// Its grant types.
    pub grant_types: &'static str,
    /// Its redirect URIs.
    pub redirect_uris: &'static str,
    /// What it may ask for.
    pub scopes: &'static str,
    /// Whether it may introspect tokens of others.
    pub may_introspect: bool,
}

const WEB: DemoClient = DemoClient {
    id: "demo-web",
    name: "Demo web",
    secret: Some("web-secret"),
    grant_types: "authorization_code refresh_token client_credentials",
    redirect_uris: REDIRECT_URI,
    scopes: "read write",
    may_introspect: false,
};

/// All clients of the demo.
pub const CLIENTS: [DemoClient; 5] = [
    DemoClient {
        id: "demo-device",
        name: "Demo device",
        secret: Some("device-secret"),
        grant_types: "client_credentials",
        redirect_uris: "",
        scopes: "telemetry:write",
        may_introspect: false,
    },
    WEB,
    DemoClient {
        id: "demo-spa",
        name: "Demo browser app",
        secret: None,
        grant_types: "authorization_code refresh_token",
        ..WEB
    },
    DemoClient {
        id: "demo-api",
        name: "Demo API",
        secret: Some("api-secret"),
        grant_types: "",
        redirect_uris: "",
        scopes: "",
        may_introspect: true,
    },
    DemoClient { id: "demo-other", name: "Demo other", secret: Some("other-secret"), ..WEB },
];

/// The verifier of the ready-made login below; that of RFC 7636 appendix B.
pub const CODE_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Its challenge.
pub const CODE_CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// What to try next, for the terminal: every line can be pasted as it is.
#[derive(Clone, Copy, Debug)]
pub struct Guide<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// For how many seconds a code can be used.
    pub code_seconds: u32,
}

impl Guide<'_> {
    /// A login by `demo-web`, for the address bar.
    pub fn authorize_url(&self) -> String {
        format!(
            "{}/authorize?response_type=code&client_id=demo-web&redirect_uri=http%3A%2F%2F127.0.0.1%3A9099%2Fcb\
             &scope=read%20write&state=demo&code_challenge={CODE_CHALLENGE}&code_challenge_method=S256",
            self.issuer
        )
    }
}

impl fmt::Display for Guide<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuer = self.issuer;
        let metadata = metadata_url(issuer);
        let authorize = self.authorize_url();
        let code_seconds = self.code_seconds;
        write!(
            f,
            r#"Try it, from another terminal:

# What this server can do
curl -s {metadata}

# A device gets a token of its own
curl -s -u demo-device:device-secret -d grant_type=client_credentials -d scope=telemetry:write {issuer}/token

# A token that may read is kept in a variable, and the API takes it
TOKEN=$(curl -s -u demo-web:web-secret -d grant_type=client_credentials -d scope=read {issuer}/token | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -si -H "Authorization: Bearer $TOKEN" {issuer}/api/data

# An API asks what the token is worth
curl -s -u demo-api:api-secret -d "token=$TOKEN" {issuer}/introspect

# The token is taken back, and is worth nothing
curl -s -u demo-web:web-secret -d "token=$TOKEN" {issuer}/revoke
curl -si -H "Authorization: Bearer $TOKEN" {issuer}/api/data

# A person logs in ({USERNAME} / {PASSWORD}): open this in a browser
{authorize}

# The browser ends at an address where nothing listens. Run this, then paste that address within {code_seconds} seconds
read -r CALLBACK; CODE=$(printf %s "$CALLBACK" | sed 's/.*[?&]code=\([^&]*\).*/\1/'); curl -s -u demo-web:web-secret -d grant_type=authorization_code -d redirect_uri={REDIRECT_URI} -d code_verifier={CODE_VERIFIER} -d "code=$CODE" {issuer}/token
"#
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64ct::{Base64UrlUnpadded, Encoding};
    use sha2::{Digest, Sha256};

    const GUIDE: Guide<'_> = Guide { issuer: "http://127.0.0.1:8080", code_seconds: 60 };

    fn client(id: &str) -> DemoClient {
        *CLIENTS.iter().find(|client| client.id == id).unwrap()
    }

    #[test]
    fn rfc6749_10_1_01_the_clients_are_those_that_are_promised() {
        assert_eq!(client("demo-device").grant_types, "client_credentials");
        for id in ["demo-web", "demo-other"] {
            assert_eq!(client(id).grant_types, "authorization_code refresh_token client_credentials");
        }
        assert_eq!((client("demo-spa").secret, client("demo-spa").scopes), (None, "read write"));
        assert_eq!(client("demo-spa").grant_types, "authorization_code refresh_token");
        // What runs in a browser gets no secret.
        let introspecting: Vec<_> = CLIENTS.iter().filter(|client| client.may_introspect).map(|c| c.id).collect();
        assert_eq!(introspecting, ["demo-api"]);
        let mut secrets: Vec<_> = CLIENTS.iter().filter_map(|client| client.secret).collect();
        secrets.sort_unstable();
        assert_eq!(secrets, ["api-secret", "device-secret", "other-secret", "web-secret"]);
    }

    #[test]
    fn every_scope_that_a_client_may_ask_for_is_described() {
        for scope in CLIENTS.iter().flat_map(|client| client.scopes.split_whitespace()) {
            assert!(SCOPES.iter().any(|(name, _)| *name == scope), "{scope}");
        }
    }

    #[test]
    fn the_ready_made_challenge_is_that_of_the_verifier() {
        let challenge = Base64UrlUnpadded::encode_string(&Sha256::digest(CODE_VERIFIER));
        assert_eq!(challenge, CODE_CHALLENGE);
    }

    #[test]
    fn the_guide_names_each_endpoint_of_this_server() {
        let text = GUIDE.to_string();
        for path in ["/token", "/introspect", "/revoke", "/api/data", "/.well-known/oauth-authorization-server"] {
            assert!(text.contains(&format!(" http://127.0.0.1:8080{path}\n")), "{path}");
        }
        assert!(text.contains("\nhttp://127.0.0.1:8080/authorize?response_type=code&client_id=demo-web&"));
        assert!(!text.contains('{') && !text.contains('}'), "a name was left unfilled");
    }

    /// The lines are run by a real shell, with a `curl` that prints an answer, to see that quoting and `sed` hold.
    #[cfg(unix)]
    #[test]
    fn the_guide_can_be_pasted_into_a_shell() {
        let url = GUIDE.authorize_url();
        let text = GUIDE.to_string();
        let commands = text.split_once("\n\n").unwrap().1.replace(&format!("\n{url}\n"), "\n");
        let commands =
            commands.replace("read -r CALLBACK", "CALLBACK='http://127.0.0.1:9099/cb?state=demo&code=c-o_d3&iss=x'");
        let script = format!(
            "curl() {{ printf '{{\"access_token\":\"a.b-c_d\",\"token_type\":\"Bearer\"}}'; }}\n{commands}\n\
             printf '\\n%s %s' \"$TOKEN\" \"$CODE\""
        );
        let output = std::process::Command::new("sh").arg("-euc").arg(script).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let last = String::from_utf8(output.stdout).unwrap().lines().last().unwrap().to_owned();
        assert_eq!(last, "a.b-c_d c-o_d3");
    }
}
