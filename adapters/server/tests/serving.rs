//! Each limit on what a peer may ask of the server: it is kept, and the peer is told so where it can be.

use axum::Router;
use axum::routing::{get, post};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use valetkey_server::limits::Limits;
use valetkey_server::proxies::Proxies;
use valetkey_server::serve::{self, Connections, Options};

struct Server {
    address: SocketAddr,
    connections: Connections,
    /// A request for `/slow` is at work.
    asked: Arc<Notify>,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Echoes bodies up to 16 bytes at `/echo`, answers never at `/slow`, and with more than a socket holds at `/long`.
async fn serve(limits: Limits) -> Server {
    let asked = Arc::new(Notify::new());
    let at_work = Arc::clone(&asked);
    let slow = move || async move {
        at_work.notify_one();
        std::future::pending::<()>().await
    };
    let echo =
        post(|body: axum::body::Body| async move { axum::body::to_bytes(body, 16).await.map_err(|_| "too long") });
    let long = get(|| async { vec![b'x'; 64 << 20] });
    let app = Router::new().route("/", get(|| async { "ok" })).route("/slow", get(slow));
    let app = app.route("/echo", echo).route("/long", long);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let options = Options::new(limits, None, Proxies::default());
    let connections = options.connections();
    let serving = tokio::spawn(serve::run_with(listener, app, options, std::future::pending(), serve::GRACE));
    Server { address, connections, asked, serving }
}

fn few(connections: u32) -> Limits {
    Limits { connections: connections.try_into().unwrap(), ..Limits::default() }
}

/// Seconds that differ, so that a time tells which of them was over.
fn times() -> Limits {
    let seconds = |n: u32| n.try_into().unwrap();
    Limits {
        header_seconds: seconds(10),
        request_seconds: seconds(30),
        answer_seconds: seconds(40),
        idle_seconds: seconds(60),
        ..Limits::default()
    }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = self.connect().await;
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    /// Until the server has taken this many connections in.
    async fn has(&self, open: usize) {
        while self.connections.open() != open {
            tokio::task::yield_now().await;
        }
    }
}

/// A request on a connection that stays open.
async fn ask(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await?;
    let mut answer = String::new();
    while !answer.ends_with("\r\n\r\nok") {
        let mut buf = [0; 1024];
        let n = stream.read(&mut buf).await?;
        if n == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        answer += std::str::from_utf8(&buf[..n]).unwrap();
    }
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    Ok(())
}

/// All that still comes until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all).await;
    String::from_utf8(all).unwrap().to_lowercase()
}

#[tokio::test]
async fn the_longest_idle_makes_room_and_whoever_is_served_stays() {
    let server = serve(few(3)).await;
    let slow = server.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    server.asked.notified().await;
    let mut oldest = server.connect().await;
    ask(&mut oldest).await.unwrap();
    let silent = server.send("GET / HT").await;
    server.has(3).await;
    ask(&mut oldest).await.unwrap();
    let mut newcomer = server.connect().await;
    ask(&mut newcomer).await.unwrap();
    assert_eq!(rest(silent).await, "", "it has waited for the longest since `oldest` asked again");
    ask(&mut oldest).await.unwrap();
    let mut last = server.connect().await;
    ask(&mut last).await.unwrap();
    ask(&mut newcomer).await.unwrap_err();
    ask(&mut oldest).await.unwrap();
    assert_eq!(server.connections.open(), 3);
    drop((slow, oldest, last));
    server.has(0).await;
}

#[tokio::test]
async fn an_address_makes_room_for_itself() {
    let share = 2.try_into().unwrap();
    let server = serve(Limits { connections_per_address: share, ..few(9) }).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let mut stream = server.connect().await;
        ask(&mut stream).await.unwrap();
        streams.push(stream);
    }
    assert_eq!(server.connections.open(), 2);
    ask(&mut streams[2]).await.unwrap_err();
    ask(&mut streams[3]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_let_go() {
    let server = serve(times()).await;
    let begun = Instant::now();
    assert_eq!(rest(server.connect().await).await, "");
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn between_requests_there_is_as_much_time() {
    let server = serve(times()).await;
    let mut stream = server.connect().await;
    ask(&mut stream).await.unwrap();
    let begun = Instant::now();
    assert_eq!(rest(stream).await, "");
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_header_has_its_time_however_many_bytes_come() {
    let server = serve(times()).await;
    let mut stream = server.send("GET / HTTP/1.1\r\n").await;
    let begun = Instant::now();
    let mut every_second = tokio::time::interval(Duration::from_secs(1));
    while begun.elapsed().as_secs() < 60 {
        every_second.tick().await;
        if stream.write_all(b"x: y\r\n").await.is_err() {
            break;
        }
    }
    assert!((10..13).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_slow_body_is_told_that_it_was_too_slow() {
    let server = serve(times()).await;
    let begun = Instant::now();
    let answer = rest(server.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc").await).await;
    assert!(answer.starts_with("http/1.1 408 ") && answer.contains("connection: close"), "{answer}");
    assert!((30..33).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn work_that_takes_too_long_is_given_up() {
    let server = serve(times()).await;
    let begun = Instant::now();
    let answer = rest(server.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await).await;
    assert!(answer.starts_with("http/1.1 503 ") && answer.contains("connection: close"), "{answer}");
    assert!((30..33).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_take_the_answer_is_let_go() {
    let server = serve(times()).await;
    let stream = server.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n").await;
    let begun = Instant::now();
    server.has(1).await;
    while server.connections.open() > 0 {
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!((40..42).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(rest(stream).await.len() < 64 << 20);
}

#[tokio::test]
async fn a_header_has_its_size_and_its_lines() {
    let server = serve(Limits { header_bytes: 8192.try_into().unwrap(), ..Limits::default() }).await;
    let request = |lines: usize, length: usize| {
        let line = format!("x: {}\r\n", "y".repeat(length));
        format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{}\r\n", line.repeat(lines))
    };
    for (lines, length, status) in
        [(98, 10, "200"), (1, 8000, "200"), (99, 10, "431"), (1, 8192, "431"), (1, 1 << 20, "431")]
    {
        let mut stream = server.connect().await;
        let request = request(lines, length);
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        // The server need not read the rest of what is too long.
        let (_, _) = tokio::join!(write.write_all(request.as_bytes()), read.read_to_end(&mut answer));
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{lines} lines of {length}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_answered_and_the_connection_closed() {
    let server = serve(Limits::default()).await;
    const LENGTH: usize = 10 << 20;
    for head in ["Content-Length: 10485760\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\nA00000\r\n"] {
        let mut stream = server.send(&format!("POST /echo HTTP/1.1\r\nHost: x\r\n{head}")).await;
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        let body = vec![b'x'; LENGTH];
        let (written, _) = tokio::join!(write.write_all(&body), read.read_to_end(&mut answer));
        let answer = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(answer.ends_with("too long") && answer.contains("connection: close"), "{answer}");
        written.unwrap_err();
    }
    let mut stream = server.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi").await;
    let mut answer = Vec::new();
    while !answer.ends_with(b"hi") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{answer:?}");
    }
    ask(&mut stream).await.unwrap();
}
