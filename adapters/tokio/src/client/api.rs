//! Requests to APIs with a token that is always good: the core's token keeper, driven by tasks.

use super::Transport;
use super::transport::sensitive;
use reqwest::header::AUTHORIZATION;
use reqwest::{Method, Request, Response, StatusCode, Url};
use std::fmt;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use valetkey::client::Post;
use valetkey::client::keeper::State;
use valetkey::text::uri;
use valetkey::time::Uptime;
use valetkey_std::kept::{
    self, ApiError, ApiTransport, Credentials, Draft, KeptToken, Next, NoToken, NotSigned, RefreshToken, Renewing,
    SendError, SetupError, SharedToken, Sharing, Token,
};
use zeroize::Zeroizing;

/// The credentials of a client, and the APIs that it calls with its tokens. It asks for them in its own name, or for a person
/// who has logged in.
///
/// ```no_run
/// use valetkey_tokio::client::ClientCredentials;
///
/// # async fn run(secret: &str) -> Result<(), Box<dyn std::error::Error>> {
/// let credentials = ClientCredentials::new("https://as.example/token", "reporter", secret);
/// let api = credentials.for_api("https://api.example").into_client()?;
/// let notes = api.get("https://api.example/notes").await?.text().await?;
/// # Ok(()) }
/// ```
///
/// For a person who has logged in, by a refresh token that is kept as it rotates:
///
/// ```no_run
/// use valetkey_tokio::client::{ClientCredentials, RefreshToken};
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
/// `SigningKey::generate` and `to_pkcs8` once put it; the server was given its `public_json`. What signs may block, as may
/// what keeps a refresh token: both run where tokio lets them ([`spawn_blocking`]).
///
/// ```no_run
/// use valetkey::jose::Algorithm;
/// use valetkey_aws_lc::SigningKey;
/// use valetkey_tokio::client::{ClientCredentials, ClientKey};
///
/// # fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let key = SigningKey::from_pkcs8(Algorithm::Es256, &std::fs::read("reporter.pk8")?)?;
/// let key = ClientKey::new(key.algorithm(), key.kid().to_owned(), move |message| key.sign(message).ok());
/// let credentials = ClientCredentials::by_key("https://as.example", "https://as.example/token", "reporter", key);
/// let api = credentials.for_api("https://api.example").into_client()?;
/// # Ok(()) }
/// ```
pub type ClientCredentials = kept::ClientCredentials<Transport>;

/// Calls APIs with a token that is got when it is first needed, renewed ahead, by one task however many call, and replaced
/// once when an API refuses it. Made by [`ClientCredentials::into_client`](kept::ClientCredentials::into_client); cheap to
/// clone, and to be shared by tasks.
///
/// A good token is used while its renewal fails. When there is none, requests fail at once with the reason, and the server
/// is asked again after a pause, which [`NoToken`] tells. After the end of a person's grant only another login helps, with
/// a client made anew. A renewal runs in a task of its own, so that any caller may be dropped at any time. Its clock is tokio's.
#[derive(Clone)]
pub struct ApiClient(Arc<Shared>);

struct Shared {
    credentials: Credentials,
    transport: Transport,
    /// Of which only the origins count.
    apis: Vec<Url>,
    token: SharedToken,
    /// Tells those who wait that a ticket was handed back.
    handed_back: Notify,
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
        Self::new().map_err(|_| SetupError::Tls)
    }

    fn into_client(self, credentials: Credentials) -> Result<ApiClient, SetupError> {
        let apis: Option<Vec<_>> = credentials.apis().iter().map(|api| origin(api)).collect();
        let apis = apis.ok_or(SetupError::Api)?;
        let began = Instant::now();
        let uptime = move || Uptime(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        let token = SharedToken::new(KeptToken::new(&credentials, Box::new(uptime))?);
        let handed_back = Notify::new();
        Ok(ApiClient(Arc::new(Shared { credentials, transport: self, apis, token, handed_back })))
    }
}

