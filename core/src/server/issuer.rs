//! The issuer identifier, checked once: a server is made for each request, and its issuer is the same for all of them.

use super::BadServer;
use crate::text::uri;
#[cfg(feature = "alloc")]
use alloc::boxed::Box;

/// An issuer identifier: an https URL (http on loopback only) without query and fragment.
/// <https://www.rfc-editor.org/rfc/rfc8414#section-2>
///
/// ```
/// use valetkey::server::{BadServer, Issuer};
/// assert_eq!(Issuer::new("https://as.example")?.as_str(), "https://as.example");
/// assert_eq!(Issuer::new("http://as.example"), Err(BadServer::Issuer));
/// # Ok::<(), BadServer>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issuer<'a>(&'a str);

impl<'a> Issuer<'a> {
    /// Checks it.
    ///
    /// # Errors
    /// [`BadServer::Issuer`].
    pub fn new(text: &'a str) -> Result<Self, BadServer> {
        if uri::is_issuer(text) { Ok(Self(text)) } else { Err(BadServer::Issuer) }
    }

    /// As it is written.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// An owned [`Issuer`], for drivers that keep one.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedIssuer(Box<str>);

#[cfg(feature = "alloc")]
impl OwnedIssuer {
    /// The view; nothing is checked anew.
    pub const fn as_view(&self) -> Issuer<'_> {
        Issuer(&self.0)
    }
}

#[cfg(feature = "alloc")]
impl From<Issuer<'_>> for OwnedIssuer {
    fn from(issuer: Issuer<'_>) -> Self {
        Self(issuer.0.into())
    }
}
