//! HTTPS as a client sees it: versions, certificates, and their exchange while the server runs.

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use valetkey_server::config::TlsFiles;
use valetkey_server::limits::Limits;
use valetkey_server::proxies::Proxies;
use valetkey_server::serve::tls::Tls;
use valetkey_server::serve::{self, Options};

/// An authority, and a folder for the files that the server reads.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    fn files(&self) -> TlsFiles {
        let folder = self.folder.path();
        TlsFiles { cert: folder.join("cert.pem"), key: folder.join("key.pem") }
    }

    /// Writes a new certificate for `localhost` and its key.
    fn certify(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let TlsFiles { cert, key: key_file } = self.files();
        std::fs::write(cert, certificate.pem() + &self.issuer.pem()).unwrap();
        write_private(&key_file, &key.serialize_pem());
        certificate.der().clone()
    }

    fn client(&self, versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsConnector::from(Arc::new(config))
    }

    async fn connect(
        &self,
        server: SocketAddr,
        version: &'static SupportedProtocolVersion,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(server).await.unwrap();
        self.client(&[version]).connect(ServerName::try_from("localhost").unwrap(), stream).await
    }

    fn open_error(&self) -> String {
        Tls::open(self.files()).unwrap_err().to_string()
    }
}

fn write_private(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
}

async fn serve(tls: Arc<Tls>) -> (SocketAddr, JoinHandle<std::io::Result<()>>) {
    let whoami = get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.to_string() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options::new(Limits::default(), Some(tls), Proxies::default());
    let app = Router::new().route("/", whoami);
    (address, tokio::spawn(serve::run_with(listener, app, options, std::future::pending(), serve::GRACE)))
}

/// Sends a request and reads its answer, whose length is told.
async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    while !answer.contains("\r\n\r\n127.0.0.1:") {
        let mut buf = [0; 1024];
        let n = stream.read(&mut buf).await.unwrap();
        assert_ne!(n, 0, "{answer}");
        answer += std::str::from_utf8(&buf[..n]).unwrap();
    }
    answer
}

fn certificate(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

#[tokio::test]
async fn both_versions_of_tls_are_served_with_http_1_1() {
    let authority = Authority::new();
    authority.certify();
    let (address, _serving) = serve(Arc::new(Tls::open(authority.files()).unwrap())).await;
    for version in [&version::TLS12, &version::TLS13] {
        let mut stream = authority.connect(address, version).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(version.version));
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = ask(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.ends_with(&stream.get_ref().0.local_addr().unwrap().to_string()), "{answer}");
    }
}

#[tokio::test]
async fn plain_http_gets_nothing_from_https() {
    let authority = Authority::new();
    authority.certify();
    let (address, _serving) = serve(Arc::new(Tls::open(authority.files()).unwrap())).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn new_certificates_are_for_new_connections() {
    let authority = Authority::new();
    let first = authority.certify();
    let tls = Arc::new(Tls::open(authority.files()).unwrap());
    let (address, _serving) = serve(Arc::clone(&tls)).await;
    let mut old = authority.connect(address, &version::TLS13).await.unwrap();
    ask(&mut old).await;
    assert_eq!(certificate(&old), first);

    let second = authority.certify();
    tls.reload().unwrap();
    let mut new = authority.connect(address, &version::TLS13).await.unwrap();
    ask(&mut new).await;
    assert_eq!(certificate(&new), second);
    ask(&mut old).await;

    write_private(&authority.files().key, &KeyPair::generate().unwrap().serialize_pem());
    let error = tls.reload().unwrap_err().to_string();
    assert!(error.contains("is not that of the first certificate"), "{error}");
    let mut newer = authority.connect(address, &version::TLS13).await.unwrap();
    ask(&mut newer).await;
    assert_eq!(certificate(&newer), second, "what was good stays");
}

#[test]
fn files_that_cannot_serve_are_named_with_what_is_wrong() {
    let authority = Authority::new();
    let TlsFiles { cert, key } = authority.files();
    let error = authority.open_error();
    assert!(error.contains("cannot read") && error.contains("cert.pem"), "{error}");
    authority.certify();
    let (good_cert, good_key) = (std::fs::read(&cert).unwrap(), std::fs::read_to_string(&key).unwrap());

    std::fs::write(&cert, "").unwrap();
    assert!(authority.open_error().contains("cert.pem holds no certificate"));
    std::fs::write(&cert, &good_key).unwrap();
    assert!(authority.open_error().contains("cert.pem holds no certificate"));
    std::fs::write(&cert, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").unwrap();
    assert!(authority.open_error().contains("cert.pem is not PEM"));
    std::fs::write(&cert, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(authority.open_error().contains("cannot serve HTTPS"));

    std::fs::write(&cert, &good_cert).unwrap();
    std::fs::write(&key, &good_cert).unwrap();
    assert!(authority.open_error().contains("key.pem holds no private key"));
    write_private(&key, &KeyPair::generate().unwrap().serialize_pem());
    assert!(authority.open_error().contains("is not that of the first certificate"));
    std::fs::remove_file(&key).unwrap();
    let error = authority.open_error();
    assert!(error.contains("cannot read") && error.contains("key.pem"), "{error}");

    write_private(&key, &good_key);
    let tls = Tls::open(authority.files()).unwrap();
    let secret = good_key.lines().nth(1).unwrap();
    assert!(!format!("{tls:?}").contains(secret));
}

#[cfg(unix)]
#[tokio::test]
async fn the_program_reads_its_certificates_again_when_it_gets_sighup() {
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    struct Program(Child);
    impl Drop for Program {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    let authority = Authority::new();
    authority.certify();
    let TlsFiles { cert, key } = authority.files();
    let mut command = Command::new(env!("CARGO_BIN_EXE_valetkey"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.args(["--listen", "127.0.0.1:0", "--db", ":memory:", "--tls-cert"]).arg(&cert).arg("--tls-key").arg(&key);
    let mut child = Program(command.spawn().unwrap());
    let mut line = String::new();
    BufReader::new(child.0.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Valetkey serves https://"), "{line}");
    let address = line.split_once(" on ").unwrap().1.split_once(". ").unwrap().0.parse().unwrap();
    let mut said = BufReader::new(child.0.stderr.take().unwrap()).lines().map(Result::unwrap);
    let pid = child.0.id().to_string();
    let mut hang_up = |answer: &str| {
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
        let line = said.find(|line| line.contains("certificates")).unwrap();
        assert!(line.contains(answer), "{line}");
    };
    let second = authority.certify();
    hang_up("were read again");
    assert_eq!(certificate(&authority.connect(address, &version::TLS12).await.unwrap()), second);
    std::fs::write(&cert, "").unwrap();
    hang_up("holds no certificate");
    assert_eq!(certificate(&authority.connect(address, &version::TLS12).await.unwrap()), second);
}
