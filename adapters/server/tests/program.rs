//! The program as a person or a service manager runs it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

fn valetkey() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    command
        .env_clear()
        .env("VALETKEY_DB", ":memory:")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs to its end, which is a refusal: it never comes to listen.
fn refused(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert_eq!(status.code(), Some(2), "{}", String::from_utf8_lossy(&stdout));
    String::from_utf8(stderr).unwrap()
}

struct Running {
    child: Child,
    address: String,
    issuer: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let (issuer, address) = line.strip_prefix("Valetkey serves ").unwrap().split_once(" on ").unwrap();
        let address = address.split_once(". ").unwrap().0.to_owned();
        Self { child, address, issuer: issuer.to_owned() }
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_its_pages_and_says_where() {
    let server = Running::start(valetkey().args(["--listen", "127.0.0.1:0"]));
    assert_eq!(server.issuer, format!("http://{}", server.address));
    let health = server.get("/healthz");
    assert!(health.starts_with("HTTP/1.1 200 ") && health.ends_with("\r\n\r\nok\n"), "{health}");
    let front = server.get("/");
    assert!(front.starts_with("HTTP/1.1 200 ") && front.contains(&server.issuer), "{front}");
    let css = front.split_once("rel=\"stylesheet\" href=\"").unwrap().1.split_once('"').unwrap().0;
    let answer = server.get(css).to_lowercase();
    assert!(answer.contains("content-type: text/css") && answer.contains("immutable"), "{answer}");
    let outdated = server.get("/assets/valetkey.css?v=old").to_lowercase();
    assert!(outdated.starts_with("http/1.1 200 ") && outdated.contains("cache-control: no-cache"), "{outdated}");
    assert!(server.get("/nothing").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_flag_wins_over_the_environment_which_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("valetkey.toml");
    std::fs::write(&file, "listen = '127.0.0.1:0'\nissuer = 'http://localhost:1'").unwrap();
    let configured = || {
        let mut command = valetkey();
        command.env("VALETKEY_CONFIG", &file);
        command
    };
    assert_eq!(Running::start(&mut configured()).issuer, "http://localhost:1");
    let environment = Running::start(configured().env("VALETKEY_ISSUER", "http://localhost:2"));
    assert_eq!(environment.issuer, "http://localhost:2");
    let mut flag = configured();
    flag.env("VALETKEY_ISSUER", "http://localhost:2").args(["serve", "--issuer", "http://localhost:3"]);
    assert_eq!(Running::start(&mut flag).issuer, "http://localhost:3");
}

#[test]
fn it_says_which_profile_it_keeps_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("valetkey.toml");
    for (settings, profile) in
        [("", "oauth21"), ("profile = 'oauth21'", "oauth21"), ("profile = 'embedded'", "embedded")]
    {
        std::fs::write(&file, settings).unwrap();
        let mut command = valetkey();
        let mut child = command.args(["--listen", "127.0.0.1:0"]).env("VALETKEY_CONFIG", &file).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines().nth(1).unwrap().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(said, format!("Its profile is {profile}."), "{settings}");
    }
}

#[test]
fn it_warns_of_access_tokens_that_live_too_short() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("valetkey.toml");
    std::fs::write(&file, "[lifetimes]\naccess_seconds = 4").unwrap();
    let mut child = valetkey().args(["--listen", "127.0.0.1:0"]).env("VALETKEY_CONFIG", &file).spawn().unwrap();
    let said = BufReader::new(child.stderr.take().unwrap()).lines().next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains("WARN") && said.contains("access_seconds is 4"), "{said}");
}

#[test]
fn what_would_not_be_safe_is_refused_with_the_way_out() {
    let listening = refused(valetkey().args(["--listen", "0.0.0.0:0"]));
    assert!(listening.contains("plain HTTP") && listening.contains("--trusted-proxies"), "{listening}");
    let nameless = refused(valetkey().args(["--listen", "127.8.9.1:0"]));
    assert!(nameless.contains("127.0.0.1 or [::1]"), "{nameless}");
    let issuer = refused(valetkey().env("VALETKEY_ISSUER", "http://id.example"));
    assert!(issuer.contains("http://id.example") && issuer.contains("must be https"), "{issuer}");
    let proxied = refused(valetkey().env("VALETKEY_TRUSTED_PROXIES", "10.0.0.5"));
    assert!(proxied.contains("--issuer"), "{proxied}");
    let log = refused(valetkey().env("VALETKEY_LOG", "a=b=c"));
    assert!(log.contains("VALETKEY_LOG"), "{log}");
}

#[test]
fn a_port_that_is_taken_is_named_with_the_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Output { status, stderr, .. } = valetkey().args(["--listen", &address]).output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains(&address) && said.contains("with --listen"), "{said}");
}

#[cfg(unix)]
#[test]
fn it_stops_when_asked_and_says_that_all_went_well() {
    for signal in ["TERM", "INT"] {
        let mut server = Running::start(valetkey().args(["--listen", "127.0.0.1:0"]));
        assert!(server.get("/healthz").starts_with("HTTP/1.1 200 "));
        let pid = server.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        assert_eq!(server.child.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[test]
fn it_is_watched_on_a_listener_of_its_own_and_logs_json_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = valetkey();
    command.env("VALETKEY_DB", folder.path().join("valetkey.db")).args(["--listen", "127.0.0.1:0"]);
    let mut server = Running::start(command.args(["--metrics-listen", "127.0.0.1:0", "--log-format", "json"]));
    assert!(server.get("/nothing").starts_with("HTTP/1.1 404 "));
    let logged = BufReader::new(server.child.stderr.take().unwrap()).lines();
    let mut logged = logged.map(|line| serde_json::from_str::<serde_json::Value>(&line.unwrap()).unwrap());
    let told = logged.find(|line| line["message"] == "metrics are shown at /metrics").unwrap();
    server.address = told["address"].as_str().unwrap().to_owned();
    let shown = server.get("/metrics");
    assert!(shown.contains("valetkey_requests_total{endpoint=\"other\",status=\"4xx\"} 1\n"), "{shown}");
    // What the server forgets by itself may wait to be written just now.
    for queue in ["store_changes_waiting ", "password_checks_waiting 0\n"] {
        assert!(shown.contains(&format!("\nvaletkey_{queue}")), "{queue} {shown}");
    }
    // The demo, five clients and an account, and three signing keys.
    assert!(shown.contains("\nvaletkey_store_changes_total 9\n"), "{shown}");
}

#[cfg(unix)]
#[test]
fn whoever_asks_twice_does_not_wait_for_running_requests() {
    let mut server = Running::start(valetkey().args(["--listen", "127.0.0.1:0"]));
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(stream, "POST /token HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n")
        .unwrap();
    let mut go_on = [0; 12];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100", "it is at work for this request");
    let pid = server.child.id().to_string();
    let ask = || assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    ask();
    let mut said = BufReader::new(server.child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(said.any(|line| line.contains("asked to stop;")));
    ask();
    assert!(said.any(|line| line.contains("asked to stop again")));
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
}
