//! All that a server answers: its routes, and what every request passes before them.
//!
//! What it passes are functions that call each other, and no layers of axum: each of those boxes the answer once more and
//! clones all that lies below it, for every request, and a few of them cost more than the answer.

use crate::cors::{Shared, Sharing};
use crate::guesses::Direct;
use crate::host;
use crate::metrics::Observer;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::http::Method;
use axum::response::Response;
use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_service::Service;

/// A peer of which nobody told: no address of any.
const UNKNOWN: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 0);

/// Routes, and what stands before them.
#[derive(Clone, Default)]
pub struct App {
    routes: Router,
    token: Option<Arc<Direct>>,
    local_only: bool,
    sharing: Option<Arc<Sharing>>,
    observer: Option<Arc<Observer>>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App(..)")
    }
}

impl From<Router> for App {
    fn from(routes: Router) -> Self {
        Self { routes, ..Self::default() }
    }
}

impl App {
    /// The same, with the token endpoint answered directly: that is what most requests are for, and what routes do for them
    /// would take longer than the server needs for its answer.
    #[must_use]
    pub fn with_token(self, token: Direct) -> Self {
        Self { token: Some(Arc::new(token)), ..self }
    }

    /// The same for those alone who call this machine by a name that only it has; see [`host::is_called`].
    #[must_use]
    pub fn for_this_machine(self) -> Self {
        Self { local_only: true, ..self }
    }

    /// The same, of which pages of other origins may call a part.
    #[must_use]
    pub fn shared(self, sharing: Sharing) -> Self {
        Self { sharing: Some(Arc::new(sharing)), ..self }
    }

    /// The same, where each request is counted.
    #[must_use]
    pub fn observed(self, observer: Observer) -> Self {
        Self { observer: Some(Arc::new(observer)), ..self }
    }

    /// Answers a request of `peer`.
    pub(crate) async fn answer(&self, request: Request, peer: SocketAddr) -> Response {
        let mut running = self.observer.as_ref().map(|observer| observer.begin(request.uri().path()));
        let response = if self.local_only && !host::is_called(&request) {
            host::misdirected()
        } else {
            let shared = match &self.sharing {
                Some(sharing) => sharing.of(request.method(), request.uri().path(), request.headers()).await,
                None => None,
            };
            let mut response = match shared.as_ref().and_then(Shared::preflight) {
                Some(response) => response,
                None => self.route(request, peer).await,
            };
            if let Some(shared) = shared {
                shared.share(&mut response);
            }
            response
        };
        if let Some(running) = &mut running {
            running.answered(&response);
        }
        response
    }

    fn route(&self, mut request: Request, peer: SocketAddr) -> Answer {
        match &self.token {
            Some(token) if request.method() == Method::POST && request.uri().path() == token.path() => {
                token.answer(request, peer)
            }
            _ => {
                request.extensions_mut().insert(ConnectInfo(peer));
                let answer = self.routes.clone().call(request);
                Box::pin(async move { answer.await.unwrap_or_else(|never| match never {}) })
            }
        }
    }
}

/// Boxed once, and no part of what awaits it: such a future is several kilobytes, and moving it costs as much as its work.
pub(crate) type Answer = Pin<Box<dyn Future<Output = Response> + Send>>;

/// So that it can be a part of other routes, which pass on who the peer is.
impl Service<Request> for App {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let peer = request.extensions().get().map_or(UNKNOWN, |ConnectInfo(peer)| *peer);
        let app = self.clone();
        Box::pin(async move { Ok(app.answer(request, peer).await) })
    }
}
