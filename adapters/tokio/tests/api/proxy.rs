//! A proxy that misbehaves as it is told, and a listener that takes down all that reaches it. Both end with their test.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore};

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is passed on, and so is its answer.
    None,
    /// The connection breaks before it is passed on.
    Cut,
    /// It is passed on, and the connection breaks instead of the answer.
    Lost,
    /// It is passed on, and the answer without its last bytes is, so many.
    Truncated(usize),
    /// It is passed on twice, and the second answer is.
    Twice,
    /// It is passed on when there is a permit for it.
    Held(Arc<Semaphore>),
    /// Nothing ever comes of it.
    Silent,
    /// This is the answer, and nothing is passed on.
    Said(String),
    /// This is how the answer begins, which never ends; there is a permit when the client has closed the connection.
    Begun(String, Arc<Semaphore>),
}

impl Fault {
    /// Status line, fields and body.
    pub(crate) fn said(status: u16, fields: &str, body: &str) -> Self {
        let length = body.len();
        Self::Said(format!(
            "HTTP/1.1 {status} -\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }

    pub(crate) fn held() -> (Self, Arc<Semaphore>) {
        let gate = Arc::new(Semaphore::new(0));
        (Self::Held(gate.clone()), gate)
    }
}

/// Stands before one server.
pub(crate) struct Proxy {
    pub(crate) origin: String,
    state: Arc<State>,
}

struct State {
    upstream: String,
    inner: Mutex<Inner>,
    came: Notify,
}

struct Inner {
    /// For the next requests,
    next: VecDeque<Fault>,
    /// and for all others.
    fault: Fault,
    came: usize,
    /// The token of the last request that had one.
    token: String,
}

impl Proxy {
    /// Before the server of this origin.
    pub(crate) async fn before(origin: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = Inner { next: VecDeque::new(), fault: Fault::None, came: 0, token: String::new() };
        let upstream = origin.strip_prefix("http://").unwrap().to_owned();
        let state = Arc::new(State { upstream, inner: Mutex::new(inner), came: Notify::new() });
        let proxy = Self { origin: format!("http://{}", listener.local_addr().unwrap()), state: state.clone() };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = state.clone();
                tokio::spawn(async move {
                    // That a peer breaks off is what is tried here.
                    let _ = state.pass(stream).await;
                });
            }
        });
        proxy
    }

    /// From now on.
    pub(crate) fn all(&self, fault: Fault) {
        self.state.lock().fault = fault;
    }

    /// Once.
    pub(crate) fn once(&self, fault: Fault) {
        self.state.lock().next.push_back(fault);
    }

    /// How many requests came so far.
    pub(crate) fn came(&self) -> usize {
        self.state.lock().came
    }

    /// The token of the last request that had one.
    pub(crate) fn token(&self) -> String {
        self.state.lock().token.clone()
    }

    /// Waits until so many have come.
    pub(crate) async fn has_come(&self, count: usize) {
        loop {
            let came = self.state.came.notified();
            if self.came() >= count {
                return;
            }
            came.await;
        }
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One request, and what becomes of it.
    async fn pass(&self, mut stream: TcpStream) -> io::Result<()> {
        let (request, token) = read_request(&mut stream).await?;
        let fault = {
            let mut inner = self.lock();
            inner.came += 1;
            if !token.is_empty() {
                inner.token = token;
            }
            inner.next.pop_front().unwrap_or_else(|| inner.fault.clone())
        };
        self.came.notify_waiters();
        let answer = match fault {
            Fault::None => self.ask(&request).await?,
            Fault::Cut => return Ok(()),
            Fault::Lost => return self.ask(&request).await.map(drop),
            Fault::Truncated(bytes) => {
                let mut answer = self.ask(&request).await?;
                answer.truncate(answer.len() - bytes);
                answer
            }
            Fault::Twice => {
                self.ask(&request).await?;
                self.ask(&request).await?
            }
            Fault::Held(gate) => {
                gate.acquire().await.unwrap().forget();
                self.ask(&request).await?
            }
            Fault::Silent => return stream.read(&mut [0]).await.map(drop),
            Fault::Said(answer) => answer.into_bytes(),
            Fault::Begun(answer, closed) => {
                stream.write_all(answer.as_bytes()).await?;
                // An error is an end as well.
                let _ = stream.read(&mut [0]).await;
                closed.add_permits(1);
                return Ok(());
            }
        };
        stream.write_all(&answer).await
    }

    /// The server's answer, whole.
    async fn ask(&self, request: &[u8]) -> io::Result<Vec<u8>> {
        let (mut server, mut answer) = (TcpStream::connect(&self.upstream).await?, Vec::new());
        server.write_all(request).await?;
        server.read_to_end(&mut answer).await?;
        Ok(answer)
    }
}

/// A request as it came, but that the connection ends with its answer; and its token.
async fn read_request(stream: &mut TcpStream) -> io::Result<(Vec<u8>, String)> {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    let (mut length, mut token) = (0, String::new());
    loop {
        let begin = head.len();
        if reader.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (name, value) = head[begin..].trim_end().split_once(": ").unwrap_or_default();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => token = value.strip_prefix("Bearer ").unwrap_or_default().to_owned(),
            _ if head.ends_with("\r\n\r\n") => {
                head.insert_str(begin, "Connection: close\r\n");
                break;
            }
            _ => {}
        }
    }
    let mut request = head.into_bytes();
    let body = request.len();
    request.resize(body + length, 0);
    reader.read_exact(&mut request[body..]).await?;
    Ok((request, token))
}

/// A server that nothing should reach.
pub(crate) struct Elsewhere {
    pub(crate) origin: String,
    reached: Arc<Mutex<usize>>,
}

impl Elsewhere {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let elsewhere = Self { origin: format!("http://{}", listener.local_addr().unwrap()), reached: Arc::default() };
        let reached = elsewhere.reached.clone();
        tokio::spawn(async move {
            loop {
                // Whoever connects, be it without a word, was led here.
                let (mut stream, _) = listener.accept().await.unwrap();
                *reached.lock().unwrap() += 1;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
            }
        });
        elsewhere
    }

    /// How often anybody connected, which is counted before it is answered.
    pub(crate) fn reached(&self) -> usize {
        *self.reached.lock().unwrap()
    }

    /// That it counts.
    pub(crate) async fn reach(&self) {
        let mut stream = TcpStream::connect(self.origin.strip_prefix("http://").unwrap()).await.unwrap();
        assert!(stream.read(&mut [0]).await.unwrap() > 0);
        assert_eq!(self.reached(), 1, "somebody else was here before");
    }
}
