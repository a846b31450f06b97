//! A person as a need: what they are asked, what they answered, and whether that is an answer to what was asked.

use super::{Request, look_up};
use crate::error::TooSmall;
use crate::server::fault::Fault;
use crate::server::jwt::is_clients;
use crate::server::pending;
use crate::server::step::{Flow, Machine, Step};
use crate::text::buf::Span;
use crate::text::scope;
use crate::time::UnixTime;

#[derive(Clone, Copy, Debug)]
pub(super) enum Answered {
    Approved(KeptOwner),
    Denied,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct KeptOwner {
    pub(super) subject: Span,
    pub(super) scope: Span,
    pub(super) auth_time: UnixTime,
    pub(super) acr: Span,
    pub(super) amr: Span,
}

/// What a person's login and consent came to. Exhaustive on purpose; not to answer yet is [`NeedOwner::export`].
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// Logged in and agreed.
    Approved {
        /// Who: the `sub` of the tokens. Not empty, and not beginning with `client:`.
        subject: &'a str,
        /// When they proved who they are: not before [`NeedOwner::login_since`].
        auth_time: UnixTime,
        /// How: the authentication context class, one word without a space, and one of [`NeedOwner::acr_values`]; empty
        /// if it is not known.
        /// <https://www.rfc-editor.org/rfc/rfc9470#section-6>
        acr: &'a str,
        /// By what means: words of [RFC 8176](https://www.rfc-editor.org/rfc/rfc8176#section-2) such as `pwd` and `otp`, with
        /// single spaces between; empty if they are not to be told. Signed access tokens carry them, as RFC 9068 says;
        /// introspection does not, which RFC 9470 gives `acr` and `auth_time` alone.
        amr: &'a str,
        /// To what: all or some of [`NeedOwner::scope`].
        scope: &'a str,
    },
    /// Said no.
    Denied,
}

/// The machine needs a person's login and consent: one question, to be asked now or after a pause.
#[must_use]
#[derive(Debug)]
pub struct NeedOwner<'r> {
    pub(super) m: Machine<'r>,
    pub(super) request: Request,
}

impl<'r> NeedOwner<'r> {
    /// Which client asks.
    pub fn client_id(&self) -> &str {
        self.m.text(self.m.caller.client_id)
    }

    /// What people are shown as its name.
    pub fn client_name(&self) -> &str {
        self.m.text(self.request.client_name)
    }

    /// Where the answer goes.
    pub fn redirect_uri(&self) -> &str {
        self.m.text(self.request.redirect_uri)
    }

    /// What it asks for, space-separated.
    pub fn scope(&self) -> &str {
        self.m.text(self.request.scope)
    }

    /// For which resources, space-separated; empty for the default.
    pub fn resource(&self) -> &str {
        self.m.text(self.request.resource)
    }

    /// One of which classes the login must be of, space-separated; empty if it does not matter. Where none can be had the
    /// answer is refused. <https://www.rfc-editor.org/rfc/rfc9470#section-5>
    pub fn acr_values(&self) -> &str {
        self.m.text(self.request.acr_values)
    }

    /// Since when the person must have logged in, by the request's `max_age`: one whose login is older is to log in anew.
    /// `None` if it does not matter.
    pub fn login_since(&self) -> Option<UnixTime> {
        login_since(&self.m, &self.request)
    }

    /// The request as it came, for a page that sends the browser to it once more. It holds `state`: it goes into no log.
    pub fn query(&self) -> &str {
        self.m.text(self.request.query)
    }

    /// For how many seconds each access token will be good.
    pub const fn access_lifetime(&self) -> u32 {
        self.m.server.policy.access_lifetime
    }

    /// For how many seconds at most it can be renewed without asking; `None` if not at all.
    pub fn grant_lifetime(&self) -> Option<u32> {
        self.m.caller.grant_types.refresh_token.then_some(self.m.server.policy.grant_lifetime)
    }

    /// A pause: seals the request into text for the page to carry, bound to a browser by its cookie's value, for
    /// [`Policy::pending_lifetime`](crate::server::Policy::pending_lifetime) seconds. [`reopen`](crate::server::reopen) goes on
    /// from it. Nothing is stored.
    ///
    /// Call this or [`NeedOwner::resume`], not both.
    ///
    /// # Errors
    /// [`TooSmall`] with the exact size; [`MAX_REQUEST`](crate::server::MAX_REQUEST) and 200 bytes more always suffice.
    pub fn export<'b>(&self, browser: &str, buf: &'b mut [u8]) -> Result<&'b str, TooSmall> {
        pending::seal(&self.m, &self.request, browser, buf)
    }

    /// Goes on with what the person said.
    pub fn resume(self, owner: Owner<'_>) -> Step<'r> {
        let Self { mut m, mut request } = self;
        match keep_owner(&mut m, &request, owner) {
            Ok(owner) => {
                request.owner = Some(owner);
                m.flow = Flow::Authorize(request);
                m.start = m.scratch.mark();
                look_up(m, &request)
            }
            Err(fault) => m.refuse(fault),
        }
    }

    /// Login or consent is broken: the client gets `temporarily_unavailable`.
    pub fn fail(self) -> Step<'r> {
        self.m.refuse(Fault::Unavailable)
    }
}

/// Counted from when the request came, as a person takes their time for the page.
fn login_since(m: &Machine<'_>, request: &Request) -> Option<UnixTime> {
    let lifetime = u64::from(m.server.policy.pending_lifetime);
    let began = request.pending.map_or(m.now.0, |(_, expires_at)| expires_at.0.saturating_sub(lifetime));
    request.max_age.map(|max_age| UnixTime(began.saturating_sub(max_age.into())))
}

fn keep_owner(m: &mut Machine<'_>, request: &Request, owner: Owner<'_>) -> Result<Answered, Fault> {
    let (subject, auth_time, [acr, amr], agreed) = match owner {
        Owner::Approved { subject, auth_time, acr, amr, scope } => (subject, auth_time, [acr, amr], scope),
        // A pending request may have been answered before, and then this answer must not reach the client.
        Owner::Denied if request.pending.is_some() => return Ok(Answered::Denied),
        Owner::Denied => return Err(Fault::Denied),
    };
    let acr_values = m.text(request.acr_values);
    let as_asked = acr_values.is_empty() || scope::contains(acr_values, acr);
    if !as_asked || login_since(m, request).is_some_and(|since| auth_time < since) {
        return Err(Fault::UnmetAuthentication);
    }
    let asked = m.text(request.scope);
    // An empty word is none of those asked for, so that neither nothing nor a stray space is agreed to. A word that came
    // a thousand times would be kept a thousand times.
    let all_of_it_asked = agreed.len() <= asked.len() && agreed.split(' ').all(|word| scope::contains(asked, word));
    let nothing_to_ask = agreed.is_empty() && asked.is_empty();
    let is_list = amr.is_empty() || amr.split(' ').all(|word| !word.is_empty());
    let known = !subject.is_empty() && !is_clients(subject) && !acr.contains(' ') && is_list;
    if !known || !(all_of_it_asked || nothing_to_ask) {
        return Err(Fault::BadConsent);
    }
    let mut keep = |text| m.scratch.keep(text).map_err(|_| Fault::Scratch);
    let [subject, scope, acr, amr] = [keep(subject)?, keep(agreed)?, keep(acr)?, keep(amr)?];
    Ok(Answered::Approved(KeptOwner { subject, scope, auth_time, acr, amr }))
}
