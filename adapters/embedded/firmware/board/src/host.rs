//! Files of the host, by semihosting: they stand for what a board of QEMU lacks.

use crate::machine::semihosting;
use core::ffi::CStr;

const OPEN: usize = 0x01;
const WRITE: usize = 0x05;
const READ: usize = 0x06;
const SEEK: usize = 0x0a;
const LENGTH: usize = 0x0c;

/// Bytes of the host's generator of randomness; `None` if it has none. A product has to have one of its own.
pub fn entropy<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    File::open(c"/dev/urandom", Mode::Read)?.read(0, &mut bytes).then_some(bytes)
}

/// What a file is opened for, by the numbers of semihosting. That of `fopen` is beside each.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// Of one that is there: `rb`.
    Read = 1,
    /// And to be written: `r+b`.
    Change = 3,
    /// Made, and empty: `w+b`.
    Create = 7,
}

/// A file in the folder in which QEMU was started, until the machine ends. What was written outlives it.
#[derive(Debug)]
pub struct File(usize);

impl File {
    /// `None` if the host does not open it.
    pub fn open(path: &CStr, mode: Mode) -> Option<Self> {
        // SAFETY: the operation reads the path, which is so long and ends with a zero.
        let handle = unsafe { semihosting(OPEN, &[path.as_ptr() as usize, mode as usize, path.count_bytes()]) };
        (handle != usize::MAX).then_some(Self(handle))
    }

    /// Its length in bytes.
    pub fn length(&self) -> u32 {
        // SAFETY: the operation reads its argument and no more.
        let length = unsafe { semihosting(LENGTH, &[self.0]) };
        u32::try_from(length).unwrap_or(0)
    }

    /// Reads from the byte `at` on. Whether all of it was there.
    pub fn read(&mut self, at: u32, buf: &mut [u8]) -> bool {
        // SAFETY: the operation writes to these bytes.
        self.seek(at) && unsafe { semihosting(READ, &[self.0, buf.as_mut_ptr() as usize, buf.len()]) } == 0
    }

    /// Writes from the byte `at` on, which is not beyond the end. Whether all of it was written.
    pub fn write(&mut self, at: u32, bytes: &[u8]) -> bool {
        // SAFETY: the operation reads these bytes.
        self.seek(at) && unsafe { semihosting(WRITE, &[self.0, bytes.as_ptr() as usize, bytes.len()]) } == 0
    }

    fn seek(&self, at: u32) -> bool {
        // SAFETY: the operation reads its arguments and no more.
        let failed = unsafe { semihosting(SEEK, &[self.0, at as usize]) };
        failed == 0
    }
}