impl ApiClient {
    /// A GET: see [`Self::send`].
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn get(&self, url: &str) -> Result<Response, ApiError> {
        let url = Url::parse(url).map_err(|error| SendError::Setup(error.into()))?;
        self.send(Request::new(Method::GET, url)).await
    }

    /// Sends a request with the token in its `Authorization` header, and once more with a new token if the API answers with
    /// 401, unless its body is a stream. Any other status is the caller's to look at, as is a second 401; no redirect is
    /// followed. It may take [`TIMEOUT`](super::TIMEOUT), with the reading of the body, or what the request says.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn send(&self, request: Request) -> Result<Response, ApiError> {
        if !self.0.may_call(request.url()) {
            return Err(ApiError::OtherOrigin);
        }
        let again = request.try_clone();
        let token = self.token().await?;
        let response = self.0.call(request, &token).await?;
        if response.status() != StatusCode::UNAUTHORIZED || !self.0.token.kept().refused(&token) {
            return Ok(response);
        }
        let Some(again) = again else { return Ok(response) };
        // Its connection is given back before another one is waited for.
        drop(response);
        let token = self.token().await?;
        self.0.call(again, &token).await
    }

    /// The state of the token, for logs and metrics.
    pub fn state(&self) -> State {
        self.0.token.kept().state()
    }

    /// A token that is good now.
    async fn token(&self) -> Result<Token, NoToken> {
        loop {
            // It hears of what is handed back from now on.
            let handed_back = self.0.handed_back.notified();
            let next = self.0.token.kept().ask()?;
            match next {
                Next::Use(token) => return Ok(token),
                Next::Renew { ticket, meanwhile } => {
                    tokio::spawn(renew(Renewing::new(&self.0, ticket)));
                    if let Some(token) = meanwhile {
                        return Ok(token);
                    }
                }
                Next::Wait(pause) => {
                    let _ = timeout(pause, handed_back).await;
                }
            }
        }
    }
}

/// An API as it was named. `None` if it is more than an origin, would have tokens sent in clear beyond this machine, or has a
/// wildcard, which would mean nothing here.
fn origin(api: &str) -> Option<Url> {
    let url = Url::parse(api).ok().filter(|_| uri::is_endpoint(api) && !api.contains('*'))?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    (bare && has_no_user(&url)).then_some(url)
}

