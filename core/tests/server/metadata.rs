//! The metadata document says what the endpoints do.

use crate::world::{ISSUER, World};
use valetkey::secret::Secret;
use valetkey::server::{BadServer, Policy, Server, ServerKey, write_metadata};

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
fn rfc8414_2_07_rfc9700_2_1_1_09_rfc9207_2_3_01_it_promises_s256_and_iss() {
    let json = document();
    assert_eq!(json["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(json["authorization_response_iss_parameter_supported"], true);
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
        let server = Server::new(&issuer, Policy::OAUTH21, &keys).unwrap();
        let needed = write_metadata(&server, "", &mut []).unwrap_err().needed;
        assert_eq!(write_metadata(&server, "", &mut vec![0; needed - 1]).unwrap_err().needed, needed);
        let mut room = vec![0; needed];
        assert_eq!(write_metadata(&server, "", &mut room).unwrap().len(), needed);
    }
}

#[test]
fn rfc8414_2_01_rfc9207_2_02_oauth21_1_5_01_a_server_needs_a_good_issuer_and_keys() {
    let key = |id| ServerKey::new(id, Secret::new([id; 32]));
    let new = |issuer, keys: &[ServerKey]| Server::new(issuer, Policy::OAUTH21, keys).map(|_| ()).unwrap_err();
    for issuer in ["", "as.example", "http://as.example", "https://as.example?x", "https://as.example#x", "https://a b"]
    {
        assert_eq!(new(issuer, &[key(1)]), BadServer::Issuer, "{issuer}");
    }
    assert_eq!(new(ISSUER, &[]), BadServer::Keys);
    assert_eq!(new(ISSUER, &[key(1), key(2), key(1)]), BadServer::Keys);
}
