//! The profile that the server keeps to, and how long things last in it.

use super::ConfigError;
use serde::Deserialize;
use std::fmt;
use std::num::NonZeroU32;
use valetkey::server::Policy;

/// RFC 6749 section 4.1.2: a code should last for ten minutes at most.
const LONGEST_CODE: u32 = 600;
/// In so many grace windows two holders of one refresh token come to be out of step: see [`Policy::refresh_grace`].
const WINDOWS_IN_A_LIFE: u32 = 10;

/// Which of the core's policies everything begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// [`Policy::OAUTH21`].
    #[default]
    Oauth21,
    /// [`Policy::EMBEDDED`].
    Embedded,
}

impl Profile {
    /// What it says, before the lifetimes of the settings.
    pub const fn policy(self) -> Policy {
        match self {
            Self::Oauth21 => Policy::OAUTH21,
            Self::Embedded => Policy::EMBEDDED,
        }
    }
}

/// As the settings name it.
impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Oauth21 => "oauth21",
            Self::Embedded => "embedded",
        })
    }
}

/// What is allowed and had better be otherwise.
pub(super) fn advice(policy: &Policy) -> Option<String> {
    let Policy { access_lifetime, refresh_grace, .. } = *policy;
    let enough = refresh_grace.saturating_mul(WINDOWS_IN_A_LIFE);
    (access_lifetime < enough).then(|| {
        format!(
            "access_seconds is {access_lifetime}: as an old refresh token is answered once more for {refresh_grace} seconds, one \
             that was copied may never be found out; {enough} or more is better"
        )
    })
}

/// How long things last, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token.
    pub access_seconds: NonZeroU32,
    /// An authorization code.
    pub code_seconds: NonZeroU32,
    /// A refresh token that is not used.
    pub refresh_idle_seconds: NonZeroU32,
    /// What a person agreed to, however often it is refreshed.
    pub grant_seconds: NonZeroU32,
}

/// Those that the file says; the profile says the others.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Said {
    access_seconds: Option<NonZeroU32>,
    code_seconds: Option<NonZeroU32>,
    refresh_idle_seconds: Option<NonZeroU32>,
    grant_seconds: Option<NonZeroU32>,
}

impl Lifetimes {
    /// Lays what is said over the profile, and checks the whole.
    pub(super) fn of(profile: Profile, said: &Said) -> Result<Self, ConfigError> {
        let Policy { access_lifetime, code_lifetime, refresh_idle, grant_lifetime, .. } = profile.policy();
        let or = |said: Option<NonZeroU32>, profile| said.or(NonZeroU32::new(profile)).unwrap_or(NonZeroU32::MIN);
        let lifetimes = Self {
            access_seconds: or(said.access_seconds, access_lifetime),
            code_seconds: or(said.code_seconds, code_lifetime),
            refresh_idle_seconds: or(said.refresh_idle_seconds, refresh_idle),
            grant_seconds: or(said.grant_seconds, grant_lifetime),
        };
        lifetimes.check().map_err(ConfigError::Lifetime)?;
        Ok(lifetimes)
    }

    fn check(&self) -> Result<(), &'static str> {
        if self.code_seconds.get() > LONGEST_CODE {
            return Err("code_seconds must be 600 at most (RFC 6749 section 4.1.2)");
        }
        if self.access_seconds > self.grant_seconds {
            return Err("access_seconds must not be more than grant_seconds");
        }
        if self.refresh_idle_seconds > self.grant_seconds {
            return Err("refresh_idle_seconds must not be more than grant_seconds");
        }
        Ok(())
    }
}
