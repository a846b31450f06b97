//! Commands beside a running server, which sees at its next request what they did.

use crate::{Folder, PASSWORD, Server};

async fn issued(server: &Server, client_id: &str, secret: &str) -> String {
    let (status, token) = server.token(client_id, secret).await;
    assert_eq!(status, 200);
    token
}

#[tokio::test]
async fn rfc7009_2_1_04_a_removed_client_is_out_at_once_with_all_its_tokens() {
    let folder = Folder::new();
    let api = folder.add_client(&["api", "--may-introspect"]);
    let device = folder.add_client(&["device", "--scope", "telemetry"]);
    let server = folder.serve();
    let first = issued(&server, "device", &device).await;
    let second = issued(&server, "device", &device).await;
    assert!(server.is_active("api", &api, &first).await && server.is_active("api", &api, &second).await);
    assert_eq!(folder.json(&["grant", "list", "--client", "device"]).len(), 2);

    assert_eq!(folder.ok(&["client", "remove", "device"]), "Client `device` is removed, and 2 grants ended.\n");
    assert!(!server.is_active("api", &api, &first).await && !server.is_active("api", &api, &second).await);
    assert_eq!(server.token("device", &device).await.0, 401);
    let events = folder.events(&["--client", "device"]);
    assert_eq!(events[3..], ["client_removed", "grant_ended_by_operator", "grant_ended_by_operator"]);
    assert!(folder.json(&["grant", "list"]).is_empty());
    let ended = folder.json(&["grant", "list", "--all"]);
    assert!(ended.len() == 2 && ended.iter().all(|grant| grant["state"] == "ended"), "{ended:?}");
    assert_eq!(folder.json(&["client", "list"]).len(), 2, "there is no demo where a client was added first");
}

#[tokio::test]
async fn a_locked_person_is_out_until_unlocked_and_what_they_gave_stays_ended() {
    let folder = Folder::new();
    let server = folder.serve();
    let token = server.alice_agrees().await;
    let (status, token) = server.refresh(&token).await;
    assert_eq!(status, 200);

    assert_eq!(folder.ok(&["user", "lock", "alice"]), "User `alice` is locked, and 1 grant ended.\n");
    assert_eq!(server.refresh(&token).await.0, 400);
    assert!(!server.logs_in("alice", "wonderland").await);

    folder.ok(&["user", "unlock", "alice"]);
    assert_eq!(server.refresh(&token).await.0, 400);
    assert!(server.logs_in("alice", "wonderland").await);
    let events = folder.events(&["--user", "alice"]);
    let told = ["code_issued", "code_redeemed", "refreshed", "account_locked", "grant_ended_by_operator"];
    assert_eq!(events[1..], [&told[..], &["account_unlocked"]].concat());
}

#[tokio::test]
async fn people_log_in_as_soon_as_they_are_added_and_only_with_their_last_password() {
    let folder = Folder::new();
    let server = folder.serve();
    assert!(!server.logs_in("bob", PASSWORD).await);
    folder.given(PASSWORD, &["user", "add", "bob"]);
    assert!(server.logs_in("bob", PASSWORD).await);
    folder.given("another password, longer", &["user", "passwd", "bob"]);
    assert!(!server.logs_in("bob", PASSWORD).await);
    assert!(server.logs_in("bob", "another password, longer").await);
}

#[tokio::test]
async fn a_new_secret_takes_the_place_of_the_old_one() {
    let folder = Folder::new();
    let old = folder.add_client(&["device", "--scope", "telemetry"]);
    let server = folder.serve();
    issued(&server, "device", &old).await;
    let new = folder.json(&["client", "secret", "device"])[0]["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(server.token("device", &old).await.0, 401);
    issued(&server, "device", &new).await;
}

#[tokio::test]
async fn a_secret_that_a_person_chose_lets_the_client_in() {
    let folder = Folder::new();
    folder.given(PASSWORD, &["client", "add", "partner", "--secret-stdin"]);
    let server = folder.serve();
    issued(&server, "partner", PASSWORD).await;
    assert_eq!(server.token("partner", "another secret altogether").await.0, 401);
}

#[tokio::test]
async fn grants_are_revoked_by_id_by_person_and_by_client() {
    let folder = Folder::new();
    let api = folder.add_client(&["api", "--may-introspect"]);
    let device = folder.add_client(&["device", "--scope", "telemetry"]);
    let server = folder.serve();
    let first = issued(&server, "device", &device).await;
    let listed = folder.json(&["grant", "list"]);
    assert_eq!((listed.len(), &listed[0]["client_id"], &listed[0]["state"]), (1, &"device".into(), &"live".into()));
    let id = listed[0]["id"].as_str().unwrap();
    assert!(folder.ok(&["grant", "list"]).contains(id));

    let second = issued(&server, "device", &device).await;
    assert_eq!(folder.ok(&["grant", "revoke", id]), format!("Grant {id} is ended.\n"));
    assert!(!server.is_active("api", &api, &first).await && server.is_active("api", &api, &second).await);
    assert_eq!(folder.ok(&["grant", "revoke", id]), format!("Grant {id} was ended before.\n"));
    assert_eq!(folder.ok(&["grant", "revoke", "--client", "device"]), "1 grant of client `device` ended.\n");
    assert!(!server.is_active("api", &api, &second).await);
    issued(&server, "device", &device).await;

    assert!(folder.fails(&["grant", "revoke", &"0".repeat(64)]).contains("no grant"));
    assert!(folder.fails(&["grant", "revoke", "--user", "nobody"]).contains("no user `nobody`"));
    assert_eq!(folder.ok(&["grant", "revoke", "--client", "api"]), "0 grants of client `api` ended.\n");
}

#[tokio::test]
async fn what_a_person_gave_is_listed_and_revoked_while_they_may_log_in() {
    let folder = Folder::new();
    let server = folder.serve();
    let token = server.alice_agrees().await;
    server.token("demo-device", "device-secret").await;
    assert_eq!(folder.json(&["grant", "list"]).len(), 2);
    let listed = folder.json(&["grant", "list", "--user", "alice"]);
    assert_eq!((listed.len(), &listed[0]["user"], &listed[0]["scope"]), (1, &"alice".into(), &"read".into()));
    assert!(folder.json(&["grant", "list", "--user", "alice", "--client", "demo-device"]).is_empty());
    assert_eq!(folder.ok(&["grant", "revoke", "--user", "alice"]), "1 grant of user `alice` ended.\n");
    assert_eq!(server.refresh(&token).await.0, 400);
    assert!(server.logs_in("alice", "wonderland").await);
    assert_eq!(folder.json(&["grant", "list"]).len(), 1);
}

#[tokio::test]
async fn a_login_ends_with_the_password_and_with_a_lock() {
    for end in [&["user", "passwd", "alice"][..], &["user", "lock", "alice"]] {
        let folder = Folder::new();
        let server = folder.serve();
        let mut browser = server.program.browser();
        browser.reach_consent().await;
        let url = server.program.authorize_url();
        assert!(browser.get(&url).await.body.contains("value=\"allow\""), "logged in still");
        folder.given(PASSWORD, end);
        assert!(browser.get(&url).await.body.contains("action=\"/login\""), "{end:?}");
        if end.contains(&"lock") {
            folder.ok(&["user", "unlock", "alice"]);
            assert!(browser.get(&url).await.body.contains("action=\"/login\""), "no login from before comes back");
        }
    }
}
