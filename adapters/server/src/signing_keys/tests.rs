//! Signing keys that the store holds: whom they are believed from, and from when on they sign.

use super::*;
use valetkey_tokio::server::{Policy, ServerKey};

const NOW: UnixTime = UnixTime(1_700_000_000);
const NONE: &str = r#"{"keys":[]}"#;

fn published(key: OwnedSigningKey, sealing: &[Secret<32>]) -> String {
    Found::open(vec![(key, Version::new(1).unwrap())], sealing).signing(NOW).jwks().to_owned()
}

fn row(kid: &str, public: String, sealed: String) -> OwnedSigningKey {
    let algorithm = Algorithm::EdDsa;
    OwnedSigningKey {
        kid: kid.to_owned(),
        algorithm,
        public,
        sealed,
        created_at: NOW,
        signs_from: NOW,
        retired_at: None,
    }
}

/// Else they would sign for every API, whatever the private halves are sealed under.
#[test]
fn who_writes_to_the_database_publishes_no_key_of_their_own() {
    let (server_key, other) = (Secret::new([7; 32]), Secret::new([8; 32]));
    let [ours, theirs] = [(); 2].map(|()| aws_lc::SigningKey::generate(Algorithm::EdDsa).unwrap());
    let (sealed, sealing) = (ours.seal(&server_key).unwrap(), [server_key]);

    let good = row(ours.kid(), ours.public_json(), sealed.clone());
    assert!(published(good.clone(), &sealing).contains(ours.kid()));
    let in_place = theirs.public_json().replace(theirs.kid(), ours.kid());
    assert_eq!(published(row(ours.kid(), in_place, sealed.clone()), &sealing), NONE, "another key under our id");
    assert_eq!(published(row(ours.kid(), theirs.public_json(), sealed.clone()), &sealing), NONE, "another key");
    assert_eq!(published(row(theirs.kid(), theirs.public_json(), sealed), &sealing), NONE, "a sealed half of ours");
    let foreign = theirs.seal(&other).unwrap();
    assert_eq!(published(row(theirs.kid(), theirs.public_json(), foreign), &sealing), NONE, "a new key");

    let retired = |sealed: &str| OwnedSigningKey {
        retired_at: Some(NOW),
        ..row(theirs.kid(), theirs.public_json(), sealed.into())
    };
    let elsewhere = witness(&good, &sealing).unwrap();
    for sealed in ["", &elsewhere, &good.sealed] {
        assert_eq!(published(retired(sealed), &sealing), NONE, "a key that is said to be retired");
    }
    let retired = OwnedSigningKey { retired_at: Some(NOW), sealed: elsewhere, ..good };
    assert!(published(retired, &sealing).contains(ours.kid()), "and one that was");
}

/// As after server keys that leaked: whoever has them, and the database, has the pairs too.
#[tokio::test]
async fn pairs_of_server_keys_that_went_are_published_no_more_and_others_take_their_place() {
    let (leaked, new) = ([Secret::new([7; 32])], [Secret::new([8; 32])]);
    let store = valetkey_memory::MemoryStore::new();
    let before = first(&store, &leaked).await.unwrap();
    let old: Vec<_> = kept(&store).await.unwrap().into_iter().map(|(key, _)| key.kid).collect();
    assert!(old.len() == FIRST.len() && old.iter().all(|kid| before.jwks().contains(kid)));
    let found = complete(&store, kept(&store).await.unwrap(), &new).await.unwrap();
    assert!(found.missing().is_empty());
    let after = found.signing(NOW);
    assert!(old.iter().all(|kid| !after.jwks().contains(kid)), "{}", after.jwks());
}

/// In a published set the one comes first that signs.
#[tokio::test]
async fn a_pair_signs_as_of_its_time_without_another_change() {
    let (store, sealing) = (valetkey_memory::MemoryStore::new(), [Secret::new([7; 32])]);
    let signing = first(&store, &sealing).await.unwrap();
    let key = ServerKey::new(1, Secret::new([9; 32]));
    let server = AuthorizationServer::new("https://as.example", Policy::OAUTH21, vec![key], store).unwrap();
    let server = Arc::new(server.with_signing(signing).unwrap());
    let mut following = Following::new(Arc::clone(&server), Arc::new(RwLock::new(Arc::new(sealing.clone()))));
    let (soon, soon_from) = add(server.store(), &sealing[0], Algorithm::EdDsa, 60).await.unwrap();
    let (late, late_from) = add(server.store(), &sealing[0], Algorithm::EdDsa, 90).await.unwrap();
    let old = kept(server.store()).await.unwrap().into_iter().rfind(|(key, _)| key.algorithm == Algorithm::EdDsa);
    let old = old.unwrap().0.kid;
    for (now, order) in [
        (UnixTime(soon_from.0 - 1), [None, Some(&soon), Some(&late)]),
        (soon_from, [Some(&soon), None, Some(&late)]),
        (UnixTime(late_from.0 - 1), [Some(&soon), None, Some(&late)]),
        (late_from, [Some(&late), Some(&soon), None]),
        // The clock was wrong, and is set back.
        (UnixTime(late_from.0 - 1), [Some(&soon), None, Some(&late)]),
    ] {
        following.look_at(now).await.unwrap();
        let jwks = axum::body::to_bytes(server.jwks().into_body(), usize::MAX).await.unwrap();
        let jwks = String::from_utf8(jwks.to_vec()).unwrap();
        let at = |kid: Option<&String>| jwks.find(kid.unwrap_or(&old)).unwrap();
        assert!(order.map(at).is_sorted(), "{now:?}: {jwks}");
    }
}

#[tokio::test]
async fn no_set_grows_beyond_what_others_take() {
    let (store, sealing) = (valetkey_memory::MemoryStore::new(), Secret::new([7; 32]));
    for _ in 0..MOST {
        add(&store, &sealing, Algorithm::EdDsa, 0).await.unwrap();
    }
    assert!(add(&store, &sealing, Algorithm::EdDsa, 0).await.unwrap_err().to_string().contains("as many"));
}
