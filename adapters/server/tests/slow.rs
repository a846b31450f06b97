//! The built program in a crowd: idle connections, requests and bodies that come byte by byte, answers that nobody reads,
//! headers and bodies that are far too long. Good requests are served all the while, and memory stays within bounds.
//!
//! By default with 1,000 idle connections and 1 MiB; with `VALETKEY_FULL_CROWD=1` with 10,000 and 10 MiB:
//!
//! ```sh
//! VALETKEY_FULL_CROWD=1 cargo test -p valetkey-server --test slow -- --nocapture --test-threads 1
//! ```
#![cfg(target_os = "linux")]

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

const KIB: usize = 1024;
/// Good requests of each of the clients that run side by side.
const ROUNDS: usize = 20;
const CLIENTS: usize = 4;

/// How large the crowd is.
#[derive(Clone, Copy)]
struct Size {
    /// Connections that the server takes, and idle ones that take all of them.
    connections: usize,
    /// The length of a header or body that is too long, in bytes.
    long: usize,
}

impl Size {
    fn wanted() -> Self {
        let full = std::env::var_os("VALETKEY_FULL_CROWD").is_some();
        let size = if full { (10_000, 10 * KIB * KIB) } else { (1_000, KIB * KIB) };
        // One and a half times as many are opened here, as the server closes its end of some first.
        rlimit::increase_nofile_limit(20_000).unwrap();
        Self { connections: size.0, long: size.1 }
    }

