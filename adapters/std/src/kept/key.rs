//! The key pair of a client that signs who it is, and a request that may lack its signature.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use valetkey::client::{NeedSign, Post};
use valetkey::jose::Algorithm;

/// The key pair by which a client proves who it is, `private_key_jwt`: one in memory, or one that a device or a service
/// holds. No secret is shared with the server, which knows the public half.
/// <https://www.rfc-editor.org/rfc/rfc7523#section-2.2>
///
/// What is signed says what time it is, by the clock of this machine. If the server refuses it in an answer whose `Date` is
/// another, it is signed by that and sent once more. So a clock may be off by up to a day, at the price of a second request for
/// each token: what one refusal showed is not trusted for the next, as the clock may have been set meanwhile.
#[derive(Clone)]
pub struct ClientKey {
    pub(super) algorithm: Algorithm,
    pub(super) kid: String,
    sign: Arc<Sign>,
}

type Sign = dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync;

impl ClientKey {
    /// `kid` names the key among those that the server has of this client; empty if it has but one. It has no control
    /// characters.
    ///
    /// `sign` is given the message and gives the signature: of ECDSA and EdDSA in its fixed size
    /// ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)). `None` says that the key is away or broken,
    /// as does a panic, and it is tried again later. It may wait for a device or a service, and is to give up after some seconds.
    pub fn new(
        algorithm: Algorithm,
        kid: impl Into<String>,
        sign: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        Self { algorithm, kid: kid.into(), sign: Arc::new(sign) }
    }

    /// Signs; this may wait.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        // Whoever signs has kept a refresh token as in use by then, and is to take that back.
        catch_unwind(AssertUnwindSafe(|| (self.sign)(message))).ok().flatten()
    }
}

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientKey").field("algorithm", &self.algorithm).field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A request for a token.
#[derive(Debug)]
#[must_use]
pub enum Draft<'b> {
    /// To be sent.
    Whole(Post<'b>),
    /// To be signed first, by [`ClientKey::sign`], which may wait.
    Unsigned(&'b ClientKey, NeedSign<'b>),
}

impl<'b> Draft<'b> {
    /// The whole request. This waits for the signature, if there is to be one.
    ///
    /// # Errors
    /// [`NotSigned`].
    pub fn signed(self) -> Result<Post<'b>, NotSigned> {
        match self {
            Self::Whole(post) => Ok(post),
            Self::Unsigned(key, need) => {
                let signature = key.sign(need.message()).ok_or(NotSigned)?;
                need.resume(&signature).map_err(|_| NotSigned)
            }
        }
    }
}

/// A request has no signature: its key gave none or one of another algorithm, the clock is before the year 2023 or
/// after 7 February 2106, or the operating system gives no random bytes. Nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSigned;

#[cfg(test)]
mod tests {
    use super::super::Credentials;
    use super::*;

    #[test]
    fn there_is_room_for_a_signature_by_an_rsa_key_of_any_length() {
        for length in [256, 257, 384, 512, 1024] {
            let key = ClientKey::new(Algorithm::Ps256, "key-1", move |_| Some(vec![7; length]));
            let credentials = Credentials::by_key("https://as.example", "https://as.example/token", "reporter", key);
            let (config, mut buf) = (credentials.config().unwrap(), Default::default());
            let mut flow = credentials.flow(&config, None).unwrap();
            let post = credentials.draft(&mut flow, &mut buf).and_then(Draft::signed).unwrap();
            assert!(post.body.len() > length * 4 / 3 && post.authorization.is_none());
        }
    }
}
