//! Requests to APIs with a token that is always good: the core's token keeper, driven by threads.

use super::SendError;
use super::credentials::{ClientCredentials, SetupError};
use super::origin::Origin;
use super::transport::sensitive;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};
use ureq::Body;
use ureq::http::header::AUTHORIZATION;
use ureq::http::{Request, Response, StatusCode, request::Parts};
use valetkey::client::keeper::{Keeper, Now, Refused, Renewal, State, Ticket, Timing, TokenId, Trouble, seed};
use valetkey::client::{self, TooSmall};
use valetkey::time::Uptime;
use zeroize::Zeroizing;

/// Calls APIs with a token that is got when it is first needed, renewed ahead, by one thread however many call, and
/// replaced once when an API refuses it. Made by [`ClientCredentials::into_client`]; cheap to clone, and to be shared by
/// threads.
///
/// A good token is used while its renewal fails. When there is none, requests fail at once with the reason, and the server
/// is asked again after a pause.
#[derive(Clone)]
pub struct ApiClient(Arc<Shared>);

struct Shared {
    credentials: ClientCredentials,
    origins: Vec<Origin>,
    uptime: Box<dyn Fn() -> Uptime + Send + Sync>,
    kept: Mutex<Kept>,
    /// Tells those who wait that a ticket was handed back.
    handed_back: Condvar,
}

/// The keeper and the text of its token, which change together.
struct Kept {
    keeper: Keeper,
    token: Token,
}

type Token = Arc<Zeroizing<String>>;

impl fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { credentials, origins, .. } = &*self.0;
        f.debug_struct("ApiClient").field("credentials", credentials).field("origins", origins).finish_non_exhaustive()
    }
}

/// Why a request to an API got no answer. Holds no secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum ApiError {
    /// The URL has none of the origins that were named by [`ClientCredentials::for_api`]. Nothing was sent.
    OtherOrigin,
    /// There is no token. Nothing was sent, or the API refused the one that was.
    NoToken(Trouble),
    /// The API did not answer.
    Send(SendError),
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherOrigin => {
                f.write_str("the URL is of none of the APIs that were named, so no token is sent there")
            }
            Self::NoToken(_) => f.write_str("there is no access token"),
            Self::Send(_) => f.write_str("the API did not answer"),
        }
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::OtherOrigin => None,
            Self::NoToken(trouble) => Some(trouble),
            Self::Send(error) => Some(error),
        }
    }
}

