//! Files of the host, by semihosting: they stand for what a board of QEMU lacks.

use crate::machine::semihosting;
use core::ffi::CStr;

const OPEN: usize = 0x01;
const READ: usize = 0x06;

/// Bytes of the host's generator of randomness; `None` if it has none. A product has to have one of its own.
pub fn entropy<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    File::open(c"/dev/urandom")?.read(&mut bytes).then_some(bytes)
}

/// A file, until the machine ends.
struct File(usize);

impl File {
    /// To be read.
    fn open(path: &CStr) -> Option<Self> {
        const MODE: usize = 1; // "rb"
        // SAFETY: the operation reads the path, which is so long and ends with a zero.
        let handle = unsafe { semihosting(OPEN, &[path.as_ptr() as usize, MODE, path.count_bytes()]) };
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Whether all of it could be read.
    fn read(&mut self, buf: &mut [u8]) -> bool {
        // SAFETY: the operation writes to these bytes.
        let missing = unsafe { semihosting(READ, &[self.0, buf.as_mut_ptr() as usize, buf.len()]) };
        missing == 0
    }
}
