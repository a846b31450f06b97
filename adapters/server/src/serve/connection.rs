//! One connection, from the first byte to the last: TLS, requests one after the other, and an end that can come any time.

use super::connections::Seat;
use super::pace::{Pace, Paced, Phase};
use super::tls::Tls;
use crate::app::App;
use crate::limits::Limits;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use axum::response::IntoResponse;
use http_body::{Body as HttpBody, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep_until, timeout};
use tokio_rustls::server::TlsStream;

/// What a peer may go on sending after the last answer, so that it gets to read that answer: closing at once would tell
/// it that the connection is broken ([RFC 9112 section 9.6](https://www.rfc-editor.org/rfc/rfc9112#section-9.6)).
const LEFTOVERS: (Duration, u64) = (Duration::from_secs(2), 1024 * 1024);

/// What all connections of a server have in common.
pub(super) struct Common {
    pub(super) app: App,
    pub(super) http: Builder,
    pub(super) limits: Limits,
    pub(super) tls: Option<Arc<Tls>>,
}

/// One connection.
pub(super) struct Connection {
    pub(super) common: Arc<Common>,
    pub(super) peer: SocketAddr,
    pub(super) seat: Seat,
    /// Changes once, when the server stops.
    pub(super) stop: watch::Receiver<bool>,
}

/// How HTTP/1.1 is spoken under these limits.
pub(super) fn http(limits: &Limits) -> Builder {
    let number = |n: std::num::NonZeroU32| usize::try_from(n.get()).unwrap_or(usize::MAX);
    let header_bytes = number(limits.header_bytes.max(Limits::LEAST_HEADER_BYTES));
    let mut http = Builder::new();
    // Times are kept by `Pace`. More than a header is never held of what a peer sends.
    http.header_read_timeout(None).max_headers(number(limits.header_lines)).max_buf_size(header_bytes);
    http
}

impl Connection {
    /// Serves until either side ends it, its time is over, or another needs its place.
    pub(super) async fn serve(self, stream: TcpStream) {
        let Self { common, peer, seat, mut stop } = self;
        let pace = Arc::new(Pace::new(common.limits, seat, common.tls.is_some()));
        let mut alarm = pin!(sleep_until(pace.due()));
        let opened = {
            // Whoever sends nothing costs no buffers.
            let opening = async {
                stream.readable().await.ok()?;
                match &common.tls {
                    None => Some(Either::Plain(stream)),
                    Some(tls) => {
                        let accepted = tls.acceptor().accept(stream).await;
                        let refused = |error| tracing::debug!(%peer, %error, "no TLS came about");
                        accepted.map_err(refused).ok().map(|stream| Either::Tls(Box::new(stream)))
                    }
                }
            };
            tokio::select! {
                opened = opening => opened,
                () = pace.seat().taken_away() => None,
                () = pace.overdue(alarm.as_mut()) => None,
                _ = stop.wait_for(|stopping| *stopping) => None,
            }
        };
        match opened {
            None => {}
            Some(Either::Plain(stream)) => talk(stream, &common, peer, &pace, alarm, stop).await,
            Some(Either::Tls(stream)) => {
                pace.encrypted();
                talk(stream, &common, peer, &pace, alarm, stop).await;
            }
        }
    }
}

/// What HTTP is spoken over.
trait Transport: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    fn tcp(&self) -> &TcpStream;
}

impl Transport for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Transport for Box<TlsStream<TcpStream>> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

enum Either {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

async fn talk(
    stream: impl Transport,
    common: &Arc<Common>,
    peer: SocketAddr,
    pace: &Arc<Pace>,
    mut alarm: Pin<&mut Sleep>,
    mut stop: watch::Receiver<bool>,
) {
    let io = TokioIo::new(Paced { stream, pace: Arc::clone(pace) });
    let mut http = common.http.serve_connection(io, service_fn(|request| answer(common, peer, pace, request)));
    let mut stopping = false;
    let cut_off = loop {
        tokio::select! {
            biased;
            ended = &mut http => {
                if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended");
                }
                break false;
            }
            () = pace.seat().taken_away() => break true,
            () = pace.overdue(alarm.as_mut()) => {
                if !pace.make_late() {
                    break pace.phase() != Phase::Idle;
                }
            }
            _ = stop.wait_for(|stopping| *stopping), if !stopping => {
                stopping = true;
                if pace.phase() == Phase::Idle {
                    break false;
                }
                Pin::new(&mut http).graceful_shutdown();
            }
        }
    };
    let mut stream = http.into_parts().io.into_inner().stream;
    if cut_off {
        if pace.phase() == Phase::Answer {
            // Otherwise the operating system would go on holding what a slow reader has not taken.
            let _ = stream.tcp().set_zero_linger();
        }
        return;
    }
    let ending = async {
        // As far as the other side takes it; for TLS this says that nothing was cut off.
        let _ = stream.shutdown().await;
        if !pace.ended() && !stopping {
            let mut rest = stream.take(LEFTOVERS.1);
            let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
        }
    };
    tokio::select! {
        _ = timeout(LEFTOVERS.0, ending) => {}
        () = pace.seat().taken_away() => {}
        _ = stop.wait_for(|stopping| *stopping), if !stopping => {}
    }
}

/// Answers one request of a connection.
async fn answer(
    common: &Common,
    peer: SocketAddr,
    pace: &Arc<Pace>,
    request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    pace.begins(!request.body().is_end_stream());
    let request = request.map(|body| Body::new(Received { body, pace: Arc::clone(pace) }));
    let mut answer = {
        let mut answer = pin!(common.app.answer(request, peer));
        poll_fn(|cx| match pace.is_late() {
            Some(phase) => Poll::Ready(too_late(phase)),
            None => answer.as_mut().poll(cx),
        })
        .await
    };
    if pace.phase() == Phase::Body {
        // The rest of the body is not read, so what follows it could not be either.
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    pace.answers();
    Ok(answer.map(|body| Sent { body, pace: Arc::clone(pace) }))
}

/// The answer to a request that was in this phase when its time was over.
fn too_late(phase: Phase) -> Response<Body> {
    let status = if phase == Phase::Body { StatusCode::REQUEST_TIMEOUT } else { StatusCode::SERVICE_UNAVAILABLE };
    let close = (header::CONNECTION, HeaderValue::from_static("close"));
    (status, [close, crate::headers::NO_STORE]).into_response()
}

/// What the peer sends.
struct Received {
    body: Incoming,
    pace: Arc<Pace>,
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.pace.received_all();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What is sent to the peer. It is dropped when all of it has been handed over.
struct Sent {
    body: Body,
    pace: Arc<Pace>,
}

impl HttpBody for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.pace.handed_over();
    }
}