    /// Of each other kind of trouble.
    const fn tenth(self) -> usize {
        self.connections / 10
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The program, and how to reach it.
struct Program {
    child: Child,
    address: SocketAddr,
    _folder: TempDir,
    tls: Option<TlsConnector>,
}

impl Program {
    fn start(size: Size, encrypted: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("valetkey.toml");
        std::fs::write(&settings, format!("[limits]\nconnections = {}", size.connections)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
        command.env_clear().env("VALETKEY_LOG", "error").stdin(Stdio::null()).stdout(Stdio::piped());
        command.args(["--listen", "127.0.0.1:0", "--db", ":memory:", "--config"]).arg(&settings);
        let tls = encrypted.then(|| {
            let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
            let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
            std::fs::write(&cert, own.cert.pem()).unwrap();
            std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
            command.arg("--tls-cert").arg(cert).arg("--tls-key").arg(key);
            connector(own.cert.der())
        });
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_once(" on ").unwrap().1.split_once(". ").unwrap().0.parse().unwrap();
        Self { child, address, _folder: folder, tls }
    }

    /// The most memory that was resident at one time, in KiB.
    fn peak_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    /// From one of many addresses, as each has its share only.
    async fn connect(&self, number: usize) -> TcpStream {
        let (high, low) = ((number / 250) % 250, number % 250);
        let source = Ipv4Addr::new(127, 1, u8::try_from(high).unwrap(), u8::try_from(low + 1).unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((source, 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    /// Ready for HTTP.
    async fn open(&self, number: usize) -> std::io::Result<Box<dyn Stream>> {
        let stream = self.connect(number).await;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.connect(ServerName::try_from("localhost").unwrap(), stream).await?),
        })
    }

    /// Opens a connection and sends this on it.
    async fn begin(&self, number: usize, text: &str) -> Option<Box<dyn Stream>> {
        let mut stream = self.open(number).await.ok()?;
        stream.write_all(text.as_bytes()).await.ok()?;
        Some(stream)
    }

    /// A token for the demo's device, on a connection of its own.
    async fn token(&self, number: usize) -> String {
        let body = "grant_type=client_credentials&client_id=demo-device&client_secret=device-secret";
        let mut stream = self.open(number).await.unwrap();
        let request = format!("{}{body}", post(body.len()));
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// Sends a header or a body that is too long, and reads what is said to that.
    async fn too_long(&self, number: usize, head: &str, size: Size) -> String {
        let Ok(stream) = self.open(number).await else { return String::new() };
        let (mut read, mut write) = tokio::io::split(stream);
        let long = vec![b'x'; size.long];
        let sending = async {
            write.write_all(head.as_bytes()).await?;
            write.write_all(&long).await
        };
        let mut answer = Vec::new();
        let (sent, _) = tokio::join!(sending, read.read_to_end(&mut answer));
        assert!(sent.is_err() || size.long <= KIB * KIB, "all of it was read");
        String::from_utf8(answer).unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connector(certificate: &CertificateDer<'static>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// The header of a request for a token.
fn post(length: usize) -> String {
    format!(
        "POST /token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Goes on by one byte; a connection that the server has closed is opened anew.
async fn drip(program: &Program, crowd: &mut [Option<Box<dyn Stream>>], number: usize, begin: &str) {
    for (n, slot) in crowd.iter_mut().enumerate() {
        let alive = match slot {
            Some(stream) => stream.write_all(b"x").await.is_ok(),
            None => false,
        };
        if !alive {
            *slot = program.begin(number + n, begin).await;
        }
    }
}

/// Good requests amid the crowd; what they cost at most, in KiB.
async fn crowded(size: Size, encrypted: bool) -> usize {
    let program = Arc::new(Program::start(size, encrypted));
    let tenth = size.tenth();
    // Silent ones fill the server.
    let mut idle = Vec::new();
    for n in 0..size.connections {
        idle.push(program.open(n).await.unwrap());
    }
    // These have asked for something, and keep the connection.
    let mut kept = Vec::new();
    for n in 0..tenth {
        kept.push(program.begin(n, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap());
    }
    // These ask for much, and read nothing.
    let greedy = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50);
    let mut deaf = Vec::new();
    for n in 0..tenth {
        deaf.push(program.begin(n, &greedy).await);
    }
    let good = (0..CLIENTS).map(|client| {
        let program = Arc::clone(&program);
        tokio::spawn(async move {
            for round in 0..ROUNDS {
                let answer = program.token(62_000 + client).await;
                assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("access_token"), "{round}: {answer}");
            }
        })
    });
    let good: Vec<_> = good.collect();
    // Nearly as long as a header may be.
    let header = format!("GET / HTTP/1.1\r\nHost: localhost\r\nx: {}", "y".repeat(28 * KIB));
    let (mut headers, mut bodies) = (Vec::new(), Vec::new());
    headers.resize_with(tenth, || None);
    bodies.resize_with(tenth, || None);
    let body = post(size.long);
    // Once in any case, however quick the good ones are.
    loop {
        drip(&program, &mut headers, 20_000, &header).await;
        drip(&program, &mut bodies, 30_000, &post(KIB)).await;
        let (long_header, long_body) = tokio::join!(
            program.too_long(40_000, "GET / HTTP/1.1\r\nx: ", size),
            program.too_long(50_000, &body, size)
        );
        assert!(long_header.starts_with("HTTP/1.1 431 "), "{long_header}");
        assert!(long_body.starts_with("HTTP/1.1 4"), "{long_body}");
        if good.iter().all(tokio::task::JoinHandle::is_finished) {
            break;
        }
    }
    for client in good {
        client.await.unwrap();
    }
    assert!(program.token(62_000).await.starts_with("HTTP/1.1 200 "), "the crowd is still there");
    drop((idle, kept, deaf));
    program.peak_memory()
}

#[expect(clippy::print_stdout, reason = "the number is what whoever runs the full size wants to know")]
fn bounded(what: &str, size: Size, peak: usize, fixed: usize, each: usize) {
    let bound = fixed + each * size.connections;
    println!("{what}: {} connections, {peak} KiB resident at most, {bound} KiB allowed", size.connections);
    assert!(peak <= bound, "{peak} KiB resident, {bound} KiB allowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn good_requests_are_served_in_a_crowd() {
    let size = Size::wanted();
    let peak = crowded(size, false).await;
    // Seen: 51 MiB of 87 with 1,000 connections, 196 MiB of 298 with 10,000.
    bounded("HTTP", size, peak, 64 * KIB, 24);
}

#[tokio::test(flavor = "multi_thread")]
async fn good_requests_are_served_in_a_crowd_over_tls() {
    let size = Size::wanted();
    let peak = crowded(size, true).await;
    // Seen: 60 MiB of 99 with 1,000 connections, 285 MiB of 415 with 10,000.
    bounded("HTTPS", size, peak, 64 * KIB, 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_out_of_open_files_goes_on_with_fewer_connections() {
    let program = Program::start(Size { connections: 100, long: 0 }, false);
    let pid = program.child.id();
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    let most = u64::try_from(open + 5).unwrap();
    rlimit::prlimit(pid.try_into().unwrap(), rlimit::Resource::NOFILE, Some((most, most)), None).unwrap();
    let mut crowd = Vec::new();
    for n in 0..10 {
        crowd.push(program.connect(n).await);
    }
    let answer = program.token(11).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}
