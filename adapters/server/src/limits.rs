//! How much of it the server takes on: connections, their time and their bytes.

use serde::Deserialize;
use std::num::NonZeroU32;
use std::time::Duration;

/// Open files that are no connections: the database, its readers, the log, other listeners.
const FOR_THE_REST: u64 = 64;

/// What must stay within bounds, whoever is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections that are open at one time; fewer if the operating system allows fewer files. When all are taken, the
    /// one that has waited for its peer the longest is closed for a newcomer.
    pub connections: NonZeroU32,
    /// Connections from one address (IPv4), or one network of 64 bits (IPv6). Trusted proxies have no such limit.
    pub connections_per_address: NonZeroU32,
    /// Seconds until TLS is agreed on.
    pub handshake_seconds: NonZeroU32,
    /// Seconds that a connection may be open without beginning a request.
    pub idle_seconds: NonZeroU32,
    /// Seconds from the first byte of a request to the end of its header.
    pub header_seconds: NonZeroU32,
    /// Seconds from there to the answer: for receiving the body and for working.
    pub request_seconds: NonZeroU32,
    /// Seconds until the peer has taken the whole answer.
    pub answer_seconds: NonZeroU32,
    /// Bytes of a request's first line and header together; 8192 at least.
    pub header_bytes: NonZeroU32,
    /// Lines of a request's header.
    pub header_lines: NonZeroU32,
}

impl Limits {
    /// The least of `header_bytes`: what HTTP servers are expected to take ([RFC 9112 section
    /// 3](https://www.rfc-editor.org/rfc/rfc9112#section-3)).
    pub const LEAST_HEADER_BYTES: NonZeroU32 = NonZeroU32::new(8192).unwrap();

    /// With no more connections than the operating system allows this program open files, less some for the rest. Asks for
    /// as many as it may have first. No address gets more than half of them, so that none can push out all others.
    pub fn within_open_files(self) -> Self {
        let limits = self.at_most_open_files();
        let half = NonZeroU32::new(limits.connections.get() / 2).unwrap_or(NonZeroU32::MIN);
        Self { connections_per_address: limits.connections_per_address.min(half), ..limits }
    }

    fn at_most_open_files(self) -> Self {
        let wanted = u64::from(self.connections.get()) + FOR_THE_REST;
        let allowed = match rlimit::increase_nofile_limit(wanted) {
            Ok(allowed) => allowed,
            Err(error) => {
                tracing::warn!(%error, "cannot learn how many files may be open");
                return self;
            }
        };
        if allowed >= wanted {
            return self;
        }
        let connections = u32::try_from(allowed.saturating_sub(FOR_THE_REST)).ok().and_then(NonZeroU32::new);
        let connections = connections.unwrap_or(NonZeroU32::MIN);
        tracing::warn!(
            "taking at most {connections} connections instead of {}, as only {allowed} files may be open: raise that \
             limit (`ulimit -n`, or LimitNOFILE of systemd), or lower `connections` under [limits]",
            self.connections
        );
        Self { connections, ..self }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let number = |n| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            connections: number(10_000),
            connections_per_address: number(1_000),
            handshake_seconds: number(10),
            idle_seconds: number(60),
            header_seconds: number(10),
            request_seconds: number(30),
            answer_seconds: number(30),
            header_bytes: number(32 * 1024),
            header_lines: number(100),
        }
    }
}

/// As a duration.
pub(crate) fn seconds(seconds: NonZeroU32) -> Duration {
    Duration::from_secs(seconds.get().into())
}
