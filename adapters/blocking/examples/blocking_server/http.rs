//! Just enough HTTP/1.1 for the example: a few threads, of which each answers one connection with one request after the
//! other. Put the HTTP library here that your program has.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use valetkey::server::MAX_REQUEST;
use valetkey::wire::header::Header;
use valetkey_blocking::server::{self, Response, header};

const THREADS: usize = 8;
/// Most bytes of a request line with its headers.
const MAX_HEAD: usize = 16 * 1024;
/// How long a request may take to come, and an answer to go.
const PATIENCE: Duration = Duration::from_secs(5);

/// A request as it came.
pub(crate) struct Request {
    pub(crate) method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// As the endpoints for clients take it.
    pub(crate) fn for_clients(&self) -> server::Request<'_> {
        server::Request {
            method: &self.method,
            path: self.path(),
            authorization: self.header("authorization"),
            content_type: self.header("content-type"),
            body: &self.body,
        }
    }

    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    pub(crate) fn header(&self, name: &str) -> Header<'_> {
        let named = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        header(named.map(|(_, value)| value.as_slice()))
    }
}

/// A page of plain text.
pub(crate) fn text(status: u16, body: &str) -> Response {
    let headers = vec![("Content-Type", "text/plain; charset=utf-8".to_owned())];
    Response { status, headers, body: body.to_owned(), fault: None }
}

/// Answers whoever connects, for ever.
pub(crate) fn serve(listener: &TcpListener, answer: impl Fn(&Request) -> Response + Sync) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    if let Ok((mut connection, _)) = listener.accept() {
                        // Whoever went away has nobody left who is to be told.
                        drop(one(&mut connection, &answer));
                    }
                }
            });
        }
    });
}

fn one(connection: &mut TcpStream, answer: impl Fn(&Request) -> Response) -> io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let (response, with_body) = match read(connection)? {
        Ok(request) => (answer(&request), request.method != "HEAD"),
        Err(status) => (text(status, "this is no request that is read here\n"), true),
    };
    let mut out = format!("HTTP/1.1 {} \r\n", response.status);
    for (name, value) in &response.headers {
        out += &format!("{name}: {value}\r\n");
    }
    out += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n", response.body.len());
    if with_body {
        out += &response.body;
    }
    connection.write_all(out.as_bytes())?;
    // What is left unread would break the connection before the answer is read.
    connection.shutdown(Shutdown::Write)?;
    io::copy(&mut connection.take(MAX_HEAD as u64), &mut io::sink())?;
    Ok(())
}

/// A request, or the status with which it is refused.
fn read(connection: &mut TcpStream) -> io::Result<Result<Request, u16>> {
    let (mut came, began) = (Vec::new(), Instant::now());
    let (mut request, body_at) = loop {
        match head(&came) {
            Ok(Some(head)) => break head,
            Ok(None) if came.len() < MAX_HEAD => more(connection, &mut came, began)?,
            Ok(None) => return Ok(Err(431)),
            Err(_) => return Ok(Err(400)),
        }
    };
    let length = match (request.header("content-length"), request.header("transfer-encoding")) {
        (Header::Absent, Header::Absent) => 0,
        (Header::One(length), Header::Absent) if length.bytes().all(|b| b.is_ascii_digit()) => {
            // More than the endpoints refuse is not read.
            length.parse().unwrap_or(usize::MAX).min(MAX_REQUEST + 1)
        }
        (_, Header::Absent) => return Ok(Err(400)),
        _ => return Ok(Err(411)),
    };
    while came.len() - body_at < length {
        more(connection, &mut came, began)?;
    }
    request.body = came[body_at..body_at + length].to_vec();
    Ok(Ok(request))
}

fn more(connection: &mut TcpStream, came: &mut Vec<u8>, began: Instant) -> io::Result<()> {
    let mut piece = [0; 2048];
    match connection.read(&mut piece)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if began.elapsed() > PATIENCE => Err(io::ErrorKind::TimedOut.into()),
        length => {
            came.extend_from_slice(&piece[..length]);
            Ok(())
        }
    }
}

/// The head of a request and where its body begins, once it is whole.
fn head(came: &[u8]) -> Result<Option<(Request, usize)>, httparse::Error> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(came)? else { return Ok(None) };
    let (method, target) = (parsed.method.unwrap_or_default().to_owned(), parsed.path.unwrap_or_default().to_owned());
    let headers = parsed.headers.iter().map(|field| (field.name.to_owned(), field.value.to_owned())).collect();
    Ok(Some((Request { method, target, headers, body: Vec::new() }, length)))
}
