//! The transport: it keeps to the duties that travel with a request, and knows nothing of what is in it.

use std::io::{self, Read};
use std::time::Duration;
use ureq::config::ConfigBuilder;
use ureq::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use ureq::http::{Request, Uri, request::Parts};
use ureq::typestate::AgentScope;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Body};
use valetkey::client::Post;
use valetkey::text::uri;
use valetkey_std::kept::{Received, SendError};
use zeroize::Zeroizing;

/// What ureq hands over, with its body still to be read.
pub(super) type Answered = ureq::http::Response<Body>;

/// How long a request may take in all.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests to an authorization server: over TLS unless it is on loopback, following no redirect, reading no more
/// than the cap, and never twice. Cheap to clone; connections are kept for the next request.
#[derive(Clone, Debug)]
pub struct Transport {
    agent: Agent,
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport {
    /// By the certificates that this platform trusts, and without a proxy.
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// With certificates, a proxy or connections of your own: `set` is given what [`Transport::new`] builds from. Redirects
    /// and the timeout are set here, whatever it says.
    pub fn with(set: impl FnOnce(ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope>) -> Self {
        let builder = set(with_tls(Agent::config_builder().proxy(None)));
        // An error status bears a body that says why.
        let builder = builder.http_status_as_error(false).max_redirects(0).timeout_global(Some(TIMEOUT));
        Self { agent: Agent::with_parts(builder.build(), DefaultConnector::default(), Names::default()) }
    }

    /// Sends the request once, whatever its duties say of retries.
    ///
    /// # Errors
    /// [`SendError`], which [says](SendError::is_unsent) whether the request may have arrived.
    pub fn send(&self, post: &Post<'_>) -> Result<Received, SendError> {
        if !uri::is_endpoint(post.url) {
            return Err(SendError::Insecure);
        }
        let request = self.agent.post(post.url).header(CONTENT_TYPE, Post::CONTENT_TYPE).header(ACCEPT, Post::ACCEPT);
        let request = match post.authorization.map(sensitive) {
            Some(value) => request.header(AUTHORIZATION, value?),
            None => request,
        };
        receive(request.send(post.body).map_err(told)?, post.duties.body_cap)
    }

    /// Fetches a document, such as a key set, of at most `cap` bytes.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn get(&self, url: &str, accept: &str, cap: usize) -> Result<Received, SendError> {
        if !uri::is_endpoint(url) {
            return Err(SendError::Insecure);
        }
        receive(self.agent.get(url).header(ACCEPT, accept).call().map_err(told)?, cap)
    }

    /// Sends any request, whose body is empty if it has none.
    pub(super) fn run(&self, parts: Parts, body: &[u8]) -> Result<Answered, SendError> {
        let answer = if body.is_empty() {
            self.agent.run(Request::from_parts(parts, ()))
        } else {
            self.agent.run(Request::from_parts(parts, body))
        };
        answer.map_err(told)
    }
}

/// Looks up a host as ureq does. Its error is an `io::Error` like that of a connection which broke, after which nobody knows
/// what was sent; a name that is not found is told apart here, where it is known.
#[derive(Debug, Default)]
struct Names(DefaultResolver);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.0.resolve(uri, config, timeout).map_err(|error| match error {
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            other => other,
        })
    }
}

/// A header's value that is not for logs.
pub(super) fn sensitive(text: &str) -> Result<HeaderValue, SendError> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| SendError::Setup("the credentials cannot stand in a header".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// What went wrong, and whether anything was sent before it did.
pub(super) fn told(error: ureq::Error) -> SendError {
    match error {
        ureq::Error::Timeout(_) => SendError::Timeout,
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => SendError::Setup(error.into()),
        ureq::Error::TlsRequired if cfg!(not(feature = "rustls")) => {
            SendError::Unreachable("https takes feature `rustls`".into())
        }
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => SendError::Unreachable(error.into()),
        ureq::Error::Io(ref why) if why.kind() == io::ErrorKind::ConnectionRefused => {
            SendError::Unreachable(error.into())
        }
        _ => SendError::Broken(error.into()),
    }
}

fn receive(mut response: Answered, cap: usize) -> Result<Received, SendError> {
    let (status, headers) = (response.status().as_u16(), response.headers());
    let (content_type, retry_after, date) =
        (text(headers, CONTENT_TYPE), text(headers, RETRY_AFTER), text(headers, DATE));
    // It never grows, so that no copy of a token is left behind.
    let mut body = Zeroizing::new(vec![0; cap]);
    let (mut reader, mut length) = (response.body_mut().as_reader(), 0);
    loop {
        let room = &mut body[length..];
        let read = if room.is_empty() { reader.read(&mut [0]) } else { reader.read(room) };
        match (read.map_err(|error| told(error.into()))?, length == cap) {
            (0, _) => break,
            (_, true) => return Err(SendError::TooLong),
            (read, false) => length += read,
        }
    }
    body.truncate(length);
    Ok(Received { status, content_type, retry_after, date, body })
}

/// A header's value, unless it came twice or is no text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).into_iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    Some(value.to_str().ok()?.to_owned())
}

#[cfg(feature = "rustls")]
fn with_tls(builder: ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> {
    use ureq::tls::{RootCerts, TlsConfig, TlsProvider};
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder().provider(TlsProvider::Rustls).root_certs(RootCerts::PlatformVerifier);
    builder.tls_config(tls.unversioned_rustls_crypto_provider(provider).build())
}

#[cfg(not(feature = "rustls"))]
const fn with_tls(builder: ConfigBuilder<AgentScope>) -> ConfigBuilder<AgentScope> {
    builder
}
