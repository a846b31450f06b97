//! Random bytes for requests to clients' endpoints, of which the operating system is asked for several requests at once.
//!
//! On a small virtual machine a call takes half a microsecond; for sixteen requests at once it takes a third of that for each.
//! No generator of ours stands in between: what is handed out are the operating system's bytes, each once, and they are
//! zeroed here as they go. Those that wait lie in the same memory as the server keys: whoever reads that has no need of them.
//!
//! No copy of this memory may go on with the same bytes. The operating system learns of it when a virtual machine begins anew
//! from a snapshot, and this does not. So what has waited for a millisecond is used no more: not longer than a request, which
//! holds the bytes that were drawn for it in the same memory, takes itself.

use std::time::{Duration, Instant};
use valetkey::secret::Entropy;
use valetkey::server::ENTROPY;
use zeroize::{Zeroize, Zeroizing};

/// For so many requests it is drawn at once.
const AHEAD: usize = 16;

/// For so long they may wait.
const FRESH: Duration = Duration::from_millis(1);

/// What was drawn and is not used yet.
pub(super) struct Drawn {
    pieces: Zeroizing<[[u8; ENTROPY]; AHEAD]>,
    left: usize,
    /// When they were drawn.
    at: Option<Instant>,
}

impl Default for Drawn {
    fn default() -> Self {
        Self { pieces: Zeroizing::new([[0; ENTROPY]; AHEAD]), left: 0, at: None }
    }
}

impl Drawn {
    /// Bytes for one request.
    pub(super) fn take(&mut self, now: Instant) -> Result<Entropy<ENTROPY>, getrandom::Error> {
        let fresh = self.at.is_some_and(|at| now.saturating_duration_since(at) < FRESH);
        if self.left == 0 || !fresh {
            // Nothing is left before there is something new.
            self.left = 0;
            getrandom::fill(self.pieces.as_flattened_mut())?;
            (self.left, self.at) = (AHEAD, Some(now));
        }
        self.left -= 1;
        let piece = &mut self.pieces[self.left];
        let seed = Entropy::new(*piece);
        piece.zeroize();
        Ok(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn unused(drawn: &Drawn) -> usize {
        drawn.pieces.iter().filter(|piece| **piece != [0; ENTROPY]).count()
    }

    #[test]
    fn nothing_is_handed_out_twice_and_nothing_of_it_stays() {
        let (mut drawn, mut before, now) = (Drawn::default(), HashSet::new(), Instant::now());
        for n in 1..=3 * AHEAD {
            let waiting = *drawn.pieces;
            drawn.take(now).unwrap();
            let left = (3 * AHEAD - n) % AHEAD;
            assert_eq!((drawn.left, unused(&drawn)), (left, left));
            if left == AHEAD - 1 {
                assert!(drawn.pieces[..left].iter().all(|piece| before.insert(*piece)), "drawn anew");
            } else {
                assert_eq!(drawn.pieces[..left], waiting[..left]);
            }
        }
    }

    #[test]
    fn what_has_waited_is_not_used() {
        let (mut drawn, now) = (Drawn::default(), Instant::now());
        drawn.take(now).unwrap();
        let waiting = *drawn.pieces;
        drawn.take(now + FRESH - Duration::from_nanos(1)).unwrap();
        assert_eq!(drawn.pieces[..AHEAD - 2], waiting[..AHEAD - 2]);
        drawn.take(now + FRESH).unwrap();
        assert_eq!(drawn.left, AHEAD - 1);
        assert!(drawn.pieces[..drawn.left].iter().all(|piece| !waiting.contains(piece)));
    }
}
