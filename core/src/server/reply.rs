//! What an endpoint answers: written on demand, as often as asked, and carrying tokens only once their change is applied.

use super::change::{Event, EventKind};
use super::credential::{push_refresh, push_secret};
use super::fault::Fault;
use super::introspect::Active;
use super::seed;
use super::step::{Flow, Machine};
use super::token::{AccessToken, Tokens};
use crate::error::TooSmall;
use crate::text::buf::Writer;
use crate::text::json::Object;
use crate::text::uri;
use crate::time::UnixTime;
use crate::wire::introspection::Introspection;
use core::fmt;

/// Seconds after which a client may try again what was temporarily unavailable.
const RETRY_AFTER: u64 = 2;

/// What it came to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome {
    Refused(Fault),
    Tokens(Tokens),
    /// A code, redirected to the client.
    Code,
    Revoked,
    Introspected(Option<Active>),
}

/// The end of a request.
#[must_use]
#[derive(Debug)]
pub struct Reply<'r> {
    m: Machine<'r>,
    outcome: Outcome,
}

/// A reply as an HTTP response: status, headers, body.
#[derive(Clone, Copy)]
pub struct Response<'b> {
    status: u16,
    json: bool,
    body: &'b str,
    location: &'b str,
    challenge: &'b str,
    retry_after: &'b str,
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, ..)", self.status) // a token or code may be in the rest
    }
}

impl<'b> Response<'b> {
    /// The HTTP status.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The body: JSON, or empty.
    pub const fn body(&self) -> &'b str {
        self.body
    }

    /// The headers, `Content-Length` aside. Nothing that an endpoint says may be stored
    /// ([RFC 6749 section 5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1)).
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &'b str)> {
        let json = if self.json { "application/json" } else { "" };
        let all = [
            ("Cache-Control", "no-store"),
            ("Pragma", "no-cache"),
            ("Content-Type", json),
            ("Location", self.location),
            ("WWW-Authenticate", self.challenge),
            ("Retry-After", self.retry_after),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty())
    }
}

impl<'r> Reply<'r> {
    pub(super) const fn new(m: Machine<'r>, outcome: Outcome) -> Self {
        Self { m, outcome }
    }

    /// Why the request was refused, if it was: for the operator.
    pub const fn fault(&self) -> Option<Fault> {
        match self.outcome {
            Outcome::Refused(fault) => Some(fault),
            _ => None,
        }
    }

    /// Set if a person must be shown a page, as there is nowhere that may be redirected to.
    pub const fn page(&self) -> Option<Fault> {
        match (&self.m.flow, self.outcome) {
            (Flow::Authorize(request), Outcome::Refused(fault)) if !request.may_redirect => Some(fault),
            _ => None,
        }
    }

