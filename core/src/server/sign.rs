//! A signature as a need: the private key never enters the core.
//!
//! It comes before the commit, so that no code is spent on a token that cannot be signed; and the token is shown once the
//! change is applied. After a conflict all is decided anew, and signed anew.

use super::commit::{NeedCommit, Transition};
use super::fault::Fault;
use super::kept::Kept;
use super::params::MAX_PARAMETER;
use super::reply::Outcome;
use super::step::{Machine, Step};
use super::token::{AccessToken, Tokens};
use crate::jose::{Algorithm, Key};
use crate::text::buf::Span;

/// The machine needs a signature.
#[must_use]
#[derive(Debug)]
pub struct NeedSign<'r> {
    m: Machine<'r>,
    key: Key<'r>,
    message: Span,
    tokens: Tokens,
    /// What is committed then; nothing, where the same token is made once more.
    commit: Option<(Kept, Transition)>,
}

/// Goes on to the commit, if there is one, and to the reply: by way of a signature, if the tokens need one.
pub(super) fn issue<'r>(m: Machine<'r>, commit: Option<(Kept, Transition)>, tokens: Tokens) -> Step<'r> {
    let AccessToken::Signed { message, .. } = tokens.access else { return finish(m, commit, tokens) };
    match m.server.signing_key(m.caller.access_token) {
        Some(key) => Step::Sign(NeedSign { m, key, message, tokens, commit }),
        None => m.refuse(Fault::NoSigningKey),
    }
}

fn finish<'r>(m: Machine<'r>, commit: Option<(Kept, Transition)>, tokens: Tokens) -> Step<'r> {
    let then = Outcome::Tokens(tokens);
    match commit {
        Some((grant, transition)) => Step::Commit(NeedCommit { m, grant, transition, then }),
        None => m.reply(then),
    }
}

impl<'r> NeedSign<'r> {
    /// Which key signs.
    pub const fn kid(&self) -> &'r str {
        self.key.kid()
    }

    /// By which algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// What is signed: the JWS signing input. <https://www.rfc-editor.org/rfc/rfc7515#section-5.1>
    pub fn message(&self) -> &[u8] {
        self.m.text(self.message).as_bytes()
    }

    /// Goes on with the signature: of ECDSA and EdDSA in its fixed size, and not as DER
    /// ([RFC 7518 section 3.4](https://www.rfc-editor.org/rfc/rfc7518#section-3.4)). One of a wrong length is refused with
    /// `server_error`; whether it is good is the signer's to know.
    pub fn resume(self, signature: &[u8]) -> Step<'r> {
        let Self { mut m, key, message, mut tokens, commit } = self;
        if !key.algorithm().fits(signature.len()) {
            return m.refuse(Fault::BadSignature);
        }
        match m.scratch.write(|w| w.push_base64(signature)) {
            // What is longer could come back to no endpoint of ours, neither to be introspected nor to be revoked.
            Ok(signature) if m.text(message).len().saturating_add(m.text(signature).len()) >= MAX_PARAMETER => {
                m.refuse(Fault::LongToken)
            }
            Ok(signature) => {
                tokens.access = AccessToken::Signed { message, signature };
                finish(m, commit, tokens)
            }
            Err(_) => m.refuse(Fault::Scratch),
        }
    }

    /// The signer is broken or busy: the reply is `temporarily_unavailable`, and nothing was changed.
    pub fn fail(self) -> Step<'r> {
        self.m.refuse(Fault::Unavailable)
    }
}
