//! A lean HTTP/1.1 client: one connection that is kept alive, requests as prepared bytes, one answer at a time.

use super::Result;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use valetkey::text::buf::Writer;
use valetkey::wire::basic;

/// Most bytes of an answer.
const ROOM: usize = 64 * 1024;

pub(crate) struct Connection {
    stream: TcpStream,
    room: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Answer<'c> {
    pub(crate) status: u16,
    pub(crate) body: &'c str,
}

impl Answer<'_> {
    /// A text member of the JSON body, which has no escapes in what is asked for here; empty if there is none.
    pub(crate) fn member(&self, name: &str) -> &str {
        member(self.body, name)
    }
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, room: vec![0; ROOM] })
    }

    /// Sends a request and waits for its answer.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.room[filled..]).await?;
            if read == 0 {
                return Err("the server closed the connection before it had answered".into());
            }
            filled += read;
            if let Some((head, length)) = head(&self.room[..filled])?
                && filled >= head + length
            {
                let status = std::str::from_utf8(&self.room[9..12])?.parse()?;
                return Ok(Answer { status, body: std::str::from_utf8(&self.room[head..head + length])? });
            }
        }
    }
}

/// Keeps a thread from sleeping that does nothing but ask, until it is dropped: on a virtual machine, to wake the other core
/// costs whoever answers more than the answer.
pub(crate) fn stay_awake() -> Awake {
    Awake(tokio::spawn(async {
        loop {
            tokio::task::yield_now().await;
        }
    }))
}

pub(crate) struct Awake(tokio::task::JoinHandle<()>);

impl Drop for Awake {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long the head is, and the body that it announces; `None` before the head is there.
fn head(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..end])?;
    let mut lines = head.split("\r\n").skip(1).filter_map(|line| line.split_once(": "));
    let length = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = length.ok_or("an answer without a length")?.1.parse()?;
    Ok(Some((end + 4, length)))
}

/// A form posted by a client that authenticates by Basic; without a secret by its name in the form.
pub(crate) fn post(path: &str, client: (&str, &str), form: &str) -> Vec<u8> {
    let mut room = [0; 512];
    let mut authorization = Writer::new(&mut room);
    basic::push(&mut authorization, client.0, client.1);
    let authorization = authorization.finish().expect("the names of clients are short");
    let length = form.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .into_bytes()
}

pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").into_bytes()
}

pub(crate) fn member<'j>(json: &'j str, name: &str) -> &'j str {
    let start = format!("\"{name}\":\"");
    json.split_once(&start).and_then(|(_, rest)| rest.split_once('"')).map_or("", |(value, _)| value)
}
