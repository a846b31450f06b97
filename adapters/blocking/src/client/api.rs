//! Requests to APIs with a token that is always good: the core's token keeper, driven by threads.

use super::origin::Origin;
use super::transport::{Transport, sensitive, told};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;
use ureq::Body;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{Request, Response, StatusCode, request::Parts};
use valetkey::client::keeper::{State, Ticket};
use valetkey::time::Uptime;
use valetkey_std::kept::{
    self, ApiError, ApiTransport, Credentials, Draft, KeptToken, Next, NoToken, NotSigned, SetupError, Token,
};
use zeroize::Zeroizing;

/// The credentials of a client that asks for tokens in its own name, and the APIs that it calls with them.
///
/// ```no_run
/// use valetkey_blocking::client::ClientCredentials;
///
/// # fn run(secret: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = ClientCredentials::new("https://as.example/token", "reporter", secret);
/// let api = credentials.for_api("https://api.example").into_client()?;
/// let notes = api.get("https://api.example/notes")?.body_mut().read_to_string()?;
/// # Ok(()) }
/// ```
///
/// By a key pair (`private_key_jwt`), which may as well lie in a device or a service:
///
/// ```no_run
/// use valetkey::jose::Algorithm;
/// use valetkey_aws_lc::SigningKey;
/// use valetkey_blocking::client::{ClientCredentials, ClientKey};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::from_pkcs8(Algorithm::Es256, &std::fs::read("reporter.pk8")?)?;
/// let key = ClientKey::new(key.algorithm(), "key-1", move |message| key.sign(message).ok());
/// let credentials = ClientCredentials::by_key("https://as.example", "https://as.example/token", "reporter", key);
/// let api = credentials.for_api("https://api.example").into_client()?;
/// # Ok(()) }
/// ```
pub type ClientCredentials = kept::ClientCredentials<Transport>;

/// Calls APIs with a token that is got when it is first needed, renewed ahead, by one thread however many call, and
/// replaced once when an API refuses it. Made by
/// [`ClientCredentials::into_client`](kept::ClientCredentials::into_client); cheap to clone, and to be shared by threads.
///
/// A good token is used while its renewal fails. When there is none, requests fail at once with the reason, and the server
/// is asked again after a pause, which [`NoToken`] tells.
#[derive(Clone)]
pub struct ApiClient(Arc<Shared>);

struct Shared {
    credentials: Credentials,
    transport: Transport,
    origins: Vec<Origin>,
    kept: Mutex<KeptToken>,
    /// Tells those who wait that a ticket was handed back.
    handed_back: Condvar,
}

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiClient").field("credentials", &self.0.credentials).finish_non_exhaustive()
    }
}

impl ApiTransport for Transport {
    type Client = ApiClient;

    const STANDARD_HAS_TLS: bool = cfg!(feature = "rustls");

    fn standard() -> Result<Self, SetupError> {
        Ok(Self::new())
    }

    fn into_client(self, credentials: Credentials) -> Result<ApiClient, SetupError> {
        let began = Instant::now();
        let uptime = move || Uptime(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        ApiClient::with_uptime(self, credentials, Box::new(uptime))
    }
}

impl ApiClient {
    fn with_uptime(
        transport: Transport,
        credentials: Credentials,
        uptime: Box<dyn Fn() -> Uptime + Send + Sync>,
    ) -> Result<Self, SetupError> {
        let origins: Option<Vec<_>> = credentials.apis().iter().map(|api| Origin::named(api)).collect();
        let origins = origins.ok_or(SetupError::Api)?;
        let kept = Mutex::new(KeptToken::new(uptime)?);
        Ok(Self(Arc::new(Shared { credentials, transport, origins, kept, handed_back: Condvar::new() })))
    }

    /// A GET: see [`Self::send`].
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn get(&self, url: &str) -> Result<Response<Body>, ApiError> {
        let request = Request::get(url).body(&[][..]).map_err(|error| told(error.into()))?;
        self.send(request)
    }

