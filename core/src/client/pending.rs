//! A pending flow as bytes, since a visit to the server can outlive the process.

use super::{
    authorize::{Authorize, ENTROPY},
    config::{Config, ConfigError},
};
use crate::{
    error::TooSmall,
    secret::{Entropy, ct_eq},
};
use core::fmt;
use sha2::{Digest, Sha256};

/// Bytes of an exported flow.
pub const EXPORTED: usize = 1 + ENTROPY + 32;
const VERSION: u8 = 1;

impl<'c> Authorize<'c> {
    /// Writes the flow as [`EXPORTED`] bytes, for [`import`](Self::import).
    ///
    /// They are secret: whoever has them, and the code, has the tokens. Keep them where only the browser session that began
    /// the flow leads, for some minutes, and **delete them when they are loaded**, in one step with the loading: otherwise
    /// one callback could be taken twice.
    ///
    /// ```
    /// use valetkey::client::{Authorize, ClientAuth, Config, EXPORTED, authorize::ENTROPY};
    /// use valetkey::secret::Entropy;
    /// let cfg = Config::new("https://as.example", "https://as.example/token", "demo-spa", ClientAuth::Public)?
    ///     .with_redirect("https://as.example/authorize", "https://client.example/cb")?;
    /// let flow = Authorize::new(&cfg, Entropy::new([7; ENTROPY]))?;
    /// let mut kept = [0; EXPORTED];
    /// flow.export(&mut kept)?;
    /// let later = Authorize::import(&cfg, &kept)?;
    /// assert_eq!(later.url(&mut [0; 512])?, flow.url(&mut [0; 512])?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`TooSmall`], below [`EXPORTED`] bytes.
    pub fn export<'b>(&self, buf: &'b mut [u8]) -> Result<&'b [u8], TooSmall> {
        let out = buf.get_mut(..EXPORTED).ok_or(TooSmall { needed: EXPORTED })?;
        let digest = digest(self.cfg, self.seed.bytes());
        let bytes = [VERSION].into_iter().chain(*self.seed.bytes()).chain(digest);
        for (to, from) in out.iter_mut().zip(bytes) {
            *to = from;
        }
        Ok(out)
    }

    /// Goes on with an exported flow under the configuration with which it began.
    ///
    /// # Errors
    /// [`ImportError`]: begin a new flow then.
    pub fn import(cfg: &'c Config<'c>, bytes: &[u8]) -> Result<Self, ImportError> {
        let Some((&VERSION, rest)) = bytes.split_first() else { return Err(ImportError::Version) };
        let (seed, claimed) = rest.split_first_chunk::<ENTROPY>().ok_or(ImportError::Damaged)?;
        if !ct_eq(&digest(cfg, seed), claimed) {
            return Err(ImportError::Damaged);
        }
        Self::new(cfg, Entropy::new(*seed)).map_err(ImportError::Config)
    }
}

/// Binds the seed to all that the flow depends on: each field with its length before it.
fn digest(cfg: &Config<'_>, seed: &[u8; ENTROPY]) -> [u8; 32] {
    let (endpoint, redirect_uri) = cfg.redirect.unwrap_or_default();
    let fields =
        [cfg.issuer, cfg.token_endpoint, endpoint, cfg.client_id, redirect_uri, cfg.scope, cfg.resource, cfg.audience];
    let mut hash = Sha256::new();
    hash.update(seed);
    for field in fields {
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// Why an exported flow cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ImportError {
    /// Written by another version, or not an exported flow at all.
    Version,
    /// Cut or changed, or the configuration is another than when the flow began.
    Damaged,
    /// The configuration lacks what the flow needs.
    Config(ConfigError),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("the pending flow is of another version; begin again"),
            Self::Damaged => {
                f.write_str("the pending flow was changed, or belongs to another configuration; begin again")
            }
            Self::Config(e) => e.fmt(f),
        }
    }
}

impl core::error::Error for ImportError {}
