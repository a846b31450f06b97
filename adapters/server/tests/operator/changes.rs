//! `valetkey client change`.

use crate::clients::assertion;
use crate::{Folder, Server};
use serde_json::{Value, json};
use valetkey::jose::Algorithm;
use valetkey_aws_lc::SigningKey;

#[test]
fn what_is_named_is_changed_and_the_rest_stays() {
    let folder = Folder::new();
    folder.add_client(&["web", "--redirect-uri", "https://a.example/cb", "--scope", "read write"]);
    let mut expected = folder.json(&["client", "show", "web"]).remove(0);
    let uris = json!(["https://b.example/cb", "https://c.example/cb"]);
    let both = ["--redirect-uri", "https://b.example/cb", "--redirect-uri", "https://c.example/cb"];
    for (args, name, value) in [
        (&["--name", "The shop"][..], "name", json!("The shop")),
        (&both, "redirect_uris", uris),
        (&["--scope", "read"], "scope", json!("read")),
        (&["--scope", ""], "scope", json!("")),
        (&["--scope", "a b", "--scope", "c"], "scope", json!("a b c")),
        (&["--resource", "https://api.example/"], "resource", json!(["https://api.example/"])),
        (&["--resource", ""], "resource", json!([])),
        (&["--token-kind", "jwt"], "access_tokens", json!("ES256")),
        (&["--token-alg", "EdDSA"], "access_tokens", json!("EdDSA")),
        (&["--token-kind", "jwt"], "access_tokens", json!("EdDSA")),
        (&["--token-kind", "opaque"], "access_tokens", json!("opaque")),
        (&["--grant", "client_credentials"], "grants", json!(["client_credentials"])),
        (&["--redirect-uri", ""], "redirect_uris", json!([])),
    ] {
        let told = folder.ok(&[&["client", "change", "web"], args].concat());
        assert_eq!(told, "Client `web` is changed.\n");
        expected[name] = value;
        assert_eq!(folder.json(&["client", "show", "web"])[0], expected, "{args:?}");
    }
    let events = folder.events(&["--client", "web"]);
    assert!(events[1..].iter().all(|what| what == "client_changed") && events.len() == 14, "{events:?}");
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let folder = Folder::new();
    folder.add_client(&["web", "--redirect-uri", "https://web.example/cb"]);
    folder.json(&["client", "add", "spa", "--public", "--redirect-uri", "https://spa.example/cb"]);
    std::fs::write(folder.path().join("jwks.json"), SigningKey::generate(Algorithm::Es256).unwrap().public_json())
        .unwrap();
    let before = folder.json(&["client", "list"]);
    for (args, why) in [
        (&["web"][..], "say what is to change"),
        (&["web", "--json"], "say what is to change"),
        (&["web", "--redirect-uri", "http://web.example/cb"], "'http://web.example/cb'"),
        (&["web", "--redirect-uri", ""], "redirect URI"),
        (&["web", "--scope", "a  b"], "scope"),
        (&["web", "--resource", "api"], "resource"),
        (&["web", "--token-alg", "ES256"], "--token-kind jwt"),
        (&["web", "--jwks", "jwks.json"], "--auth"),
        (&["web", "--auth", "private_key_jwt"], "--jwks"),
        (&["web", "--auth", "client_secret", "--jwks", "jwks.json"], "private_key_jwt"),
        (&["web", "--auth", "private_key_jwt", "--jwks", "nowhere.json"], "nowhere.json"),
        (&["spa", "--grant", "client_credentials"], "public client"),
    ] {
        let ran = folder.run(&[&["client", "change"], args].concat(), "");
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{args:?}");
        assert!(ran.err.contains(why), "{args:?}: {}", ran.err);
    }
    for (args, why) in [
        (&["nobody", "--name", "x"][..], "no client `nobody`"),
        (&["web", "--auth", "client_secret"], "`client secret`"),
        (&["web", "--token-kind", "jwt", "--token-alg", "PS512"], "`valetkey keys add PS512`"),
        (&["spa", "--auth", "client_secret"], "is public"),
        (&["spa", "--auth", "private_key_jwt", "--jwks", "jwks.json"], "is public"),
    ] {
        let told = folder.fails(&[&["client", "change"], args].concat());
        assert!(told.contains(why), "{told}");
    }
    assert_eq!(folder.json(&["client", "list"]), before);
    folder.ok(&["client", "remove", "web"]);
    assert!(folder.fails(&["client", "change", "web", "--name", "x"]).contains("was removed"));
}

