//! `valetkey client`: who may ask for tokens.

use super::cli::{AuthMethod, ClientAdd, ClientCommand, GrantType, TokenKind};
use super::client_change;
use super::client_keys::{self, ShownKey};
use super::clock::now;
use super::records::{Records, drawn, is_added};
use super::table::{Row, Table, object, visible};
use super::{Failed, count, show_secret, typed};
use crate::passwords::{Password, Passwords};
use crate::signing_keys::{self, FIRST, Kept};
use base64ct::{Base64UrlUnpadded, Encoding};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use valetkey::jose::Algorithm;
use valetkey::server::change::Key;
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, GrantTypes, OwnedClient};
use valetkey::server::{OperateError, change_client, register_client, remove_client, secret_digest};
use valetkey::text::grammar;
use zeroize::Zeroizing;

pub(super) async fn run(command: &ClientCommand, db: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    match command {
        ClientCommand::Add(asked) => add(asked, db, out).await,
        ClientCommand::List(format) => list(&Records::existing(db)?, format.json, out).await,
        ClientCommand::Show { client_id, format } => show(&Records::existing(db)?, client_id, format.json, out).await,
        ClientCommand::Change(asked) => client_change::run(asked, &Records::existing(db)?, out).await,
        ClientCommand::Remove { client_id } => remove(&Records::existing(db)?, client_id, out).await,
        ClientCommand::Secret { client_id, format } => {
            secret(&Records::existing(db)?, client_id, format.json, out).await
        }
        ClientCommand::Jwks { client_id, file } => {
            let keys = client_keys::read(file)?;
            jwks(&Records::existing(db)?, client_id, &keys, out).await
        }
    }
}

/// A new secret, shown once.
#[derive(Serialize)]
struct Credentials<'a> {
    client_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
}

/// A secret, and what is kept of it.
pub(super) struct Secret {
    pub(super) auth: ClientAuth,
    /// Drawn here, so that it must be shown.
    pub(super) drawn: Option<Zeroizing<String>>,
    pub(super) kept: String,
}

impl Secret {
    /// 256 bits from the operating system.
    pub(super) fn draw() -> Result<Self, Failed> {
        let bytes = Zeroizing::new(drawn::<32>()?);
        let secret = Zeroizing::new(Base64UrlUnpadded::encode_string(bytes.as_slice()));
        Ok(Self { auth: ClientAuth::Drawn, kept: secret_digest(&secret).to_string(), drawn: Some(secret) })
    }

    pub(super) const fn none(auth: ClientAuth) -> Self {
        Self { auth, drawn: None, kept: String::new() }
    }

    async fn ask(client_id: &str) -> Result<Self, Failed> {
        let secret = typed::secret(&format!("secret of client `{}`", visible(client_id)))?;
        if !grammar::is_vschar(&secret) {
            return Err(Failed::Usage("a client's secret must be printable ASCII (RFC 6749, appendix A.2)".to_owned()));
        }
        let hash = Passwords::new(1, 0).hash(Password::new(secret.to_string())).await.ok().flatten();
        let kept = hash.ok_or_else(|| Failed::Not("the secret could not be hashed".to_owned()))?;
        Ok(Self { auth: ClientAuth::Chosen, drawn: None, kept })
    }
}

async fn add(asked: &ClientAdd, db: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    let access_token = match (asked.token_kind, asked.token_alg) {
        (TokenKind::Opaque, None) => AccessTokenFormat::Opaque,
        (TokenKind::Opaque, Some(_)) => {
            return Err(Failed::Usage("--token-alg is for signed tokens: say --token-kind jwt too".to_owned()));
        }
        (TokenKind::Jwt, algorithm) => AccessTokenFormat::Jwt(algorithm.unwrap_or(Algorithm::Es256)),
    };
    let id = &asked.client_id;
    let (secret, jwks) = match (asked.auth, &asked.jwks) {
        (AuthMethod::PrivateKeyJwt, Some(file)) => (Secret::none(ClientAuth::PrivateKeyJwt), client_keys::read(file)?),
        (AuthMethod::PrivateKeyJwt, None) => {
            return Err(Failed::Usage(
                "--auth private_key_jwt takes the client's public keys: say --jwks FILE".to_owned(),
            ));
        }
        (AuthMethod::Secret, Some(_)) => {
            return Err(Failed::Usage(
                "--jwks is for clients with a key pair: say --auth private_key_jwt too".to_owned(),
            ));
        }
        (AuthMethod::Secret, None) if asked.public => (Secret::none(ClientAuth::Public), String::new()),
        (AuthMethod::Secret, None) if asked.secret_stdin => (Secret::ask(id).await?, String::new()),
        (AuthMethod::Secret, None) => (Secret::draw()?, String::new()),
    };
    let words = |list: &[String]| list.join(" ");
    let (redirect_uris, scope, resource) = (words(&asked.redirect_uris), words(&asked.scope), words(&asked.resource));
    let client = Client {
        client_id: id,
        name: asked.name.as_deref().unwrap_or(id),
        auth: secret.auth,
        secret: &secret.kept,
        jwks: &jwks,
        redirect_uris: &redirect_uris,
        grant_types: grant_types(asked),
        scope: &scope,
        resource: &resource,
        access_token,
        may_introspect: asked.may_introspect,
        live: true,
    };
    let change = register_client(drawn()?, now()?, client).map_err(|error| Failed::Usage(error.to_string()))?;
    let done = is_added(db);
    let records = Records::open(db)?;
    if let AccessTokenFormat::Jwt(algorithm) = access_token {
        can_sign(&records, algorithm).await?;
    }
    if !records.commit(&(&change).into()).await? {
        let (there, _) = records.client(id).await?;
        let why = if there.live { "exists already" } else { "was removed, and its id is not used again" };
        return Err(Failed::Not(format!("client `{}` {why}; choose another id", visible(id))));
    }
    tell(id, &done, secret.drawn.as_deref().map(String::as_str), asked.format.json, out)
}

