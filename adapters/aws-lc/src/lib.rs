//! Signatures by [aws-lc-rs](https://docs.rs/aws-lc-rs), for programs with an operating system. They check RSA and ECDSA
//! several times faster than the parts of the core, Ed25519 as fast, and they sign.
//!
//! | type | what it does |
//! |---|---|
//! | [`PublicKey`] | checks signatures: ES256, ES384, EdDSA, RS256 to PS512 |
//! | [`SigningKey`] | makes them, tells its public half, and is kept sealed |
//!
//! Shared secrets stay with [`MacKey`](valetkey::jose::parts::MacKey): aws-lc's HMAC is not faster at the length of a token.
//!
//! ```
//! use valetkey::jose::{Algorithm, Jwk, Key};
//! use valetkey::secret::Secret;
//! use valetkey_aws_lc::{PublicKey, SigningKey};
//!
//! let signing = SigningKey::generate(Algorithm::Es256)?;
//! let signature = signing.sign(b"message")?;
//!
//! // What others see of it, and how they check.
//! let (json, mut scratch) = (signing.public_json(), [0; 1024]);
//! let Ok(Jwk::Public(jwk)) = Jwk::read(json.as_bytes(), &mut scratch) else { panic!() };
//! let parsed = PublicKey::new(&jwk, Algorithm::Es256).unwrap(); // once, and not for each token
//! assert!(Key::new(jwk.kid, &parsed).verify(b"message", &signature));
//!
//! // What a store keeps of it.
//! let server_key = Secret::new([7; 32]);
//! let sealed = signing.seal(&server_key)?;
//! let again = SigningKey::open(&server_key, Algorithm::Es256, signing.kid(), &sealed)?;
//! assert_eq!(again.kid(), signing.kid());
//! # Ok::<(), valetkey_aws_lc::KeyError>(())
//! ```

mod public;
mod sealed;
mod signing;

pub use public::{PublicKey, verify};
pub use sealed::{is_witness, witness};
pub use signing::{KeyError, SigningKey};
