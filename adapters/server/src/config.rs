//! The settings: read from flags, environment and file, checked once, and safe to serve with afterwards.

mod profile;

pub use profile::{Lifetimes, Profile};

use crate::cli::Options;
use crate::limits::Limits;
use crate::logs::LogFormat;
use crate::proxies::Proxies;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use valetkey::server::{self, Policy};
use valetkey::text::buf::Writer;
use valetkey::text::scope;
use valetkey::text::uri::{self, Uri};

const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const DB: &str = "valetkey.db";
/// A year, and the time that it takes somebody to look.
const AUDIT_DAYS: NonZeroU32 = NonZeroU32::new(400).unwrap();

/// Settings that fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Certificates and private key for HTTPS; plain HTTP without.
    pub tls: Option<TlsFiles>,
    /// Proxies in front, which terminate TLS.
    pub proxies: Proxies,
    /// Where everything is kept.
    pub db: Db,
    /// Where the server keys are, if that was said.
    pub server_key_file: Option<PathBuf>,
    /// Where to listen for whoever collects metrics.
    pub metrics_listen: Option<SocketAddr>,
    /// How the lines of the log look.
    pub log_format: LogFormat,
    /// What everything begins with that is not said.
    pub profile: Profile,
    /// How much of it the server takes on.
    pub limits: Limits,
    /// How long things last.
    pub lifetimes: Lifetimes,
    /// How the keys of signed access tokens change.
    pub signing: SigningTimes,
    /// What a login is worth.
    pub login: Login,
    /// How clients prove who they are.
    pub clients: Clients,
    /// What is kept of what happened.
    pub audit: Audit,
    /// What each scope means to a person, by its name.
    pub scopes: BTreeMap<String, String>,
    issuer: Option<String>,
}

/// Where everything is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Db {
    /// In memory, until the program ends.
    Memory,
    /// In a SQLite database.
    File(PathBuf),
}

/// The files for HTTPS, as PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificates, the server's own first.
    pub cert: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// How the keys of signed access tokens change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SigningTimes {
    /// For how many seconds a new key is published before it signs.
    pub publish_ahead_seconds: u32,
}

impl Default for SigningTimes {
    /// An hour: longer than the key sets of most APIs are kept.
    fn default() -> Self {
        Self { publish_ahead_seconds: 3_600 }
    }
}

/// What a login is worth.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Login {
    /// Its authentication context class; empty if none is told.
    pub acr: String,
}

/// How clients prove who they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clients {
    /// For whom the assertion of a client with a key pair may be.
    pub assertion_audience: AssertionAudience,
}

/// See [`valetkey::server::AssertionAudience`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The issuer alone.
    #[default]
    Issuer,
    /// Weaker, for clients of old.
    IssuerOrTokenEndpoint,
}

impl From<AssertionAudience> for server::AssertionAudience {
    fn from(audience: AssertionAudience) -> Self {
        match audience {
            AssertionAudience::Issuer => Self::Issuer,
            AssertionAudience::IssuerOrTokenEndpoint => Self::IssuerOrTokenEndpoint,
        }
    }
}

/// What is kept of what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// For how many days.
    pub keep_days: NonZeroU32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { keep_days: AUDIT_DAYS }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    listen: Option<String>,
    issuer: Option<String>,
    db: Option<PathBuf>,
    server_key_file: Option<PathBuf>,
    tls_cert: Option<PathBuf>,
    tls_key: Option<PathBuf>,
    trusted_proxies: Vec<String>,
    metrics_listen: Option<String>,
    log_format: LogFormat,
    profile: Profile,
    limits: Limits,
    lifetimes: profile::Said,
    signing: SigningTimes,
    login: Login,
    clients: Clients,
    audit: Audit,
    scopes: BTreeMap<String, String>,
}