#[tokio::test]
async fn a_running_server_keeps_to_what_a_client_may_do_now() {
    let folder = Folder::new();
    let secret = folder.add_client(&["device", "--scope", "read write"]);
    let server = folder.serve();
    let ask = async |scope: &str| {
        let form = [("grant_type", "client_credentials"), ("scope", scope), ("client_id", "device")];
        let answered = server.program.post("/token", &[&form[..], &[("client_secret", &*secret)]].concat()).await;
        (answered.status, answered.json()["error"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(ask("write").await.0, 200);
    folder.ok(&["client", "change", "device", "--scope", "read"]);
    assert_eq!((ask("write").await, ask("read").await.0), ((400, "invalid_scope".to_owned()), 200));
    let code = ["--grant", "code", "--redirect-uri", "https://device.example/cb"];
    folder.ok(&[&["client", "change", "device"], &code[..]].concat());
    assert_eq!(ask("read").await, (400, "unauthorized_client".to_owned()));
}

async fn by_key(server: &Server, key: &SigningKey) -> u16 {
    let signed = assertion(key, "reporter", &server.program.url);
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let form = [("grant_type", "client_credentials"), ("client_assertion_type", kind), ("client_assertion", &signed)];
    server.program.post("/token", &form).await.status
}

#[tokio::test]
async fn a_client_moves_from_a_secret_to_a_key_pair_and_back() {
    let folder = Folder::new();
    let secret = folder.add_client(&["reporter", "--scope", "read"]);
    let key = SigningKey::generate(Algorithm::Es256).unwrap();
    std::fs::write(folder.path().join("jwks.json"), key.public_json()).unwrap();
    let server = folder.serve();
    assert_eq!((server.token("reporter", &secret).await.0, by_key(&server, &key).await), (200, 401));

    let to_keys = ["client", "change", "reporter", "--auth", "private_key_jwt", "--jwks", "jwks.json"];
    assert_eq!(folder.ok(&to_keys), "Client `reporter` is changed.\n");
    assert_eq!((server.token("reporter", &secret).await.0, by_key(&server, &key).await), (401, 200));
    let shown = folder.json(&["client", "show", "reporter"]).remove(0);
    assert_eq!((&shown["auth"], &shown["scope"]), (&json!("private_key_jwt"), &json!("read")));

    let told = folder.ok(&["client", "change", "reporter", "--auth", "client_secret"]);
    let drawn = told.lines().find_map(|line| line.strip_prefix("  ")).expect(&told);
    assert_eq!(server.token("reporter", drawn).await.0, 200);
    assert_eq!((server.token("reporter", &secret).await.0, by_key(&server, &key).await), (401, 401));
    let shown = folder.json(&["client", "show", "reporter"]).remove(0);
    assert_eq!((&shown["auth"], &shown["keys"]), (&json!("client_secret"), &Value::Null));

    // Once more, for whoever reads JSON.
    folder.ok(&to_keys);
    let changed = folder.json(&["client", "change", "reporter", "--auth", "client_secret"]).remove(0);
    assert_eq!(server.token("reporter", changed["client_secret"].as_str().unwrap()).await.0, 200);
    let events = folder.events(&["--client", "reporter"]);
    assert_eq!(events.iter().filter(|what| *what == "client_secret_changed").count(), 4, "{events:?}");
}
