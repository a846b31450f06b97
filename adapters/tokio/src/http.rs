//! HTTP as the core wants it.

use axum::http::HeaderValue;
#[cfg(feature = "resource")]
use std::sync::LazyLock;
#[cfg(feature = "resource")]
use std::time::Instant;
use std::time::{SystemTime, UNIX_EPOCH};
use valetkey::time::UnixTime;
#[cfg(feature = "resource")]
use valetkey::time::Uptime;
use valetkey::wire::header::Header;

/// How often a header came, and what it says if it came once. What holds bytes that are no text counts as
/// [`Header::Many`]: refused.
pub(crate) fn once<'h>(values: impl IntoIterator<Item = &'h HeaderValue>) -> Header<'h> {
    let mut values = values.into_iter();
    match (values.next(), values.next()) {
        (None, _) => Header::Absent,
        (Some(value), None) => value.to_str().map_or(Header::Many, Header::One),
        (Some(_), Some(_)) => Header::Many,
    }
}

/// The system's clock. `None` if it stands before 1970: nothing can be issued by such a clock.
pub(crate) fn now() -> Option<UnixTime> {
    Some(UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs()))
}

/// Since this was asked for the first time.
#[cfg(feature = "resource")]
pub(crate) fn uptime() -> Uptime {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Uptime(u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderMap;
    use axum::http::header::AUTHORIZATION;

    #[test]
    fn a_header_counts_once_only_if_it_came_once_as_text() {
        let mut headers = HeaderMap::new();
        assert!(matches!(once(headers.get_all(AUTHORIZATION)), Header::Absent));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        assert!(matches!(once(headers.get_all(AUTHORIZATION)), Header::One("Basic x")));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        assert!(matches!(once(headers.get_all(AUTHORIZATION)), Header::Many));
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Basic \xff").unwrap());
        assert!(matches!(once(headers.get_all(AUTHORIZATION)), Header::Many));
    }
}
