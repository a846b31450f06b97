//! A refresh token that rotates, and how a program keeps it in two phases, so that none is lost unnoticed.

use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A refresh token as a program keeps it: its text, and whether it may have been spent. The text is zeroed when nobody has it
/// any more.
#[derive(Clone)]
pub struct RefreshToken {
    text: Arc<Zeroizing<String>>,
    in_use: bool,
}

impl RefreshToken {
    /// `in_use` is false for the token of a login, and otherwise what was kept.
    pub fn new(text: impl Into<String>, in_use: bool) -> Self {
        Self { text: Arc::new(Zeroizing::new(text.into())), in_use }
    }

    /// What is to be kept, and shown to nobody.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Whether it was sent, or may have been, and no successor was kept.
    pub const fn is_in_use(&self) -> bool {
        self.in_use
    }

    /// About to be sent.
    #[must_use]
    pub fn sending(&self) -> Self {
        Self { in_use: true, ..self.clone() }
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshToken").field("in_use", &self.in_use).finish_non_exhaustive()
    }
}

/// A grant that a person made, as [`ClientCredentials`](super::ClientCredentials) was told of it.
pub(super) struct Grant {
    pub(super) token: RefreshToken,
    pub(super) keep: Box<dyn Fn(&RefreshToken) -> bool + Send + Sync>,
}
