//! Why a document is refused.

use core::fmt;

/// What was wrong with a document, or with how it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Not UTF-8.
    Utf8,
    /// A byte that the grammar does not allow here.
    Syntax,
    /// The text ended too early.
    End,
    /// Something other than white space follows the document.
    Trailing,
    /// No such escape in a string, or half a surrogate pair.
    Escape,
    /// A control character in a string, unescaped.
    Control,
    /// The value is of another type than the one asked for.
    WrongType,
    /// An integer was asked for, and the number has a fraction or an exponent.
    NotInteger,
    /// The number does not fit the type asked for.
    OutOfRange,
    /// Arrays and objects are nested deeper than the limit.
    Depth,
    /// An object has more members than the limit.
    Members,
    /// A name occurs twice in one object.
    Duplicate,
    /// The lent slice is too short for the strings that have escapes. As many bytes as the text has always suffice.
    Scratch,
    /// The reader was asked for something that cannot come now, such as a value where a name is due.
    OutOfTurn,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "the text is not UTF-8",
            Self::Syntax => "unexpected character",
            Self::End => "the text ends too early",
            Self::Trailing => "something follows the document",
            Self::Escape => "no such escape",
            Self::Control => "unescaped control character in a string",
            Self::WrongType => "a value of another type is expected",
            Self::NotInteger => "a number without fraction and exponent is expected",
            Self::OutOfRange => "the number is out of range",
            Self::Depth => "nested too deep",
            Self::Members => "too many members in an object",
            Self::Duplicate => "a name occurs twice in an object",
            Self::Scratch => "the scratch slice is too short for the strings with escapes",
            Self::OutOfTurn => "the reader was asked out of turn",
        })
    }
}

/// Why a document was refused, and where. It never holds any of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// What was wrong.
    pub fault: Fault,
    /// The offset in bytes at which it was seen; for a duplicate, one behind the first of the two in their object.
    pub at: usize,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JSON, byte {}: {}", self.at, self.fault)
    }
}

impl core::error::Error for JsonError {}
