//! The operator's commands, as the program runs them on a database of its own.

#[path = "../common/mod.rs"]
mod common;

mod beside;
mod changes;
mod clients;
mod keys;
mod signed;
mod usage;
mod users;
mod whole;

use common::Program;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use valetkey_memory::MemoryStore;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// A folder with a database, which goes with its test.
pub(crate) struct Folder(TempDir);

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    fn valetkey(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command.env_clear().current_dir(&self.0).args(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs to its end, with this on standard input.
    pub(crate) fn run(&self, args: &[&str], input: &str) -> Ran {
        let mut child = self.valetkey(args).spawn().unwrap();
        // A command that asks for nothing may have ended.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let ended = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr) }
    }

    /// What a command says that goes well.
    pub(crate) fn given(&self, input: &str, args: &[&str]) -> String {
        let Ran { code, out, err } = self.run(args, input);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{args:?}");
        out
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        self.given("", args)
    }

    /// The lines of a command that answers in JSON.
    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        let out = self.ok(&[args, &["--json"]].concat());
        out.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    /// What a command says that fails: on standard error alone, and on one line.
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        self.fails_given("", args)
    }

    pub(crate) fn fails_given(&self, input: &str, args: &[&str]) -> String {
        let Ran { code, out, err } = self.run(args, input);
        assert_eq!((code, out.as_str()), (Some(1), ""), "{args:?}: {err}");
        assert!(err.starts_with("valetkey: ") && err.lines().count() == 1, "{err}");
        err
    }

    /// Adds a client and gives the secret that was drawn.
    pub(crate) fn add_client(&self, args: &[&str]) -> String {
        let added = self.json(&[&["client", "add"], args].concat());
        added[0]["client_secret"].as_str().unwrap().to_owned()
    }

    /// The kinds of all events, oldest first.
    pub(crate) fn events(&self, filter: &[&str]) -> Vec<String> {
        let events = self.json(&[&["audit"], filter].concat());
        events.iter().map(|event| event["what"].as_str().unwrap().to_owned()).collect()
    }

    /// A server on this database, in a process of its own.
    pub(crate) fn serve(&self) -> Server {
        let mut child = self.valetkey(&["--listen", "127.0.0.1:0"]).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let issuer = line.strip_prefix("Valetkey serves ").expect(&line).split_once(' ').unwrap().0;
        let program = Program::at(issuer.to_owned(), MemoryStore::new());
        Server { child, program }
    }
}

/// A server, which ends with its test.
pub(crate) struct Server {
    child: Child,
    pub(crate) program: Program,
}

impl Server {
    /// A token request of a client for itself: the status and the token.
    pub(crate) async fn token(&self, client_id: &str, secret: &str) -> (u16, String) {
        let credentials = [("client_id", client_id), ("client_secret", secret)];
        let answered =
            self.program.post("/token", &[&credentials[..], &[("grant_type", "client_credentials")]].concat()).await;
        (answered.status, answered.json()["access_token"].as_str().unwrap_or_default().to_owned())
    }

    /// Whether a token is good, as an API asks.
    pub(crate) async fn is_active(&self, api: &str, secret: &str, token: &str) -> bool {
        let fields = [("client_id", api), ("client_secret", secret), ("token", token)];
        let answered = self.program.post("/introspect", &fields).await;
        assert_eq!(answered.status, 200, "{answered:?}");
        answered.json()["active"].as_bool().unwrap()
    }

    /// A refresh by the demo's web client: the status and the next refresh token.
    pub(crate) async fn refresh(&self, token: &str) -> (u16, String) {
        let fields = [
            ("client_id", "demo-web"),
            ("client_secret", "web-secret"),
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
        ];
        let answered = self.program.post("/token", &fields).await;
        (answered.status, answered.json()["refresh_token"].as_str().unwrap_or_default().to_owned())
    }

    /// Logs in at the demo's ready-made login; whether the password was good.
    pub(crate) async fn logs_in(&self, username: &str, password: &str) -> bool {
        let mut browser = self.program.browser();
        let page = browser.get(&self.program.authorize_url()).await;
        browser.log_in(&page, username, password).await.body.contains("value=\"allow\"")
    }

    /// Alice agrees to what the demo's web client asks for: its refresh token.
    pub(crate) async fn alice_agrees(&self) -> String {
        let mut browser = self.program.browser();
        let consent = browser.reach_consent().await;
        let back = browser.submit(&consent, "/consent", &[("scope", "read"), ("decision", "allow")]).await;
        let tokens = self.program.redeem(&back.redirected("code")).await;
        tokens.json()["refresh_token"].as_str().unwrap().to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
