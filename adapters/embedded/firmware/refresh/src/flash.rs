//! The device's flash: a file of the host, which outlives the device, as slow as flash. A product has its own driver here.

use board::{File, Mode, millis};
use core::ffi::CStr;
use valetkey::client::keeper::{Flash, FlashError};

const SECTOR: u32 = 512;
const SECTORS: u32 = 2;
/// What is erased in a millisecond.
const PIECE: [u8; 16] = [0xff; 16];

pub(crate) struct HostFile(File);

impl HostFile {
    /// What was never there is erased.
    pub(crate) fn open(path: &CStr) -> Option<Self> {
        let file = File::open(path, Mode::Change).or_else(|| File::open(path, Mode::Create))?;
        let mut flash = Self(file);
        while flash.0.length() < SECTOR * SECTORS {
            flash.0.write(flash.0.length(), &[0xff]).then_some(())?;
        }
        Some(flash)
    }

    /// One piece after the other, each in a millisecond: what power interrupts is half done.
    fn write<'p>(&mut self, pieces: impl Iterator<Item = (u32, &'p [u8])>) -> Result<(), FlashError> {
        for (at, piece) in pieces {
            let began = millis();
            while millis() == began {}
            self.0.write(at, piece).then_some(()).ok_or(FlashError)?;
        }
        Ok(())
    }
}

impl Flash for HostFile {
    fn sector_size(&self) -> u32 {
        SECTOR
    }

    fn sectors(&self) -> u32 {
        SECTORS
    }

    fn align(&self) -> u32 {
        8
    }

    fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError> {
        self.0.read(at, buf).then_some(()).ok_or(FlashError)
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.write((at..).zip(bytes.chunks(1)))
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        let begin = sector * SECTOR;
        self.write((begin..begin + SECTOR).step_by(PIECE.len()).map(|at| (at, PIECE.as_slice())))
    }
}
