//! Requests to APIs with a token that is always good: the core's token keeper, driven by threads.

use super::origin::Origin;
use super::transport::{Transport, sensitive, told};
use std::fmt;
use std::sync::{Arc, Condvar, PoisonError};
use std::thread;
use std::time::Instant;
use ureq::Body;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{Request, Response, StatusCode, request::Parts};
use valetkey::client::keeper::State;
use valetkey::time::Uptime;
use valetkey_std::kept::{
    self, ApiError, ApiTransport, Credentials, Draft, KeptToken, Next, NoToken, RefreshToken, Renewing, SetupError,
    SharedToken, Sharing, Token,
};
use zeroize::Zeroizing;

/// The credentials of a client, and the APIs that it calls with its tokens. It asks for them in its own name, or for a person
/// who has logged in.
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
/// For a person who has logged in, by a refresh token that is kept as it rotates:
///
/// ```no_run
/// use valetkey_blocking::client::{ClientCredentials, RefreshToken};
/// # type Read = fn() -> std::io::Result<(bool, String)>;
/// # type Write = fn(bool, &str) -> std::io::Result<()>;
/// # fn run(read: Read, write: Write) -> Result<(), Box<dyn std::error::Error>> {
/// let (in_use, text) = read()?; // from a database, a keyring or a file; at first `false`, and the token of the login
/// let credentials = ClientCredentials::public("https://as.example/token", "notes-app")
///     .with_refresh_token(RefreshToken::new(text, in_use), move |token| {
///         write(token.is_in_use(), token.expose()).is_ok() // durably, in place of what was there
///     });
/// let api = credentials.with_grace_window().for_api("https://api.example").into_client()?;
/// # Ok(()) }
/// ```
///
/// [`RefreshToken`] has how it is kept in a file.
///
/// By a key pair (`private_key_jwt`), which may as well lie in a device or a service. This one is in a file, where
/// `SigningKey::generate` and `to_pkcs8` once put it; the server was given its `public_json`:
///
/// ```no_run
/// use valetkey::jose::Algorithm;
/// use valetkey_aws_lc::SigningKey;
/// use valetkey_blocking::client::{ClientCredentials, ClientKey};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::from_pkcs8(Algorithm::Es256, &std::fs::read("reporter.pk8")?)?;
/// let key = ClientKey::new(key.algorithm(), key.kid().to_owned(), move |message| key.sign(message).ok());
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
/// is asked again after a pause, which [`NoToken`] tells. After the end of a person's grant only another login helps, with
/// a client made anew.
#[derive(Clone)]
pub struct ApiClient(Arc<Shared>);

struct Shared {
    credentials: Credentials,
    transport: Transport,
    origins: Vec<Origin>,
    token: SharedToken,
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
        let token = SharedToken::new(KeptToken::new(&credentials, uptime)?);
        let handed_back = Condvar::new();
        Ok(Self(Arc::new(Shared { credentials, transport, origins, token, handed_back })))
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
        if response.status() != StatusCode::UNAUTHORIZED || !self.0.token.kept().refused(&token) {
            return Ok(response);
        }
        // Its connection is given back before another one is waited for.
        drop(response);
        let token = self.token()?;
        self.0.call(parts, body, &token)
    }

    /// The state of the token, for logs and metrics.
    pub fn state(&self) -> State {
        self.0.token.kept().state()
    }

    /// A token that is good now.
    fn token(&self) -> Result<Token, NoToken> {
        let mut kept = self.0.token.kept();
        loop {
            match kept.ask()? {
                Next::Use(token) => return Ok(token),
                Next::Renew { ticket, meanwhile: Some(token) } => {
                    drop(kept);
                    let renewal = Renewing::new(&self.0, ticket);
                    // Without a thread it is dropped, and the ticket handed back.
                    drop(thread::Builder::new().name("valetkey-renew".to_owned()).spawn(move || renew(renewal)));
                    return Ok(token);
                }
                Next::Renew { ticket, meanwhile: None } => {
                    drop(kept);
                    renew(Renewing::new(&self.0, ticket));
                    kept = self.0.token.kept();
                }
                Next::Wait(pause) => {
                    let waited = self.0.handed_back.wait_timeout(kept, pause);
                    kept = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
    }
}

impl Shared {
    fn call(&self, mut parts: Parts, body: &[u8], token: &Token) -> Result<Response<Body>, ApiError> {
        let bearer = Zeroizing::new(format!("Bearer {}", token.text()));
        parts.headers.insert(AUTHORIZATION, sensitive(&bearer)?);
        Ok(self.transport.run(parts, body)?)
    }
}

impl Sharing for Shared {
    fn token(&self) -> &SharedToken {
        &self.token
    }

    fn handed_back(&self) {
        self.handed_back.notify_all();
    }
}

/// Sends the one request that a ticket is for.
fn renew(mut renewing: Renewing<Shared>) {
    let shared = renewing.shared();
    if !renewing.is_alone() {
        return renewing.end(|kept, ticket| kept.unanswered(ticket, true));
    }
    let (credentials, sent) = (&shared.credentials, shared.token.kept().refresh_token());
    let config = credentials.config().expect("it was checked when it was given");
    let mut flow = credentials.flow(&config, sent.as_ref()).expect("it was checked when it was given, or read");
    if !credentials.keep(sent.as_ref().map(RefreshToken::sending).as_ref()) {
        return renewing.end(KeptToken::not_kept);
    }
    // Not before: a signature is good for a minute, and what keeps the token may take longer.
    let mut buf = Zeroizing::default();
    let received = loop {
        let Ok(post) = credentials.draft(&mut flow, &mut buf).and_then(Draft::signed) else {
            credentials.keep(sent.as_ref());
            return renewing.end(KeptToken::not_signed);
        };
        renewing.sent(true);
        let received = match shared.transport.send(&post) {
            Ok(received) => received,
            Err(error) => {
                let unsent = error.is_unsent();
                renewing.sent(!unsent);
                if unsent {
                    // After a restart it is known to be good. If this fails, it only counts as spent then.
                    credentials.keep(sent.as_ref());
                }
                return renewing.end(|kept, ticket| kept.unanswered(ticket, unsent));
            }
        };
        if !flow.is_refused_for_its_time(&received) {
            break received;
        }
        renewing.sent(false);
    };
    let mut scratch = received.scratch();
    let answer = flow.response(received.response(), &mut scratch);
    let successor = shared.token.kept().successor(&answer);
    if sent.is_some() && successor.is_none() {
        renewing.tell(|kept, ticket| kept.answered(ticket, answer));
        if shared.token.kept().is_unspent() {
            credentials.keep(sent.as_ref());
        }
        return;
    }
    renewing.sent(false);
    if !credentials.keep(successor.as_ref()) {
        return renewing.end(KeptToken::not_kept);
    }
    renewing.end(|kept, ticket| kept.answered(ticket, answer));
}

#[cfg(test)]
mod tests;
