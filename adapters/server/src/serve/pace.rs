//! What a connection is at, and until when: told by the bytes that pass and by the service, watched by its task.

use super::connections::Seat;
use crate::limits::{Limits, seconds};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Agreeing on TLS.
    Handshake,
    /// Between requests, or before the first.
    Idle,
    /// A request has begun.
    Header,
    /// Its header is there, its body is not.
    Body,
    /// All of it is there; the answer is not.
    Work,
    /// The answer is on its way.
    Answer,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    due: Instant,
    /// The request took too long, and is to be told so.
    late: bool,
    /// All of the answer has been handed over for writing.
    handed_over: bool,
    /// The peer sends no more.
    ended: bool,
}

/// What a connection is at, and until when.
#[derive(Debug)]
pub(super) struct Pace {
    limits: Limits,
    seat: Seat,
    state: Mutex<State>,
}

impl Pace {
    pub(super) fn new(limits: Limits, seat: Seat, encrypted: bool) -> Self {
        let (phase, time) =
            if encrypted { (Phase::Handshake, limits.handshake_seconds) } else { (Phase::Idle, limits.idle_seconds) };
        let due = Instant::now() + seconds(time);
        let state = Mutex::new(State { phase, due, late: false, handed_over: false, ended: false });
        Self { limits, seat, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, state: &mut State, phase: Phase) {
        let time = match phase {
            Phase::Handshake => self.limits.handshake_seconds,
            Phase::Idle => self.limits.idle_seconds,
            Phase::Header => self.limits.header_seconds,
            Phase::Body | Phase::Work => self.limits.request_seconds,
            Phase::Answer => self.limits.answer_seconds,
        };
        state.phase = phase;
        state.due = Instant::now() + seconds(time);
    }

    pub(super) fn seat(&self) -> &Seat {
        &self.seat
    }

    pub(super) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Whether the peer sends no more.
    pub(super) fn ended(&self) -> bool {
        self.lock().ended
    }

    /// TLS is agreed on.
    pub(super) fn encrypted(&self) {
        self.enter(&mut self.lock(), Phase::Idle);
    }

    fn received(&self, bytes: usize) {
        let mut state = self.lock();
        if bytes == 0 {
            state.ended = true;
        } else if state.phase == Phase::Idle {
            self.enter(&mut state, Phase::Header);
        }
    }

    /// The header is there.
    pub(super) fn begins(&self, with_body: bool) {
        self.enter(&mut self.lock(), Phase::Body);
        if !with_body {
            self.received_all();
        }
    }

    /// The body is there too.
    pub(super) fn received_all(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Body {
            state.phase = Phase::Work;
            drop(state);
            self.seat.works();
        }
    }

    /// The answer begins.
    pub(super) fn answers(&self) {
        let mut state = self.lock();
        state.handed_over = false;
        self.enter(&mut state, Phase::Answer);
        drop(state);
        self.seat.waits();
    }

    /// The last of the answer has been handed over.
    pub(super) fn handed_over(&self) {
        self.lock().handed_over = true;
    }

    fn flushed(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Answer && state.handed_over {
            self.enter(&mut state, Phase::Idle);
        }
    }

    /// Whether the request took too long: it is to be answered so. What it was at then.
    pub(super) fn is_late(&self) -> Option<Phase> {
        let state = self.lock();
        state.late.then_some(state.phase)
    }

    /// Its time is over. If it is one that can be answered this begins its last chance, and is `true`.
    pub(super) fn make_late(&self) -> bool {
        let mut state = self.lock();
        let first = matches!(state.phase, Phase::Body | Phase::Work) && !state.late;
        if first {
            state.late = true;
            state.due = Instant::now() + seconds(self.limits.answer_seconds);
        }
        first
    }

    /// Done when the time of what it is at is over.
    pub(super) async fn overdue(&self, mut alarm: Pin<&mut Sleep>) {
        poll_fn(|cx| {
            loop {
                let due = self.lock().due;
                // An alarm that comes too early is set anew then: most requests are done before it rings.
                if due < alarm.deadline() {
                    alarm.as_mut().reset(due);
                }
                ready!(alarm.as_mut().poll(cx));
                if due <= alarm.deadline() {
                    return Poll::Ready(());
                }
                alarm.as_mut().reset(due);
            }
        })
        .await;
    }

    /// When the time of what it is at is over.
    pub(super) fn due(&self) -> Instant {
        self.lock().due
    }
}

/// A stream that tells of the bytes that pass.
pub(super) struct Paced<S> {
    pub(super) stream: S,
    pub(super) pace: Arc<Pace>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buf))?;
        self.pace.received(buf.filled().len() - before);
        Poll::Ready(Ok(()))
    }
}

/// In one piece: answers are short, and to copy one takes less than a list of pieces takes the operating system.
impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.pace.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
