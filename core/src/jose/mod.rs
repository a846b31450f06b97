//! Signed things: JSON Web Signatures, the keys that check them, and the claims of access tokens.
//!
//! ```text
//!  bytes of a key set --- Jwk::read ---> Jwk --- parts ---> Key: kid, one algorithm, a verifier      once per key
//!
//!  token --- Unverified::read ---> header ---- find(keys) ----> verify(key, allowed) ---> Verified    once per token
//!            bounds, base64url,    typ, alg,                    signature                 payload
//!            JSON, crit            kid                                                       '--> Claims::read
//! ```
//!
//! Reading is strict by construction ([RFC 8725](https://www.rfc-editor.org/rfc/rfc8725)): sizes before work, canonical
//! base64url, unique JSON names at every level, no `crit`, no compression, and keys that stand in a token's own header
//! (`jwk`, `jku`, `x5u`, `x5c`) are never looked at. What is verified is the text as it came.
//!
//! ```
//! use valetkey::jose::{Algorithm, Algorithms, Key, Limits, Unverified, Verify};
//!
//! /// In earnest one of `valetkey::jose::parts`, or yours: a secure element, an assembly library.
//! struct Yours;
//! impl Verify for Yours {
//!     fn algorithm(&self) -> Algorithm {
//!         Algorithm::EdDsa
//!     }
//!     fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
//!         message.starts_with(b"eyJhbGciOiJFZERTQSJ9.") && signature.len() == 64
//!     }
//! }
//!
//! let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
//! let mut scratch = [0; 512];
//! let unverified = Unverified::read(token, Limits::DEFAULT, &mut scratch)?;
//! assert_eq!((unverified.header().algorithm, unverified.header().kid), (Algorithm::EdDsa, None));
//! let verified = unverified.verify(&Key::new("", &Yours), Algorithms::of(&[Algorithm::EdDsa]))?;
//! assert_eq!(verified.payload(), b"Example of Ed25519 signing");
//! # Ok::<(), valetkey::jose::JwsError>(())
//! ```

mod algorithm;
mod base64url;
mod claims;
mod jwk;
mod jws;
mod key;
pub mod parts;

pub use algorithm::{Algorithm, Algorithms};
pub use claims::{Claims, ClaimsError};
pub use jwk::{Jwk, JwkError, MAX_JWK, MAX_KEYS, Material, PublicJwk, SymmetricJwk, each_key};
pub use jws::{Header, JwsError, Limits, Unverified, Verified};
pub use key::{Key, Verify, VerifyBy, find};
