//! Dates as HTTP writes them: the headers `Date`, `Expires` and `Retry-After`.

use crate::time::UnixTime;

/// Half a century: years of two digits lie at most so far ahead. Seconds.
const HALF_CENTURY: u32 = 50 * 31_556_952;

/// Reads a date in any of the three forms that a recipient must accept: IMF-fixdate (`Sun, 06 Nov 1994 08:49:37 GMT`), the
/// obsolete one of RFC 850 (`Sunday, 06-Nov-94 08:49:37 GMT`) and that of asctime (`Sun Nov  6 08:49:37 1994`).
///
/// Strict besides: names have their letters' case, the day of the week is the date's, and nothing stands before or behind.
/// `None` also for a date before 1970. `about` is the present as well as it is known, and serves only to find the century
/// of a year of two digits; the time at which a program was built is good enough.
///
/// ```
/// use valetkey::{text::date::http_date, time::UnixTime};
/// let about = UnixTime(1_700_000_000);
/// assert_eq!(http_date("Sun, 06 Nov 1994 08:49:37 GMT", about), Some(UnixTime(784_111_777)));
/// assert_eq!(http_date("Mon, 06 Nov 1994 08:49:37 GMT", about), None); // it was a Sunday
/// ```
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7>
pub fn http_date(text: &str, about: UnixTime) -> Option<UnixTime> {
    let mut rest = Rest(text.as_bytes());
    let weekday = rest.name(b"SunMonTueWedThuFriSat")?;
    if rest.literal(b", ").is_some() {
        let day = rest.number(2)?;
        rest.literal(b" ")?;
        let month = rest.month()?;
        rest.literal(b" ")?;
        let year = rest.number(4)?;
        let time = rest.gmt()?;
        return unix(weekday, (year, month, day), time);
    }
    if rest.literal(b" ").is_some() {
        let month = rest.month()?;
        rest.literal(b" ")?;
        let day = if rest.literal(b" ").is_some() { rest.number(1)? } else { rest.number(2)? };
        rest.literal(b" ")?;
        let time = rest.time()?;
        rest.literal(b" ")?;
        let year = rest.number(4)?;
        return rest.end().and_then(|()| unix(weekday, (year, month, day), time));
    }
    let ends: [&[u8]; 7] = [b"day, ", b"day, ", b"sday, ", b"nesday, ", b"rsday, ", b"day, ", b"urday, "];
    rest.literal(ends.get(usize::try_from(weekday).ok()?)?)?;
    let day = rest.number(2)?;
    rest.literal(b"-")?;
    let month = rest.month()?;
    rest.literal(b"-")?;
    let year = rest.number(2)?;
    let time = rest.gmt()?;
    let since_2000 = unix(weekday, (year.checked_add(2_000)?, month, day), time);
    let near = since_2000.filter(|date| *date <= about.plus(HALF_CENTURY));
    near.or_else(|| unix(weekday, (year.checked_add(1_900)?, month, day), time))
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// Which of the names of three letters stands here.
    fn name(&mut self, names: &[u8]) -> Option<u32> {
        let (name, rest) = self.0.split_first_chunk::<3>()?;
        let at = names.chunks_exact(3).position(|one| one == name)?;
        self.0 = rest;
        u32::try_from(at).ok()
    }

    /// From 1 on.
    fn month(&mut self) -> Option<u32> {
        self.name(b"JanFebMarAprMayJunJulAugSepOctNovDec")?.checked_add(1)
    }

    fn number(&mut self, digits: usize) -> Option<u32> {
        let (number, rest) = self.0.split_at_checked(digits)?;
        self.0 = rest;
        number.iter().try_fold(0_u32, |n, digit| {
            let digit = u32::from(*digit).checked_sub(u32::from(b'0')).filter(|digit| *digit < 10)?;
            n.checked_mul(10)?.checked_add(digit)
        })
    }

    /// `08:49:37` as seconds since midnight; 60 is a leap second, and the same as the next minute's first.
    fn time(&mut self) -> Option<u32> {
        let hour = self.number(2).filter(|hour| *hour < 24)?;
        self.literal(b":")?;
        let minute = self.number(2).filter(|minute| *minute < 60)?;
        self.literal(b":")?;
        let second = self.number(2).filter(|second| *second <= 60)?;
        hour.checked_mul(60)?.checked_add(minute)?.checked_mul(60)?.checked_add(second)
    }

    /// ` 08:49:37 GMT`, and the end.
    fn gmt(&mut self) -> Option<u32> {
        self.literal(b" ")?;
        let time = self.time()?;
        self.literal(b" GMT")?;
        self.end().map(|()| time)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

/// A day of the Gregorian calendar at `time` seconds after midnight; `weekday` counts from Sunday.
fn unix(weekday: u32, (year, month, day): (u32, u32, u32), time: u32) -> Option<UnixTime> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days_in_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if year < 1970 || day == 0 || day > days_in_month {
        return None;
    }
    // Days before the year, as if leap years had always been; 719,162 of them before 1970.
    let past = year.checked_sub(1)?;
    let leaps = (past / 4).checked_sub(past / 100)?.checked_add(past / 400)?;
    let before = past.checked_mul(365)?.checked_add(leaps)?.checked_sub(719_162)?;
    // Days before the month, of a year without a leap day: 0, 31, 59, 90 ..
    let months = month.checked_mul(367)?.checked_sub(362)? / 12;
    let shorter = match (month > 2, leap) {
        (false, _) => 0,
        (true, true) => 1,
        (true, false) => 2,
    };
    let days = before.checked_add(months)?.checked_sub(shorter)?.checked_add(day.checked_sub(1)?)?;
    // 1970 began on a Thursday.
    if days.checked_add(4)? % 7 != weekday {
        return None;
    }
    u64::from(days).checked_mul(86_400)?.checked_add(u64::from(time)).map(UnixTime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{format, string::String};

    const ABOUT: UnixTime = UnixTime(1_700_000_000);
    const DAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

    /// Year, month and day by counting days one by one, and the name of the day.
    fn date(days: u64) -> (u32, usize, u32, &'static str) {
        let (mut year, mut left) = (1970_u32, days);
        let leap = |y: u32| y.is_multiple_of(400) || (y.is_multiple_of(4) && !y.is_multiple_of(100));
        while left >= 365 + u64::from(leap(year)) {
            left -= 365 + u64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while left >= lengths[month] {
            left -= lengths[month];
            month += 1;
        }
        (year, month, u32::try_from(left).unwrap() + 1, DAYS[usize::try_from((days + 4) % 7).unwrap()])
    }

    fn forms(at: u64) -> [String; 3] {
        let (year, month, day, name) = date(at / 86_400);
        let (month, short, time) = (MONTHS[month], &name[..3], at % 86_400);
        let time = format!("{:02}:{:02}:{:02}", time / 3_600, time / 60 % 60, time % 60);
        [
            format!("{short}, {day:02} {month} {year} {time} GMT"),
            format!("{name}, {day:02}-{month}-{:02} {time} GMT", year % 100),
            format!("{short} {month} {day:2} {time} {year}"),
        ]
    }

    #[test]
    fn the_three_forms_of_the_rfc_are_one_date() {
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert_eq!(http_date(text, ABOUT), Some(UnixTime(784_111_777)), "{text}");
        }
    }

    #[test]
    fn every_day_of_the_calendar_is_read() {
        // 2999-12-31 is day 376,199; each day once, in the two forms that say the century.
        for day in 0..376_200 {
            let [fixdate, _, asctime] = forms(day * 86_400 + 86_399);
            let expected = Some(UnixTime(day * 86_400 + 86_399));
            assert_eq!(http_date(&fixdate, ABOUT), expected, "{fixdate}");
            assert_eq!(http_date(&asctime, ABOUT), expected, "{asctime}");
        }
    }

    #[test]
    fn a_year_of_two_digits_lies_at_most_half_a_century_ahead() {
        for about in [ABOUT, UnixTime(2_500_000_000)] {
            for day in 0..40_000_u64 {
                let at = UnixTime(day * 86_400);
                let years_ahead = i64::try_from(at.0).unwrap() - i64::try_from(about.0).unwrap();
                if at.0 >= 946_684_800 && years_ahead < 49 * 31_556_952 {
                    assert_eq!(http_date(&forms(at.0)[1], about), Some(at), "{}", forms(at.0)[1]);
                }
            }
        }
        // 2094 would be too far ahead of 2023, and so is 1994.
        assert_eq!(http_date("Sunday, 06-Nov-94 08:49:37 GMT", ABOUT), Some(UnixTime(784_111_777)));
        assert_eq!(
            http_date("Saturday, 06-Nov-94 08:49:37 GMT", UnixTime(2_500_000_000)),
            Some(UnixTime(3_939_871_777))
        );
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Sun",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 NOV 1994 08:49:37 GMT",
            "Sun,  6 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 94 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Thu, 31 Nov 1994 08:49:37 GMT",
            "Wed, 29 Feb 2023 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Monday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 06 08:49:37 94",
            "Sun Nov  6 08:49:37 1994 GMT",
            "1994-11-06T08:49:37Z",
            "784111777",
        ] {
            assert_eq!(http_date(text, ABOUT), None, "{text}");
        }
        // A leap second, and a leap day of a century.
        assert_eq!(http_date("Sat, 31 Dec 2016 23:59:60 GMT", ABOUT), Some(UnixTime(1_483_228_800)));
        assert_eq!(http_date("Tue, 29 Feb 2000 00:00:00 GMT", ABOUT), Some(UnixTime(951_782_400)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,40}", at in 0..40_000_000_000_u64, cut in 0..34_usize, into in any::<u8>()) {
            let _ = http_date(&text, ABOUT);
            let mut bytes = forms(at)[0].clone().into_bytes();
            let cut = cut % bytes.len();
            bytes[cut] = into;
            if let Ok(text) = core::str::from_utf8(&bytes) {
                let read = http_date(text, ABOUT);
                let same = |date: UnixTime| forms(date.0)[0] == text || text.contains(":60 ");
                prop_assert!(read.is_none_or(same), "{text} {read:?}");
            }
        }
    }
}
