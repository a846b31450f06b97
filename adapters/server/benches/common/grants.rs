//! Clients, an account and codes, put straight into a store by the core's own machines, so that a run can begin with
//! redemptions. A code is made without any server key, so that the program takes what was made here.

use super::Result;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use valetkey::secret::{Entropy, Secret};
use valetkey::server::change::{Change, Committed};
use valetkey::server::record::{AccessTokenFormat, Account, Client, ClientAuth, GrantTypes};
use valetkey::server::{
    AUTHORIZE_ENTROPY, AuthorizeRequest, Issuer, Owner, Policy, SCRATCH, Server, ServerKey, authorize,
    register_account, register_client, secret_digest,
};
use valetkey::time::UnixTime;
use valetkey_server::database::key_file;
use valetkey_server::demo::{CODE_CHALLENGE, CODE_VERIFIER};
use valetkey_server::keys::Keys;
use valetkey_tokio::server::{End, drive};
use valetkey_tokio::store::Store;

/// The client of all runs.
pub(crate) const CLIENT: (&str, &str) = ("load", "secret-of-the-load");
const SUBJECT: &str = "someone";
const REDIRECT_URI: &str = "https://load.example/cb";
const ISSUER: &str = "https://load.example";

/// Codes must last until their turn comes.
pub(crate) const POLICY: Policy = Policy { code_lifetime: 600, ..Policy::OAUTH21 };

pub(crate) fn server_key() -> ServerKey {
    ServerKey::new(1, Secret::new([7; 32]))
}

pub(crate) fn now() -> Result<UnixTime> {
    Ok(UnixTime(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs()))
}

pub(crate) fn drawn<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Draws the server keys that the program will find beside a database: it draws none for one that has grants already.
pub(crate) fn keys_beside(db: &Path) -> Result<()> {
    Keys::read_or_draw(&key_file(db), now()?.0)?;
    Ok(())
}

/// Registers the client and the account.
pub(crate) async fn register<S: Store>(store: &S) -> Result<()> {
    let secret = secret_digest(CLIENT.1).to_string();
    let client = Client {
        client_id: CLIENT.0,
        name: "The load",
        auth: ClientAuth::Drawn,
        secret: &secret,
        jwks: "",
        redirect_uris: REDIRECT_URI,
        grant_types: GrantTypes { authorization_code: true, client_credentials: true, refresh_token: true },
        scope: "read write",
        resource: "",
        access_token: AccessTokenFormat::Opaque,
        may_introspect: true,
        live: true,
    };
    put(store, &register_client(drawn()?, now()?, client)?).await?;
    let account =
        Account { subject: SUBJECT, name: SUBJECT, password: "$argon2id$nobody-logs-in", logins: 0, live: true };
    put(store, &register_account(drawn()?, now()?, account)?).await
}

pub(crate) async fn put<S: Store>(store: &S, change: &Change<'_>) -> Result<()> {
    match store.commit(change).await? {
        Committed::Applied => Ok(()),
        Committed::Conflict => Err("the store holds something else already".into()),
    }
}

/// A code, as after a person's login and consent.
pub(crate) async fn code<S: Store>(store: &S) -> Result<String> {
    let keys = [server_key()];
    let server = Server::new(Issuer::new(ISSUER)?, POLICY, &keys)?;
    let query = format!(
        "response_type=code&client_id={}&scope=read%20write&code_challenge={CODE_CHALLENGE}&code_challenge_method=S256",
        CLIENT.0
    );
    let (mut scratch, request) = (vec![0; SCRATCH], AuthorizeRequest { query: &query });
    let seed = Entropy::<AUTHORIZE_ENTROPY>::new(drawn()?);
    let step = authorize(&server, &request, now()?, seed, &mut scratch);
    let End::Owner(need) = drive(step, store, None, None).await else { return Err("nobody was asked".into()) };
    let owner = Owner::Approved { subject: SUBJECT, auth_time: now()?, acr: "", amr: "", scope: "read write" };
    let End::Reply(reply) = drive(need.resume(owner), store, None, None).await else { return Err("no reply".into()) };
    let mut room = [0; 1024];
    let response = reply.write(&mut room)?;
    let location = response.headers().find(|(name, _)| *name == "Location").map(|(_, value)| value);
    let code = location.and_then(|target| target.split_once("?code=")?.1.split_once('&'));
    Ok(code.ok_or("no code was issued")?.0.to_owned())
}

/// As many codes, several at once.
pub(crate) async fn codes<S: Store>(store: &Arc<S>, count: usize) -> Result<Vec<String>> {
    let mut tasks = Vec::new();
    for task in 0..super::REQUESTERS {
        let store = Arc::clone(store);
        let share = count / super::REQUESTERS + usize::from(task < count % super::REQUESTERS);
        tasks.push(tokio::spawn(async move {
            let mut codes = Vec::with_capacity(share);
            for _ in 0..share {
                codes.push(code(&*store).await?);
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(codes)
        }));
    }
    let mut codes = Vec::with_capacity(count);
    for task in tasks {
        codes.append(&mut task.await??);
    }
    Ok(codes)
}

/// The form that redeems a code.
pub(crate) fn redeem(code: &str) -> String {
    format!("grant_type=authorization_code&code={code}&code_verifier={CODE_VERIFIER}")
}

/// The form that uses a refresh token.
pub(crate) fn refresh(token: &str) -> String {
    format!("grant_type=refresh_token&refresh_token={token}")
}
