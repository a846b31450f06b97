//! Which bytes of what follows the head are the body, and where it ends: byte by byte, so that it does not matter how they
//! were split.

use crate::{Error, head::Length};

/// Most bytes of chunk extensions and trailers in an answer, which nobody reads.
const IGNORED: u16 = 1024;

/// What a body's next byte is.
///
/// <https://www.rfc-editor.org/rfc/rfc9112#section-7.1>
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A byte of a body whose length is known.
    Known,
    /// A digit of a chunk's size, of which there were so many before.
    Size(u8),
    Extension,
    SizeLf,
    /// A byte of a chunk.
    Chunk,
    ChunkCr,
    ChunkLf,
    /// The first byte of a trailer, or the end.
    Line,
    Trailer,
    TrailerLf,
    LastLf,
    /// There is none.
    End,
}

pub(crate) struct Body {
    part: Part,
    /// Of the body or the chunk.
    left: usize,
    /// How much of the body may still come in further chunks.
    allowed: usize,
    ignored: u16,
}

impl Body {
    /// Of at most `cap` bytes.
    pub(crate) fn new(length: Length, cap: usize) -> Result<Self, Error> {
        let (part, left) = match length {
            Length::Known(0) => (Part::End, 0),
            Length::Known(left) if left <= cap => (Part::Known, left),
            Length::Known(_) => return Err(Error::TooLong),
            Length::Chunked => (Part::Size(0), 0),
        };
        Ok(Self { part, left, allowed: cap, ignored: IGNORED })
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.part == Part::End
    }

    /// Most bytes to read at once without passing the end, as far as it is known.
    pub(crate) fn within(&self) -> usize {
        if self.part == Part::Known { self.left } else { usize::MAX }
    }

    /// Takes the next byte, and says whether it is one of the body.
    pub(crate) fn take(&mut self, byte: u8) -> Result<bool, Error> {
        self.part = match (self.part, byte) {
            (Part::Known | Part::Chunk, _) => {
                self.left = self.left.saturating_sub(1);
                self.part = match self.part {
                    part if self.left > 0 => part,
                    Part::Chunk => Part::ChunkCr,
                    _ => Part::End,
                };
                return Ok(true);
            }
            (Part::Size(1..), b'\r') | (Part::Extension, b'\r') => Part::SizeLf,
            (Part::Size(1..), b';') => Part::Extension,
            (Part::Size(count @ ..8), _) => {
                let digit = char::from(byte).to_digit(16).and_then(|digit| usize::try_from(digit).ok());
                self.left = self.left << 4 | digit.ok_or(Error::Framing)?;
                Part::Size(count.saturating_add(1))
            }
            (Part::SizeLf, b'\n') if self.left == 0 => Part::Line,
            (Part::SizeLf, b'\n') => {
                self.allowed = self.allowed.checked_sub(self.left).ok_or(Error::TooLong)?;
                Part::Chunk
            }
            (Part::ChunkCr, b'\r') => Part::ChunkLf,
            (Part::ChunkLf, b'\n') => Part::Size(0),
            (Part::Line, b'\r') => Part::LastLf,
            (Part::Trailer, b'\r') => Part::TrailerLf,
            (Part::TrailerLf, b'\n') => Part::Line,
            (Part::LastLf, b'\n') => Part::End,
            (part @ (Part::Extension | Part::Line | Part::Trailer), b'\t' | b' '..=b'~' | 0x80..) => {
                self.ignored = self.ignored.checked_sub(1).ok_or(Error::Framing)?;
                if part == Part::Line { Part::Trailer } else { part }
            }
            _ => return Err(Error::Framing),
        };
        Ok(false)
    }
}