impl ApiClient {
    pub(super) fn new(credentials: ClientCredentials, origins: Vec<Origin>) -> Result<Self, SetupError> {
        let began = Instant::now();
        let uptime = move || Uptime(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        Self::with_uptime(credentials, origins, Box::new(uptime))
    }

    fn with_uptime(
        credentials: ClientCredentials,
        origins: Vec<Origin>,
        uptime: Box<dyn Fn() -> Uptime + Send + Sync>,
    ) -> Result<Self, SetupError> {
        let mut drawn = [0; 8];
        getrandom::fill(&mut drawn).map_err(|_| SetupError::Random)?;
        let keeper = Keeper::new(Renewal::ClientCredentials, Timing::SERVICE, seed(b"", &drawn));
        let kept = Mutex::new(Kept { keeper, token: Token::default() });
        let handed_back = Condvar::new();
        Ok(Self(Arc::new(Shared { credentials, origins, uptime, kept, handed_back })))
    }

    /// A GET: see [`Self::send`].
    ///
    /// # Errors
    /// [`ApiError`].
    pub fn get(&self, url: &str) -> Result<Response<Body>, ApiError> {
        let request =
            Request::get(url).body(&[][..]).map_err(|error| ApiError::Send(ureq::Error::from(error).into()))?;
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
        let (id, token) = self.token()?;
        let response = self.once(parts.clone(), body, &token)?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.0.told(|keeper, now| keeper.refused(id, now)) {
            Refused::GiveUp => Ok(response),
            Refused::Retry => {
                // Its connection is given back before another one is waited for.
                drop(response);
                let (_, token) = self.token()?;
                self.once(parts, body, &token)
            }
        }
    }

    /// The state of the token, for logs and metrics.
    pub fn state(&self) -> State {
        self.0.told(|keeper, now| keeper.state(now))
    }

    /// A token that is good now.
    fn token(&self) -> Result<(TokenId, Token), ApiError> {
        let mut kept = self.0.lock();
        loop {
            let now = (self.0.uptime)();
            match kept.keeper.ask(now) {
                Now::Use(usable) => return Ok((usable.token, Arc::clone(&kept.token))),
                Now::Renew { ticket, meanwhile: Some(usable) } => {
                    let token = Arc::clone(&kept.token);
                    drop(kept);
                    self.renew_aside(ticket);
                    return Ok((usable.token, token));
                }
                Now::Renew { ticket, meanwhile: None } => {
                    drop(kept);
                    self.0.renew(ticket);
                    kept = self.0.lock();
                }
                Now::Wait { until, trouble: None } => {
                    let pause = Duration::from_millis(until.millis_since(now).into());
                    let waited = self.0.handed_back.wait_timeout(kept, pause);
                    kept = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Now::Wait { trouble: Some(trouble), .. } => return Err(ApiError::NoToken(trouble)),
                Now::Denied { code, .. } => return Err(ApiError::NoToken(Trouble::Denied(code))),
                Now::LogIn => return Err(ApiError::NoToken(Trouble::GrantEnded)),
            }
        }
    }

    /// Nobody waits for a renewal while the token is good.
    fn renew_aside(&self, ticket: Ticket) {
        let shared = Arc::clone(&self.0);
        // A ticket that no thread could be started for comes back at its deadline.
        drop(thread::Builder::new().name("valetkey-renew".to_owned()).spawn(move || shared.renew(ticket)));
    }

    fn once(&self, mut parts: Parts, body: &[u8], token: &str) -> Result<Response<Body>, ApiError> {
        let bearer = Zeroizing::new(format!("Bearer {token}"));
        parts.headers.insert(AUTHORIZATION, sensitive(&bearer).map_err(ApiError::Send)?);
        self.0.credentials.transport().run(parts, body).map_err(ApiError::Send)
    }
}

impl Shared {
    /// Sends the one request that a ticket is for, and hands it back.
    fn renew(&self, ticket: Ticket) {
        let config = self.credentials.config().expect("it was checked when it was given");
        let flow = client::ClientCredentials::new(&config).expect("it was checked when it was given");
        let TooSmall { needed } = flow.request(&mut []).err().unwrap_or(TooSmall { needed: 0 });
        let mut buf = Zeroizing::new(vec![0; needed]);
        let post = flow.request(&mut buf).expect("so much is needed");
        match self.credentials.transport().send(&post) {
            Ok(received) => {
                let mut scratch = received.scratch();
                let answer = flow.response(received.response(), &mut scratch);
                let (mut kept, now) = (self.lock(), (self.uptime)());
                if let Some((_, tokens)) = kept.keeper.answered(ticket, answer, now) {
                    kept.token = Arc::new(Zeroizing::new(tokens.access_token.expose().to_owned()));
                }
            }
            Err(error) if error.is_unsent() => self.told(|keeper, now| keeper.not_sent(ticket, now)),
            Err(_) => self.told(|keeper, now| keeper.unanswered(ticket, now)),
        }
        self.handed_back.notify_all();
    }

    /// Time never goes back for the keeper: it is read under the lock.
    fn told<T>(&self, tell: impl FnOnce(&mut Keeper, Uptime) -> T) -> T {
        let mut kept = self.lock();
        let now = (self.uptime)();
        tell(&mut kept.keeper, now)
    }

    /// What a panicking thread left behind is whole: nothing that can panic runs under the lock.
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
