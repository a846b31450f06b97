//! Why a request got no answer, or one that cannot be believed.

use core::fmt;
use embedded_io::ErrorKind;
use valetkey::error::TooSmall;

/// Why nothing came back that a flow could read. Holds no content.
///
/// If the connection [is still open](crate::Connection::is_open), nothing was sent. Otherwise, [`Spent`](Self::Spent) aside,
/// the request may have arrived: whether it may be sent again, over a new pipe, is said by its duties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The URL does not lead to where the pipe was said to lead, or is http and the pipe was not said to be plain. Nothing
    /// was sent.
    Address,
    /// The pipe is used up: the peer said that it closes, or an exchange broke off. Nothing was sent; open another.
    Spent,
    /// A value of the request has a character that cannot stand in a header. Nothing was sent.
    Request,
    /// The buffer is too short for the request, which was not sent then, or for its answer; so much is needed, or more if
    /// the answer came in chunks or without a length as yet.
    Buffer(TooSmall),
    /// The pipe failed.
    Pipe(ErrorKind),
    /// It took too long.
    Timeout,
    /// The peer closed the pipe before it answered, as it may with one that was idle for long.
    Closed,
    /// The peer closed the pipe within its answer.
    Truncated,
    /// The head of the answer is not one of HTTP/1.1.
    Head,
    /// Where the answer ends is not said, said twice or said wrongly.
    Framing,
    /// The body is longer than the request's duties allow.
    TooLong,
}

impl From<TooSmall> for Error {
    fn from(error: TooSmall) -> Self {
        Self::Buffer(error)
    }
}

impl Error {
    pub(crate) fn pipe(error: impl embedded_io::Error) -> Self {
        match error.kind() {
            ErrorKind::TimedOut => Self::Timeout,
            kind => Self::Pipe(kind),
        }
    }
}

impl Error {
    /// What went wrong, as a sentence without the details: for a log without `core::fmt`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Address => "the URL's scheme, host or port is not that of the connection",
            Self::Spent => "the pipe is used up: open another",
            Self::Request => "the request has a character that cannot stand in a header",
            Self::Buffer(_) => "the buffer is too small",
            Self::Pipe(_) => "the pipe failed",
            Self::Timeout => "the server took too long to answer",
            Self::Closed => "the server closed the connection instead of answering",
            Self::Truncated => "the server broke off in the middle of its answer",
            Self::Head => "the answer is not one of HTTP/1.1",
            Self::Framing => "the answer does not say, or says in two ways, where it ends",
            Self::TooLong => "the server answered more than is read",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buffer(error) => error.fmt(f),
            Self::Pipe(kind) => write!(f, "the pipe failed: {kind}"),
            other => f.write_str(other.reason()),
        }
    }
}

impl core::error::Error for Error {}
