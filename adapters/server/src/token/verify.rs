//! `valetkey token verify`: whether a token is good, by the same pure function that guards an API.

use super::cli::Verify;
use super::keys::{Keys, Source, Sources};
use crate::operator::Failed;
use crate::operator::clock::{now, shown};
use crate::operator::table::visible;
use std::io::Write;
use valetkey::jose::{Algorithm, Algorithms, Limits, Unverified, find};
use valetkey::resource::{Audience, Issuer, IssuerKeys, Jwt, Policy, Refusal, Tokens, validate};
use valetkey::secret::SecretText;
use valetkey::time::UnixTime;

/// What is asked of a token.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) jwks: Option<Source>,
    pub(super) issuer: Option<String>,
    pub(super) audience: Option<String>,
    pub(super) algorithms: Algorithms,
    pub(super) typ: String,
    pub(super) leeway: u32,
    pub(super) now: Option<UnixTime>,
    pub(super) signature_only: bool,
}

impl Asked {
    /// As it was typed.
    pub(super) fn typed(options: &Verify) -> Result<Self, Failed> {
        let now = options.now.as_deref().map(time).transpose().map_err(Failed::Usage)?;
        Ok(Self {
            jwks: options.jwks.clone().map(Source::At),
            issuer: options.issuer.clone(),
            audience: options.audience.clone(),
            algorithms: algorithms(options.algorithms.iter().map(String::as_str)).map_err(Failed::Usage)?,
            typ: options.typ.clone(),
            leeway: leeway(options.leeway.into()).map_err(Failed::Usage)?,
            now,
            signature_only: options.signature_only,
        })
    }

    /// What the token is good for, in a line or two, or the one reason why it is not.
    pub(super) async fn judge(&self, token: &str, sources: &mut Sources) -> Result<String, Failed> {
        let source = needed(self.jwks.as_ref(), "jwks")?;
        let json = sources.bytes(source).await.map_err(Failed::Not)?;
        let keys = Keys::read(&json, self.algorithms).map_err(Failed::Not)?;
        let mut scratch = vec![0; 2 * token.len()];
        if self.signature_only {
            return self.signature(token, &keys, &mut scratch).map_err(|why| Failed::Not(why.to_string()));
        }
        let (issuer, audience) =
            (needed(self.issuer.as_deref(), "issuer")?, needed(self.audience.as_deref(), "audience")?);
        let now = match self.now {
            Some(now) => now,
            None => now()?,
        };
        let jwt = Jwt { algorithms: self.algorithms, typ: &self.typ };
        let issuers = [Issuer { name: issuer, tokens: Tokens::Jwt(jwt) }];
        let policy = Policy::new(&issuers, Audience::Required(audience), "").with_leeway(self.leeway);
        let lent = keys.lent();
        let keys = [IssuerKeys { issuer, keys: &lent }];
        let access = validate(SecretText::new(token), &policy, &keys, now, &mut scratch);
        let access = access.map_err(|why| Failed::Not(why.to_string()))?;
        Ok(format!(
            "good until {}, of {} for {}\nsubject {}, client {}, scope {}",
            shown(access.expires_at),
            visible(access.issuer),
            visible(audience),
            visible(access.subject),
            visible(access.client_id),
            visible(access.scope),
        ))
    }

    fn signature(&self, token: &str, keys: &Keys, scratch: &mut [u8]) -> Result<String, Refusal> {
        let unverified = Unverified::read(token, Limits::DEFAULT, scratch)?;
        let header = *unverified.header();
        let key = find(keys.lent(), header.algorithm, header.kid);
        if !self.algorithms.contains(header.algorithm) {
            return Err(valetkey::jose::JwsError::NotAllowed.into());
        }
        let _ = unverified.verify(&key.ok_or(Refusal::UnknownKey)?, self.algorithms)?;
        Ok(format!(
            "the signature is good, by {}\nnothing else was checked: neither issuer, audience, type nor times",
            header.algorithm
        ))
    }
}

pub(super) async fn tell(options: &Verify, token: &str, out: &mut dyn Write) -> Result<(), Failed> {
    let asked = Asked::typed(options)?;
    let good = asked.judge(token, &mut Sources::default()).await?;
    Ok(writeln!(out, "{good}")?)
}

fn needed<T>(value: Option<T>, name: &str) -> Result<T, Failed> {
    value.ok_or_else(|| Failed::Usage(format!("say --{name}: without it no token can be checked")))
}

/// The named algorithms; if none is named, all that have a public key.
pub(super) fn algorithms<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Algorithms, String> {
    let mut named = Vec::new();
    for name in names.into_iter().map(str::trim) {
        let Some(algorithm) = Algorithm::from_name(name) else {
            let all: Vec<_> = Algorithm::ALL.into_iter().map(Algorithm::as_str).collect();
            return Err(format!("no algorithm `{}` is known here; there are {}", visible(name), all.join(", ")));
        };
        named.push(algorithm);
    }
    Ok(if named.is_empty() { Algorithms::ASYMMETRIC } else { Algorithms::of(&named) })
}

/// No more than the policy would take in silence.
pub(super) fn leeway(seconds: u64) -> Result<u32, String> {
    let fits = u32::try_from(seconds).ok().filter(|seconds| *seconds <= Policy::MOST_LEEWAY);
    fits.ok_or_else(|| format!("a leeway is at most {} seconds", Policy::MOST_LEEWAY))
}

/// Seconds since 1970, or a time in UTC.
pub(super) fn time(text: &str) -> Result<UnixTime, String> {
    let seconds = text.parse().ok().or_else(|| {
        let time = humantime::parse_rfc3339(text).ok()?;
        Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
    });
    seconds.map(UnixTime).ok_or_else(|| "a time is seconds since 1970, or as 2026-01-31T08:00:00Z".to_owned())
}
