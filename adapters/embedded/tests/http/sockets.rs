//! Over what devices have: a TCP socket by the traits of either kind, and a TLS session.

use crate::script::{HOST, with_post};
use edge_nal::TcpConnect;
use embedded_io_adapters::std::FromStd;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use valetkey::client::Post;
use valetkey_embedded::{Connection, Error};

/// Two answers for one connection, the second of which ends it.
const ANSWERS: [&str; 2] = [
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
];

/// Answers two requests on one connection, which `wrap` makes of a socket.
fn serve<T: Read + Write>(wrap: impl FnOnce(TcpStream) -> T + Send + 'static) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut pipe = wrap(listener.accept().unwrap().0);
        for answer in ANSWERS {
            let (mut request, mut buf) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"grant_type=client_credentials") {
                let count = pipe.read(&mut buf).unwrap();
                assert_ne!(count, 0, "the client is gone");
                request.extend(&buf[..count]);
            }
            pipe.write_all(answer.as_bytes()).unwrap();
            pipe.flush().unwrap();
        }
    });
    (address, server)
}

/// Two answers, and that the third request is not sent.
fn exchange(post: Post<'_>, mut send: impl FnMut(&Post<'_>, &mut [u8]) -> Result<(u16, Vec<u8>), Error>) {
    let mut buf = [0; 1024];
    assert_eq!(send(&post, &mut buf), Ok((200, b"{}".to_vec())));
    assert_eq!(send(&post, &mut buf), Ok((401, b"[]".to_vec())));
    assert_eq!(send(&post, &mut buf), Err(Error::Spent));
}

#[test]
fn a_blocking_socket() {
    let (address, server) = serve(|socket| socket);
    with_post(|post| {
        let post = Post { url: "http://as.example/token", ..post };
        let socket = FromStd::new(TcpStream::connect(address).unwrap());
        let mut connection = Connection::over_dangerous_plaintext(socket, HOST);
        exchange(post, |post, buf| connection.send(post, buf, || false).map(|r| (r.status, r.body.to_vec())));
    });
    server.join().unwrap();
}

#[test]
fn a_socket_of_edge_nal() {
    let (address, server) = serve(|socket| socket);
    with_post(|post| {
        let post = Post { url: "http://as.example/token", ..post };
        let stack = edge_nal_std::Stack::new();
        let socket = futures_lite::future::block_on(stack.connect(address)).unwrap();
        let mut connection = Connection::over_dangerous_plaintext(socket, HOST);
        exchange(post, |post, buf| {
            let sent = futures_lite::future::block_on(connection.send_async(post, buf, || false));
            sent.map(|r| (r.status, r.body.to_vec()))
        });
    });
    server.join().unwrap();
}

#[test]
fn a_tls_session() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![cert.der().clone()], key).unwrap());
    let (address, server) = serve(|socket| StreamOwned::new(ServerConnection::new(config).unwrap(), socket));
    with_post(|post| {
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone()).unwrap();
        let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
        let session = ClientConnection::new(config, ServerName::try_from(HOST).unwrap()).unwrap();
        let session = StreamOwned::new(session, TcpStream::connect(address).unwrap());
        let mut connection = Connection::over_tls(FromStd::new(session), HOST);
        exchange(post, |post, buf| connection.send(post, buf, || false).map(|r| (r.status, r.body.to_vec())));
    });
    server.join().unwrap();
}
