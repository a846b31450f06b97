//! The resource parameter at the authorization and token endpoints.

use crate::world::{World, query, redemption};

const API: &str = "https://api.example/";
const FILES: &str = "https://files.example/";

fn code_for(w: &mut World, resources: &[&str]) -> String {
    let more: String = resources.iter().map(|r| format!("&resource={}", crate::world::escape(r))).collect();
    w.authorize(&format!("{}{more}", query("web", &[]))).param("code").unwrap()
}

fn audience(w: &mut World, rs: &str, access: &str) -> serde_json::Value {
    w.introspect(rs, access).json()["aud"].clone()
}

#[test]
fn rfc8707_2_02_resource_may_occur_several_times() {
    let mut w = World::new();
    let code = code_for(&mut w, &[API, FILES]);
    let access = w.redeem("web", &code).access();
    for rs in ["rs", "rs2"] {
        assert_eq!(audience(&mut w, rs, &access), serde_json::json!([API, FILES]));
    }
}

#[test]
fn rfc8707_2_03_a_bad_or_unknown_resource_is_an_invalid_target() {
    let mut w = World::new();
    for bad in [
        "https://unknown.example/",
        "api",
        "/api",
        "https://api.example/#x",
        "https://api.example",
        "https://API.example/",
        "https://api.example/ https://files.example/", // one value is one resource
    ] {
        assert_eq!(w.authorize(&query("web", &[("resource", bad)])).error(), "invalid_target", "{bad}");
        let params = [("grant_type", "client_credentials"), ("resource", bad)];
        let done = w.token("web", &params);
        assert_eq!((done.status, done.error().as_str()), (400, "invalid_target"), "{bad}");
    }
    let both = format!("{}&resource={API}&resource=https://unknown.example/", query("web", &[]));
    assert_eq!(w.authorize(&both).error(), "invalid_target");
}

#[test]
fn rfc8707_2_2_01_a_token_request_may_name_some_of_the_resources_and_no_others() {
    let mut w = World::new();
    let code = code_for(&mut w, &[API]);
    for wider in [FILES, "https://unknown.example/"] {
        let params = [&redemption("web", &code)[..], &[("resource", wider)]].concat();
        assert_eq!(w.token("web", &params).error(), "invalid_target");
    }
    let two = [&redemption("web", &code)[..], &[("resource", API), ("resource", FILES)]].concat();
    assert_eq!(w.token("web", &two).error(), "invalid_target");
    let code = code_for(&mut w, &[API, FILES]);
    let narrow = [&redemption("web", &code)[..], &[("resource", FILES)]].concat();
    let access = w.token("web", &narrow).access();
    assert_eq!(audience(&mut w, "rs2", &access), serde_json::json!(FILES));
    assert_eq!(w.introspect("rs", &access).json()["active"], false);
}

#[test]
fn rfc8707_2_2_02_rfc9700_4_14_2_01_each_refresh_may_name_other_resources_of_the_grant_and_no_more() {
    let mut w = World::new();
    let code = code_for(&mut w, &[API, FILES]);
    let mut refresh = w.redeem("web", &code).refresh();
    for (resource, rs) in [(API, "rs"), (FILES, "rs2")] {
        let params = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("resource", resource)];
        let done = w.token("web", &params);
        assert_eq!(audience(&mut w, rs, &done.access()), serde_json::json!(resource));
        refresh = done.refresh();
    }
    let code = code_for(&mut w, &[API]);
    let refresh = w.redeem("web", &code).refresh();
    let params = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("resource", FILES)];
    assert_eq!(w.token("web", &params).error(), "invalid_target");
    assert_eq!(w.refresh("web", &refresh).status, 200);
}

#[test]
fn rfc8707_2_05_without_resource_the_grants_resources_serve() {
    let mut w = World::new();
    let code = code_for(&mut w, &[API]);
    let first = w.redeem("web", &code);
    let second = w.refresh("web", &first.refresh());
    for done in [first, second] {
        assert_eq!(audience(&mut w, "rs", &done.access()), serde_json::json!(API));
    }
}

#[test]
fn a_grant_without_resources_cannot_be_widened_to_one() {
    let mut w = World::new();
    let code = code_for(&mut w, &[]);
    let params = [&redemption("web", &code)[..], &[("resource", API)]].concat();
    assert_eq!(w.token("web", &params).error(), "invalid_target");
}

#[test]
fn a_resource_that_the_client_lost_is_not_given() {
    let mut w = World::new();
    let code = code_for(&mut w, &[API, FILES]);
    w.store.change_client("web", |client| client.resource = FILES.into());
    assert_eq!(w.redeem("web", &code).error(), "invalid_target");
    let params = [&redemption("web", &code)[..], &[("resource", FILES)]].concat();
    assert_eq!(w.token("web", &params).status, 200);
}
