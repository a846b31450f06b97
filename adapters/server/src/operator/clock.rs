//! Times for people: in UTC, as RFC 3339 writes them.

use super::Failed;
use crate::system::{CLOCK, unix_time};
use std::fmt::Write;
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};
use valetkey::time::UnixTime;

/// The last second of the year 9999, beyond which RFC 3339 has no times.
const LAST: u64 = 253_402_300_799;

/// From when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// So long ago.
    Ago(Duration),
    /// From this time on.
    Time(UnixTime),
}

impl Since {
    /// The time that is meant.
    pub fn time(self, now: UnixTime) -> UnixTime {
        match self {
            Self::Ago(duration) => UnixTime(now.0.saturating_sub(duration.as_secs())),
            Self::Time(time) => time,
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(duration) = humantime::parse_duration(text) {
            return Ok(Self::Ago(duration));
        }
        let midnight = format!("{text}T00:00:00Z");
        let time = humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&midnight));
        let since = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let wrong = "say how long ago, as 30min, 12h or 7d, or a time in UTC, as 2026-01-31 or 2026-01-31T08:00:00Z";
        since.map(|since| Self::Time(UnixTime(since.as_secs()))).ok_or_else(|| wrong.to_owned())
    }
}

pub(crate) fn now() -> Result<UnixTime, Failed> {
    unix_time().ok_or_else(|| Failed::Not(CLOCK.to_owned()))
}

pub(crate) fn shown(time: UnixTime) -> String {
    let mut text = String::new();
    match UNIX_EPOCH.checked_add(Duration::from_secs(time.0.min(LAST))) {
        Some(time) if write!(text, "{}", humantime::format_rfc3339_seconds(time)).is_ok() => text,
        _ => format!("{} s after 1970", time.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc_as_rfc_3339_writes_them() {
        assert_eq!(shown(UnixTime(0)), "1970-01-01T00:00:00Z");
        assert_eq!(shown(UnixTime(1_700_000_000)), "2023-11-14T22:13:20Z");
        assert_eq!(shown(UnixTime::FOR_EVER), "9999-12-31T23:59:59Z");
    }

    #[test]
    fn since_is_a_duration_or_a_time() {
        let now = UnixTime(1_700_000_000);
        for (text, seconds) in [
            ("30min", 1_700_000_000 - 1_800),
            ("7d", 1_700_000_000 - 7 * 86_400),
            ("9999999 years", 0),
            ("2023-11-14", 1_699_920_000),
            ("2023-11-14T22:13:20Z", 1_700_000_000),
        ] {
            assert_eq!(text.parse::<Since>().map(|since| since.time(now)), Ok(UnixTime(seconds)), "{text}");
        }
        for text in ["", "yesterday", "2023-11", "2023-13-01", "14.11.2023", "7", "-7d", "1969-01-01"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }
}
