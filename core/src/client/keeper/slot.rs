//! Where a program without a heap keeps the text of its access token.

use crate::{error::TooSmall, secret::SecretText};
use core::fmt;
use zeroize::Zeroize;

/// The access token that a [`Keeper`](super::Keeper) tells to use, in a lent slice. What was there before is zeroed when
/// another comes, and at the end. A program with threads keeps a shared string beside its
/// [`TokenId`](super::TokenId) instead.
///
/// ```
/// use valetkey::{client::keeper::TokenSlot, error::TooSmall, secret::SecretText};
/// let mut buf = [0; 8];
/// let mut slot = TokenSlot::new(&mut buf);
/// assert_eq!(slot.put(SecretText::new("2YotnFZFE")), Err(TooSmall { needed: 9 }));
/// slot.put(SecretText::new("2YotnFZ"))?;
/// assert_eq!(slot.token().expose(), "2YotnFZ");
/// # Ok::<(), TooSmall>(())
/// ```
pub struct TokenSlot<'b> {
    buf: &'b mut [u8],
    len: usize,
}

impl<'b> TokenSlot<'b> {
    /// Empty. The access tokens of most servers fit 64 bytes if they are opaque and 2,048 if they are signed.
    pub const fn new(buf: &'b mut [u8]) -> Self {
        Self { buf, len: 0 }
    }

    /// Keeps another token instead.
    ///
    /// # Errors
    /// [`TooSmall`]; the slot is empty then.
    pub fn put(&mut self, token: SecretText<'_>) -> Result<(), TooSmall> {
        self.buf.zeroize();
        let text = token.expose().as_bytes();
        self.len = 0;
        let room = self.buf.get_mut(..text.len()).ok_or(TooSmall { needed: text.len() })?;
        for (to, from) in room.iter_mut().zip(text) {
            *to = *from;
        }
        self.len = text.len();
        Ok(())
    }

    /// The token; empty text if there is none.
    pub fn token(&self) -> SecretText<'_> {
        SecretText::new(core::str::from_utf8(self.buf.get(..self.len).unwrap_or_default()).unwrap_or_default())
    }
}

impl Drop for TokenSlot<'_> {
    fn drop(&mut self) {
        self.buf.zeroize();
    }
}

impl fmt::Debug for TokenSlot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSlot(..)")
    }
}
