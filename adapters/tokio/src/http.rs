//! HTTP as the core wants it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::time::{SystemTime, UNIX_EPOCH};
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;

/// How often a header came, and what it says if it came once.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> Header<'_> {
    once(headers.get_all(name))
}

/// What holds bytes that are no text counts as [`Header::Many`]: refused.
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header::AUTHORIZATION;

    #[test]
    fn a_header_counts_once_only_if_it_came_once_as_text() {
        let mut headers = HeaderMap::new();
        assert!(matches!(header(&headers, AUTHORIZATION), Header::Absent));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        assert!(matches!(header(&headers, AUTHORIZATION), Header::One("Basic x")));
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic x"));
        assert!(matches!(header(&headers, AUTHORIZATION), Header::Many));
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(b"Basic \xff").unwrap());
        assert!(matches!(header(&headers, AUTHORIZATION), Header::Many));
    }
}
