//! The program on a database file: what a restart keeps, and what it refuses to start with.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A folder with a database, which goes with its test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn key_file(&self) -> PathBuf {
        self.0.path().join("valetkey.key")
    }

    /// Nothing but the working directory says where the database is.
    fn valetkey(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command.env_clear().current_dir(&self.0).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn serve(&self) -> Running {
        Running::start(&mut self.valetkey(&["--listen", "127.0.0.1:0"]))
    }

    /// Runs to its end, which is a failure, and gives what it says.
    fn fails(&self, args: &[&str]) -> String {
        let output = self.valetkey(args).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}

struct Running {
    child: Child,
    stderr: BufReader<std::process::ChildStderr>,
    address: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once(" on ").expect(&line).1.split_once(". ").unwrap().0.to_owned();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Self { child, stderr, address }
    }

    fn post(&self, path: &str, basic: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn token(&self) -> String {
        let answer = self.post("/token", DEVICE, "grant_type=client_credentials");
        let rest = answer.split_once("\"access_token\":\"").unwrap_or_else(|| panic!("{answer}")).1;
        rest.split_once('"').unwrap().0.to_owned()
    }

    fn is_active(&self, token: &str) -> bool {
        self.post("/introspect", API, &format!("token={token}")).contains("\"active\":true")
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }

    /// Reads the log until a line has the text.
    fn until_it_says(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "the log ended without `{text}`");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// demo-device:device-secret
const DEVICE: &str = "ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA==";
/// demo-api:api-secret
const API: &str = "ZGVtby1hcGk6YXBpLXNlY3JldA==";

#[test]
fn a_restart_keeps_what_was_issued() {
    let folder = Folder::new();
    let server = folder.serve();
    let token = server.token();
    assert!(server.is_active(&token));
    server.stop();
    let key = fs::read(folder.key_file()).unwrap();
    assert!(folder.0.path().join("valetkey.db").is_file());
    let server = folder.serve();
    assert!(server.is_active(&token));
    assert!(server.is_active(&server.token()));
    server.stop();
    assert_eq!(fs::read(folder.key_file()).unwrap(), key, "drawn once");
}

#[cfg(unix)]
#[test]
fn nobody_else_can_read_what_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let server = folder.serve();
    server.token();
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder.0).unwrap().map(Result::unwrap) {
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        files.push(entry.file_name().into_string().unwrap());
    }
    files.sort();
    assert_eq!(files, ["valetkey.db", "valetkey.db-server", "valetkey.db-shm", "valetkey.db-wal", "valetkey.key"]);
    drop(server);
}

#[test]
fn a_lost_key_file_is_not_drawn_anew_in_silence() {
    let folder = Folder::new();
    let server = folder.serve();
    server.token();
    server.stop();
    fs::remove_file(folder.key_file()).unwrap();
    let told = folder.fails(&["--listen", "127.0.0.1:0"]);
    assert!(told.contains("valetkey.key") && told.contains("backup") && told.contains("rotate-server"), "{told}");
    assert!(!folder.key_file().exists());
    let told = folder.fails(&["--listen", "127.0.0.1:0", "--server-key-file", "other.key"]);
    assert!(told.contains("other.key"), "{told}");
}

#[test]
fn with_the_server_keys_lost_new_signing_keys_are_made_and_the_old_ones_are_told() {
    let folder = Folder::new();
    folder.serve().stop();
    let list = |state: &str| {
        let output = folder.valetkey(&["keys", "list"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().filter(|line| line.contains(state));
        lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let lost = list("signs");
    assert_eq!(lost.len(), 3);
    fs::remove_file(folder.key_file()).unwrap();
    let told = folder.fails(&["--listen", "127.0.0.1:0"]);
    assert!(told.contains("new signing keys"), "nothing was issued, and still it is not done in silence: {told}");
    assert!(folder.valetkey(&["keys", "rotate-server"]).status().unwrap().success());
    let told = folder.fails(&["check"]);
    assert!(lost.iter().all(|kid| told.contains(kid)) && told.contains("restore the key file"), "{told}");

    let mut server = folder.serve();
    for kid in &lost {
        server.until_it_says(kid);
    }
    server.stop();
    assert_eq!((list("signs").len(), list("replaced")), (3, lost.clone()), "each by a new one");
    for kid in &lost {
        assert!(folder.valetkey(&["keys", "remove", kid]).status().unwrap().success());
    }
    assert!(folder.valetkey(&["check"]).status().unwrap().success());
}

#[test]
fn a_signing_key_is_taken_while_the_server_runs() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let output = folder.valetkey(&["keys", "add", "ES256"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let kid = said.split(' ').nth(1).unwrap();
    server.until_it_says(kid);
    assert!(server.get("/jwks.json").contains(kid));
}

#[test]
fn keys_rotate_while_the_server_runs() {
    let folder = Folder::new();
    let mut server = folder.serve();
    let before = server.token();
    let output = folder.valetkey(&["keys", "rotate-server"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("key 2") && said.contains("HUP"), "{said}");
    assert_eq!(fs::read_to_string(folder.key_file()).unwrap().matches("[[key]]").count(), 2);
    server.signal("HUP");
    server.until_it_says("the server keys were read again");
    assert!(server.is_active(&before) && server.is_active(&server.token()));

    fs::write(folder.key_file(), "no keys").unwrap();
    server.signal("HUP");
    server.until_it_says("the server goes on with the keys that it has");
    assert!(server.is_active(&server.token()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_may_not_grow_is_told_and_got_over() {
    use rlimit::{Resource, prlimit};
    let folder = Folder::new();
    let mut server = folder.serve();
    let before = server.token();
    let pid = server.child.id().try_into().unwrap();
    let limit = |soft| prlimit(pid, Resource::FSIZE, Some((soft, rlimit::INFINITY)), None).unwrap();
    limit(4096);
    let refused = server.post("/token", DEVICE, "grant_type=client_credentials");
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("temporarily_unavailable"), "{refused}");
    assert!(refused.to_lowercase().contains("retry-after: "), "{refused}");
    server.until_it_says("the store cannot answer");
    assert!(server.is_active(&before), "what is there can be read");
    limit(rlimit::INFINITY);
    assert!(server.is_active(&server.token()));
}

#[test]
fn one_server_serves_a_database() {
    let folder = Folder::new();
    let server = folder.serve();
    let told = folder.fails(&["--listen", "127.0.0.1:0"]);
    assert!(told.contains("another server serves valetkey.db already"), "{told}");
    server.stop();
    folder.serve().stop();
}

#[test]
fn the_demo_is_shown_to_nobody_else() {
    let folder = Folder::new();
    folder.serve().stop();
    let public = ["--listen", "127.0.0.1:0", "--issuer", "https://id.example"];
    let told = folder.fails(&public);
    for way in ["valetkey client remove demo-device", "valetkey client remove demo-spa", "valetkey user lock alice"] {
        assert!(told.contains(way), "{told}");
    }
    assert!(folder.fails(&[&public[..], &["--db", "none/other.db"]].concat()).contains("none"), "no such folder");
    Running::start(&mut folder.valetkey(&[&public[..], &["--db", "other.db"]].concat())).stop();
}
