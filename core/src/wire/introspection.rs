//! What introspection says of a token. <https://www.rfc-editor.org/rfc/rfc7662#section-2.2>

use crate::text::buf::Writer;
use crate::text::json::Object;
use crate::text::scope;
use crate::time::UnixTime;

/// What an authorization server says of a token. Empty text stands for what is absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introspection<'a> {
    /// Whether the token is good now. If not, nothing else is said.
    pub active: bool,
    /// Who issued it: `iss`.
    pub issuer: &'a str,
    /// To whom.
    pub client_id: &'a str,
    /// On whose behalf: `sub`. Empty for a client's own token.
    pub subject: &'a str,
    /// For what, space-separated.
    pub scope: &'a str,
    /// For which resources, space-separated: `aud`. Empty for the default.
    pub audience: &'a str,
    /// Since when: `iat`.
    pub issued_at: UnixTime,
    /// Until when: `exp`.
    pub expires_at: UnixTime,
    /// When the person logged in, if one did.
    pub auth_time: Option<UnixTime>,
}

impl Introspection<'_> {
    /// What is said of every token that is not good now, for whatever reason.
    pub const INACTIVE: Introspection<'static> = Introspection {
        active: false,
        issuer: "",
        client_id: "",
        subject: "",
        scope: "",
        audience: "",
        issued_at: UnixTime(0),
        expires_at: UnixTime(0),
        auth_time: None,
    };

    /// Appends the JSON object.
    pub fn write(&self, w: &mut Writer<'_>) {
        let mut json = Object::new(w);
        json.boolean("active", self.active);
        if self.active {
            let members = [
                ("iss", self.issuer),
                ("client_id", self.client_id),
                ("sub", self.subject),
                ("scope", self.scope),
                ("token_type", "Bearer"),
            ];
            for (name, value) in members.into_iter().filter(|(_, value)| !value.is_empty()) {
                json.string(name, value);
            }
            match scope::words(self.audience).count() {
                0 => {}
                1 => json.string("aud", self.audience),
                _ => json.strings("aud", scope::words(self.audience)),
            }
            json.number("iat", self.issued_at.0);
            json.number("exp", self.expires_at.0);
            if let Some(auth_time) = self.auth_time {
                json.number("auth_time", auth_time.0);
            }
        }
        json.close();
    }
}
