//! What introspection says of a token. <https://www.rfc-editor.org/rfc/rfc7662#section-2.2>

use crate::text::buf::Writer;
use crate::text::json::{self, JsonError, Kind, Limits, Object, Reader};
use crate::text::scope;
use crate::time::UnixTime;
use core::fmt;

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
    /// Not before: `nbf`. 0 if nothing is said.
    pub not_before: UnixTime,
    /// Until when: `exp`.
    pub expires_at: UnixTime,
    /// When the person logged in, if one did.
    pub auth_time: Option<UnixTime>,
    /// How the person logged in: `acr`. Empty if that is not told.
    pub acr: &'a str,
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
        not_before: UnixTime(0),
        expires_at: UnixTime(0),
        auth_time: None,
        acr: "",
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
                ("acr", self.acr),
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
            if self.not_before != UnixTime(0) {
                json.number("nbf", self.not_before.0);
            }
            json.number("exp", self.expires_at.0);
            if let Some(auth_time) = self.auth_time {
                json.number("auth_time", auth_time.0);
            }
        }
        json.close();
    }
}

/// Why an introspection response could not be read. Holds no content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Not JSON, or not by the rules; where, and why.
    Json(JsonError),
    /// The member of this name is of a wrong type, or breaks its grammar.
    Malformed(&'static str),
    /// The scratch is too short. Twice as many bytes as the body has suffice.
    Scratch,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(e) => e.fmt(f),
            Self::Malformed(name) => write!(f, "{name} is malformed"),
            Self::Scratch => f.write_str("the scratch is too short for the introspection response"),
        }
    }
}

impl core::error::Error for Fault {}

impl From<JsonError> for Fault {
    fn from(e: JsonError) -> Self {
        if e.fault == json::Fault::Scratch { Self::Scratch } else { Self::Json(e) }
    }
}

impl<'b> Introspection<'b> {
    /// Reads the body of a response with status 200. `scratch` of twice its length suffices.
    ///
    /// A token is active only if `active` says `true`; if not, nothing else counts. A token that is bound to a key (`cnf`) or of
    /// another type than Bearer is not active either: a bearer of it proves nothing. If `exp` is missing it does not end.
    ///
    /// ```
    /// use valetkey::wire::introspection::Introspection;
    /// let body = br#"{"active":true,"client_id":"web","scope":"read","aud":["https://a.example","https://b.example"],"exp":9}"#;
    /// let mut scratch = [0; 256];
    /// let token = Introspection::read(body, &mut scratch)?;
    /// assert_eq!((token.client_id, token.audience), ("web", "https://a.example https://b.example"));
    /// assert!(!Introspection::read(br#"{"active":"true"}"#, &mut []).unwrap().active);
    /// # Ok::<(), valetkey::wire::introspection::Fault>(())
    /// ```
    ///
    /// # Errors
    /// [`Fault`]: treat it as if the authorization server could not be asked.
    pub fn read(body: &'b [u8], scratch: &'b mut [u8]) -> Result<Self, Fault> {
        let half = scratch.len() / 2;
        let (joined, scratch) = scratch.split_at_mut_checked(half).unwrap_or_default();
        let mut members = Members { said: INACTIVE_UNTIL_READ, bound: false, fault: None };
        let mut r = Reader::new(body, Limits::DEFAULT, scratch);
        let mut audience = Writer::new(joined);
        r.object()?;
        while let Some(name) = r.name()? {
            members.read(name, &mut r, &mut audience)?;
        }
        r.end()?;
        let audience = audience.finish().map_err(|_| Fault::Scratch)?;
        match members {
            Members { said, bound: false, fault: None } if said.active => Ok(Self { audience, ..said }),
            Members { said, bound: false, fault: Some(name) } if said.active => Err(Fault::Malformed(name)),
            _ => Ok(Self::INACTIVE),
        }
    }
}

const INACTIVE_UNTIL_READ: Introspection<'static> =
    Introspection { expires_at: UnixTime(u64::MAX), ..Introspection::INACTIVE };

struct Members<'b> {
    said: Introspection<'b>,
    /// To a key, or of a type whose rules are not known here.
    bound: bool,
    /// The first member that is malformed: it counts only if the token is active.
    fault: Option<&'static str>,
}

impl<'b> Members<'b> {
    fn read(&mut self, name: &str, r: &mut Reader<'b>, audience: &mut Writer<'_>) -> Result<(), JsonError> {
        match name {
            "active" if r.peek()? == Kind::Boolean => self.said.active = r.boolean()?,
            "iss" => self.said.issuer = self.text("iss", |_| true, r)?,
            "client_id" => self.said.client_id = self.text("client_id", |_| true, r)?,
            "sub" => self.said.subject = self.text("sub", |_| true, r)?,
            "scope" => self.said.scope = self.text_or_nothing("scope", scope::is_scope, r)?,
            "token_type" => self.bound |= !self.text("token_type", |_| true, r)?.eq_ignore_ascii_case("Bearer"),
            "cnf" => {
                self.bound = true;
                r.skip()?;
            }
            "aud" => self.audience(r, audience)?,
            "iat" => self.said.issued_at = self.time("iat", r)?,
            "nbf" => self.said.not_before = self.time("nbf", r)?,
            "exp" => self.said.expires_at = self.time("exp", r)?,
            "acr" => self.said.acr = self.text("acr", |_| true, r)?,
            "auth_time" => self.said.auth_time = Some(self.time("auth_time", r)?),
            _ => r.skip()?,
        }
        Ok(())
    }

    fn malformed(&mut self, name: &'static str) {
        self.fault = self.fault.or(Some(name));
    }

    /// Empty text would pass for an absent member.
    fn text(&mut self, name: &'static str, good: fn(&str) -> bool, r: &mut Reader<'b>) -> Result<&'b str, JsonError> {
        let text = self.text_or_nothing(name, good, r)?;
        if text.is_empty() {
            self.malformed(name);
        }
        Ok(text)
    }

    fn text_or_nothing(
        &mut self,
        name: &'static str,
        good: fn(&str) -> bool,
        r: &mut Reader<'b>,
    ) -> Result<&'b str, JsonError> {
        if r.peek()? != Kind::String {
            self.malformed(name);
            r.skip()?;
            return Ok("");
        }
        let text = r.string()?;
        if !text.is_empty() && !good(text) {
            self.malformed(name);
        }
        Ok(text)
    }

    fn time(&mut self, name: &'static str, r: &mut Reader<'b>) -> Result<UnixTime, JsonError> {
        let mut time = None;
        if r.peek()? == Kind::Number {
            time = r.number()?.parse().ok();
        } else {
            r.skip()?;
        }
        if time.is_none() {
            self.malformed(name);
        }
        Ok(UnixTime(time.unwrap_or(0)))
    }

    /// One text, or an array of them. A word of the list that holds a space would count as two, and an empty one as none.
    fn audience(&mut self, r: &mut Reader<'b>, audience: &mut Writer<'_>) -> Result<(), JsonError> {
        let one_word = |text: &str| !text.contains(char::is_whitespace);
        if r.peek()? != Kind::Array {
            audience.push_str(self.text("aud", one_word, r)?);
            return Ok(());
        }
        r.array()?;
        while r.element()? {
            if !audience.is_empty() {
                audience.push(' ');
            }
            audience.push_str(self.text("aud", one_word, r)?);
        }
        if audience.is_empty() {
            self.malformed("aud");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
