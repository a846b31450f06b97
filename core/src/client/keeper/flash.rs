//! A refresh token that rotates, kept in flash so that no power cut loses it unnoticed.
//!
//! ```text
//!   load --> sending (phase one: "in use") --> the request --> keep (phase two: the successor)
//! ```
//!
//! Records are appended to a sector until it is full, and the next one is erased then, so that the last whole record is
//! always there. A record that a power cut tore has a wrong checksum: the one before it holds, and the rest of its sector is
//! left alone. What that means at each moment of a renewal:
//!
//! | power is lost | on flash | after the restart |
//! |---|---|---|
//! | before or in phase one | the token | it was not sent, and is good |
//! | from there to the end of phase two | the token, in use | it may have been spent: the server's grace window gives the successor once more; without one, [`load`](TokenStore::load) says to log in again |
//! | after phase two | the successor | it is good |
//!
//! For that, the server's window must be open still when power is back: a server of devices keeps it open until the
//! successor is used. A mark stays when the request fails, as erasing it in each attempt would wear the flash: so a device
//! without a grace window that loses power while its server is away has to log in.
//!
//! **Wear**: a rotation writes a mark of 12 bytes and a record of 12 bytes and the token, each filled up to the flash's
//! alignment; where a server does not rotate, nothing is written. A token of 71 characters makes 112 bytes at an alignment of
//! 16, 36 rotations a sector of 4 KiB; with two sectors each is erased once in 72 rotations. At five rotations a day (tokens
//! of eight hours) that is every two weeks: 10,000 erasures last for 390 years.

use super::machine::Renewal;
use crate::{error::TooSmall, secret::SecretText};
use core::fmt;

/// Some sectors of flash that are used for nothing else: two at least, each larger than the longest record.
///
/// Erased bytes read 0xff. What is programmed was erased before, is as long as [`align`](Self::align) or a multiple, and begins
/// at a multiple of it. An operation that power interrupts may leave anything in the bytes that it was about to change, and
/// nothing elsewhere.
pub trait Flash {
    /// Bytes of a sector, which is what is erased at once.
    fn sector_size(&self) -> u32;
    /// How many sectors there are.
    fn sectors(&self) -> u32;
    /// What is programmed at once, in bytes: a power of two, at most [`MAX_ALIGN`].
    fn align(&self) -> u32;
    /// Reads from the byte `at` on, counted from the begin of the first sector.
    ///
    /// # Errors
    /// [`FlashError`], also where an error correction finds torn bytes: a record that cannot be read is none.
    fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError>;
    /// Writes erased bytes, durably.
    ///
    /// # Errors
    /// [`FlashError`].
    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError>;
    /// Sets all bytes of the sector with this number to 0xff, durably.
    ///
    /// # Errors
    /// [`FlashError`].
    fn erase(&mut self, sector: u32) -> Result<(), FlashError>;
}

/// The largest [`Flash::align`].
pub const MAX_ALIGN: usize = 32;

/// The hardware failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlashError;

impl fmt::Display for FlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the flash failed")
    }
}

impl core::error::Error for FlashError {}

/// Why a token could not be kept or loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreError {
    /// The hardware failed, or what was written does not read back.
    Flash(FlashError),
    /// The flash has less than two sectors, sectors of no or too many bytes, or another alignment than it may have.
    Geometry,
    /// The token's record does not fit a sector.
    TooLong,
    /// The caller's buffer is too small for the token.
    Buffer(TooSmall),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(e) => e.fmt(f),
            Self::Geometry => f.write_str("the flash needs two sectors or more, and an alignment of 1 to 32 bytes"),
            Self::TooLong => f.write_str("the refresh token does not fit a sector"),
            Self::Buffer(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for StoreError {}

impl From<FlashError> for StoreError {
    fn from(e: FlashError) -> Self {
        Self::Flash(e)
    }
}

/// Before the text: checksum (4), version (1), kind (1), length of the text (2), sequence number (4), little-endian.
const HEADER: usize = 12;
const VERSION: u8 = 1;

/// What a record says.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    /// Here is a token that rotates.
    Token = 1,
    /// Here is a token that this server does not rotate: it is never spent.
    Steady = 2,
    /// The token before this, or the one in this, is being sent.
    InUse = 3,
    /// There is none.
    None = 4,
}