fn has_no_user(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

impl Shared {
    /// By what reqwest itself reads in the URL; a `blob:` has the origin of the URL within.
    /// <https://www.rfc-editor.org/rfc/rfc6454#section-4>
    fn may_call(&self, url: &Url) -> bool {
        let same = |api: &Url| api.scheme() == url.scheme() && api.origin() == url.origin();
        has_no_user(url) && self.apis.iter().any(same)
    }

    async fn call(&self, mut request: Request, token: &Token) -> Result<Response, ApiError> {
        let bearer = Zeroizing::new(format!("Bearer {}", token.text()));
        request.headers_mut().insert(AUTHORIZATION, sensitive(&bearer)?);
        Ok(self.transport.execute(request).await?)
    }
}

impl Sharing for Shared {
    fn token(&self) -> &SharedToken {
        &self.token
    }

    fn handed_back(&self) {
        self.handed_back.notify_waiters();
    }
}

/// Sends the one request that a ticket is for.
async fn renew(mut renewing: Renewing<Shared>) {
    let shared = renewing.shared();
    if !renewing.is_alone() {
        return renewing.end(|kept, ticket| kept.unanswered(ticket, true));
    }
    let (credentials, sent) = (&shared.credentials, shared.token.kept().refresh_token());
    let config = credentials.config().expect("it was checked when it was given");
    let mut flow = credentials.flow(&config, sent.as_ref()).expect("it was checked when it was given, or read");
    if !keep(&shared, sent.as_ref().map(RefreshToken::sending)).await {
        return renewing.end(KeptToken::not_kept);
    }
    // Not before: a signature is good for a minute, and what keeps the token may take longer.
    let mut buf = Zeroizing::default();
    let received = loop {
        let Ok(post) = signed(credentials.draft(&mut flow, &mut buf)).await else {
            keep(&shared, sent.clone()).await;
            return renewing.end(KeptToken::not_signed);
        };
        renewing.sent(true);
        let received = match shared.transport.send(&post).await {
            Ok(received) => received,
            Err(error) => {
                let unsent = error.is_unsent();
                renewing.sent(!unsent);
                if unsent {
                    // After a restart it is known to be good. If this fails, it only counts as spent then.
                    keep(&shared, sent.clone()).await;
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
            keep(&shared, sent.clone()).await;
        }
        return;
    }
    renewing.sent(false);
    if !keep(&shared, successor).await {
        return renewing.end(KeptToken::not_kept);
    }
    renewing.end(|kept, ticket| kept.answered(ticket, answer));
}

/// Keeps a refresh token, if there is one. A disk or a database does not hold up the runtime.
async fn keep(shared: &Arc<Shared>, token: Option<RefreshToken>) -> bool {
    let Some(token) = token else { return true };
    let shared = Arc::clone(shared);
    spawn_blocking(move || shared.credentials.keep(Some(&token))).await.unwrap_or(false)
}

/// The whole request. What signs does not hold up the runtime.
async fn signed(draft: Result<Draft<'_>, NotSigned>) -> Result<Post<'_>, NotSigned> {
    let (key, need) = match draft? {
        Draft::Whole(post) => return Ok(post),
        Draft::Unsigned(key, need) => (key.clone(), need),
    };
    let message = need.message().to_vec();
    let signature = spawn_blocking(move || key.sign(&message)).await.ok().flatten().ok_or(NotSigned)?;
    need.resume(&signature).map_err(|_| NotSigned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use valetkey::client::keeper::Trouble;

    #[test]
    fn a_renewal_that_ends_with_its_runtime_leaves_nobody_waiting() {
        let credentials = ClientCredentials::new("http://127.0.0.1/token", "reporter", "s3cret");
        let ApiClient(shared) = credentials.for_api("http://127.0.0.1").into_client().unwrap();
        let next = shared.token.kept().ask();
        let Ok(Next::Renew { ticket, meanwhile: None }) = next else { panic!("{next:?}") };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let told = shared.handed_back.notified();
        runtime.spawn(renew(Renewing::new(&shared, ticket)));
        drop(runtime);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(told);
        assert_eq!(shared.token.kept().ask().unwrap_err().trouble, Trouble::NotSent);
    }

    #[test]
    fn only_an_origin_names_an_api() {
        for good in ["https://api.example", "https://api.example/", "https://API.example:443", "http://127.0.0.1:8081"]
        {
            assert!(origin(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "api.example",
            "//api.example",
            "/",
            "http://api.example",
            "https://api.example/v1",
            "https://api.example?x",
            "https://api.example#x",
            "https://me@api.example",
            "https://",
            "https://*.example",
            "ftp://api.example",
            "https://api.example:99999",
        ] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_differs_in_scheme_host_or_port_is_elsewhere() {
        let credentials = ClientCredentials::new("https://as.example/token", "reporter", "s3cret");
        let credentials = credentials.with_transport(Transport::new().unwrap());
        let api = credentials.for_api("https://api.example").into_client().unwrap();
        let may_call = |url: &str| Url::parse(url).is_ok_and(|url| api.0.may_call(&url));
        for same in ["https://api.example", "https://API.example:443/a?b", "https://api.example/https://else.example"] {
            assert!(may_call(same), "{same}");
        }
        for other in [
            "http://api.example",
            "https://api.example:444",
            "https://api.example:99999",
            "https://api.example.",
            "https://xapi.example",
            "https://api.example.evil.example",
            "https://api.example@evil.example",
            "https://me@api.example",
            "https://:word@api.example",
            "https://evil.example/api.example",
            "https://evil.example\\@api.example",
            "https://evil.example#@api.example",
            "data:https://api.example",
            "blob:https://api.example/notes",
            "/notes",
            "api.example:443",
            "",
        ] {
            assert!(!may_call(other), "{other}");
        }
    }
}
