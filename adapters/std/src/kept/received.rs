//! What a transport brings back.

use std::fmt;
use valetkey::client::Response;
use zeroize::Zeroizing;

/// What came back. The body is zeroed when this is dropped.
pub struct Received {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`, if it came once.
    pub content_type: Option<String>,
    /// The value of `Retry-After`, if it came once.
    pub retry_after: Option<String>,
    /// The value of `Date`, if it came once.
    pub date: Option<String>,
    /// The whole body.
    pub body: Zeroizing<Vec<u8>>,
}

impl Received {
    /// As a flow reads it.
    pub fn response(&self) -> Response<'_> {
        Response {
            status: self.status,
            content_type: self.content_type.as_deref(),
            retry_after: self.retry_after.as_deref(),
            date: self.date.as_deref(),
            body: &self.body,
        }
    }

    /// As many bytes as reading it can take.
    pub fn scratch(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(vec![0; self.body.len()])
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("status", &self.status).finish_non_exhaustive()
    }
}
