//! The token that all validate: nine claims by RFC 9068, 548 characters with ES256, signed once for each algorithm.
//! <https://www.rfc-editor.org/rfc/rfc9068>

use jwt_compact::alg::{Ed25519, Es256, Hs256, Hs256Key, Rsa};
use jwt_compact::jwk::{JsonWebKey, JwkError};
use jwt_compact::{Algorithm, AlgorithmExt as _, Claims, Header};
use serde::{Deserialize, Serialize};

/// Who issues it.
pub const ISSUER: &str = "https://login.example.com";
/// Whom it is for.
pub const AUDIENCE: &str = "https://orders.api.example.com/v1";
/// What the API asks for, which is one of the token's two scopes.
pub const SCOPE: &str = "orders:read";
/// Within the token's life, which lasts long, as the others ask the clock.
pub const NOW: u64 = 1_800_000_000;
/// Each algorithm that is measured.
pub const ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "HS256", "RS256"];

/// Claims as a user of the other libraries would declare them.
#[derive(Deserialize, Serialize)]
pub struct AccessToken {
    /// `iss`
    pub iss: String,
    /// `sub`
    pub sub: String,
    /// `aud`
    pub aud: String,
    /// `client_id`
    pub client_id: String,
    /// `exp`, which `jwt-compact` keeps to itself, as the next.
    pub exp: Option<u64>,
    /// `iat`
    pub iat: Option<u64>,
    /// `jti`
    pub jti: String,
    /// `scope`
    pub scope: String,
    /// `acr`
    pub acr: String,
}

impl AccessToken {
    /// Whether it has the scope that the API asks for.
    pub fn is_in_scope(&self) -> bool {
        self.scope.split(' ').any(|scope| scope == SCOPE)
    }
}

/// The private key of an algorithm, as a JWK. These keys were made for this file and guard nothing.
pub fn private_key(algorithm: &str) -> serde_json::Value {
    let set: serde_json::Value = serde_json::from_str(include_str!("keys.json")).expect("keys.json is JSON");
    let keys = set["keys"].as_array().expect("keys.json holds keys");
    keys.iter().find(|key| key["alg"] == algorithm).expect("keys.json has a key for the algorithm").clone()
}

/// The same as text, without what is private in it.
pub fn public_key(algorithm: &str) -> String {
    let mut key = private_key(algorithm);
    let members = key.as_object_mut().expect("a key is an object");
    for private in ["d", "p", "q", "dp", "dq", "qi"] {
        members.remove(private);
    }
    key.to_string()
}

/// The token, signed by one of the other libraries.
pub fn signed(algorithm: &str) -> String {
    let key = private_key(algorithm);
    let key: JsonWebKey<'_> = serde_json::from_value(key).expect("a key as jwt-compact reads it");
    match algorithm {
        "ES256" => sign(&Es256, &key),
        "EdDSA" => sign(&Ed25519, &key),
        "HS256" => sign::<Hs256, Hs256Key>(&Hs256, &key),
        "RS256" => sign(&Rsa::rs256(), &key),
        other => panic!("{other} is not measured"),
    }
}

fn sign<A, K>(algorithm: &A, key: &JsonWebKey<'_>) -> String
where
    A: Algorithm<SigningKey = K>,
    K: for<'k> TryFrom<&'k JsonWebKey<'k>, Error = JwkError>,
{
    let key = K::try_from(key).expect("a private key of the algorithm");
    let header = Header::empty().with_key_id("2026-11").with_token_type("at+jwt");
    let claims = AccessToken {
        iss: ISSUER.into(),
        sub: "5ba552d6-7f4b-4e2a-b1c3-8a1e0d9f6c27".into(),
        aud: AUDIENCE.into(),
        client_id: "s6BhdRkqt3-orders-web".into(),
        exp: Some(4_102_444_800),
        iat: Some(1_766_000_000),
        jti: "dbe39bf3-a3ba-4238-a513-f51d6e1691c4".into(),
        scope: "orders:read orders:write".into(),
        acr: "urn:example:loa:2".into(),
    };
    algorithm.token(&header, &Claims::new(claims), &key).expect("a token")
}
