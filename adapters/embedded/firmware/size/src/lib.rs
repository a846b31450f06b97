//! The README's ten lines, whole, as they are measured: the settings and the answer come from outside and the outcome goes
//! there, so that the compiler can neither check anything beforehand nor leave anything out.
#![no_std]

use valetkey::client::{ClientAuth, ClientCredentials, Config, ConfigError, Error, Outcome, Post, Response, TooSmall};
use valetkey::secret::SecretText;

/// What a device is told about its server.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "as `Config` has them")]
pub struct Settings {
    pub issuer: &'static str,
    pub token_endpoint: &'static str,
    pub client_id: &'static str,
    pub client_secret: &'static str,
    pub scope: &'static str,
}

/// What can go wrong.
#[derive(Clone, Copy, Debug)]
pub enum Failed {
    /// A setting is wrong.
    Config(ConfigError),
    /// The request needs so many bytes.
    Buffer(TooSmall),
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

impl From<Error> for Failed {
    fn from(e: Error) -> Self {
        Self::Answer(e)
    }
}

// What is not measured: a device's HTTP, what it does with its token, and how it ends.
#[expect(unsafe_code, reason = "they are linked by name")]
// SAFETY: each program that links this library has these functions in Rust, of these types; in the staticlib they are
// never called.
unsafe extern "Rust" {
    safe fn size_send(post: &Post<'_>) -> Response<'static>;
    safe fn size_keep(outcome: &Outcome<'_>);
}

/// Gets a token.
///
/// # Errors
/// [`Failed`].
#[expect(unsafe_code, reason = "the one function that the staticlib is linked for")]
// SAFETY: no other symbol has this name.
#[unsafe(no_mangle)]
#[inline(never)]
pub fn size_token(settings: &Settings) -> Result<(), Failed> {
    let Settings { issuer, token_endpoint, client_id, client_secret, scope } = *settings;

    let auth = ClientAuth::Basic(SecretText::new(client_secret));
    let config = Config::new(issuer, token_endpoint, client_id, auth)?.with_scope(scope)?;
    let flow = ClientCredentials::new(&config)?;

    let mut buf = [0; 256];
    let response = size_send(&flow.request(&mut buf)?);
    size_keep(&flow.response(response, &mut buf)?);
    Ok(())
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
