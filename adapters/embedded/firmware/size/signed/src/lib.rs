//! The ten lines of a device that signs, whole, as they are measured: see the library beside this, of which this is a twin.
//! Compiled twice, with p256 0.14 and 0.13.
#![no_std]

use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use valetkey::client::{
    Assertion, ClientAuth, ClientCredentials, Config, ConfigError, Error, Outcome, Post, Response, SignatureError,
    TooSmall,
};
use valetkey::jose::Algorithm;
use valetkey::secret::Entropy;
use valetkey::time::UnixTime;

/// What a device is told about its server.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "as `Config` has them")]
pub struct Settings {
    pub issuer: &'static str,
    pub token_endpoint: &'static str,
    pub client_id: &'static str,
    pub scope: &'static str,
    pub kid: &'static str,
    pub key: [u8; 32],
}

/// What can go wrong.
#[derive(Clone, Copy, Debug)]
pub enum Failed {
    /// The key is none, or cannot sign.
    Key,
    /// A setting is wrong.
    Config(ConfigError),
    /// The request needs so many bytes.
    Buffer(TooSmall),
    /// The signature does not end the request.
    Signature(SignatureError),
    /// The answer cannot be believed.
    Answer(Error),
}

impl From<ConfigError> for Failed {
    fn from(e: ConfigError) -> Self {
        Self::Config(e)
    }
}

impl From<TooSmall> for Failed {
    fn from(e: TooSmall) -> Self {
        Self::Buffer(e)
    }
}

impl From<SignatureError> for Failed {
    fn from(e: SignatureError) -> Self {
        Self::Signature(e)
    }
}

impl From<Error> for Failed {
    fn from(e: Error) -> Self {
        Self::Answer(e)
    }
}

// What is not measured: a device's clock, randomness and HTTP, what it does with its token, and how it ends.
#[expect(unsafe_code, reason = "they are linked by name")]
// SAFETY: each program that links this library has these functions in Rust, of these types; in the staticlib they are
// never called.
unsafe extern "Rust" {
    safe fn size_now() -> UnixTime;
    safe fn size_draw() -> [u8; 12];
    safe fn size_send(post: &Post<'_>) -> Response<'static>;
    safe fn size_keep(outcome: &Outcome<'_>);
}

/// Gets a token.
///
/// # Errors
/// [`Failed`].
#[cfg_attr(not(feature = "alone"), expect(unsafe_code, reason = "the one function that the staticlib is linked for"))]
// SAFETY: no other symbol has this name.
#[cfg_attr(not(feature = "alone"), unsafe(no_mangle))]
#[inline(never)]
pub fn size_token(settings: &Settings) -> Result<(), Failed> {
    let Settings { issuer, token_endpoint, client_id, scope, kid, ref key } = *settings;

    // The key is not copied, and the assertion is gone when it is signed: so less stands on the stack below the signature.
    let key = SigningKey::from_slice(key);
    let Ok(key) = &key else { return Err(Failed::Key) };
    let config = Config::new(issuer, token_endpoint, client_id, ClientAuth::PrivateKeyJwt)?.with_scope(scope)?;
    let flow = ClientCredentials::new(&config)?;

    let mut buf = [0; 544];
    let (now, id) = (size_now(), Entropy::new(size_draw()));
    let need = flow.sign(&Assertion::new(Algorithm::Es256, kid, now, id)?, &mut buf)?;
    let Ok(signature) = Signer::<Signature>::try_sign(key, need.message()) else { return Err(Failed::Key) };
    let response = size_send(&need.resume(&signature.to_bytes())?);
    size_keep(&flow.response(response, &mut buf)?);
    Ok(())
}

/// The signature alone, by what the ten lines sign with: so much of them no protocol can make smaller.
#[cfg(feature = "alone")]
#[expect(unsafe_code, reason = "the one function that the staticlib is linked for")]
// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn size_signature(key: &[u8; 32], message: &[u8]) -> Option<[u8; 64]> {
    let key = SigningKey::from_slice(key).ok()?;
    let signature: Signature = key.try_sign(message).ok()?;
    Some(signature.to_bytes().into())
}

/// Fails the link if anything can panic: there is no such function.
#[cfg(target_os = "none")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[expect(unsafe_code, reason = "it is never linked")]
    // SAFETY: what is never linked is never called.
    unsafe extern "Rust" {
        safe fn size_panic_is_linked() -> !;
    }
    size_panic_is_linked()
}