/// A whole record.
#[derive(Clone, Copy)]
struct Record {
    at: u32,
    kind: Kind,
    len: u16,
    sequence: u32,
}

/// The refresh token of one grant, on a [`Flash`].
///
/// ```
/// use valetkey::client::keeper::{Flash, FlashError, Renewal, TokenStore};
/// use valetkey::secret::SecretText;
///
/// struct Ram([u8; 512]); // in earnest: the flash of your device
/// impl Flash for Ram {
///     fn sector_size(&self) -> u32 { 256 }
///     fn sectors(&self) -> u32 { 2 }
///     fn align(&self) -> u32 { 8 }
/// #   fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError> { buf.copy_from_slice(&self.0[at as usize..][..buf.len()]); Ok(()) }
/// #   fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError> { self.0[at as usize..][..bytes.len()].copy_from_slice(bytes); Ok(()) }
/// #   fn erase(&mut self, sector: u32) -> Result<(), FlashError> { self.0[sector as usize * 256..][..256].fill(0xff); Ok(()) }
///     // read, program, erase
/// }
///
/// let mut flash = Ram([0xff; 512]);
/// let mut store = TokenStore::open(&mut flash)?;
/// let mut buf = [0; 64];
/// assert!(store.load(Renewal::RefreshUnderGrace, &mut buf)?.is_none()); // log in
/// store.keep(SecretText::new("first"))?;
///
/// // A renewal:
/// store.sending(SecretText::new("first"))?;
/// // .. the request is sent, and its answer brings a successor ..
/// store.keep(SecretText::new("second"))?;
///
/// // After a restart:
/// let mut store = TokenStore::open(&mut flash)?;
/// assert_eq!(store.load(Renewal::RefreshUnderGrace, &mut buf)?.unwrap().expose(), "second");
/// # Ok::<(), valetkey::client::keeper::StoreError>(())
/// ```
pub struct TokenStore<'f> {
    flash: &'f mut dyn Flash,
    /// The newest record.
    newest: Option<Record>,
    /// The newest record that holds a token.
    token: Option<Record>,
}

impl fmt::Debug for TokenStore<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenStore(..)")
    }
}

impl<'f> TokenStore<'f> {
    /// Looks for what was kept. Whatever stands there is read without harm, and nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Geometry`].
    pub fn open(flash: &'f mut dyn Flash) -> Result<Self, StoreError> {
        let (sectors, size, align) = (flash.sectors(), flash.sector_size(), flash.align());
        let good = sectors >= 2 && size > 0 && sectors.checked_mul(size).is_some();
        if !good || !align.is_power_of_two() || align > 32 || size & align.wrapping_sub(1) != 0 {
            return Err(StoreError::Geometry);
        }
        let mut store = Self { flash, newest: None, token: None };
        for sector in 0..sectors {
            store.scan(sector);
        }
        Ok(store)
    }

