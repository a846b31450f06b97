//! Jitter without a generator of randomness: a fleet must not come all at once, and nothing secret depends on it.

/// What [`Keeper::new`](super::Keeper::new) draws its jitter from: the same for a device at each start, and another for each
/// device. `salt` is one for the whole fleet, or a count of starts, or random where there is a source of randomness.
///
/// ```
/// use valetkey::client::keeper::seed;
/// assert_ne!(seed(b"fleet 7", b"device-0001"), seed(b"fleet 7", b"device-0002"));
/// ```
pub fn seed(salt: &[u8], device_id: &[u8]) -> u32 {
    // FNV-1a, with a byte between the two.
    let bytes = salt.iter().chain(&[0]).chain(device_id);
    mix(bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)))
}

/// The final mixing of MurmurHash3: each bit of the input changes half of the output's.
const fn mix(mut x: u32) -> u32 {
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

/// A sequence of draws.
#[derive(Clone, Copy, Debug)]
pub(super) struct Jitter(u32);

impl Jitter {
    pub(super) const fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// Evenly from 0 to below `n`.
    pub(super) fn below(&mut self, n: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9);
        let scaled = u64::from(mix(self.0)).wrapping_mul(u64::from(n)) >> 32;
        u32::try_from(scaled).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_draws_of_devices_with_counted_names_are_even_and_independent() {
        let mut jitters: std::vec::Vec<Jitter> =
            (0..10_000).map(|i| Jitter::new(seed(b"salt", std::format!("dev-{i:05}").as_bytes()))).collect();
        let mut last = std::vec![0; jitters.len()];
        for _ in 0..8 {
            let draws: std::vec::Vec<u32> = jitters.iter_mut().map(|jitter| jitter.below(100)).collect();
            for bin in 0..10 {
                let count = draws.iter().filter(|draw| **draw / 10 == bin).count();
                assert!((850..1_150).contains(&count), "{count}"); // five standard deviations
            }
            let same = draws.iter().zip(&last).filter(|(a, b)| **a / 10 == **b / 10).count();
            assert!((850..1_150).contains(&same) || last.iter().all(|draw| *draw == 0), "{same}");
            last = draws;
        }
        assert_eq!(Jitter::new(7).below(0), 0);
    }
}
