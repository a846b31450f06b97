//! What the operator is told of logins, and that it is never what people typed.
//!
//! The one test of its program: `tracing` asks the listener of the thread that comes first to a message, whoever listens
//! elsewhere.

mod common;

use common::{Log, Program};

#[tokio::test]
async fn a_password_typed_into_the_wrong_field_is_not_logged() {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let _guard = tracing::subscriber::set_default(lines);
    let program = Program::start().await;
    let mut browser = program.browser();
    let page = browser.get(&program.authorize_url()).await;
    assert_eq!(browser.log_in(&page, "wonderland", "alice").await.status, 403);
    assert_eq!(browser.log_in(&page, "alice", "hunter2").await.status, 403);
    for _ in 0..6 {
        browser.log_in(&page, "hunter2\nINFO all is well", "hunter2").await;
    }
    browser.log_in(&page, "alice", "wonderland").await;

    let told = log.text();
    assert!(told.contains("a login failed subject=\"alice\" address=127.0.0.1"), "{told}");
    assert!(told.contains("a login was made to wait address=127.0.0.1 seconds=1"), "{told}");
    assert!(told.contains("logged in subject=\"alice\" address=127.0.0.1"), "{told}");
    for typed in ["wonderland", "hunter2", "all is well"] {
        assert!(!told.contains(typed), "{typed} in {told}");
    }
}