    /// The token to begin with after a restart. `None`: log in again, as none is kept, or as it may have been spent and this
    /// server gives no successor twice.
    ///
    /// # Errors
    /// [`StoreError::Buffer`], [`StoreError::Flash`].
    pub fn load<'b>(&mut self, renewal: Renewal, buf: &'b mut [u8]) -> Result<Option<SecretText<'b>>, StoreError> {
        let Some(record) = self.token else { return Ok(None) };
        if self.in_use() && renewal == Renewal::RefreshOnce {
            return Ok(None);
        }
        let needed = usize::from(record.len);
        let text = buf.get_mut(..needed).ok_or(StoreError::Buffer(TooSmall { needed }))?;
        self.flash.read(after_header(record.at), text)?;
        core::str::from_utf8(text).map(|text| Some(SecretText::new(text))).map_err(|_| StoreError::Flash(FlashError))
    }

    /// Whether the token was sent, or may have been, and no successor was kept.
    pub fn in_use(&self) -> bool {
        self.newest.is_some_and(|newest| newest.kind == Kind::InUse)
    }

    /// Phase one: this token, which was loaded or kept, is about to be sent. Send it when this has returned.
    ///
    /// # Errors
    /// [`StoreError::Flash`]; where the server has a grace window the token may be sent all the same.
    pub fn sending(&mut self, token: SecretText<'_>) -> Result<(), StoreError> {
        let held = self.holds(token.expose());
        if held && self.newest.is_some_and(|newest| matches!(newest.kind, Kind::InUse | Kind::Steady)) {
            return Ok(());
        }
        // The mark stands behind its token, or has it along: otherwise the token's sector could be erased next.
        let short = if held { self.behind(0) } else { None };
        if short.is_some_and(|at| self.write(at, Kind::InUse, "").is_ok()) {
            return Ok(());
        }
        self.move_on(Kind::InUse, token.expose())
    }

    /// Phase two: the token of the answer, or of a login. Use the access token when this has returned. A token that was
    /// sent and came back is one that this server does not rotate.
    ///
    /// # Errors
    /// [`StoreError::Flash`], [`StoreError::TooLong`]; the token serves until a restart then.
    pub fn keep(&mut self, token: SecretText<'_>) -> Result<(), StoreError> {
        let text = token.expose();
        let same = self.holds(text);
        if same && !self.in_use() {
            return Ok(());
        }
        let kind = if same { Kind::Steady } else { Kind::Token };
        if self.behind(text.len()).is_some_and(|at| self.write(at, kind, text).is_ok()) {
            return Ok(());
        }
        self.move_on(kind, text)
    }

    /// A logout: no token is kept any more, and what is left of earlier ones is erased.
    ///
    /// # Errors
    /// [`StoreError::Flash`].
    pub fn forget(&mut self) -> Result<(), StoreError> {
        self.move_on(Kind::None, "")?;
        let here = self.sector_of_newest();
        for sector in 0..self.flash.sectors() {
            if here != Some(sector) {
                self.flash.erase(sector)?;
            }
        }
        Ok(())
    }

    /// Takes in the records of a sector, up to the first that is none.
    fn scan(&mut self, sector: u32) {
        let size = self.flash.sector_size();
        let begin = sector.saturating_mul(size);
        let limit = begin.saturating_add(size);
        let mut at = begin;
        while let Some(record) = self.read(at, limit) {
            at = at.saturating_add(self.room(usize::from(record.len)));
            self.take(record);
        }
    }

    fn take(&mut self, record: Record) {
        // A record that could not be read back once may have the number of the next one: the mark counts then.
        let before = |newest: Record| {
            (newest.sequence, newest.kind == Kind::InUse) >= (record.sequence, record.kind == Kind::InUse)
        };
        if self.newest.is_some_and(before) {
            return;
        }
        match record.kind {
            Kind::None => self.token = None,
            Kind::InUse if record.len == 0 => {}
            Kind::Token | Kind::Steady | Kind::InUse => self.token = Some(record),
        }
        self.newest = Some(record);
    }

    /// The whole record that begins there, if there is one before `limit`.
    fn read(&mut self, at: u32, limit: u32) -> Option<Record> {
        let mut header = [0; HEADER];
        let end_of = |len: u16| after_header(at).checked_add(u32::from(len)).filter(|end| *end <= limit);
        end_of(0)?;
        self.flash.read(at, &mut header).ok()?;
        let [c0, c1, c2, c3, version, kind, l0, l1, s0, s1, s2, s3] = header;
        let kind = match kind {
            1 => Kind::Token,
            2 => Kind::Steady,
            3 => Kind::InUse,
            4 => Kind::None,
            _ => return None,
        };
        let len = u16::from_le_bytes([l0, l1]);
        let end = end_of(len).filter(|_| version == VERSION)?;
        let mut crc = Crc::of(header.iter().skip(4));
        let (mut from, mut chunk) = (after_header(at), [0; MAX_ALIGN]);
        while from < end {
            let part = usize::try_from(end.wrapping_sub(from)).unwrap_or(MAX_ALIGN).min(MAX_ALIGN);
            let chunk = chunk.get_mut(..part)?;
            self.flash.read(from, chunk).ok()?;
            crc.update(chunk.iter());
            from = from.saturating_add(u32::try_from(part).ok()?);
        }
        let sequence = u32::from_le_bytes([s0, s1, s2, s3]);
        (crc.0 == u32::from_le_bytes([c0, c1, c2, c3])).then_some(Record { at, kind, len, sequence })
    }

    /// Whether this is the token that is kept.
    fn holds(&mut self, text: &str) -> bool {
        let Some(record) = self.token.filter(|record| usize::from(record.len) == text.len()) else { return false };
        let (mut at, mut byte) = (after_header(record.at), [0]);
        text.bytes().all(|expected| {
            let read = self.flash.read(at, &mut byte);
            at = at.saturating_add(1);
            read.is_ok() && byte == [expected]
        })
    }

    /// Bytes of a record with so long a text.
    fn room(&self, len: usize) -> u32 {
        let mask = self.flash.align().wrapping_sub(1);
        u32::try_from(len.saturating_add(HEADER)).unwrap_or(u32::MAX).saturating_add(mask) & !mask
    }

    fn sector_of_newest(&self) -> Option<u32> {
        self.newest.and_then(|newest| newest.at.checked_div(self.flash.sector_size()))
    }

    /// Where a record with so long a text goes behind the newest one, if it fits there and nothing was begun there.
    fn behind(&mut self, len: usize) -> Option<u32> {
        let newest = self.newest?;
        let limit = self.sector_of_newest()?.saturating_add(1).saturating_mul(self.flash.sector_size());
        let begin = newest.at.saturating_add(self.room(usize::from(newest.len)));
        let end = begin.checked_add(self.room(len)).filter(|end| *end <= limit)?;
        let mut byte = [0];
        (begin..end).all(|at| self.flash.read(at, &mut byte).is_ok() && byte == [0xff]).then_some(begin)
    }

    /// Begins the next sector with this record. The sector of the newest record stays as it is.
    fn move_on(&mut self, kind: Kind, text: &str) -> Result<(), StoreError> {
        let size = self.flash.sector_size();
        if self.room(text.len()) > size {
            return Err(StoreError::TooLong);
        }
        let next = self.sector_of_newest().map_or(0, |sector| sector.wrapping_add(1));
        let next = if next >= self.flash.sectors() { 0 } else { next };
        self.flash.erase(next)?;
        self.write(next.saturating_mul(size), kind, text)
    }

    /// Writes a record, and reads it back.
    fn write(&mut self, begin: u32, kind: Kind, text: &str) -> Result<(), StoreError> {
        let len = u16::try_from(text.len()).map_err(|_| StoreError::TooLong)?;
        let sequence = self.newest.map_or(0, |newest| newest.sequence).checked_add(1).ok_or(StoreError::TooLong)?;
        let ([l0, l1], [s0, s1, s2, s3]) = (len.to_le_bytes(), sequence.to_le_bytes());
        let rest = [VERSION, kind as u8, l0, l1, s0, s1, s2, s3];
        let crc = Crc::of(rest.iter().chain(text.as_bytes())).0.to_le_bytes();
        let mut bytes = crc.iter().chain(&rest).chain(text.as_bytes());
        let align = self.flash.align();
        let end = begin.saturating_add(self.room(text.len()));
        let mut at = begin;
        while at < end {
            let mut chunk = [0xff; MAX_ALIGN];
            let chunk = chunk.get_mut(..usize::try_from(align).unwrap_or(0)).unwrap_or_default();
            for (to, from) in chunk.iter_mut().zip(bytes.by_ref()) {
                *to = *from;
            }
            self.flash.program(at, chunk)?;
            at = at.saturating_add(align);
        }
        let record = self.read(begin, end).filter(|record| record.sequence == sequence).ok_or(FlashError)?;
        self.take(record);
        Ok(())
    }
}

const fn after_header(at: u32) -> u32 {
    at.saturating_add(12)
}

/// CRC-32 as in Ethernet, bit by bit: a table would be longer than all else here.
struct Crc(u32);

impl Crc {
    fn of<'a>(bytes: impl Iterator<Item = &'a u8>) -> Self {
        let mut crc = Self(0);
        crc.update(bytes);
        crc
    }

    fn update<'a>(&mut self, bytes: impl Iterator<Item = &'a u8>) {
        for byte in bytes {
            self.0 = !(0..8)
                .fold(!self.0 ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()));
        }
    }
}
