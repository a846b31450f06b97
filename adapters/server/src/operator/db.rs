//! `valetkey db` and `valetkey check`: the database as a whole.

use super::records::Records;
use super::{Failed, count};
use crate::config::Config;
use crate::database::key_file;
use crate::keys::Keys;
use crate::passwords::Passwords;
use crate::program::has_demo;
use crate::serve::tls::Tls;
use crate::signing_keys::{self, Kept};
use std::io::Write;
use std::path::{Path, PathBuf};
use valetkey::server::change::Kind;

/// Where the server keys of this database are.
fn keys_of(config: &Config, db: &Path) -> PathBuf {
    config.server_key_file.clone().unwrap_or_else(|| key_file(db))
}

pub(super) async fn back_up(file: &Path, config: &Config, db: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    let records = Records::existing(db)?;
    records.store().backup(file).await.map_err(|error| Failed::from_error(&error))?;
    let keys = keys_of(config, db);
    writeln!(out, "{} is a backup of {}, as of now.", file.display(), db.display())?;
    Ok(writeln!(
        out,
        "The server keys are not in it: they are in {}. Back them up as well, and keep them apart from it: whoever has both \
         can make tokens.",
        keys.display()
    )?)
}

/// Tries what a start would try, but for listening.
pub(super) async fn check(config: &Config, db: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    writeln!(out, "settings      good: profile {}", config.profile)?;
    if let Some(advice) = config.advice() {
        writeln!(out, "lifetimes     weak: {advice}")?;
    }
    if let Some(files) = config.tls.clone() {
        let shown = files.cert.display().to_string();
        Tls::open(files).map_err(|error| Failed::from_error(&error))?;
        writeln!(out, "certificates  good: {shown}")?;
    }
    let (mut in_use, mut signing) = (false, Vec::new());
    if db.exists() {
        let records = Records::existing(db)?;
        let grants = check_database(&records, db, out).await?;
        if has_demo(config, records.store(), &Passwords::new(1, 0))
            .await
            .map_err(|error| Failed::from_error(&*error))?
        {
            writeln!(out, "demo          there, with secrets that everyone knows; served to this machine alone")?;
        }
        signing = signing_keys::kept(records.store()).await.map_err(|error| Failed::from_error(&error))?;
        in_use = grants > 0 || !signing.is_empty();
    } else if let Some(missing) = db.parent().filter(|folder| !folder.as_os_str().is_empty() && !folder.is_dir()) {
        return Err(Failed::Not(format!("there is no directory {}; create it", missing.display())));
    } else {
        writeln!(out, "database      not there yet: {}; `valetkey serve` makes it", db.display())?;
    }
    let file = keys_of(config, db);
    if !(file.exists() || in_use || config.server_key_file.is_some()) {
        return Ok(writeln!(out, "server keys   not there yet: {}; `valetkey serve` draws them", file.display())?);
    }
    let keys = Keys::read(&file).map_err(|error| Failed::from_error(&error))?;
    writeln!(out, "server keys   good: {}", file.display())?;
    check_signing(signing, &keys, &file, out)
}

/// Says what the signing keys are, and whether those open that are to sign.
fn check_signing(signing: Vec<Kept>, keys: &Keys, file: &Path, out: &mut dyn Write) -> Result<(), Failed> {
    let retired = signing.iter().filter(|(key, _)| key.retired_at.is_some()).count();
    let sign = signing.len() - retired;
    let closed = signing_keys::closed(signing, &keys.for_sealing());
    if !closed.is_empty() {
        return Err(Failed::Not(format!(
            "no server key in {} opens the signing {} {}: restore the key file under which they were made. If it is lost, a \
             start makes new signing keys; then retire these with `valetkey keys remove`",
            file.display(),
            if closed.len() == 1 { "key" } else { "keys" },
            closed.join(", ")
        )));
    }
    if sign == 0 {
        return Ok(writeln!(out, "signing keys  not there yet; `valetkey serve` makes them")?);
    }
    Ok(writeln!(out, "signing keys  good: {sign} to sign, {retired} retired")?)
}

/// Says what is in the database, and gives the number of grants.
async fn check_database(records: &Records, db: &Path, out: &mut dyn Write) -> Result<u64, Failed> {
    let report = records.store().check().await.map_err(|error| Failed::from_error(&error))?;
    let of = |wanted| report.records.iter().find(|(kind, _)| *kind == wanted).map_or(0, |(_, n)| *n);
    let number = |n: u64, what| count(usize::try_from(n).unwrap_or(usize::MAX), what);
    writeln!(
        out,
        "database      sound: {}, schema {}, {}, {}, {}, {}",
        db.display(),
        report.schema,
        number(of(Kind::Client), "client"),
        number(of(Kind::Account), "user"),
        number(of(Kind::Grant), "grant"),
        number(report.events, "event")
    )?;
    Ok(of(Kind::Grant))
}