    /// Sends a request with the token in its `Authorization` header, and once more with a new token if the API answers with
    /// 401. Any other status is the caller's to look at, as is a second 401; no redirect is followed. It may take
    /// [`TIMEOUT`](super::TIMEOUT), with the reading of the body.
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn send(&self, request: Request<&[u8]>) -> Result<Response<Body>, ApiError> {
        let (mut parts, body) = request.into_parts();
        // Settings of another agent may be among them, which follow redirects or take a 401 for an error.
        parts.extensions.clear();
        if !Origin::of(&parts.uri).is_some_and(|origin| self.0.origins.contains(&origin)) {
            return Err(ApiError::OtherOrigin);
        }
        let token = self.token()?;
        let response = self.0.call(parts.clone(), body, &token)?;
        if response.status() != StatusCode::UNAUTHORIZED || !self.0.kept().refused(&token) {
            return Ok(response);
        }
        // Its connection is given back before another one is waited for.
        drop(response);
        let token = self.token()?;
        self.0.call(parts, body, &token)
    }

    /// The state of the token, for logs and metrics.
    pub fn state(&self) -> State {
        self.0.kept().state()
    }

    /// A token that is good now.
    fn token(&self) -> Result<Token, NoToken> {
        let mut kept = self.0.kept();
        loop {
            match kept.ask()? {
                Next::Use(token) => return Ok(token),
                Next::Renew { ticket, meanwhile: Some(token) } => {
                    drop(kept);
                    let renewal = self.renewing(ticket);
                    // Without a thread it is dropped, and the ticket handed back.
                    drop(thread::Builder::new().name("valetkey-renew".to_owned()).spawn(move || renewal.run()));
                    return Ok(token);
                }
                Next::Renew { ticket, meanwhile: None } => {
                    drop(kept);
                    self.renewing(ticket).run();
                    kept = self.0.kept();
                }
                Next::Wait(pause) => {
                    let waited = self.0.handed_back.wait_timeout(kept, pause);
                    kept = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }

    fn renewing(&self, ticket: Ticket) -> Renewing {
        Renewing { shared: Arc::clone(&self.0), ticket: Some(ticket) }
    }
}

impl Shared {
    fn call(&self, mut parts: Parts, body: &[u8], token: &Token) -> Result<Response<Body>, ApiError> {
        let bearer = Zeroizing::new(format!("Bearer {}", token.text()));
        parts.headers.insert(AUTHORIZATION, sensitive(&bearer)?);
        Ok(self.transport.run(parts, body)?)
    }

    /// What a panicking thread left behind is whole: nothing that can panic runs under the lock.
    fn kept(&self) -> MutexGuard<'_, KeptToken> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A renewal that is on. However it ends, be it by a panic of what signs, its ticket is handed back and those who wait are
/// told.
struct Renewing {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Renewing {
    /// Sends the one request that a ticket is for.
    fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        let config = shared.credentials.config().expect("it was checked when it was given");
        let (flow, mut buf) = (kept::flow(&config), Zeroizing::default());
        let post = shared.credentials.draft(&flow, &mut buf).and_then(Draft::signed);
        let answer = post.map(|post| shared.transport.send(&post));
        let Some(ticket) = self.ticket.take() else { return };
        match answer {
            Ok(Ok(received)) => {
                let mut scratch = received.scratch();
                let answer = flow.response(received.response(), &mut scratch);
                shared.kept().answered(ticket, answer);
            }
            Ok(Err(error)) => shared.kept().unanswered(ticket, error.is_unsent()),
            Err(NotSigned) => shared.kept().not_signed(ticket),
        }
    }
}

impl Drop for Renewing {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.kept().unanswered(ticket, false);
        }
        self.shared.handed_back.notify_all();
    }
}

#[cfg(test)]
mod tests;