/// A client is not to wait for a key that nobody makes; those of [`FIRST`] are made by the server.
pub(super) async fn can_sign(records: &Records, algorithm: Algorithm) -> Result<(), Failed> {
    let kept = signing_keys::kept(records.store()).await.map_err(|error| Failed::from_error(&error))?;
    let signs = |(key, _): &Kept| key.algorithm == algorithm && key.retired_at.is_none();
    if FIRST.contains(&algorithm) || kept.iter().any(signs) {
        return Ok(());
    }
    Err(Failed::Not(format!("no key signs {algorithm} tokens: add one first with `valetkey keys add {algorithm}`")))
}

fn grant_types(asked: &ClientAdd) -> GrantTypes {
    let usual: &[GrantType] = match asked.redirect_uris.as_slice() {
        [] if asked.may_introspect => &[],
        [] => &[GrantType::ClientCredentials],
        _ => &[GrantType::Code, GrantType::Refresh],
    };
    these(if asked.grants.is_empty() { usual } else { &asked.grants })
}

pub(super) fn these(grants: &[GrantType]) -> GrantTypes {
    let may = |grant| grants.contains(&grant);
    GrantTypes {
        authorization_code: may(GrantType::Code),
        client_credentials: may(GrantType::ClientCredentials),
        refresh_token: may(GrantType::Refresh),
    }
}

/// Says what was done, with the secret where one was drawn.
pub(super) fn tell(id: &str, done: &str, secret: Option<&str>, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let shown = visible(id);
    match secret {
        Some(secret) if json => {
            let credentials = Credentials { client_id: id, client_secret: Some(secret) };
            let line = serde_json::to_string(&credentials).map(Zeroizing::new);
            show_secret(out, &line.map_err(|error| Failed::from_error(&error))?)
        }
        Some(secret) => {
            let text = Zeroizing::new(format!(
                "Client `{shown}` {done}. Its secret, shown this once, as only its SHA-256 is kept:\n\n  {secret}\n"
            ));
            show_secret(out, &text)
        }
        None if json => object(out, &Credentials { client_id: id, client_secret: None }),
        None => Ok(writeln!(out, "Client `{shown}` {done}.")?),
    }
}

/// A client as it is shown: everything but what is kept of its secret.
#[derive(Serialize)]
struct Shown {
    client_id: String,
    name: String,
    state: &'static str,
    kind: &'static str,
    auth: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    keys: Vec<ShownKey>,
    grants: Vec<&'static str>,
    redirect_uris: Vec<String>,
    scope: String,
    resource: Vec<String>,
    access_tokens: &'static str,
    may_introspect: bool,
}

impl From<OwnedClient> for Shown {
    fn from(client: OwnedClient) -> Self {
        let words = |list: &str| list.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        let types = client.grant_types;
        let grants = [
            (types.authorization_code, "authorization_code"),
            (types.client_credentials, "client_credentials"),
            (types.refresh_token, "refresh_token"),
        ];
        Self {
            state: if client.live { "live" } else { "removed" },
            kind: if client.auth == ClientAuth::Public { "public" } else { "confidential" },
            auth: match client.auth {
                ClientAuth::Public => "none",
                ClientAuth::Drawn | ClientAuth::Chosen => "client_secret",
                ClientAuth::PrivateKeyJwt => "private_key_jwt",
            },
            keys: client_keys::shown(&client.jwks),
            grants: grants.into_iter().filter(|(may, _)| *may).map(|(_, name)| name).collect(),
            redirect_uris: words(&client.redirect_uris),
            resource: words(&client.resource),
            access_tokens: match client.access_token {
                AccessTokenFormat::Opaque => "opaque",
                AccessTokenFormat::Jwt(algorithm) => algorithm.as_str(),
            },
            may_introspect: client.may_introspect,
            client_id: client.client_id,
            name: client.name,
            scope: client.scope,
        }
    }
}

