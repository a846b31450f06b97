//! Which names an open document had, roughly: what spares most objects the walk that is sure of it.

use super::Limits;

/// One bit in each of three words for each name that was read (a Bloom filter). Names of objects that lie equally deep share
/// their bits, so that nothing is kept for each object but how many names it had, and whether two may be the same.
#[derive(Default)]
pub(super) struct Seen {
    bits: [usize; 3],
    /// How many arrays and objects are open.
    depth: u8,
    /// One bit for each open array or object, the innermost lowest: whether it is an object of which two names may be the same.
    doubtful: u16,
    /// The names so far of each open object, the outermost first.
    members: [u8; Limits::MAX_DEPTH as usize],
}

impl Seen {
    /// An array or object was opened.
    pub(super) fn open(&mut self) {
        if let Some(members) = self.members.get_mut(usize::from(self.depth)) {
            *members = 0;
        }
        self.depth = self.depth.wrapping_add(1);
        self.doubtful <<= 1;
    }

    /// The innermost is closed: whether two of its names may be the same.
    pub(super) const fn close(&mut self) -> bool {
        let doubtful = self.doubtful & 1 != 0;
        self.doubtful >>= 1;
        self.depth = self.depth.wrapping_sub(1);
        doubtful
    }

    /// A name of the innermost object; without a hash it may be any. Not if it has as many as it may.
    #[inline(always)]
    pub(super) fn add(&mut self, most: u8, hash: Option<usize>) -> bool {
        let Some(members) = self.members.get_mut(usize::from(self.depth).wrapping_sub(1)) else { return false };
        if *members >= most {
            return false;
        }
        *members = members.wrapping_add(1);
        if !hash.is_some_and(|hash| self.is_new(hash)) {
            self.doubtful |= 1;
        }
        true
    }

    /// Whether no name of this hash was read in an object that lies so deep. That is sure; if it is not so, there may be
    /// two of the same name in one object, and mostly are none.
    ///
    /// Of 9 names one is doubtful by chance in one of 200 documents, of 16 in one of 20.
    #[inline(always)]
    fn is_new(&mut self, hash: usize) -> bool {
        // Turned, so that a name that is met at several depths has other bits at each.
        let mut bits = hash.rotate_left(u32::from(self.depth)) >> (usize::BITS - 18);
        let mut new = false;
        for word in &mut self.bits {
            let bit = 1usize << (bits & 63);
            new |= *word & bit == 0;
            *word |= bit;
            bits >>= 6;
        }
        new
    }
}
