//! What is counted, and what was found wrong.

/// What is counted of all devices.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) renewals: u64,
    pub(crate) attempts: u64,
    pub(crate) reports: u64,
    pub(crate) starts: u64,
    /// Power cuts within a write or an erasure of flash.
    pub(crate) cut_writes: u64,
    /// Renewals that were answered once more, without a commit.
    pub(crate) graces: u64,
    /// Assertions that were refused for their time, and signed anew.
    pub(crate) corrections: u64,
    /// Milliseconds with power, and those of them without a token.
    pub(crate) on: u64,
    pub(crate) without: u64,
    /// The longest time without a token though an attempt would have got through.
    pub(crate) longest_wait: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: &Self) {
        self.renewals += other.renewals;
        self.attempts += other.attempts;
        self.reports += other.reports;
        self.starts += other.starts;
        self.cut_writes += other.cut_writes;
        self.graces += other.graces;
        self.corrections += other.corrections;
        self.on += other.on;
        self.without += other.without;
        self.longest_wait = self.longest_wait.max(other.longest_wait);
    }
}

/// What a device leaves behind.
#[derive(Default)]
pub(crate) struct Lived {
    pub(crate) counts: Counts,
    /// What must not have been.
    pub(crate) wrongs: Vec<String>,
}
