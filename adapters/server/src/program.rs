//! Puts the program together: settings, keys, the protocol's endpoints, the pages and the demo, over a store.

use crate::app::App;
use crate::authorize;
use crate::config::{Config, metadata_url};
use crate::cors::Sharing;
use crate::keys::Keys;
use crate::pages::Site;
use crate::passwords::Passwords;
use crate::people::People;
use crate::seed::Known;
use crate::serve::{self, Front};
use crate::sessions::Sessions;
use crate::signing_keys::{self, Following, Sealing};
use crate::{api, demo, guesses, seed};
use std::error::Error;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;
use valetkey::jose::Algorithms;
use valetkey_tokio::server::{AuthorizationServer, BadServer, Verifier};
use valetkey_tokio::store::Store;

/// The program, ready to serve.
pub struct Program<S> {
    /// All that it answers.
    pub app: App,
    /// Whether the demo is in the store.
    pub demo: bool,
    /// The pool that checks passwords and secrets, to watch its queue.
    pub passwords: Passwords,
    server: Arc<AuthorizationServer<S>>,
    sessions: Sessions,
    sealing: Sealing,
}

impl<S> fmt::Debug for Program<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("server", &self.server).field("demo", &self.demo).finish_non_exhaustive()
    }
}

impl<S> Program<S> {
    /// Puts other keys in place of those that serve, as of the next request.
    ///
    /// # Errors
    /// When there is none; then the old ones stay.
    pub fn replace_keys(&self, keys: &Keys) -> Result<(), BadServer> {
        self.server.replace_keys(keys.for_tokens())?;
        self.sessions.replace_keys(keys.for_cookies());
        *self.sealing.write().unwrap_or_else(PoisonError::into_inner) = keys.for_sealing().into();
        Ok(())
    }
}

impl<S: Store> Program<S> {
    /// What lets it sign and publish with the signing keys that the store has, for as long as that is run.
    pub fn following_signing_keys(&self) -> Following<S> {
        Following::new(Arc::clone(&self.server), Arc::clone(&self.sealing))
    }
}

/// Everything that the program serves, for an issuer, over a store. Where the store is empty and nobody but this machine
/// can reach the server, the demo is put into it.
///
/// # Errors
/// When the store is broken, the issuer cannot be one, or others than this machine could reach the demo.
pub async fn assemble<S: Store>(
    config: &Config,
    issuer: &str,
    store: S,
    keys: &Keys,
) -> Result<Program<S>, Box<dyn Error>> {
    let passwords = Passwords::for_this_machine();
    let sessions = Sessions::new(keys.for_cookies(), issuer.starts_with("https://"));
    if config.is_local() && seed::is_empty(&store).await? {
        seed::demo(&store, &passwords).await?;
    }
    let demo = has_demo(config, &store, &passwords).await?;
    let mut scopes = config.scopes.clone();
    if demo {
        for (name, description) in demo::SCOPES {
            scopes.entry(name.to_owned()).or_insert_with(|| description.to_owned());
        }
    }
    let named = scopes.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    let sealing: Arc<[_]> = keys.for_sealing().into();
    let signing = signing_keys::first(&store, &sealing).await?;
    let server = AuthorizationServer::new(issuer, config.policy(), keys.for_tokens(), store)?
        .with_signing(signing)?
        .with_client_keys(Algorithms::ASYMMETRIC, valetkey_aws_lc::verify)?
        .with_scopes(named)
        .with_acr_values(config.login.acr.clone())
        .with_verifier(verifier(passwords.clone()));
    let server = Arc::new(server);

    let front = Front { site: Site::of(issuer), issuer: issuer.to_owned(), metadata: metadata_url(issuer), demo };
    let people = People::new(Arc::clone(&server), sessions.clone(), passwords.clone(), scopes, config.proxies.clone());
    let people = people.with_acr(config.login.acr.clone());
    let started = Instant::now();
    let clock = move || started.elapsed().as_secs();
    let (clients, token) = guesses::endpoints(Arc::clone(&server), config.proxies.clone(), clock);
    let mut routes = serve::router(front).merge(authorize::router(people)).merge(clients);
    if demo {
        routes = routes.merge(api::router(Site::of(issuer).base(), Arc::clone(&server)));
    }
    let app = App::from(routes).with_token(token).shared(Sharing::new(Arc::clone(&server), clock));
    let app = if demo { app.for_this_machine() } else { app };
    Ok(Program { app, demo, passwords, server, sessions, sealing: Arc::new(RwLock::new(sealing)) })
}

/// Whether the demo is in a store.
///
/// # Errors
/// When the store is broken, or others than this machine could reach the demo.
pub async fn has_demo<S: Store>(config: &Config, store: &S, passwords: &Passwords) -> Result<bool, Box<dyn Error>> {
    let known = seed::known(store, passwords).await?;
    if !known.is_empty() && !config.is_local() {
        return Err(Box::new(DemoLives(known)));
    }
    Ok(!known.is_empty())
}

/// Records whose secrets everyone knows are in a store that others than this machine could reach.
#[derive(Debug)]
struct DemoLives(Vec<Known>);

impl fmt::Display for DemoLives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the demo is in this database, with secrets that everyone knows, and others than this machine could reach \
             it: take another database with --db, or take the demo out of this one:",
        )?;
        self.0.iter().try_for_each(|known| match known {
            Known::Client(id) => write!(f, "\n  valetkey client remove {id}"),
            Known::Account(subject) => write!(f, "\n  valetkey user lock {subject}"),
        })
    }
}

impl Error for DemoLives {}

/// Secrets of clients that a person chose are checked in the same pool as people's passwords.
fn verifier(passwords: Passwords) -> Verifier {
    Verifier::new(move |secret, hash| {
        let (passwords, hash) = (passwords.clone(), hash.to_owned());
        let typed = crate::passwords::Password::new(secret.expose().to_owned());
        async move { passwords.verify(Some(hash), typed).await.ok() }
    })
}
