//! `valetkey keys list|add|remove`: the pairs that sign access tokens. Nothing private is shown.

use super::Failed;
use super::cli::{Format, SigningKeyCommand};
use super::clock::{now, shown};
use super::records::Records;
use super::table::{Row, Table, visible};
use crate::config::Config;
use crate::keys::Keys;
use crate::run;
use crate::signing_keys::{self, FIRST, Kept};
use serde::Serialize;
use std::io::Write;
use std::path::Path;
use valetkey::jose::Algorithm;
use valetkey::server::change::Key;
use valetkey::server::record::{AccessTokenFormat, OwnedRecord, OwnedSigningKey};
use valetkey::server::{retire_signing_key, withdraw_signing_key};

/// Seconds for which the public half of a retired pair is published beyond the life of the last token that it signed, as
/// clocks differ and key sets are kept by those who fetch them.
const MARGIN: u32 = 600;

pub(super) async fn run(
    command: &SigningKeyCommand,
    db: &Path,
    config: &Config,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    match command {
        SigningKeyCommand::List(format) => list(&Records::existing(db)?, *format, out).await,
        SigningKeyCommand::Add { algorithm, now } => {
            let ahead = if *now { 0 } else { config.signing.publish_ahead_seconds };
            add(&Records::open(db)?, *algorithm, ahead, config, out).await
        }
        SigningKeyCommand::Remove { kid, leaked: false } => remove(&Records::existing(db)?, kid, config, out).await,
        SigningKeyCommand::Remove { kid, leaked: true } => withdraw(&Records::existing(db)?, kid, out).await,
    }
}

/// A pair as it is shown.
#[derive(Serialize)]
struct Shown {
    kid: String,
    alg: &'static str,
    state: &'static str,
    created: String,
    signs_from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<String>,
}

impl Row<6> for Shown {
    const HEAD: [&'static str; 6] = ["KID", "ALG", "STATE", "CREATED", "SIGNS_FROM", "RETIRED"];

    fn cells(&self) -> [String; 6] {
        let Self { kid, alg, state, created, signs_from, retired } = self;
        let [kid, alg, state] = [kid, *alg, *state].map(str::to_owned);
        [kid, alg, state, created.clone(), signs_from.clone(), retired.clone().unwrap_or_default()]
    }
}

async fn list(records: &Records, format: Format, out: &mut dyn Write) -> Result<(), Failed> {
    let (kept, now) = (kept(records).await?, now()?);
    let mut rows = Vec::new();
    for (key, _) in &kept {
        let rivals = kept.iter().filter(|(other, _)| signs(other) && other.algorithm == key.algorithm);
        let first = rivals.min_by_key(|(other, _)| signing_keys::waits(other, now));
        let state = match first {
            _ if !signs(key) => "retired",
            Some((first, _)) if first.kid == key.kid => "signs",
            _ if signing_keys::waits(key, now) > 0 => "waits",
            _ => "replaced",
        };
        rows.push(Shown {
            kid: key.kid.clone(),
            alg: key.algorithm.as_str(),
            state,
            created: shown(key.created_at),
            signs_from: shown(key.signs_from.max(key.created_at)),
            retired: key.retired_at.map(shown),
        });
    }
    Table::new(format.json).page(out, &rows)
}

/// Sealed under the key that the server has, or will have.
async fn add(
    records: &Records,
    algorithm: Algorithm,
    ahead: u32,
    config: &Config,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    let keys = run::keys(config, records.store()).await.map_err(|error| Failed::from_error(&*error))?;
    let sealing = keys.for_sealing();
    let current = sealing.first().ok_or_else(|| Failed::Not("there is no server key".to_owned()))?;
    let added = signing_keys::add(records.store(), current, algorithm, ahead).await;
    let (kid, from) = added.map_err(|error| Failed::from_error(&error))?;
    if from > now()? {
        let from = shown(from);
        return Ok(writeln!(
            out,
            "Key {kid} is published now, by a server that runs within seconds, and signs {algorithm} tokens from {from} on."
        )?);
    }
    Ok(writeln!(out, "Key {kid} signs {algorithm} tokens now; a server that runs takes it within seconds.")?)
}

async fn remove(records: &Records, kid: &str, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    let stays = config.lifetimes.access_seconds.get().saturating_add(MARGIN);
    can_do_without(records, kid).await?;
    // Without the key file it can be retired all the same, but not published any more.
    let sealing = run::key_file(config).and_then(|path| Keys::read(&path).ok()).map(|keys| keys.for_sealing());
    let (key, _) = one(records, kid).await?;
    let witness = signing_keys::witness(&key, &sealing.unwrap_or_default());
    let witness = witness.map_err(|error| Failed::from_error(&error))?;
    records
        .change(
            async || one(records, kid).await,
            |drawn, now, key: &OwnedSigningKey, at| {
                Ok((&retire_signing_key(drawn, now, now.plus(stays), (key.as_view(), at), &witness)?).into())
            },
        )
        .await?;
    let kid = visible(kid);
    if witness.is_empty() {
        return Ok(writeln!(
            out,
            "Key {kid} signs no more. No server key opens it, so that it is not published either."
        )?);
    }
    let until = shown(now()?.plus(stays));
    Ok(writeln!(out, "Key {kid} signs no more, and stays published until {until}.")?)
}

/// The same for one that leaked: nothing that it signed is to be accepted any more.
async fn withdraw(records: &Records, kid: &str, out: &mut dyn Write) -> Result<(), Failed> {
    can_do_without(records, kid).await?;
    records
        .change(
            async || one(records, kid).await,
            |drawn, now, key: &OwnedSigningKey, at| Ok((&withdraw_signing_key(drawn, now, (key.as_view(), at))).into()),
        )
        .await?;
    Ok(writeln!(
        out,
        "Key {} signs no more, and a server that runs takes it out of the key set within seconds. APIs refuse what it signed \
         once they have fetched the set anew.",
        visible(kid)
    )?)
}

/// Whether nobody is left without tokens when this key signs no more. What the server makes by itself it would make again.
async fn can_do_without(records: &Records, kid: &str) -> Result<(), Failed> {
    let (key, _) = one(records, kid).await?;
    let algorithm = key.algorithm;
    let other = |(other, _): &Kept| signs(other) && other.kid != kid && other.algorithm == algorithm;
    if !signs(&key) || kept(records).await?.iter().any(other) {
        return Ok(());
    }
    let format = AccessTokenFormat::Jwt(algorithm);
    let clients = records.clients().await?;
    if FIRST.contains(&algorithm) || clients.iter().any(|client| client.live && client.access_token == format) {
        return Err(Failed::Not(format!(
            "it is the only key that signs {algorithm} tokens: add another first with `valetkey keys add {algorithm}`"
        )));
    }
    Ok(())
}

/// Or will, as soon as its time has come or it is the only one.
const fn signs(key: &OwnedSigningKey) -> bool {
    key.retired_at.is_none()
}

async fn kept(records: &Records) -> Result<Vec<Kept>, Failed> {
    signing_keys::kept(records.store()).await.map_err(|error| Failed::from_error(&error))
}

async fn one(records: &Records, kid: &str) -> Result<Kept, Failed> {
    match records.get(Key::signing_key(kid)).await? {
        Some((OwnedRecord::SigningKey(key), at)) => Ok((key, at)),
        _ => Err(Failed::Not(format!("there is no key `{}`; `valetkey keys list` shows all", visible(kid)))),
    }
}
