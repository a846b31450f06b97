//! `valetkey serve`: opens what the settings name, serves until told to stop, and reads again what changed when told to.

use crate::config::{Config, Db};
use crate::database::{self, Claim, Database};
use crate::demo::Guide;
use crate::keys::Keys;
use crate::measured::{self, Measured};
use crate::metrics::{self, Metrics, Observer};
use crate::program::{self, Program};
use crate::serve::tls::Tls;
use crate::serve::{self, Reloads};
use crate::system::{CLOCK, unix_time};
use crate::upkeep;
use std::error::Error;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use valetkey::server::change::Kind;
use valetkey_tokio::store::{By, Store};

const DAY: Duration = Duration::from_secs(86_400);

/// Serves by these settings until told to stop, and says on standard output where.
///
/// # Errors
/// What it was told to use is not there, is not as it must be, or is in use; or requests had to be cut off at the end.
pub async fn run(config: &Config) -> Result<(), Box<dyn Error>> {
    let cannot_listen =
        |error| format!("cannot listen on {}: {error}; name another address or port with --listen", config.listen);
    let no_signals = |error| format!("cannot listen for signals: {error}");
    let stop = serve::asked_to_stop().map_err(no_signals)?;
    let asked_to_reload = serve::asked_to_reload().map_err(no_signals)?;
    serve::outlive_full_files().map_err(no_signals)?;
    let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let issuer = config.issuer(address);
    if issuer.starts_with("https://") && config.tls.is_none() && config.proxies.is_empty() {
        tracing::warn!(
            "the issuer is https but this program serves plain HTTP: name the proxy that terminates TLS with \
             --trusted-proxies, or give --tls-cert and --tls-key"
        );
    }
    if let Some(advice) = config.advice() {
        tracing::warn!("{advice}");
    }
    let tls = config.tls.clone().map(Tls::open).transpose()?.map(Arc::new);
    let options = serve::Options::new(config.limits.within_open_files(), tls.clone(), config.proxies.clone());
    let connections = options.connections();

    let database = Database::open(&config.db)?;
    let _claim = Claim::on(&config.db)?;
    let keys = keys(config, &database).await?;
    let metrics = Arc::new(Metrics::new());
    let store = Measured::new(database.clone(), Arc::clone(&metrics));
    let program = program::assemble(config, &issuer, store.clone(), &keys).await?;
    measured::watch(&metrics, &database, &program.passwords);
    metrics.gauge("connections", "Connections that are open", move || connections.open());
    let app = program.app.clone().observed(Observer::new(Arc::clone(&metrics), &issuer));

    let mut aside = Aside::default();
    if let Some(address) = config.metrics_listen {
        aside.spawn(metrics::serve(address, metrics).await?);
    }
    say(&format_args!("Valetkey serves {issuer} on {address}. Ctrl-C stops it."));
    say(&format_args!("Its profile is {}.", config.profile));
    say(&match &config.db {
        Db::Memory => "Everything is kept in memory and is gone when it stops.\n".to_owned(),
        Db::File(path) => format!("Everything is kept in {}.\n", path.display()),
    });
    if program.demo {
        say(&Guide { issuer: &issuer, code_seconds: config.lifetimes.code_seconds.get() });
    }
    aside.spawn(upkeep::records(store));
    aside.spawn(upkeep::events(database, DAY * config.audit.keep_days.get()));
    // No command reaches what is in memory.
    if let Db::File(_) = config.db {
        aside.spawn(program.following_signing_keys().run());
    }
    aside.spawn(reload(asked_to_reload, tls, key_file(config), program));
    Ok(serve::run_with(listener, app, options, stop, serve::GRACE).await?)
}

/// What goes on beside the serving, and ends with it.
#[derive(Default)]
struct Aside(Vec<tokio::task::JoinHandle<()>>);

impl Aside {
    fn spawn(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.push(tokio::spawn(task));
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// Where the server keys are; nowhere for what is kept in memory, unless the settings name a file.
pub fn key_file(config: &Config) -> Option<PathBuf> {
    let beside = || match &config.db {
        Db::Memory => None,
        Db::File(db) => Some(database::key_file(db)),
    };
    config.server_key_file.clone().or_else(beside)
}

/// The server keys. One is drawn for what has none yet. A file that was named must be there, and so must that of a database
/// with grants or signing keys: a new key would end them without a word.
///
/// # Errors
/// Those of the file and of the store.
pub async fn keys<S: Store>(config: &Config, store: &S) -> Result<Keys, Box<dyn Error>> {
    let now = unix_time().ok_or(CLOCK)?.0;
    Ok(match key_file(config) {
        None => Keys::draw(now)?,
        Some(path) => {
            let mut in_use = false;
            for kind in [Kind::Grant, Kind::SigningKey] {
                in_use |= !store.scan(By::Kind(kind), None, 1).await?.is_empty();
            }
            if config.server_key_file.is_some() || in_use {
                Keys::read(&path)?
            } else {
                Keys::read_or_draw(&path, now)?
            }
        }
    })
}

/// On each SIGHUP certificates and server keys are read again. What cannot be read changes nothing.
async fn reload<S: Send + Sync + 'static>(
    mut asked: Reloads,
    tls: Option<Arc<Tls>>,
    key_file: Option<PathBuf>,
    program: Program<S>,
) {
    loop {
        asked.recv().await;
        match tls.as_deref().map(Tls::reload) {
            Some(Ok(())) => tracing::info!("the certificates were read again; new connections get them"),
            Some(Err(error)) => tracing::error!(%error, "the server goes on with the certificates that it has"),
            None => {}
        }
        let Some(path) = &key_file else { continue };
        let replaced = Keys::read(path).map_err(|error| error.to_string());
        match replaced.and_then(|keys| program.replace_keys(&keys).map_err(|error| error.to_string())) {
            Ok(()) => tracing::info!("the server keys were read again"),
            Err(error) => tracing::error!(error, "the server goes on with the keys that it has"),
        }
    }
}

/// Tells whoever started the program, on standard output, which may well be closed.
pub fn say(text: &dyn Display) {
    let _ = writeln!(io::stdout(), "{text}");
}
