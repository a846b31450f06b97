//! A peer that answers from a script, and what came of an exchange with it.

use embedded_io::ErrorKind;
use std::collections::VecDeque;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use valetkey::client::{ClientAuth, ClientCredentials, Config};
use valetkey::client::{Duties, Post, Response};
use valetkey::secret::SecretText;
use valetkey_embedded::{Connection, Error};

/// The host of [`with_post`]'s URL.
pub(crate) const HOST: &str = "as.example";

/// A request as the flow of a device writes it.
pub(crate) fn with_post<R>(then: impl FnOnce(Post<'_>) -> R) -> R {
    let auth = ClientAuth::Basic(SecretText::new("device-secret"));
    let config = Config::new("https://as.example", "https://as.example/token", "demo-device", auth).unwrap();
    let mut buf = [0; 256];
    then(ClientCredentials::new(&config).unwrap().request(&mut buf).unwrap())
}

/// The same, with another cap.
pub(crate) fn capped(post: Post<'_>, body_cap: usize) -> Post<'_> {
    let mut duties: Duties = post.duties;
    duties.body_cap = body_cap;
    Post { duties, ..post }
}

/// What a flow is given, and whether the pipe can be used again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl From<Response<'_>> for Answer {
    fn from(response: Response<'_>) -> Self {
        Self {
            status: response.status,
            content_type: response.content_type.map(str::to_owned),
            retry_after: response.retry_after.map(str::to_owned),
            date: response.date.map(str::to_owned),
            body: response.body.to_owned(),
        }
    }
}

/// Gives what it was told to, a piece a read; then it closes.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) pieces: VecDeque<Vec<u8>>,
    pub(crate) received: Vec<u8>,
    /// Most bytes that are taken by one write.
    pub(crate) takes: Option<usize>,
    /// How it fails once there are no pieces.
    pub(crate) fails: Option<ErrorKind>,
}

impl Script {
    /// The text in one piece.
    pub(crate) fn whole(text: &[u8]) -> Self {
        Self { pieces: [text.to_owned()].into(), ..Self::default() }
    }

    /// The text cut behind so many bytes each.
    pub(crate) fn cut(text: &[u8], at: &[usize]) -> Self {
        let (mut pieces, mut from) = (VecDeque::new(), 0);
        for to in at.iter().copied().chain([text.len()]) {
            if to > from && to <= text.len() {
                pieces.push_back(text[from..to].to_owned());
                from = to;
            }
        }
        Self { pieces, ..Self::default() }
    }

    /// The text byte by byte.
    pub(crate) fn bytes(text: &[u8]) -> Self {
        Self { pieces: text.iter().map(|byte| vec![*byte]).collect(), ..Self::default() }
    }
}

impl embedded_io::ErrorType for Script {
    type Error = ErrorKind;
}

impl embedded_io::Read for Script {
    fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        assert!(!to.is_empty(), "a read of nothing would look like the end");
        let Some(mut piece) = self.pieces.pop_front() else { return self.fails.map_or(Ok(0), Err) };
        let count = piece.len().min(to.len());
        to[..count].copy_from_slice(&piece[..count]);
        if count < piece.len() {
            self.pieces.push_front(piece.split_off(count));
        }
        Ok(count)
    }
}

impl embedded_io::Write for Script {
    fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        let count = from.len().min(self.takes.unwrap_or(usize::MAX));
        self.received.extend(&from[..count]);
        Ok(count)
    }
    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// Each read and write is pending once before it is ready.
async fn once_pending() {
    let mut waited = false;
    std::future::poll_fn(|cx: &mut Context<'_>| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

impl embedded_io_async::Read for Script {
    async fn read(&mut self, to: &mut [u8]) -> Result<usize, ErrorKind> {
        once_pending().await;
        embedded_io::Read::read(self, to)
    }
}

impl embedded_io_async::Write for Script {
    async fn write(&mut self, from: &[u8]) -> Result<usize, ErrorKind> {
        once_pending().await;
        embedded_io::Write::write(self, from)
    }
    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let (mut future, mut cx) = (pin!(future), Context::from_waker(Waker::noop()));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
            return output;
        }
    }
}

/// What comes of one exchange, and whether the pipe is open afterwards.
pub(crate) type Came = (Result<Answer, Error>, bool);

pub(crate) fn blocking(script: Script, room: usize, cap: usize) -> Came {
    with_post(|post| {
        let (mut connection, mut buf) = (Connection::over_tls(script, HOST), vec![0; room]);
        let came = connection.send(&capped(post, cap), &mut buf, || false).map(Answer::from);
        (came, connection.is_open())
    })
}

pub(crate) fn asynchronous(script: Script, room: usize, cap: usize) -> Came {
    with_post(|post| {
        let (mut connection, mut buf) = (Connection::over_tls(script, HOST), vec![0; room]);
        let post = capped(post, cap);
        let came = block_on(connection.send_async(&post, &mut buf, || false)).map(Answer::from);
        (came, connection.is_open())
    })
}
