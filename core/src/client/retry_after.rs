//! When a busy server wants to be asked again.

use crate::{text::date::http_date, time::UnixTime, wire::token_response};

/// The present, as well as is needed to find the century of a `Date` with a year of two digits: 2023.
const ABOUT: UnixTime = UnixTime(1_700_000_000);

/// What a busy server said of when to come again, still as it stands in the headers: to read a date takes a kilobyte of
/// firmware, which only those pay who ask.
///
/// <https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3>
///
/// ```
/// use valetkey::client::RetryAfter;
/// let said = RetryAfter { value: Some("120"), date: None };
/// assert_eq!((said.seconds(), said.seconds_as_number()), (Some(120), Some(120)));
/// let date = Some("Fri, 31 Dec 1999 23:58:59 GMT");
/// let said = RetryAfter { value: Some("Fri, 31 Dec 1999 23:59:59 GMT"), date };
/// assert_eq!((said.seconds(), said.seconds_as_number()), (Some(60), None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryAfter<'b> {
    /// The value of `Retry-After`.
    pub value: Option<&'b str>,
    /// The value of `Date` in the same answer.
    pub date: Option<&'b str>,
}

impl RetryAfter<'_> {
    /// How many seconds to wait, counted from the answer; `u32::MAX` if these are more than nine digits, 0 if the date has passed.
    ///
    /// A date is compared with the answer's own `Date`, so that no clock is needed. `None` if the server did not say, or
    /// nothing that can be read.
    pub fn seconds(&self) -> Option<u32> {
        self.seconds_as_number().or_else(|| {
            let date = http_date(self.date?, ABOUT)?;
            Some(http_date(self.value?, date)?.since(date))
        })
    }

    /// The same, where the server said a number of seconds, as nearly all do.
    pub fn seconds_as_number(&self) -> Option<u32> {
        self.value.and_then(token_response::number)
    }
}
