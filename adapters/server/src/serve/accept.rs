//! Taking connections until told to stop, and the end of those that are open then.

use super::connection::{Common, Connection, http};
use super::connections::Connections;
use super::tls::Tls;
use crate::app::App;
use crate::limits::Limits;
use crate::proxies::Proxies;
use std::convert::Infallible;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

/// How long no connections are taken after the operating system could not give one.
const PAUSE: Duration = Duration::from_millis(100);

/// How often the log tells of the same trouble with connections.
const QUIET: Duration = Duration::from_secs(60);

/// How connections are taken.
#[derive(Debug)]
pub struct Options {
    limits: Limits,
    tls: Option<Arc<Tls>>,
    connections: Connections,
}

impl Options {
    /// Under these limits; by HTTPS if there is `tls`, else by plain HTTP, and then from this machine and `proxies` alone.
    pub fn new(limits: Limits, tls: Option<Arc<Tls>>, proxies: Proxies) -> Self {
        Self { limits, tls, connections: Connections::new(&limits, proxies) }
    }

    /// The connections that are open, for whoever counts them.
    pub fn connections(&self) -> Connections {
        self.connections.clone()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new(Limits::default(), None, Proxies::default())
    }
}

/// Serves until `stop` is done, then takes no new connections, closes those that are idle and gives those that run
/// `grace` to finish.
///
/// # Errors
/// `TimedOut` if some request was still running at the end of `grace` and was cut off.
pub async fn run_with(
    listener: TcpListener,
    app: impl Into<App>,
    options: Options,
    stop: impl Future<Output = ()> + Send + 'static,
    grace: Duration,
) -> io::Result<()> {
    let Options { limits, tls, connections } = options;
    let common = Arc::new(Common { app: app.into(), http: http(&limits), limits, tls });
    let (stopping, stopped) = watch::channel(false);
    let mut running = JoinSet::new();
    tokio::select! {
        () = stop => {}
        never = take(&listener, &connections, &common, &stopped, &mut running) => match never {},
    }
    drop(listener);
    stopping.send_replace(true);
    let finished = async { while running.join_next().await.is_some() {} };
    let cut_off = |_| io::Error::new(ErrorKind::TimedOut, "requests were still running and were cut off");
    timeout(grace, finished).await.map_err(cut_off)
}

async fn take(
    listener: &TcpListener,
    connections: &Connections,
    common: &Arc<Common>,
    stop: &watch::Receiver<bool>,
    running: &mut JoinSet<()>,
) -> Infallible {
    let (mut strangers, mut crowds, mut troubles) = (Seldom::default(), Seldom::default(), Seldom::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // What is left of those that ended goes.
            Some(_) = running.join_next() => continue,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_peer(&error) => continue,
            Err(error) => {
                // Most likely too many files are open: one less helps.
                connections.make_room();
                troubles.tell(|times| tracing::error!(%error, times, "cannot take connections; trying again"));
                sleep(PAUSE).await;
                continue;
            }
        };
        let address = peer.ip().to_canonical();
        if common.tls.is_none() && !connections.may_be_plain(address) {
            strangers.tell(|times| {
                tracing::warn!(%address, times, "closed a connection that came neither from here nor from a trusted proxy");
            });
            continue;
        }
        let Some(seat) = connections.admit(address).await else {
            crowds.tell(
                |times| tracing::warn!(%address, times, "closed a connection: this address has too many requests"),
            );
            continue;
        };
        // Answers are short and written at once: they need not wait for more.
        let _ = stream.set_nodelay(true);
        let connection = Connection { common: Arc::clone(common), peer, seat, stop: stop.clone() };
        running.spawn(connection.serve(stream));
    }
}

/// Whether it is about the one connection that would have been taken.
fn is_of_the_peer(error: &io::Error) -> bool {
    use ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Tells of what may come thousands of times a second, but not as often.
#[derive(Default)]
struct Seldom {
    told: Option<Instant>,
    untold: u64,
}

impl Seldom {
    /// Calls `tell` with how often it has happened since the last call, this time included.
    fn tell(&mut self, tell: impl FnOnce(u64)) {
        self.untold += 1;
        if self.told.is_none_or(|told| told.elapsed() >= QUIET) {
            self.told = Some(Instant::now());
            tell(std::mem::take(&mut self.untold));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_is_told_once_in_a_while_with_its_number() {
        let mut told = Vec::new();
        let mut seldom = Seldom::default();
        for _ in 0..3 {
            seldom.tell(|times| told.push(times));
        }
        tokio::time::advance(QUIET).await;
        seldom.tell(|times| told.push(times));
        assert_eq!(told, [1, 3]);
    }
}