    /// What a refusal says to log and metrics; what was committed carried its own event.
    pub fn event(&self) -> Option<Event<'_>> {
        let what = EventKind::Refused(self.fault()?);
        let caller = &self.m.caller;
        let client_id = if caller.recognised { self.m.text(caller.client_id) } else { "" };
        Some(Event { at: self.m.now, what, client_id, subject: "", grant: None, kid: "" })
    }

    /// What introspection found, for a resource server in the same program. `None` if this reply is no answer to that.
    pub fn introspection(&self) -> Option<Introspection<'_>> {
        match &self.outcome {
            Outcome::Introspected(active) => Some(self.describe(active.as_ref())),
            _ => None,
        }
    }

    fn describe(&self, active: Option<&Active>) -> Introspection<'_> {
        let Some(active) = active else { return Introspection::INACTIVE };
        Introspection {
            active: true,
            issuer: self.m.server.issuer(),
            client_id: self.m.text(active.client_id),
            subject: self.m.text(active.subject),
            scope: self.m.text(active.scope),
            audience: self.m.text(active.resource),
            issued_at: active.issued_at,
            not_before: UnixTime(0),
            expires_at: active.expires_at,
            auth_time: (active.auth_time != UnixTime(0)).then_some(active.auth_time),
            acr: self.m.text(active.acr),
        }
    }

    /// Writes the HTTP response into `buf`. Repeatable.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size.
    pub fn write<'b>(&self, buf: &'b mut [u8]) -> Result<Response<'b>, TooSmall> {
        let mut w = Writer::new(buf);
        let status = self.body(&mut w);
        let body_end = w.len();
        self.location(&mut w);
        let location_end = w.len();
        if status == 401 {
            w.push_str("Basic realm=\"");
            w.push_str(self.m.server.issuer());
            w.push_str("\", charset=\"UTF-8\"");
        }
        let challenge_end = w.len();
        if status == 503 {
            w.push_u64(RETRY_AFTER);
        }
        let text = w.finish()?;
        let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
        Ok(Response {
            status,
            json: body_end > 0,
            body: part(0, body_end),
            location: part(body_end, location_end),
            challenge: part(location_end, challenge_end),
            retry_after: part(challenge_end, text.len()),
        })
    }

    fn body(&self, w: &mut Writer<'_>) -> u16 {
        match (&self.outcome, &self.m.flow) {
            (Outcome::Tokens(tokens), _) => self.tokens(tokens, w),
            (Outcome::Code, _) => return 303, // RFC 9700 section 4.12
            (Outcome::Revoked, _) => {}
            (Outcome::Introspected(active), _) => self.describe(active.as_ref()).write(w),
            (Outcome::Refused(_), Flow::Authorize(request)) if request.may_redirect => return 303,
            // The adapter shows a page.
            (Outcome::Refused(fault), Flow::Authorize(_)) => return fault.page_status(),
            (Outcome::Refused(fault), _) => {
                let mut json = Object::new(w);
                json.string("error", fault.code().as_str());
                json.string("error_description", fault.description());
                json.close();
                return fault.status();
            }
        }
        200
    }

    fn tokens(&self, tokens: &Tokens, w: &mut Writer<'_>) {
        let Some(key) = self.m.server.key(tokens.server_key).or(self.m.server.current_key().ok()) else { return };
        let mut json = Object::new(w);
        json.string_with("access_token", |w| match tokens.access {
            AccessToken::Drawn => push_secret(w, tokens.locator, &self.m.seed.part(seed::SECRET)),
            AccessToken::Derived => {
                let Tokens { locator, generation, rotated_at, salt, .. } = tokens;
                let secret = key.access_secret(&locator.grant().id, *generation, *rotated_at, salt);
                push_secret(w, tokens.locator, &secret.0);
            }
            AccessToken::Signed { message, signature } => {
                w.push_str(self.m.text(message));
                w.push('.');
                w.push_str(self.m.text(signature));
            }
        });
        json.string("token_type", "Bearer");
        json.number("expires_in", u64::from(tokens.expires_in));
        if tokens.refresh {
            let push = |w: &mut Writer<'_>| push_refresh(w, key, tokens.locator, tokens.generation, &tokens.salt);
            json.string_with("refresh_token", push);
        }
        if !tokens.scope.is_empty() {
            json.string("scope", self.m.text(tokens.scope));
        }
        json.close();
    }

    /// A redirect's target: `code` or `error`, then `state` if there was one, then `iss` always (RFC 9207).
    fn location(&self, w: &mut Writer<'_>) {
        let Flow::Authorize(request) = &self.m.flow else { return };
        if !request.may_redirect {
            return;
        }
        let mut code = [0; 64];
        let (name, value, description) = match self.outcome {
            Outcome::Code => {
                let mut w = Writer::new(&mut code);
                let secret = self.m.seed.part(seed::SECRET);
                push_secret(&mut w, super::credential::Locator(self.m.seed.part(seed::LOCATOR)), &secret);
                ("code", w.finish().unwrap_or_default(), "")
            }
            Outcome::Refused(fault) => ("error", fault.code().as_str(), fault.description()),
            Outcome::Tokens(_) | Outcome::Revoked | Outcome::Introspected(_) => return,
        };
        let pairs = [
            (name, value),
            ("error_description", description),
            ("state", self.m.text(request.state)),
            ("iss", self.m.server.issuer()),
        ];
        uri::with_query(w, self.m.text(request.redirect_uri), pairs.into_iter().filter(|(_, value)| !value.is_empty()));
    }
}
