//! How many requests came to the server when, and how evenly.

use crate::weather::SECOND;
use std::ops::Range;

/// Requests are counted in steps of this many milliseconds.
const STEP: u64 = 10 * SECOND;
/// How many requests a bin holds on average.
const BIN: u64 = 200;

pub(crate) struct Load(Vec<u32>);

fn step(at: u64) -> usize {
    usize::try_from(at / STEP).unwrap_or(usize::MAX)
}

impl Load {
    pub(crate) fn new(end: u64) -> Self {
        Self(vec![0; step(end) + 1])
    }

    pub(crate) fn arrived(&mut self, at: u64) {
        if let Some(count) = self.0.get_mut(step(at)) {
            *count += 1;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, other) in self.0.iter_mut().zip(&other.0) {
            *count += other;
        }
    }

    /// The fullest bin over the average one, in bins of equal length that hold 200 on average. `None` if all is less than one.
    pub(crate) fn peak_over_mean(&self, during: &[Range<u64>]) -> Option<f64> {
        let steps = |range: &Range<u64>| self.0.get(step(range.start)..step(range.end)).unwrap_or_default();
        let all: u64 = during.iter().flat_map(steps).map(|count| u64::from(*count)).sum();
        let length: usize = during.iter().map(|range| steps(range).len()).sum();
        let bins = usize::try_from(all / BIN).ok().filter(|bins| *bins > 0)?;
        let bin = (length / bins).max(1);
        let mean = all as f64 * bin as f64 / length as f64;
        let fullest = during.iter().flat_map(|range| steps(range).chunks_exact(bin)).map(|bin| bin.iter().sum::<u32>());
        fullest.max().map(|peak| f64::from(peak) / mean)
    }
}
