//! HTTPS: certificates and key from PEM files, checked before they are used, and read again while the server runs.

use crate::config::TlsFiles;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use tokio_rustls::TlsAcceptor;
use zeroize::Zeroizing;

/// How connections are encrypted: TLS 1.2 and 1.3, HTTP/1.1 alone, by certificates that can be exchanged.
pub struct Tls {
    files: TlsFiles,
    current: RwLock<TlsAcceptor>,
}

/// Why HTTPS cannot be served by these files. Nothing of the key is in it.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable(PathBuf, io::Error),
    /// A file is no PEM, or broken where it should be.
    Malformed(PathBuf, PemError),
    /// There is no certificate in the file of certificates.
    NoCertificate(PathBuf),
    /// There is no private key in the key's file.
    NoKey(PathBuf),
    /// Certificate and key cannot be used together, and why.
    Unfit(TlsFiles, rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {} for HTTPS: {error}", path.display()),
            Self::Malformed(path, error) => write!(f, "{} is not PEM as HTTPS needs it: {error}", path.display()),
            Self::NoCertificate(path) => write!(
                f,
                "{} holds no certificate: --tls-cert takes PEM with `BEGIN CERTIFICATE`, the server's own first",
                path.display()
            ),
            Self::NoKey(path) => write!(
                f,
                "{} holds no private key: --tls-key takes PEM with `BEGIN PRIVATE KEY`, without a password",
                path.display()
            ),
            Self::Unfit(TlsFiles { cert, key }, rustls::Error::InconsistentKeys(_)) => write!(
                f,
                "the private key in {} is not that of the first certificate in {}",
                key.display(),
                cert.display()
            ),
            Self::Unfit(TlsFiles { cert, key }, error) => {
                write!(f, "{} and {} cannot serve HTTPS: {error}", cert.display(), key.display())
            }
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Malformed(_, error) => Some(error),
            Self::NoCertificate(_) | Self::NoKey(_) => None,
            Self::Unfit(_, error) => Some(error),
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files and checks that they belong together.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let current = RwLock::new(read(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files again. Connections that are open go on as they are; new ones get the new certificates.
    ///
    /// # Errors
    /// What is wrong with the files; the old certificates stay in use then.
    pub fn reload(&self) -> Result<(), TlsError> {
        let fresh = read(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// Takes connections by the certificates of now.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let TlsFiles { cert, key } = files;
    let text = load(cert)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| TlsError::Malformed(cert.clone(), error))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(cert.clone()));
    }
    let text = Zeroizing::new(load(key)?);
    let private = PrivateKeyDer::from_pem_slice(&text).map_err(|error| match error {
        PemError::NoItemsFound => TlsError::NoKey(key.clone()),
        error => TlsError::Malformed(key.clone(), error),
    })?;
    warn_if_open(key);
    let unfit = |error| TlsError::Unfit(files.clone(), error);
    // Named here, as another part of the program could make another provider the default.
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(certificates, private)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn load(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|error| TlsError::Unreadable(path.to_owned(), error))
}

#[cfg(unix)]
fn warn_if_open(key: &Path) {
    use std::os::unix::fs::PermissionsExt;
    const OTHERS: u32 = 0o007;
    if std::fs::metadata(key).is_ok_and(|file| file.permissions().mode() & OTHERS != 0) {
        tracing::warn!("everyone on this machine can read the private key in {}: chmod 0600 it", key.display());
    }
}

#[cfg(not(unix))]
const fn warn_if_open(_: &Path) {}
