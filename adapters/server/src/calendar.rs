//! Dates as people write them, in UTC: the program knows no other time zone.

use valetkey::time::UnixTime;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAY: u64 = 86_400;
/// From there on every record is meant to be kept for ever.
const LAST_YEAR: u64 = 9_999;

/// The date, such as `23 November 2026`; nothing beyond the year 9999.
pub fn day(at: UnixTime) -> Option<String> {
    let (year, month, day) = date(at.0 / DAY)?;
    Some(format!("{day} {month} {year}"))
}

/// The date and time, such as `23 November 2026 at 17:05 UTC`; nothing beyond the year 9999.
pub fn moment(at: UnixTime) -> Option<String> {
    let minutes = at.0 % DAY / 60;
    Some(format!("{} at {:02}:{:02} UTC", day(at)?, minutes / 60, minutes % 60))
}

/// Year, month and day of so many days after 1 January 1970.
fn date(mut days: u64) -> Option<(u64, &'static str, u64)> {
    for year in 1970..=LAST_YEAR {
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let lengths = [31, if is_leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        for (month, length) in MONTHS.into_iter().zip(lengths) {
            if days < length {
                return Some((year, month, days + 1));
            }
            days -= length;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, written) in [
            (0, "1 January 1970"),
            (86_399, "1 January 1970"),
            (951_782_400, "29 February 2000"),
            (951_868_800, "1 March 2000"),
            (1_798_761_599, "31 December 2026"),
            (1_798_761_600, "1 January 2027"),
            (4_107_542_400, "1 March 2100"),
            (253_402_300_799, "31 December 9999"),
        ] {
            assert_eq!(day(UnixTime(seconds)).as_deref(), Some(written));
        }
        assert_eq!(day(UnixTime(253_402_300_800)), None);
        assert_eq!(day(UnixTime::FOR_EVER), None);
    }

    #[test]
    fn a_moment_tells_the_minute() {
        assert_eq!(moment(UnixTime(1_795_453_559)).as_deref(), Some("23 November 2026 at 17:05 UTC"));
        assert_eq!(moment(UnixTime::FOR_EVER), None);
    }
}