impl Row<7> for Shown {
    const HEAD: [&'static str; 7] = ["CLIENT_ID", "NAME", "STATE", "KIND", "TOKENS", "GRANTS", "SCOPE"];

    fn cells(&self) -> [String; 7] {
        let text = str::to_owned;
        let Self { client_id, name, state, kind, access_tokens, scope, .. } = self;
        let [state, kind, tokens] = [state, kind, access_tokens].map(|word| text(word));
        [client_id.clone(), name.clone(), state, kind, tokens, self.grants.join(" "), scope.clone()]
    }
}

async fn list(records: &Records, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let mut clients: Vec<_> = records.clients().await?.into_iter().map(Shown::from).collect();
    clients.sort_by(|a, b| a.client_id.cmp(&b.client_id));
    Table::new(json).page(out, &clients)
}

async fn show(records: &Records, id: &str, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let (client, _) = records.client(id).await?;
    let shown = Shown::from(client);
    if json {
        return object(out, &shown);
    }
    let introspect = if shown.may_introspect { "yes" } else { "no" };
    for (name, value) in [
        ("client_id", shown.client_id.clone()),
        ("name", shown.name.clone()),
        ("state", shown.state.to_owned()),
        ("kind", shown.kind.to_owned()),
        ("auth", shown.auth.to_owned()),
        ("keys", shown.keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
        ("grants", shown.grants.join(" ")),
        ("redirect_uris", shown.redirect_uris.join(" ")),
        ("scope", shown.scope.clone()),
        ("resource", shown.resource.join(" ")),
        ("access_tokens", shown.access_tokens.to_owned()),
        ("may_introspect", introspect.to_owned()),
    ] {
        writeln!(out, "{name:15} {}", visible(&value))?;
    }
    Ok(())
}

/// The record first, so that nothing more is issued; then what was issued.
async fn remove(records: &Records, id: &str, out: &mut dyn Write) -> Result<(), Failed> {
    let removed = records
        .change(
            async || records.client(id).await,
            |drawn, now, client: &OwnedClient, at| Ok((&remove_client(drawn, now, (client.as_view(), at))?).into()),
        )
        .await;
    let done = match removed {
        Ok(_) => "is removed",
        Err(super::records::Changing::Refused(OperateError::Removed)) => "was removed before",
        Err(error) => return Err(error.into()),
    };
    let ended = records.end_last_grants(Key::client(id)).await?;
    Ok(writeln!(out, "Client `{}` {done}, and {} ended.", visible(id), count(ended, "grant"))?)
}

/// The client goes on with other keys; what it was given stays.
async fn jwks(records: &Records, id: &str, jwks: &str, out: &mut dyn Write) -> Result<(), Failed> {
    let (client, _) = records.client(id).await?;
    if client.live && client.auth != ClientAuth::PrivateKeyJwt {
        return Err(Failed::Not(format!(
            "client `{}` does not authenticate by a key pair: see `client change`",
            visible(id)
        )));
    }
    records
        .change(
            async || records.client(id).await,
            |drawn, now, client: &OwnedClient, at| {
                let new = Client { jwks, ..client.as_view() };
                Ok((&change_client(drawn, now, (client.as_view(), at), new)?).into())
            },
        )
        .await?;
    Ok(writeln!(out, "Client `{}` has other keys.", visible(id))?)
}

async fn secret(records: &Records, id: &str, json: bool, out: &mut dyn Write) -> Result<(), Failed> {
    let (client, _) = records.client(id).await?;
    if client.live && client.auth == ClientAuth::Public {
        return Err(Failed::Not(format!("client `{}` is public, and has no secret", visible(id))));
    }
    if client.live && client.auth == ClientAuth::PrivateKeyJwt {
        return Err(Failed::Not(format!(
            "client `{}` has a key pair, and no secret: see `client jwks` and `client change`",
            visible(id)
        )));
    }
    let secret = Secret::draw()?;
    records
        .change(
            async || records.client(id).await,
            |drawn, now, client: &OwnedClient, at| {
                let new = Client { auth: secret.auth, secret: &secret.kept, ..client.as_view() };
                Ok((&change_client(drawn, now, (client.as_view(), at), new)?).into())
            },
        )
        .await?;
    tell(id, "has a new secret", secret.drawn.as_deref().map(String::as_str), json, out)
}