/// What is wrong with the settings, and what to do.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// The file is not TOML, or has a key that is unknown or of the wrong type. The inner text names key and line.
    Malformed(PathBuf, Box<toml::de::Error>),
    /// `listen` is no address with a port.
    Listen(String),
    /// Only one of certificate and key was given: the missing one.
    Tls(&'static str),
    /// A trusted proxy is no address and no network.
    Proxy(String),
    /// Plain HTTP would leave this machine.
    PlainHttp(SocketAddr),
    /// Nobody can guess the name of a server behind a proxy, or of one that listens everywhere.
    IssuerMissing,
    /// Without `issuer` the address is the server's name, and by this one nobody may call it over plain HTTP.
    NoNameAt(SocketAddr),
    /// `issuer` cannot serve as one, and why.
    Issuer(String, &'static str),
    /// A limit cannot be kept, and why.
    Limit(&'static str),
    /// A lifetime does not fit the others, and why.
    Lifetime(&'static str),
    /// `acr` under `[login]` is not one word.
    Acr(String),
    /// A key under `[scopes]` is no scope, or its description is empty.
    Scope(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read the settings in {}: {error}", path.display()),
            Self::Malformed(path, error) => write!(f, "the settings in {} are not right: {error}", path.display()),
            Self::Listen(text) => {
                write!(f, "cannot listen at `{text}`: give an IP address and a port, such as 127.0.0.1:8080")
            }
            Self::Tls(missing) => write!(f, "HTTPS takes a certificate and its private key: give {missing} as well"),
            Self::Proxy(text) => write!(
                f,
                "`{text}` cannot be a trusted proxy: give IP addresses and networks, such as 10.0.0.5 or 10.1.0.0/16"
            ),
            Self::PlainHttp(address) => write!(
                f,
                "will not serve plain HTTP on {address}, where passwords and tokens could be read on the way: listen on \
                 127.0.0.1, serve HTTPS with --tls-cert and --tls-key, or put a proxy that terminates TLS in front and name \
                 its address with --trusted-proxies"
            ),
            Self::IssuerMissing => f.write_str(
                "behind a proxy, or listening at every address, the server's own name is not known: give the URL that \
                 clients use, such as --issuer https://id.example.com",
            ),
            Self::NoNameAt(address) => write!(
                f,
                "http://{address} cannot be the issuer, as plain HTTP is for 127.0.0.1, [::1] and localhost: listen on \
                 127.0.0.1 or [::1], or give the URL that clients use, such as --issuer https://id.example.com"
            ),
            Self::Issuer(text, why) => write!(f, "`{text}` cannot be the issuer: {why}"),
            Self::Limit(why) => write!(f, "[limits] cannot be kept: {why}"),
            Self::Lifetime(why) => write!(f, "[lifetimes] does not fit together: {why}"),
            Self::Acr(acr) => write!(
                f,
                "[login] has the acr `{acr}`: it is one word of printable ASCII without `\"` and `\\`, such as urn:example:password"
            ),
            Self::Scope(name) => write!(
                f,
                "[scopes] has `{name}`: a scope is printable ASCII without spaces, `\"` and `\\`, and needs a description"
            ),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable(_, error) => Some(error),
            Self::Malformed(_, error) => Some(error),
            _ => None,
        }
    }
}

impl Config {
    /// Reads the file that the options name, if any, lays the options over it, and checks the whole.
    ///
    /// # Errors
    /// The first thing found wrong.
    pub fn load(options: &Options) -> Result<Self, ConfigError> {
        let file = match &options.config {
            None => File::default(),
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).map_err(|error| ConfigError::Unreadable(path.clone(), error))?;
                parse(path, &text)?
            }
        };
        Self::merge(options, file)
    }

    fn merge(options: &Options, file: File) -> Result<Self, ConfigError> {
        let address = |text: &String| text.parse().map_err(|_| ConfigError::Listen(text.clone()));
        let listen = options.listen.as_ref().or(file.listen.as_ref()).map_or(Ok(LISTEN), address)?;
        let metrics_listen =
            options.metrics_listen.as_ref().or(file.metrics_listen.as_ref()).map(address).transpose()?;
        let tls = match (options.tls_cert.clone().or(file.tls_cert), options.tls_key.clone().or(file.tls_key)) {
            (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(ConfigError::Tls("--tls-key")),
            (None, Some(_)) => return Err(ConfigError::Tls("--tls-cert")),
        };
        let proxies = options.trusted_proxies.as_ref().unwrap_or(&file.trusted_proxies);
        let proxies = Proxies::read(proxies.iter().map(String::as_str)).map_err(ConfigError::Proxy)?;
        if !listen.ip().is_loopback() && tls.is_none() && proxies.is_empty() {
            return Err(ConfigError::PlainHttp(listen));
        }
        let issuer = options.issuer.clone().or(file.issuer);
        match &issuer {
            Some(issuer) => check_issuer(issuer)?,
            None if !proxies.is_empty() || listen.ip().is_unspecified() => return Err(ConfigError::IssuerMissing),
            // Another port, if 0 is asked for, changes nothing about this.
            None if !uri::is_issuer(&own_name(&tls, listen)) => return Err(ConfigError::NoNameAt(listen)),
            None => {}
        }
        let db = options.db.clone().or(file.db).unwrap_or_else(|| DB.into());
        let db = if db == Path::new(":memory:") { Db::Memory } else { Db::File(db) };
        let server_key_file = options.server_key_file.clone().or(file.server_key_file);
        let log_format = options.log_format.unwrap_or(file.log_format);
        if file.limits.header_bytes < Limits::LEAST_HEADER_BYTES {
            return Err(ConfigError::Limit("header_bytes must be 8192 at least"));
        }
        let lifetimes = Lifetimes::of(file.profile, &file.lifetimes)?;
        if !file.login.acr.is_empty() && !is_word(&file.login.acr) {
            return Err(ConfigError::Acr(file.login.acr));
        }
        check_scopes(&file.scopes)?;
        let File { profile, limits, signing, login, clients, audit, scopes, .. } = file;
        Ok(Self {
            listen,
            tls,
            proxies,
            db,
            server_key_file,
            metrics_listen,
            log_format,
            profile,
            limits,
            lifetimes,
            signing,
            login,
            clients,
            audit,
            scopes,
            issuer,
        })
    }

    /// The issuer, given where the server has come to listen (the port is only known then if 0 was asked for).
    pub fn issuer(&self, bound: SocketAddr) -> String {
        self.issuer.clone().unwrap_or_else(|| own_name(&self.tls, bound))
    }

    /// The profile, with what is said otherwise.
    pub fn policy(&self) -> Policy {
        let lifetimes = &self.lifetimes;
        Policy {
            assertion_audience: self.clients.assertion_audience.into(),
            access_lifetime: lifetimes.access_seconds.get(),
            code_lifetime: lifetimes.code_seconds.get(),
            refresh_idle: lifetimes.refresh_idle_seconds.get(),
            grant_lifetime: lifetimes.grant_seconds.get(),
            ..self.profile.policy()
        }
    }

    /// What of it is allowed and had better be otherwise.
    pub fn advice(&self) -> Option<String> {
        profile::advice(&self.policy())
    }

    /// Whether nobody but this machine can reach the server, by whatever name: only then may it have accounts whose
    /// passwords everyone knows.
    pub fn is_local(&self) -> bool {
        let is_local = |issuer: &String| Uri::parse(issuer).and_then(|uri| uri.host()).is_some_and(uri::is_loopback);
        self.listen.ip().is_loopback() && self.proxies.is_empty() && self.issuer.as_ref().is_none_or(is_local)
    }
}

/// Where the metadata of an issuer is: RFC 8414 section 3.1 puts the well-known part before the issuer's path.
pub fn metadata_url(issuer: &str) -> String {
    let mut buf = vec![0; issuer.len() + 64];
    let mut w = Writer::new(&mut buf);
    uri::metadata_url(&mut w, issuer);
    w.finish().unwrap_or_default().to_owned()
}

/// The issuer where none is said.
fn own_name(tls: &Option<TlsFiles>, address: SocketAddr) -> String {
    format!("{}://{address}", if tls.is_some() { "https" } else { "http" })
}

fn parse(path: &Path, text: &str) -> Result<File, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Malformed(path.to_owned(), Box::new(error)))
}

