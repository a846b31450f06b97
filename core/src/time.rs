//! Points in time as values: the core never reads a clock.

/// Seconds since 1970-01-01T00:00:00Z, not counting leap seconds (the `NumericDate` of RFC 7519, whole seconds).
///
/// ```
/// use valetkey::time::UnixTime;
/// let issued = UnixTime(1_000);
/// assert_eq!(issued.plus(600), UnixTime(1_600));
/// assert_eq!(UnixTime(1_600).since(issued), 600);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// The last second that fits a signed 64-bit column: for records that are never forgotten.
    pub const FOR_EVER: Self = Self(i64::MAX.unsigned_abs());

    /// This time and `seconds` more; stays at the end of time instead of wrapping.
    pub const fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as u64))
    }

    /// Seconds from `earlier` to this; 0 if `earlier` lies ahead, `u32::MAX` if the span is longer.
    pub fn since(self, earlier: Self) -> u32 {
        u32::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(u32::MAX)
    }
}

/// Milliseconds on a clock that never goes back, such as the time since a device or a program began. It says how much time
/// has passed, and nothing of what time it is.
///
/// ```
/// use valetkey::time::Uptime;
/// let asked = Uptime(500);
/// assert_eq!(asked.plus(2), Uptime(2_500)); // seconds
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uptime(pub u64);

impl Uptime {
    /// This time and `seconds` more; stays at the end of time instead of wrapping.
    pub const fn plus(self, seconds: u32) -> Self {
        Self(self.0.saturating_add((seconds as u64).saturating_mul(1_000)))
    }

    /// This time and `millis` milliseconds more; stays at the end of time instead of wrapping.
    pub const fn plus_millis(self, millis: u32) -> Self {
        Self(self.0.saturating_add(millis as u64))
    }

    /// Milliseconds from `earlier` to this; 0 if `earlier` lies ahead, `u32::MAX` (49 days) if the span is longer.
    pub fn millis_since(self, earlier: Self) -> u32 {
        u32::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(u32::MAX)
    }
}
