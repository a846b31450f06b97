//! `valetkey client change`: what a client may do, and how it proves who it is.

use super::Failed;
use super::cli::{AuthMethod, ClientChange, TokenKind};
use super::client::{Secret, can_sign, tell, these};
use super::client_keys;
use super::records::{Changing, Records};
use super::table::visible;
use std::io::Write;
use valetkey::jose::Algorithm;
use valetkey::server::record::{AccessTokenFormat, Client, ClientAuth, OwnedClient};
use valetkey::server::{OperateError, change_client};

pub(super) async fn run(asked: &ClientChange, records: &Records, out: &mut dyn Write) -> Result<(), Failed> {
    if changes_nothing(asked) {
        let why = "say what is to change: --name, --redirect-uri, --grant, --scope, --resource, --token-kind, --auth";
        return Err(Failed::Usage(why.to_owned()));
    }
    let id = &asked.client_id;
    let jwks = jwks(asked)?;
    let (client, _) = records.client(id).await?;
    let secret = if client.live { secret(asked, &client)? } else { None };
    let access_token = access_token(asked, client.access_token)?;
    if let AccessTokenFormat::Jwt(algorithm) = access_token
        && access_token != client.access_token
    {
        can_sign(records, algorithm).await?;
    }
    let words = |list: &[String]| (!list.is_empty()).then(|| list.join(" "));
    let (redirect_uris, scope, resource) = (words(&asked.redirect_uris), words(&asked.scope), words(&asked.resource));
    let changed = records.change(
        async || records.client(id).await,
        |drawn, now, client: &OwnedClient, at| {
            let old = client.as_view();
            let mut new = Client {
                name: asked.name.as_deref().unwrap_or(old.name),
                redirect_uris: redirect_uris.as_deref().unwrap_or(old.redirect_uris),
                scope: scope.as_deref().unwrap_or(old.scope),
                resource: resource.as_deref().unwrap_or(old.resource),
                ..old
            };
            // What nobody asked for stays as it is now, which may be another than was read above.
            if asked.token_kind.is_some() || asked.token_alg.is_some() {
                new.access_token = access_token;
            }
            if !asked.grants.is_empty() {
                new.grant_types = these(&asked.grants);
            }
            if let Some(secret) = &secret {
                new = Client { auth: secret.auth, secret: &secret.kept, jwks: &jwks, ..new };
            }
            Ok((&change_client(drawn, now, (old, at), new)?).into())
        },
    );
    match changed.await {
        Ok(_) => {}
        Err(Changing::Refused(OperateError::Client(error))) => return Err(Failed::Usage(error.to_string())),
        Err(error) => return Err(error.into()),
    }
    let drawn = secret.as_ref().and_then(|secret| secret.drawn.as_deref());
    tell(id, "is changed", drawn.map(String::as_str), asked.format.json, out)
}

const fn changes_nothing(asked: &ClientChange) -> bool {
    let ClientChange { name, redirect_uris, grants, scope, resource, token_kind, token_alg, auth, .. } = asked;
    let lists = redirect_uris.is_empty() && grants.is_empty() && scope.is_empty() && resource.is_empty();
    lists && name.is_none() && token_kind.is_none() && token_alg.is_none() && auth.is_none()
}

fn jwks(asked: &ClientChange) -> Result<String, Failed> {
    match (asked.auth, &asked.jwks) {
        (Some(AuthMethod::PrivateKeyJwt), Some(file)) => client_keys::read(file),
        (Some(AuthMethod::PrivateKeyJwt), None) => {
            Err(Failed::Usage("--auth private_key_jwt takes the client's public keys: say --jwks FILE".to_owned()))
        }
        (Some(AuthMethod::Secret), Some(_)) => {
            Err(Failed::Usage("--jwks is for clients with a key pair: say --auth private_key_jwt".to_owned()))
        }
        _ => Ok(String::new()),
    }
}

/// What it shares from now on, where that changes: with a key pair nothing.
fn secret(asked: &ClientChange, client: &OwnedClient) -> Result<Option<Secret>, Failed> {
    let id = visible(&client.client_id);
    match (asked.auth, client.auth) {
        (None, _) => Ok(None),
        // Whoever could keep no secret so far can keep none now: people's devices have its id.
        (Some(_), ClientAuth::Public) => Err(Failed::Not(format!("client `{id}` is public; add another that is not"))),
        (Some(AuthMethod::Secret), ClientAuth::Drawn | ClientAuth::Chosen) => {
            Err(Failed::Not(format!("client `{id}` has a secret; `client secret` draws another")))
        }
        (Some(AuthMethod::Secret), ClientAuth::PrivateKeyJwt) => Secret::draw().map(Some),
        (Some(AuthMethod::PrivateKeyJwt), _) => Ok(Some(Secret::none(ClientAuth::PrivateKeyJwt))),
    }
}

/// Signed ones stay with their algorithm, if no other is named.
fn access_token(asked: &ClientChange, now: AccessTokenFormat) -> Result<AccessTokenFormat, Failed> {
    let kind = asked.token_kind.unwrap_or(match now {
        AccessTokenFormat::Opaque => TokenKind::Opaque,
        AccessTokenFormat::Jwt(_) => TokenKind::Jwt,
    });
    match (kind, asked.token_alg, now) {
        (TokenKind::Opaque, None, _) => Ok(AccessTokenFormat::Opaque),
        (TokenKind::Opaque, Some(_), _) => {
            Err(Failed::Usage("--token-alg is for signed tokens: say --token-kind jwt too".to_owned()))
        }
        (TokenKind::Jwt, None, AccessTokenFormat::Jwt(algorithm)) | (TokenKind::Jwt, Some(algorithm), _) => {
            Ok(AccessTokenFormat::Jwt(algorithm))
        }
        (TokenKind::Jwt, None, AccessTokenFormat::Opaque) => Ok(AccessTokenFormat::Jwt(Algorithm::Es256)),
    }
}
