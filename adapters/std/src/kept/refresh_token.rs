//! A refresh token that rotates, and how a program keeps it in two phases, so that none is lost unnoticed.

use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// A refresh token as a program keeps it: its text, and whether it may have been spent. The text is zeroed when nobody has it
/// any more.
///
/// In a file of its own, in a folder that nobody else may read, of which any end of the program leaves the old text or the new:
///
/// ```
/// use std::fs::{self, File};
/// use std::io::{self, Write};
/// use std::path::Path;
/// use valetkey_std::kept::RefreshToken;
///
/// fn keep(folder: &Path, token: &RefreshToken) -> io::Result<()> {
///     let (new, kept) = (folder.join("refresh-token.new"), folder.join("refresh-token"));
///     let mut file = File::create(&new)?;
///     write!(file, "{} {}", if token.is_in_use() { "in-use" } else { "good" }, token.expose())?;
///     file.sync_all()?;
///     fs::rename(new, kept)?;
///     File::open(folder)?.sync_all() // so that the name is durable, too; not on Windows
/// }
///
/// fn read(folder: &Path) -> io::Result<RefreshToken> {
///     let kept = fs::read_to_string(folder.join("refresh-token"))?;
///     let (state, text) = kept.split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
///     Ok(RefreshToken::new(text, state == "in-use"))
/// }
/// # let folder = std::env::temp_dir().join(format!("valetkey-{}", std::process::id()));
/// # fs::create_dir(&folder)?;
/// # let token = RefreshToken::new("tGzv3JOkF0XG5Qx2TlKWIA", false);
/// # for token in [token.sending(), token] {
/// #     keep(&folder, &token)?;
/// #     let kept = read(&folder)?;
/// #     assert_eq!((kept.expose(), kept.is_in_use()), (token.expose(), token.is_in_use()));
/// # }
/// # fs::remove_dir_all(folder)?;
/// # Ok::<(), io::Error>(())
/// ```
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
