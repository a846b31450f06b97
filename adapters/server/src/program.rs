//! Puts the program together: settings, keys, the protocol's endpoints, the pages and the demo, over a store.

use crate::authorize::{self, People};
use crate::config::{Config, Lifetimes, metadata_url};
use crate::pages::Site;
use crate::passwords::Passwords;
use crate::serve::{self, Front};
use crate::sessions::Sessions;
use crate::{api, demo, guesses, host, seed};
use axum::Router;
use axum::middleware::from_fn;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use valetkey::secret::Secret;
use valetkey::time::UnixTime;
use valetkey_tokio::server::{AuthorizationServer, Policy, ServerKey, Verifier, router};
use valetkey_tokio::store::Store;

/// How often what may be forgotten is looked for, and how much of it is forgotten in one step.
const SWEEP: (Duration, usize) = (Duration::from_secs(60), 200);

/// Everything that the program serves, for an issuer, over a store that holds nothing yet. Where nobody but this machine
/// can reach the server, the demo is put into it.
///
/// # Errors
/// When the operating system gives no random bytes, the store is broken, or the issuer cannot be one.
pub async fn assemble<S: Store>(config: &Config, issuer: &str, store: S) -> Result<Router, Box<dyn Error>> {
    let passwords = Passwords::for_this_machine();
    let sessions = Sessions::draw(issuer.starts_with("https://"))?;
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    let keys = vec![ServerKey::new(1, Secret::new(key))];

    let mut scopes = config.scopes.clone();
    let demo = config.is_local();
    if demo {
        seed::demo(&store, &passwords).await?;
        for (name, description) in demo::SCOPES {
            scopes.entry(name.to_owned()).or_insert_with(|| description.to_owned());
        }
    }
    let named = scopes.keys().map(String::as_str).collect::<Vec<_>>().join(" ");
    let server = AuthorizationServer::new(issuer, policy(&config.lifetimes), keys, store)?
        .with_scopes(named)
        .with_verifier(verifier(passwords.clone()));
    let server = Arc::new(server);

    let front = Front { site: Site::of(issuer), issuer: issuer.to_owned(), metadata: metadata_url(issuer), demo };
    let people = People::new(Arc::clone(&server), sessions, passwords, scopes, config.proxies.clone());
    let started = Instant::now();
    let clock = move || started.elapsed().as_secs();
    let clients = guesses::slowed(router(Arc::clone(&server)), Arc::clone(&server), config.proxies.clone(), clock);
    let mut app = serve::router(front).merge(authorize::router(people)).merge(clients);
    if demo {
        app = app.merge(api::router(Site::of(issuer).base(), server)).layer(from_fn(host::loopback_only));
    }
    Ok(app)
}

fn policy(lifetimes: &Lifetimes) -> Policy {
    Policy {
        access_lifetime: lifetimes.access_seconds.get(),
        code_lifetime: lifetimes.code_seconds.get(),
        refresh_idle: lifetimes.refresh_idle_seconds.get(),
        grant_lifetime: lifetimes.grant_seconds.get(),
        ..Policy::OAUTH21
    }
}

/// Secrets of clients that a person chose are checked in the same pool as people's passwords.
fn verifier(passwords: Passwords) -> Verifier {
    Verifier::new(move |secret, hash| {
        let (passwords, hash) = (passwords.clone(), hash.to_owned());
        let typed = crate::passwords::Password::new(secret.expose().to_owned());
        async move { passwords.verify(Some(hash), typed).await.ok() }
    })
}

/// Lets the store forget what it may, in small steps, for ever.
pub async fn sweep<S: Store>(store: S) {
    let (pause, limit) = SWEEP;
    loop {
        tokio::time::sleep(pause).await;
        let Ok(now) = SystemTime::now().duration_since(UNIX_EPOCH) else { continue };
        loop {
            match store.sweep(UnixTime(now.as_secs()), limit).await {
                Ok(forgotten) if forgotten >= limit => tokio::task::yield_now().await,
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(%error, "the store could not forget what it may");
                    break;
                }
            }
        }
    }
}
