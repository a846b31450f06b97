//! HTTP header values, as far as it matters how often they came.

/// A value of an HTTP header that must not come twice.
#[derive(Clone, Copy)]
pub enum Header<'r> {
    /// It did not come.
    Absent,
    /// It came once.
    One(&'r str),
    /// It came more than once, or holds bytes that are no text: refused.
    Many,
}

impl core::fmt::Debug for Header<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Absent => "Absent",
            Self::One(_) => "One(..)", // credentials may be in it
            Self::Many => "Many",
        })
    }
}
