//! Signed access tokens over loopback HTTP: issued, published keys, introspected, and keys that are replaced.

mod common;

use common::{Running, client, put, start_with};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use valetkey::jose::{Algorithm, Material, PublicJwk, Verify};
use valetkey::server::record::{AccessTokenFormat, Client};
use valetkey::server::secret_digest;
use valetkey_memory::MemoryStore;
use valetkey_tokio::server::{BadServer, Signer, Signing, SigningKey, router};

/// A key whose signatures are its name; in earnest one of `valetkey::jose::parts`, or of aws-lc-rs.
struct Named(&'static str);

impl Named {
    fn sign(kid: &str) -> Vec<u8> {
        let mut signature = kid.as_bytes().to_vec();
        signature.resize(64, 0);
        signature
    }
}

impl Verify for Named {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDsa
    }

    fn verify(&self, _: &[u8], signature: &[u8]) -> bool {
        signature == Self::sign(self.0)
    }
}

fn signing(kids: &[&'static str], signer: Signer) -> Signing {
    let key = |kid| PublicJwk { kid, algorithm: None, material: Material::Ed25519 { x: [7; 32] } };
    let keys = kids.iter().map(|kid| SigningKey { public: key(*kid), verifier: Box::new(Named(kid)) });
    Signing::new(keys.collect(), signer)
}

fn signer() -> Signer {
    Signer::new(|kid, algorithm, message| {
        assert!(algorithm == Algorithm::EdDsa && message.contains(&b'.'));
        let signature = Named::sign(kid);
        async { Some(signature) }
    })
}

async fn started(signer: Signer) -> Running<MemoryStore> {
    let set = |server| {
        let server: valetkey_tokio::server::AuthorizationServer<_> = server;
        server.with_signing(signing(&["1"], signer)).unwrap().with_default_audience("https://api.example").unwrap()
    };
    let run = start_with(MemoryStore::new(), set, router).await;
    let digest = secret_digest("signed-secret").to_string();
    let signed = AccessTokenFormat::Jwt(Algorithm::EdDsa);
    put(run.server.store(), &Client { access_token: signed, ..client("signed", &digest, "read") }).await;
    run
}

async fn token(run: &Running<MemoryStore>) -> common::Answered {
    run.post("/token", &common::basic("signed", "signed-secret"), "grant_type=client_credentials").await
}

#[tokio::test]
async fn rfc7517_7_01_rfc7517_9_01_the_key_set_has_its_type_and_nothing_private() {
    let run = started(signer()).await;
    let set = run.send(run.http.get(format!("{}/jwks.json", run.url))).await;
    assert_eq!((set.status, set.headers["content-type"].to_str().unwrap()), (200, "application/jwk-set+json"));
    let set: serde_json::Value = serde_json::from_str(&set.body).unwrap();
    let key = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        "kid": "1", "alg": "EdDSA", "use": "sig",
    });
    assert_eq!(set, json!({ "keys": [key] }));
    let metadata = run.send(run.http.get(format!("{}/.well-known/oauth-authorization-server", run.url))).await;
    assert_eq!(metadata.text("jwks_uri"), format!("{}/jwks.json", run.url));
}

#[tokio::test]
async fn without_signing_keys_there_is_no_key_set() {
    let run = common::start(MemoryStore::new()).await;
    let set = run.send(run.http.get(format!("{}/jwks.json", run.url))).await;
    assert_eq!(set.status, 404);
    let metadata = run.send(run.http.get(format!("{}/.well-known/oauth-authorization-server", run.url))).await;
    assert_eq!(metadata.json().get("jwks_uri"), None);
}

#[tokio::test]
async fn a_signed_token_is_introspected_and_revoked_and_keys_are_replaced_while_the_server_runs() {
    let run = started(signer()).await;
    let first = token(&run).await.text("access_token");
    assert_eq!(first.split('.').count(), 3);
    let seen = run.introspect(&first).await;
    assert_eq!((&seen["active"], &seen["aud"]), (&json!(true), &json!("https://api.example")));
    run.server.replace_signing(signing(&["2", "1"], signer())).unwrap();
    let second = token(&run).await.text("access_token");
    for good in [&first, &second] {
        assert_eq!(run.introspect(good).await["active"], true);
    }
    assert_ne!(first.split('.').next(), second.split('.').next(), "the new key signs");
    for bad in [&["1", "1"][..], &[""]] {
        let refused = run.server.replace_signing(signing(bad, signer()));
        assert_eq!(refused.unwrap_err(), BadServer::SigningKeys);
    }
    run.server.replace_signing(signing(&["2"], signer())).unwrap();
    assert_eq!(run.introspect(&first).await["active"], false, "its key is gone");
    let revoked = run.post("/revoke", &common::basic("signed", "signed-secret"), &format!("token={second}")).await;
    assert_eq!(revoked.status, 200);
    assert_eq!(run.introspect(&second).await["active"], false);
}

#[tokio::test]
async fn a_signer_that_cannot_sign_now_makes_the_client_come_again() {
    let works = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (state, seen) = (Arc::clone(&works), Arc::clone(&asked));
    let signer = Signer::new(move |kid, _, _| {
        seen.lock().unwrap().push(kid.to_owned());
        let signature = state.load(Ordering::SeqCst).then(|| Named::sign(kid));
        async { signature }
    });
    let run = started(signer).await;
    let answer = token(&run).await;
    assert_eq!((answer.status, answer.text("error").as_str()), (503, "temporarily_unavailable"));
    works.store(true, Ordering::SeqCst);
    assert_eq!(token(&run).await.status, 200);
    assert_eq!(*asked.lock().unwrap(), ["1", "1"]);
}
