//! The server keys: 32 bytes each, in a file of their own beside the database.
//!
//! Neither the database nor the keys alone forge a token, so they are kept apart, and a backup of the one holds nothing of
//! the other. The first key of the file is current; those after it were current before, and stay for as long as something
//! that they made may still be in use. Login cookies are sealed under keys that are derived from these: whoever has the
//! keys can pose as a person who has logged in. So are the private halves of signing keys, which lie in the database.

use base64ct::{Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use valetkey::secret::Secret;
use valetkey_tokio::server::ServerKey;
use zeroize::{Zeroize, Zeroizing};

/// A file of some dozen keys is a few kilobytes.
const LONGEST: u64 = 64 * 1024;

const HEAD: &str = "\
# Valetkey's server keys. Whoever has them and the database can make tokens and logins: keep this file readable by the server
# alone, and its backup apart from the database's. The first key is current; `valetkey keys rotate-server` puts a new one
# before it.
";

/// The server's keys, the current one first.
#[derive(Debug)]
pub struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: u8,
    /// When it became current, in seconds since 1970.
    since: u64,
    secret: Secret<32>,
}

/// Why there are no keys, and what to do.
#[derive(Debug)]
pub enum KeysError {
    /// The operating system gives no random bytes.
    Random(getrandom::Error),
    /// The file cannot be read or written.
    File(PathBuf, &'static str, io::Error),
    /// The file that was named is not there.
    Missing(PathBuf),
    /// What is in it cannot be used, and why. Nothing of its content is told.
    Content(PathBuf, &'static str),
    /// All 255 ids are in use.
    Full(PathBuf),
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random(_) => {
                f.write_str("the operating system gives no random bytes, so that no server key can be drawn")
            }
            Self::File(path, verb, error) => write!(f, "cannot {verb} the server keys in {}: {error}", path.display()),
            Self::Missing(path) => write!(
                f,
                "there are no server keys at {}: restore the file from its backup. If it is lost, draw a new key with \
                 `valetkey keys rotate-server`; all refresh tokens and logins then end, and new signing keys are made",
                path.display()
            ),
            Self::Content(path, why) => {
                write!(
                    f,
                    "the server keys in {} cannot be used: {why}; restore the file from its backup",
                    path.display()
                )
            }
            Self::Full(path) => {
                write!(
                    f,
                    "{} has 255 keys, as many as there are ids; wait until the oldest is used no more",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for KeysError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Random(error) => Some(error),
            Self::File(_, _, error) => Some(error),
            Self::Missing(_) | Self::Content(..) | Self::Full(_) => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    key: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: u8,
    since: u64,
    secret: Zeroizing<String>,
}

impl Keys {
    /// One key that was drawn just now, with id 1.
    ///
    /// # Errors
    /// [`KeysError::Random`].
    pub fn draw(now: u64) -> Result<Self, KeysError> {
        Ok(Self(vec![Key { id: 1, since: now, secret: random()? }]))
    }

    /// Reads the file.
    ///
    /// # Errors
    /// All but [`KeysError::Random`] and [`KeysError::Full`].
    pub fn read(path: &Path) -> Result<Self, KeysError> {
        let cannot = |error| KeysError::File(path.to_owned(), "read", error);
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(KeysError::Missing(path.to_owned())),
            file => file.map_err(cannot)?,
        };
        warn_of_readers(path, &file).map_err(cannot)?;
        let mut text = Zeroizing::new(String::new());
        file.take(LONGEST).read_to_string(&mut text).map_err(cannot)?;
        Self::parse(&text).map_err(|why| KeysError::Content(path.to_owned(), why))
    }

    /// Reads the file, or draws a key into it where there is none.
    ///
    /// # Errors
    /// All but [`KeysError::Missing`] and [`KeysError::Full`].
    pub fn read_or_draw(path: &Path, now: u64) -> Result<Self, KeysError> {
        match Self::read(path) {
            Err(KeysError::Missing(_)) => {}
            read => return read,
        }
        let drawn = Self::draw(now)?;
        let cannot = |error| KeysError::File(path.to_owned(), "write", error);
        // Whoever comes first has drawn the key; whoever comes second takes it.
        match drawn.write(path, |new| fs::hard_link(new, path).and_then(|()| fs::remove_file(new))) {
            Ok(()) => Ok(drawn),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(cannot(error)),
        }
    }

    /// Draws a key and puts it before the others, in the file as well. Those go that were replaced more than `keep` seconds
    /// ago. Tells the id of the new key and how many stay beside it.
    ///
    /// # Errors
    /// [`KeysError`]. A file that is not there is made, as keys may be lost.
    pub fn rotate(path: &Path, now: u64, keep: u64) -> Result<(u8, usize), KeysError> {
        let cannot = |error| KeysError::File(path.to_owned(), "write", error);
        let _alone = alone(path).map_err(cannot)?;
        let mut keys = match Self::read(path) {
            Err(KeysError::Missing(_)) => Vec::new(),
            read => read?.0,
        };
        // A key was replaced when the one before it became current.
        let mut replaced = now;
        keys.retain(|key| {
            let stays = replaced.saturating_add(keep) >= now;
            replaced = key.since;
            stays
        });
        // The id after that of the current key comes back last of all.
        let last = keys.first().map_or(0, |key| key.id);
        let mut ids = (1..=u8::MAX).cycle().skip(usize::from(last)).take(usize::from(u8::MAX));
        let id = ids.find(|id| keys.iter().all(|key| key.id != *id));
        let id = id.ok_or_else(|| KeysError::Full(path.to_owned()))?;
        let old = keys.len();
        keys.insert(0, Key { id, since: now, secret: random()? });
        let written = Self(keys).write(path, |new| fs::rename(new, path));
        written.map_err(cannot)?;
        Ok((id, old))
    }

    /// The keys that make tokens and seal pending requests.
    pub fn for_tokens(&self) -> Vec<ServerKey> {
        self.0.iter().map(|key| ServerKey::new(key.id, key.secret.clone())).collect()
    }

    /// The keys under which the private halves of signing keys are sealed, the current one first.
    pub fn for_sealing(&self) -> Vec<Secret<32>> {
        self.0.iter().map(|key| derive(&key.secret, b"valetkey signing keys")).collect()
    }

    /// The keys that seal cookies.
    pub fn for_cookies(&self) -> Vec<Secret<32>> {
        self.0.iter().map(|key| derive(&key.secret, b"valetkey cookies")).collect()
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        // The error of the parser would quote the file.
        let content: Content = toml::from_str(text).map_err(|_| "it is not as `valetkey` writes it")?;
        let mut keys: Vec<Key> = Vec::new();
        for Entry { id, since, secret } in content.key {
            let mut bytes = [0; 32];
            let decoded = Base64UrlUnpadded::decode(secret.as_str(), &mut bytes);
            if !decoded.is_ok_and(|decoded| decoded.len() == 32) {
                return Err("a secret is not 32 bytes in base64url");
            }
            if id == 0 || keys.iter().any(|key| key.id == id) {
                return Err("each key needs an id of its own, from 1 to 255");
            }
            keys.push(Key { id, since, secret: Secret::new(bytes) });
            bytes.zeroize();
        }
        if keys.is_empty() { Err("there is no key in it") } else { Ok(Self(keys)) }
    }

    /// Writes all to a new file beside `path`, which only its owner can read and which is on the disk then, and lets
    /// `place` bring it to its place.
    fn write(&self, path: &Path, place: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
        let mut text = Zeroizing::new(String::with_capacity(HEAD.len() + 128 * self.0.len()));
        text.push_str(HEAD);
        for Key { id, since, secret } in &self.0 {
            let secret = Zeroizing::new(Base64UrlUnpadded::encode_string(secret.expose()));
            let entry = Zeroizing::new(format!("\n[[key]]\nid = {id}\nsince = {since}\nsecret = \"{}\"\n", *secret));
            text.push_str(&entry);
        }
        let folder = folder(path);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{:x}.new", getrandom::u64().map_err(io::Error::other)?));
        let new = folder.join(name);
        let written = write_privately(&new, text.as_bytes()).and_then(|()| place(&new)).and_then(|()| sync(folder));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }
}

fn write_privately(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Of two rotations at once the second waits for the first, or its file would lose the key of that. The lock is on the
/// folder, as the file itself is replaced, and is given back when dropped.
fn alone(path: &Path) -> io::Result<Option<File>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    let folder = File::open(folder(path))?;
    folder.lock()?;
    Ok(Some(folder))
}

/// A new name is durable only once its folder is.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Secrets that an orchestrator mounts are often readable by all in their container; elsewhere that is a mistake.
#[cfg(unix)]
fn warn_of_readers(path: &Path, file: &File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = file.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        let (path, mode) = (path.display(), format!("{:o}", mode & 0o777));
        tracing::warn!(%path, mode, "others than its owner have access to the server keys: chmod 600");
    }
    Ok(())
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path, _: &File) -> io::Result<()> {
    Ok(())
}

fn derive(secret: &Secret<32>, purpose: &[u8]) -> Secret<32> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose()).expect("HMAC takes keys of any length");
    mac.update(purpose);
    Secret::new(mac.finalize().into_bytes().into())
}

fn random() -> Result<Secret<32>, KeysError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(KeysError::Random)?;
    let secret = Secret::new(bytes);
    bytes.zeroize();
    Ok(secret)
}

#[cfg(test)]
mod tests;
