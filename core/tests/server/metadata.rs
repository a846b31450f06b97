//! The metadata document says what the endpoints do.

use crate::world::{ISSUER, World, issuer, query};
use proptest::prelude::*;
use valetkey::jose::{Algorithm, Material, PublicJwk, SymmetricJwk};
use valetkey::secret::Secret;
use valetkey::server::{BadServer, Issuer, Policy, Server, ServerKey, write_jwks, write_metadata};

fn document() -> serde_json::Value {
    let mut room = [0; 4096];
    serde_json::from_str(write_metadata(World::new().server, "read write", &mut room).unwrap()).unwrap()
}

#[test]
fn rfc6749_3_2_04_rfc8414_2_02_rfc8414_2_04_rfc8414_3_2_01_rfc9700_2_6_01_the_document_has_what_it_must() {
    let json = document();
    assert_eq!(json["issuer"], ISSUER);
    for endpoint in ["authorization", "token", "revocation", "introspection"] {
        let url = json[format!("{endpoint}_endpoint")].as_str().unwrap();
        assert!(url.starts_with("https://as.example/") && !url.contains(['#', '?']), "{url}");
    }
    assert_eq!(json["response_types_supported"], serde_json::json!(["code"]));
    assert_eq!(json["scopes_supported"], serde_json::json!(["read", "write"]));
    for (name, value) in json.as_object().unwrap() {
        assert!(value.as_array().is_none_or(|array| !array.is_empty()), "{name} is empty");
    }
    let mut room = [0; 4096];
    let without: serde_json::Value =
        serde_json::from_str(write_metadata(World::new().server, "", &mut room).unwrap()).unwrap();
    assert_eq!(without.get("scopes_supported"), None, "an empty array is left out");
}

#[test]
fn the_classes_of_logins_are_named_where_there_are_any() {
    let keys = [ServerKey::new(1, Secret::new([1; 32]))];
    let server = |classes| Server::new(issuer(), Policy::OAUTH21, &keys).unwrap().with_acr_values(classes);
    let named = |classes| -> serde_json::Value {
        serde_json::from_str(write_metadata(&server(classes), "read", &mut [0; 4096]).unwrap()).unwrap()
    };
    assert_eq!(named("").get("acr_values_supported"), None);
    assert_eq!(named("urn:example:password")["acr_values_supported"], serde_json::json!(["urn:example:password"]));
    assert_eq!(named("1 phr")["acr_values_supported"], serde_json::json!(["1", "phr"]));
}

#[test]
fn rfc6749_3_1_08_rfc6749_3_2_05_rfc6749_3_2_04_rfc7009_2_01_endpoints_are_https_or_on_loopback_without_fragment() {
    let keys = [ServerKey::new(1, Secret::new([1; 32]))];
    let mut served = 0;
    for scheme in ["https:", "http:", "HTTP:", "ftp:", ""] {
        for host in ["//as.example", "//127.0.0.1:8080", "//[::1]", "//localhost", "//127.0.0.1.evil.example", "//"] {
            for tail in ["", "/", "/a", "/#", "#x", "/a#/token"] {
                let issuer = format!("{scheme}{host}{tail}");
                let Ok(checked) = Issuer::new(&issuer) else { continue };
                let server = Server::new(checked, Policy::OAUTH21, &keys).unwrap();
                served += 1;
                let mut room = [0; 4096];
                let json: serde_json::Value =
                    serde_json::from_str(write_metadata(&server, "", &mut room).unwrap()).unwrap();
                for endpoint in ["authorization", "token", "revocation", "introspection"] {
                    let url = json[format!("{endpoint}_endpoint")].as_str().unwrap();
                    let local =
                        |rest: &str| ["127.0.0.1:8080/", "[::1]/", "localhost/"].iter().any(|l| rest.starts_with(l));
                    let safe = url.starts_with("https://") || url.strip_prefix("http://").is_some_and(local);
                    assert!(safe && !url.contains('#'), "{url} of {issuer}");
                }
            }
        }
    }
    assert_eq!(served, 3 * (5 + 3), "five hosts by https, three by http, three paths");
}

#[test]
fn rfc6749_8_2_01_rfc6749_8_4_01_every_name_in_a_response_is_of_its_grammar() {
    let mut w = World::new();
    let keys = |json: serde_json::Value| json.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let mut names = keys(document());
    let (good, bad) = (w.authorize(&query("web", &[])), w.authorize(&query("web", &[("scope", "root")])));
    let tokens = w.redeem("web", &good.param("code").unwrap());
    names.extend([good, bad].iter().flat_map(crate::world::Done::params).map(|(name, _)| name));
    names.extend(keys(tokens.json()));
    names.extend(keys(w.refresh("web", "x").json()));
    names.extend(keys(w.introspect("rs", &tokens.access()).json()));
    for known in ["code", "state", "error", "access_token", "client_id", "token_endpoint"] {
        assert!(names.iter().any(|name| name == known), "{known} in {names:?}");
    }
    let of = |text: &str, more: &[u8]| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    assert!(names.iter().all(|name| of(name, b"-._")), "{names:?}");
    for offered in document()["response_types_supported"].as_array().unwrap() {
        assert!(offered.as_str().unwrap().split(' ').all(|word| of(word, b"_")), "{offered}");
    }
}