/// RFC 8414 section 2, as the core reads it; here each way to get it wrong is told in words of its own.
fn check_issuer(issuer: &str) -> Result<(), ConfigError> {
    let wrong = |why| Err(ConfigError::Issuer(issuer.to_owned(), why));
    if !issuer.contains("://") {
        return wrong("it must be a URL such as https://id.example.com");
    }
    let Some(parsed) = Uri::parse(issuer) else { return wrong("it has a character that no URL may have") };
    if issuer.contains(['?', '#']) {
        return wrong("it must have no query and no fragment (RFC 8414 section 2)");
    }
    let host = parsed.host().unwrap_or_default();
    match parsed.scheme {
        "https" => {}
        "http" if uri::is_loopback(host) => {}
        "http" => return wrong("it must be https, unless its host is this machine (127.0.0.1, [::1] or localhost)"),
        _ => return wrong("it must begin with https://"),
    }
    if issuer.ends_with('/') && !host.is_empty() {
        return wrong("leave out the slash at its end, as clients compare it letter by letter");
    }
    if uri::is_issuer(issuer) { Ok(()) } else { wrong("it must name a host, and no user") }
}

/// RFC 6749 section 3.3: `scope-token = 1*( %x21 / %x23-5B / %x5D-7E )`.
fn check_scopes(scopes: &BTreeMap<String, String>) -> Result<(), ConfigError> {
    match scopes.iter().find(|(name, description)| !is_word(name) || description.trim().is_empty()) {
        Some((name, _)) => Err(ConfigError::Scope(name.clone())),
        None => Ok(()),
    }
}

fn is_word(text: &str) -> bool {
    scope::is_scope(text) && !text.contains(' ')
}

#[cfg(test)]
mod tests;
