//! The transport: it keeps to the duties that travel with a request, and knows nothing of what is in it.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{ClientBuilder, redirect, retry};
use std::time::Duration;
use valetkey::client::Post;
use valetkey::text::uri;
use valetkey_std::kept::{Received, SendError};
use zeroize::Zeroizing;

/// How long a request may take in all.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends requests to an authorization server: over TLS unless it is on loopback, following no redirect, reading no more
/// than the cap, and never twice. Cheap to clone; connections are kept for the next request.
#[derive(Clone, Debug)]
pub struct Transport {
    http: reqwest::Client,
}

impl Transport {
    /// By the certificates that this platform trusts, and without a proxy.
    ///
    /// # Errors
    /// [`SendError::Setup`]: TLS cannot be set up on this machine.
    pub fn new() -> Result<Self, SendError> {
        Self::with(|builder| builder)
    }

    /// With certificates, a proxy or a resolver of your own: `set` is given what [`Transport::new`] builds from. Redirects,
    /// retries and the timeout are set here, whatever it says.
    ///
    /// # Errors
    /// [`SendError::Setup`].
    pub fn with(set: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Result<Self, SendError> {
        let builder = set(with_tls(reqwest::Client::builder().no_proxy())?);
        let builder = builder.redirect(redirect::Policy::none()).retry(retry::never()).timeout(TIMEOUT).referer(false);
        Ok(Self { http: builder.build().map_err(|e| SendError::Setup(e.into()))? })
    }

    /// Sends the request once, whatever its duties say of retries.
    ///
    /// # Errors
    /// [`SendError`], which [says](SendError::is_unsent) whether the request may have arrived.
    pub async fn send(&self, post: &Post<'_>) -> Result<Received, SendError> {
        let Post { url, authorization, body, .. } = *post;
        self.post(url, authorization, Post::CONTENT_TYPE, Post::ACCEPT, body, post.duties.body_cap).await
    }

    pub(crate) async fn post(
        &self,
        url: &str,
        authorization: Option<&str>,
        content_type: &str,
        accept: &str,
        body: &str,
        cap: usize,
    ) -> Result<Received, SendError> {
        if !uri::is_endpoint(url) {
            return Err(SendError::Insecure);
        }
        let request = self.http.post(url).header(CONTENT_TYPE, content_type).header(ACCEPT, accept);
        let request = match authorization.map(sensitive) {
            Some(value) => request.header(AUTHORIZATION, value?),
            None => request,
        };
        receive(request.body(body.to_owned()).send().await.map_err(told)?, cap).await
    }

    /// Fetches a document, such as a key set, of at most `cap` bytes.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn get(&self, url: &str, accept: &str, cap: usize) -> Result<Received, SendError> {
        if !uri::is_endpoint(url) {
            return Err(SendError::Insecure);
        }
        receive(self.http.get(url).header(ACCEPT, accept).send().await.map_err(told)?, cap).await
    }

    /// Sends any request.
    pub(super) async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, SendError> {
        self.http.execute(request).await.map_err(told)
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
fn told(error: reqwest::Error) -> SendError {
    let no_tls = cfg!(not(feature = "rustls")) && error.url().is_some_and(|url| url.scheme() == "https");
    // The URL may have what is for nobody's logs.
    let error = error.without_url();
    if error.is_timeout() {
        SendError::Timeout
    } else if error.is_builder() {
        SendError::Setup(error.into())
    } else if error.is_connect() {
        SendError::Unreachable(if no_tls { "https takes feature `rustls`".into() } else { error.into() })
    } else {
        SendError::Broken(error.into())
    }
}

async fn receive(mut response: reqwest::Response, cap: usize) -> Result<Received, SendError> {
    let (status, headers) = (response.status().as_u16(), response.headers());
    let (content_type, retry_after, date) =
        (text(headers, CONTENT_TYPE), text(headers, RETRY_AFTER), text(headers, DATE));
    // It never grows, so that no copy of a token is left behind.
    let mut body = Zeroizing::new(Vec::with_capacity(cap));
    while let Some(chunk) = response.chunk().await.map_err(told)? {
        if chunk.len() > cap - body.len() {
            return Err(SendError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Received { status, content_type, retry_after, date, body })
}

/// A header's value, unless it came twice or is no text.
fn text(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).into_iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    Some(value.to_str().ok()?.to_owned())
}

#[cfg(feature = "rustls")]
fn with_tls(builder: ClientBuilder) -> Result<ClientBuilder, SendError> {
    use rustls_platform_verifier::BuilderVerifierExt;
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_platform_verifier())
        .map_err(|error| SendError::Setup(error.into()))?;
    Ok(builder.tls_backend_preconfigured(config.with_no_client_auth()))
}

#[cfg(not(feature = "rustls"))]
const fn with_tls(builder: ClientBuilder) -> Result<ClientBuilder, SendError> {
    Ok(builder)
}