#[test]
fn rfc8414_2_07_rfc9700_2_1_1_09_rfc9207_2_3_01_it_promises_s256_and_iss() {
    let json = document();
    assert_eq!(json["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(json["authorization_response_iss_parameter_supported"], true);
}

#[test]
fn rfc8414_2_01_it_names_a_key_set_only_if_there_are_signing_keys() {
    assert_eq!(document()["jwks_uri"], "https://as.example/jwks.json");
    let keys = [ServerKey::new(1, Secret::new([1; 32]))];
    let server = Server::new(issuer(), Policy::OAUTH21, &keys).unwrap();
    assert!(!write_metadata(&server, "", &mut [0; 4096]).unwrap().contains("jwks"));
}

#[test]
fn signing_keys_have_a_name_of_their_own_and_a_public_half() {
    use crate::world::PAIRS;
    use valetkey::jose::{Key, parts::MacKey};
    let keys = [ServerKey::new(1, Secret::new([1; 32]))];
    let new = |signing: &[Key<'_>]| {
        let server = Server::new(issuer(), Policy::OAUTH21, &keys).unwrap();
        server.with_signing_keys(signing).map(|server| server.signing_keys().len())
    };
    let shared = MacKey::new(&SymmetricJwk { kid: "1", algorithm: Algorithm::Hs256, key: &[7; 32] });
    let shared = shared.unwrap();
    let [one, two] = [&PAIRS[0], &PAIRS[1]];
    assert_eq!(new(&[Key::new("1", one), Key::new("2", two)]), Ok(2));
    for bad in [&[Key::new("", one)][..], &[Key::new("1", one), Key::new("1", two)], &[Key::new("1", &shared)]] {
        assert_eq!(new(bad), Err(BadServer::SigningKeys));
    }
    for bad in ["", "api", "https://api.example/#x", "https://a.example https://b.example"] {
        let server = Server::new(issuer(), Policy::OAUTH21, &keys).unwrap();
        assert_eq!(server.with_default_audience(bad).map(|_| ()), Err(BadServer::Audience), "{bad}");
    }
}

proptest! {
    #[test]
    fn rfc7517_9_01_no_published_set_has_a_private_or_shared_member(
        kids in prop::collection::vec("\\PC{0,9}", 0..5), bytes in any::<[u8; 32]>(), rsa in any::<bool>(),
    ) {
        let n = [&[0xc1][..], &bytes.repeat(8)[1..255], &[1]].concat();
        let keys: Vec<PublicJwk<'_>> = kids.iter().enumerate().map(|(i, kid)| PublicJwk {
            kid,
            algorithm: (i % 2 == 0).then_some(Algorithm::Rs256).filter(|_| rsa),
            material: match i % 3 {
                _ if rsa => Material::Rsa { n: &n, e: &[1, 0, 1] },
                0 => Material::P256 { x: bytes, y: bytes },
                1 => Material::Ed25519 { x: bytes },
                _ => Material::P384 { x: [bytes[0]; 48], y: [bytes[1]; 48] },
            },
        }).collect();
        let needed = write_jwks(&keys, &mut []).unwrap_err().needed;
        let mut room = vec![0; needed];
        let set: serde_json::Value = serde_json::from_str(write_jwks(&keys, &mut room).unwrap()).unwrap();
        prop_assert_eq!(set["keys"].as_array().unwrap().len(), keys.len());
        for key in set["keys"].as_array().unwrap() {
            for (name, _) in key.as_object().unwrap() {
                prop_assert!(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"].contains(&name.as_str()), "{}", name);
            }
        }
    }
}

#[test]
fn every_grant_that_it_promises_is_served_and_no_other() {
    let json = document();
    let promised: Vec<&str> =
        json["grant_types_supported"].as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
    for grant_type in ["authorization_code", "client_credentials", "refresh_token", "password", "implicit"] {
        let served = World::new().token("web", &[("grant_type", grant_type)]).error() != "unsupported_grant_type";
        assert_eq!(served, promised.contains(&grant_type), "{grant_type}");
    }
}

#[test]
fn the_document_says_exactly_how_much_room_it_needs_however_long_the_issuer_is() {
    let keys = [ServerKey::new(1, Secret::new([1; 32]))];
    for length in [0, 100, 600, 1500] {
        let issuer = format!("{ISSUER}/{}", "p".repeat(length));
        let server = Server::new(Issuer::new(&issuer).unwrap(), Policy::OAUTH21, &keys).unwrap();
        let needed = write_metadata(&server, "", &mut []).unwrap_err().needed;
        assert_eq!(write_metadata(&server, "", &mut vec![0; needed - 1]).unwrap_err().needed, needed);
        let mut room = vec![0; needed];
        assert_eq!(write_metadata(&server, "", &mut room).unwrap().len(), needed);
    }
}

#[test]
fn rfc8414_2_01_rfc9207_2_02_oauth21_1_5_01_a_server_needs_a_good_issuer_and_keys() {
    let key = |id| ServerKey::new(id, Secret::new([id; 32]));
    let new = |keys: &[ServerKey]| Server::new(issuer(), Policy::OAUTH21, keys).map(|_| ()).unwrap_err();
    for issuer in ["", "as.example", "http://as.example", "https://as.example?x", "https://as.example#x", "https://a b"]
    {
        assert_eq!(Issuer::new(issuer), Err(BadServer::Issuer), "{issuer}");
    }
    assert_eq!(new(&[]), BadServer::Keys);
    assert_eq!(new(&[key(1), key(2), key(1)]), BadServer::Keys);
}
