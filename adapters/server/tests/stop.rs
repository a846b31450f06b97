//! Stopping: running requests finish, and those that never would are cut off.

use axum::Router;
use axum::routing::get;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use valetkey_server::serve;

/// A server with one slow page: tells when it is asked for it, and answers when it may.
struct Slow {
    address: std::net::SocketAddr,
    asked: Arc<Notify>,
    answer: Arc<Notify>,
    stop: oneshot::Sender<()>,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

async fn slow(grace: Duration) -> Slow {
    let (asked, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let page = {
        let (asked, answer) = (Arc::clone(&asked), Arc::clone(&answer));
        move || async move {
            asked.notify_one();
            answer.notified().await;
            "done"
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async move {
        let _ = stopped.await;
    };
    let running = tokio::spawn(serve::run(listener, Router::new().route("/", get(page)), stopped, grace));
    Slow { address, asked, answer, stop, running }
}

async fn ask(address: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    stream
}

#[tokio::test]
async fn a_running_request_is_answered() {
    let server = slow(Duration::from_secs(60)).await;
    let mut stream = ask(server.address).await;
    server.asked.notified().await;
    server.stop.send(()).unwrap();
    server.answer.notify_one();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("done"), "{answer}");
    server.running.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off() {
    let server = slow(Duration::ZERO).await;
    let _stream = ask(server.address).await;
    server.asked.notified().await;
    server.stop.send(()).unwrap();
    assert_eq!(server.running.await.unwrap().unwrap_err().kind(), ErrorKind::TimedOut);
}

#[tokio::test]
async fn whoever_is_idle_is_let_go_at_once_and_whoever_is_served_after_the_answer() {
    let server = slow(Duration::from_secs(60)).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /none HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        assert_ne!(idle.read_buf(&mut answer).await.unwrap(), 0);
    }
    let mut served = TcpStream::connect(server.address).await.unwrap();
    served.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    server.asked.notified().await;
    server.stop.send(()).unwrap();
    for stream in [&mut silent, &mut idle] {
        assert_eq!(stream.read(&mut [0; 9]).await.unwrap(), 0);
    }
    TcpStream::connect(server.address).await.unwrap_err();
    server.answer.notify_one();
    let mut answer = String::new();
    served.read_to_string(&mut answer).await.unwrap();
    assert!(answer.to_lowercase().contains("connection: close") && answer.ends_with("done"), "{answer}");
    server.running.await.unwrap().unwrap();
}
