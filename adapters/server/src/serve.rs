//! Serving until told to stop: the program's own routes, the signals, and an end that lets running requests finish.

mod accept;
mod connection;
mod connections;
mod pace;
pub mod tls;

pub use accept::{Options, run_with};
pub use connections::Connections;

use crate::app::App;
use crate::pages::{ErrorPage, LandingPage, Site};
use crate::{assets, headers};
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::time::Duration;
use tokio::net::TcpListener;

/// No form of the pages is longer; what they carry is a few kilobytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// How long running requests may take to finish after the signal to stop.
pub const GRACE: Duration = Duration::from_secs(10);

/// What the front page says.
#[derive(Clone, Debug)]
pub struct Front {
    /// Where the pages live.
    pub site: Site,
    /// The issuer.
    pub issuer: String,
    /// The URL of the metadata.
    pub metadata: String,
    /// Whether the demo's accounts are there.
    pub demo: bool,
}

/// The routes that are no part of the protocol: the front page, the assets, `/healthz`, and a page for what is not there.
/// All but `/healthz` lie under the issuer's path.
pub fn router(front: Front) -> Router {
    let site = front.site.clone();
    let base = site.base().to_owned();
    let landing = move || {
        let Front { site, issuer, metadata, demo } = &front;
        std::future::ready(LandingPage { site, issuer, metadata, demo: *demo }.respond())
    };
    let mut router = Router::new().without_v07_checks().route(&format!("{base}/"), get(landing.clone()));
    if !base.is_empty() {
        router = router.route(&base, get(landing));
    }
    let router = router.merge(assets::router(&base));
    router.route("/healthz", get(healthz)).fallback(move || std::future::ready(not_found(&site)))
}

async fn healthz() -> Response {
    let kind = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    ([kind, headers::NO_STORE], "ok\n").into_response()
}

fn not_found(site: &Site) -> Response {
    ErrorPage {
        site,
        status: StatusCode::NOT_FOUND,
        title: "There is nothing here",
        message: "This address belongs to no page of this server.",
        what_to_do: "Begin again in the application that you want to use.",
        code: None,
    }
    .respond()
}

/// Serves by plain HTTP to this machine until `stop` is done; see [`run_with`].
///
/// # Errors
/// Those of [`run_with`].
pub async fn run(
    listener: TcpListener,
    app: impl Into<App>,
    stop: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<()> {
    run_with(listener, app, Options::default(), stop, grace).await
}

/// Listens from now on for being asked to stop: by Ctrl-C, or by SIGTERM as service managers send it. Who
/// asks twice does not want to wait: then the program ends at once, with an error.
///
/// # Errors
/// When the signals cannot be had.
#[cfg(unix)]
pub fn asked_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut either = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    Ok(async move {
        either().await;
        tracing::info!("asked to stop; letting running requests finish");
        tokio::spawn(async move {
            either().await;
            cut_off();
        });
    })
}

/// Listens from now on for being asked to stop by Ctrl-C; the second time the program ends at once, with an error.
///
/// # Errors
/// When the signal cannot be had.
#[cfg(windows)]
pub fn asked_to_stop() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
        tracing::info!("asked to stop; letting running requests finish");
        tokio::spawn(async move {
            interrupt.recv().await;
            cut_off();
        });
    })
}

fn cut_off() -> ! {
    tracing::error!("asked to stop again; requests that were still running are cut off");
    std::process::exit(1)
}

/// Has a file that may grow no further (`LimitFSIZE=`, `ulimit -f`) be an error of whoever writes it, as a full disk is, and
/// not the end of the program.
///
/// # Errors
/// When the signal cannot be had.
#[cfg(unix)]
pub fn outlive_full_files() -> io::Result<()> {
    // Whoever listens for a signal once has taken its default from it for good.
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(libc::SIGXFSZ)).map(drop)
}

/// There is no such signal.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn outlive_full_files() -> io::Result<()> {
    Ok(())
}

/// Requests to read anew what may have changed: SIGHUP, as service managers send it.
#[derive(Debug)]
pub struct Reloads {
    #[cfg(unix)]
    hangup: tokio::signal::unix::Signal,
}

/// Listens from now on for being asked to reload.
///
/// # Errors
/// When the signal cannot be had.
pub fn asked_to_reload() -> io::Result<Reloads> {
    Ok(Reloads {
        #[cfg(unix)]
        hangup: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup())?,
    })
}

impl Reloads {
    /// Done at the next request to reload; never where there is no such signal.
    #[cfg(unix)]
    pub async fn recv(&mut self) {
        if self.hangup.recv().await.is_none() {
            std::future::pending().await
        }
    }

    /// Done at the next request to reload; never where there is no such signal.
    #[cfg(windows)]
    pub async fn recv(&mut self) {
        std::future::pending().await
    }
}
