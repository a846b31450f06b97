//! Both formats of the log: programs can read it, nobody can write into it, and no secret is there.
//!
//! The one test of its program, for the same reason as in `told.rs`.

mod common;

use common::{Log, Program};
use reqwest::header::HeaderMap;
use tracing_subscriber::layer::SubscriberExt;
use valetkey_server::demo::CODE_VERIFIER;
use valetkey_server::logs::{LogFormat, lines};

const FORGED: &str = "x\nINFO forged\r\u{1b}[2K\u{202e}\u{85}";

#[tokio::test]
async fn lines_are_whole_in_both_formats_and_tell_no_secret() {
    let (text, json) = (Log::default(), Log::default());
    let (to_text, to_json) = (text.clone(), json.clone());
    let both = tracing_subscriber::registry().with(lines(LogFormat::Text, false, move || to_text.clone())).with(lines(
        LogFormat::Json,
        false,
        move || to_json.clone(),
    ));
    let _guard = tracing::subscriber::set_default(both);

    let program = Program::start().await;
    let mut browser = program.browser();
    let consent = browser.reach_consent().await;
    let agreed = browser.submit(&consent, "/consent", &[("decision", "allow"), ("scope", "read")]).await;
    let code = agreed.redirected("code");
    let tokens = program.redeem(&code).await.json();
    let [access, refresh] = ["access_token", "refresh_token"].map(|name| tokens[name].as_str().unwrap().to_owned());
    program.redeem(&code).await;
    let guess = |id| [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", "guessed-secret")];
    program.post("/token", &guess("demo-web")).await;
    program.post("/token", &guess(FORGED)).await;
    program.get(&format!("/token?code={code}"), HeaderMap::new()).await;
    // What is said of anything, by whatever kind of field and in the message.
    tracing::warn!(target: "valetkey::audit", shown = %FORGED, debugged = ?FORGED, text = FORGED, "of {FORGED}");

    let (text, json) = (text.text(), json.text());
    let audit: Vec<serde_json::Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let found =
        |what: &str| audit.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{what} in {json}"));
    let redeemed = found("code_redeemed");
    assert_eq!((&redeemed["client_id"], &redeemed["subject"]), (&"demo-web".into(), &"alice".into()));
    assert_eq!((&redeemed["target"], &redeemed["level"]), (&"valetkey::audit".into(), &"DEBUG".into()));
    assert_eq!(redeemed["grant"], found("code_replayed")["grant"]);
    assert_eq!(redeemed["grant"].as_str().unwrap().len(), 64);
    let refused = audit.iter().find(|line| line["reason"] == "WrongSecret").unwrap();
    assert_eq!((&refused["what"], &refused["client_id"]), (&"refused".into(), &"demo-web".into()));
    let login = audit.iter().find(|line| line["message"] == "logged in").unwrap();
    assert_eq!((&login["subject"], &login["address"]), (&"alice".into(), &"127.0.0.1".into()));
    assert_eq!(audit.last().unwrap()["text"], FORGED);
    assert!(text.contains("client_id=\"demo-web\" subject=\"alice\" grant="), "{text}");

    assert_eq!(text.lines().count(), json.lines().count(), "{text}");
    assert!(!text.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}'), "{text:?}");
    assert!(!json.contains(|c: char| c != '\n' && c < ' '), "{json:?}");
    for log in [&text, &json] {
        for secret in [&*code, &access, &refresh, CODE_VERIFIER, "web-secret", "guessed-secret", "wonderland"] {
            assert!(!log.contains(secret.get(..10).unwrap()), "a secret was told");
        }
    }
}
