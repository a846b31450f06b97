//! What happened, for the audit trail. Every commit carries one event, and a store that keeps events appends it in the
//! same transaction.

use crate::server::fault::Fault;
use crate::server::record::Digest;
use crate::time::UnixTime;

/// What happened, for the audit trail. Ids and reasons, never a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// When.
    pub at: UnixTime,
    /// What.
    pub what: EventKind,
    /// Which client; empty if none is concerned or was recognised.
    pub client_id: &'a str,
    /// Whose grant or account; empty if nobody's.
    pub subject: &'a str,
    /// Which grant, if one is concerned.
    pub grant: Option<Digest>,
    /// Which signing key; empty if none is concerned.
    pub kid: &'a str,
}

/// Defines the kinds that commits carry once: variant and name.
macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident = $name:literal,)*) => {
        /// The kinds of [`Event`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$meta])* $variant,)*
            /// A request was refused; nothing was changed, so that no commit carries it: it goes to log and metrics.
            Refused(Fault),
        }

        impl EventKind {
            /// Every kind that a commit carries, and so all that an audit trail holds.
            pub const COMMITTED: &'static [Self] = &[$(Self::$variant),*];

            /// The name under which it is stored and shown; it never changes. Of a refusal it is `refused`, and
            /// [`Fault::name`] tells the reason.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                    Self::Refused(_) => "refused",
                }
            }
        }
    };
}

kinds! {
    /// A person consented, and a code was issued.
    CodeIssued = "code_issued",
    /// A code was redeemed for tokens.
    CodeRedeemed = "code_redeemed",
    /// A code came a second time, with all that makes it valid: its grant was ended.
    CodeReplayed = "code_replayed",
    /// A client got a token for itself.
    ClientCredentialsIssued = "client_credentials_issued",
    /// A refresh token was rotated.
    Refreshed = "refreshed",
    /// An access token was seen in use, by which the grace window of the refresh that gave it ends.
    GraceEnded = "grace_ended",
    /// An old refresh token came outside the grace window: its grant was ended.
    RefreshReplayed = "refresh_replayed",
    /// A client revoked its grant.
    Revoked = "revoked",
    /// The person who gave a grant ended it.
    GrantEndedByOwner = "grant_ended_by_owner",
    /// The operator ended a grant.
    GrantEndedByOperator = "grant_ended_by_operator",
    /// A client proved who it is by an assertion, for a request that changed nothing else. Trails of before have it; it is not
    /// told any more, as one such event for each introspection by a client with a key pair fills a disk.
    AssertionUsed = "assertion_used",
    /// A client was registered.
    ClientAdded = "client_added",
    /// A client's record was changed, but not how it proves who it is.
    ClientChanged = "client_changed",
    /// A client got another secret, or another way to prove who it is.
    ClientSecretChanged = "client_secret_changed",
    /// A client was removed.
    ClientRemoved = "client_removed",
    /// An account was added.
    AccountAdded = "account_added",
    /// An account was locked, and its logins ended.
    AccountLocked = "account_locked",
    /// An account was unlocked.
    AccountUnlocked = "account_unlocked",
    /// An account got another password, and its logins ended.
    PasswordChanged = "password_changed",
    /// Every login of an account ended.
    LoginsEnded = "logins_ended",
    /// A key pair that signs access tokens was added.
    SigningKeyAdded = "signing_key_added",
    /// A signing key ceased to sign.
    SigningKeyRetired = "signing_key_retired",
}

impl EventKind {
    /// The kind that a commit carries under this name.
    ///
    /// ```
    /// use valetkey::server::change::EventKind;
    /// assert_eq!(EventKind::CodeRedeemed.name(), "code_redeemed");
    /// assert_eq!(EventKind::from_name("code_redeemed"), Some(EventKind::CodeRedeemed));
    /// assert_eq!(EventKind::from_name("refused"), None); // a refusal is not committed
    /// ```
    pub fn from_name(name: &str) -> Option<Self> {
        Self::COMMITTED.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_committed_kind_is_read_back_from_its_name() {
        for (at, kind) in EventKind::COMMITTED.iter().enumerate() {
            assert_eq!(EventKind::from_name(kind.name()), Some(*kind));
            assert!(kind.name().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{kind:?}");
            assert!(EventKind::COMMITTED.iter().skip(at + 1).all(|other| other.name() != kind.name()), "{kind:?}");
        }
        let refused = EventKind::Refused(Fault::WrongSecret);
        assert_eq!((refused.name(), EventKind::from_name("refused")), ("refused", None));
        assert_eq!(EventKind::from_name(""), None);
    }
}
