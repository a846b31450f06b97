//! Flash of which the power may be cut in any operation.

use std::cell::Cell;
use valetkey::client::keeper::{Flash, FlashError};

const SECTOR: u32 = 512;
const SECTORS: u32 = 2;
const ALIGN: u32 = 16;

/// Small sectors, so that they are erased often.
pub(crate) struct CutFlash<'p> {
    bytes: Vec<u8>,
    /// Bytes that are still changed before the power is cut; `None` for ever.
    power: &'p Cell<Option<u32>>,
}

impl<'p> CutFlash<'p> {
    pub(crate) fn new(power: &'p Cell<Option<u32>>) -> Self {
        Self { bytes: vec![0xff; (SECTOR * SECTORS) as usize], power }
    }

    /// What is there and what was to be there, mixed, in the byte at which the power ends.
    fn change(&mut self, at: usize, to: u8) -> Result<(), FlashError> {
        match self.power.get() {
            None => self.bytes[at] = to,
            Some(0) => return Err(FlashError),
            Some(left) => {
                self.power.set(Some(left - 1));
                self.bytes[at] = if left == 1 { self.bytes[at] & (to | 0x5a) | to & 0xa5 } else { to };
            }
        }
        Ok(())
    }
}

impl Flash for CutFlash<'_> {
    fn sector_size(&self) -> u32 {
        SECTOR
    }

    fn sectors(&self) -> u32 {
        SECTORS
    }

    fn align(&self) -> u32 {
        ALIGN
    }

    fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError> {
        if self.power.get() == Some(0) {
            return Err(FlashError);
        }
        buf.copy_from_slice(&self.bytes[at as usize..][..buf.len()]);
        Ok(())
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError> {
        for (at, byte) in (at as usize..).zip(bytes) {
            assert_eq!(self.bytes[at], 0xff, "programmed twice");
            self.change(at, *byte)?;
        }
        if self.power.get() == Some(0) { Err(FlashError) } else { Ok(()) }
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let begin = (sector * SECTOR) as usize;
        for at in begin..begin + SECTOR as usize {
            self.change(at, 0xff)?;
        }
        Ok(())
    }
}
