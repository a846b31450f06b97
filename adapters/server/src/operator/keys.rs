//! `valetkey keys list|add|remove`: the pairs that sign access tokens. Nothing private is shown.

use super::Failed;
use super::cli::{Format, SigningKeyCommand};
use super::clock::{now, shown};
use super::records::Records;
use super::table::{Row, Table, visible};
use crate::config::Config;
use crate::keys::Keys;
use crate::run::key_file;
use crate::signing_keys;
use serde::Serialize;
use std::io::Write;
use valetkey::jose::Algorithm;
use valetkey::server::change::{Key, Version};
use valetkey::server::record::{OwnedRecord, OwnedSigningKey};
use valetkey::server::retire_signing_key;

/// Seconds for which the public half of a retired pair is published beyond the life of the last token that it signed, as
/// clocks differ and key sets are kept by those who fetch them.
const MARGIN: u32 = 600;

pub(super) async fn run(
    command: &SigningKeyCommand,
    records: &Records,
    config: &Config,
    out: &mut dyn Write,
) -> Result<(), Failed> {
    match command {
        SigningKeyCommand::List(format) => list(records, *format, out).await,
        SigningKeyCommand::Add { algorithm } => add(records, *algorithm, config, out).await,
        SigningKeyCommand::Remove { kid } => remove(records, kid, config, out).await,
    }
}

/// A pair as it is shown.
#[derive(Serialize)]
struct Shown {
    kid: String,
    alg: &'static str,
    state: &'static str,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<String>,
}

impl Row<5> for Shown {
    const HEAD: [&'static str; 5] = ["KID", "ALG", "STATE", "CREATED", "RETIRED"];

    fn cells(&self) -> [String; 5] {
        let Self { kid, alg, state, created, retired } = self;
        [kid.clone(), (*alg).to_owned(), (*state).to_owned(), created.clone(), retired.clone().unwrap_or_default()]
    }
}

async fn list(records: &Records, format: Format, out: &mut dyn Write) -> Result<(), Failed> {
    let kept = kept(records).await?;
    let mut rows = Vec::new();
    for (n, (key, _)) in kept.iter().enumerate() {
        let newer = kept.iter().take(n).any(|(other, _)| signs(other) && other.algorithm == key.algorithm);
        let state = match (signs(key), newer) {
            (false, _) => "retired",
            (true, false) => "signs",
            (true, true) => "replaced",
        };
        rows.push(Shown {
            kid: key.kid.clone(),
            alg: key.algorithm.as_str(),
            state,
            created: shown(key.created_at),
            retired: key.retired_at.map(shown),
        });
    }
    Table::new(format.json).page(out, &rows)
}

async fn add(records: &Records, algorithm: Algorithm, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    let path = key_file(config).ok_or_else(|| Failed::Usage("name the server's key file".to_owned()))?;
    let sealing = Keys::read(&path).map_err(|error| Failed::from_error(&error))?.for_sealing();
    let current = sealing.first().ok_or_else(|| Failed::Not("there is no server key".to_owned()))?;
    let kid = signing_keys::add(records.store(), current, algorithm).await;
    let kid = kid.map_err(|error| Failed::from_error(&error))?;
    Ok(writeln!(out, "Key {kid} signs {algorithm} tokens now; a server that runs takes it within seconds.")?)
}

async fn remove(records: &Records, kid: &str, config: &Config, out: &mut dyn Write) -> Result<(), Failed> {
    let kept = kept(records).await?;
    let Some((key, _)) = kept.iter().find(|(key, _)| key.kid == kid) else {
        return Err(Failed::Not(format!("there is no key `{}`; `valetkey keys list` shows all", visible(kid))));
    };
    let other = |(other, _): &(OwnedSigningKey, Version)| {
        signs(other) && other.kid != key.kid && other.algorithm == key.algorithm
    };
    if signs(key) && !kept.iter().any(other) {
        return Err(Failed::Not(format!(
            "it is the only key that signs {0} tokens: add another first with `valetkey keys add {0}`",
            key.algorithm
        )));
    }
    let stays = config.lifetimes.access_seconds.get().saturating_add(MARGIN);
    records
        .change(
            async || one(records, kid).await,
            |drawn, now, key: &OwnedSigningKey, at| {
                Ok((&retire_signing_key(drawn, now, now.plus(stays), (key.as_view(), at))?).into())
            },
        )
        .await?;
    let until = shown(now()?.plus(stays));
    Ok(writeln!(out, "Key {} signs no more, and stays published until {until}.", visible(kid))?)
}

const fn signs(key: &OwnedSigningKey) -> bool {
    key.retired_at.is_none()
}

async fn kept(records: &Records) -> Result<Vec<(OwnedSigningKey, Version)>, Failed> {
    signing_keys::kept(records.store()).await.map_err(|error| Failed::from_error(&error))
}

async fn one(records: &Records, kid: &str) -> Result<(OwnedSigningKey, Version), Failed> {
    match records.get(Key::signing_key(kid)).await? {
        Some((OwnedRecord::SigningKey(key), at)) => Ok((key, at)),
        _ => Err(Failed::Not(format!("there is no key `{}`; `valetkey keys list` shows all", visible(kid)))),
    }
}
