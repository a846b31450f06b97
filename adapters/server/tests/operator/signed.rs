//! Clients whose access tokens are signed, and where the keys for that are kept.

use crate::Folder;
use crate::keys::Here;
use valetkey::server::change::Kind;
use valetkey::server::record::OwnedRecord;
use valetkey_aws_lc::SigningKey;
use valetkey_server::keys::Keys;
use valetkey_sqlite::SqliteStore;
use valetkey_tokio::store::{By, Store};

#[tokio::test]
async fn rfc9068_2_1_01_a_client_gets_signed_tokens_that_an_api_can_check() {
    let folder = Folder::new();
    let secret = folder.add_client(&["device", "--scope", "read", "--token-kind", "jwt"]);
    let server = folder.serve();
    let (status, token) = server.token("device", &secret).await;
    assert_eq!(status, 200);
    let url = &server.program.url;
    let jwks = format!("{url}/jwks.json");
    let ran = folder.run(&["token", "verify", "--jwks", &jwks, "--issuer", url, "--audience", url, "-"], &token);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains("client:device") && ran.out.contains("scope read"), "{}", ran.out);
    let other = ["token", "verify", "--jwks", &jwks, "--issuer", url, "--audience", "https://api.example", "-"];
    assert_eq!(folder.run(&other, &token).code, Some(1));
}

#[tokio::test]
async fn the_kind_of_tokens_is_told_and_opaque_unless_said_otherwise() {
    let folder = Folder::new();
    let plain = folder.add_client(&["plain"]);
    folder.add_client(&["said", "--token-kind", "opaque"]);
    folder.add_client(&["short", "--token-kind", "jwt"]);
    folder.add_client(&["long", "--token-kind", "jwt", "--token-alg", "RS256"]);
    for (id, kind) in [("plain", "opaque"), ("said", "opaque"), ("short", "ES256"), ("long", "RS256")] {
        assert_eq!(folder.json(&["client", "show", id])[0]["access_tokens"], kind);
        assert!(folder.ok(&["client", "show", id]).contains(&format!("access_tokens   {kind}\n")));
        let list = folder.ok(&["client", "list"]);
        assert!(list.lines().any(|line| line.starts_with(id) && line.contains(kind)), "{list}");
    }
    let server = folder.serve();
    let (_, token) = server.token("plain", &plain).await;
    assert!(!token.contains('.') && token.len() == 64, "{token}");
}

#[tokio::test]
async fn the_database_alone_holds_no_private_key() {
    let folder = Folder::new();
    folder.add_client(&["device"]);
    drop(Here::start(&folder).await);
    let store = SqliteStore::open(folder.path().join("valetkey.db")).unwrap();
    let sealing = Keys::read(&folder.path().join("valetkey.key")).unwrap().for_sealing();
    let found = store.scan(By::Kind(Kind::SigningKey), None, 10).await.unwrap();
    assert_eq!(found.len(), 3);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_name() != "valetkey.key" {
            files.push(std::fs::read(entry.path()).unwrap());
        }
    }
    let holds = |wanted: &[u8]| files.iter().any(|file| file.windows(wanted.len()).any(|bytes| bytes == wanted));
    for (_, record, _) in found {
        let OwnedRecord::SigningKey(key) = record else { panic!("{record:?}") };
        assert!(holds(key.sealed.as_bytes()), "what is looked for can be found");
        let pair = SigningKey::open(&sealing[0], key.algorithm, &key.kid, &key.sealed).unwrap();
        let pkcs8 = pair.to_pkcs8().unwrap();
        // Somewhere in the middle, wherever groups of three bytes begin: the ends are the same in every key.
        let middle = &pkcs8[pkcs8.len() / 3..];
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(!holds(&middle[..16]) && !holds(hex(&middle[..16]).as_bytes()), "{}", key.algorithm);
        for shift in 0..3 {
            let text = base64(&middle[shift..shift + 15]);
            assert!(!holds(text.as_bytes()), "{}", key.algorithm);
        }
        assert!(!format!("{key:?}").contains(&key.sealed));
    }
}

fn base64(bytes: &[u8]) -> String {
    valetkey::text::base64::encode(bytes, &mut [0; 64]).unwrap().to_owned()
}

#[tokio::test]
async fn clients_of_an_older_version_have_opaque_tokens() {
    let folder = Folder::new();
    let secret = folder.add_client(&["device", "--token-kind", "jwt"]);
    let db = rusqlite::Connection::open(folder.path().join("valetkey.db")).unwrap();
    let sql = "UPDATE records SET body = json_remove(body, '$.client.access_token')";
    assert_eq!(db.execute(sql, []).unwrap(), 1);
    let left: String = db.query_row("SELECT body FROM records", [], |row| row.get(0)).unwrap();
    assert!(left.contains("\"device\"") && !left.contains("access_token"), "{left}");
    drop(db);
    assert_eq!(folder.json(&["client", "show", "device"])[0]["access_tokens"], "opaque");
    let server = Here::start(&folder).await;
    assert!(!server.token("device", &secret).await.contains('.'));
}
