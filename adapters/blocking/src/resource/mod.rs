//! The resource server beside its authorization server: is this request's access token good for what it asks? It is looked
//! up in the store, so that what was revoked ends at once.
//!
//! ```
//! # use valetkey::secret::Secret;
//! use valetkey::resource::{Audience, Issuer, Policy};
//! use valetkey::wire::header::Header;
//! use valetkey_blocking::resource::{Presented, check};
//! # use valetkey_blocking::server::{AuthorizationServer, Policy as ServerPolicy, ServerKey};
//! # let keys = vec![ServerKey::new(1, Secret::new([7; 32]))];
//! # let store = valetkey_memory::MemoryStore::new();
//! # let server = AuthorizationServer::new("https://as.example", ServerPolicy::OAUTH21, keys, store).unwrap();
//!
//! let issuers = [Issuer::opaque("https://as.example")];
//! let policy = Policy::new(&issuers, Audience::IfNamed("https://api.example"), "notes:read");
//!
//! // For each request:
//! let presented = Presented { authorization: Header::One("Bearer made-up"), query: "page=2", form: "" };
//! match check(&server, &policy, &presented, |access| format!("the notes of {}", access.subject)) {
//!     Ok(page) => unreachable!("{page}"),
//!     Err(response) => assert_eq!((response.status, response.headers[0].0), (401, "WWW-Authenticate")),
//! }
//! ```
//!
//! Where the authorization server is another program, `RemoteKeys` are its keys, and `check_signed` takes what it signed.

#[cfg(feature = "resource")]
mod keys;

#[cfg(feature = "resource")]
pub use keys::{RemoteKeys, check_signed};
#[cfg(feature = "resource")]
pub use valetkey_std::issuer::DiscoverError;

use crate::server::{AuthorizationServer, End, Response, now};
use crate::store::Store;
use std::fmt;
use valetkey::error::TooSmall;
use valetkey::jose::find;
use valetkey::resource::{self, Access, Check, NeedIntrospect, Policy, Refusal, Refused};
use valetkey::server::{SCRATCH, introspect_local};
use valetkey::wire::challenge::Challenge;
use valetkey::wire::header::Header;

/// Where a request to an API may bear a token. Only the one in the header counts; another beside it is refused.
/// <https://www.rfc-editor.org/rfc/rfc6750#section-2>
#[derive(Clone, Copy)]
pub struct Presented<'r> {
    /// `Authorization`: see [`header`](crate::server::header).
    pub authorization: Header<'r>,
    /// What follows the `?`, if anything does.
    pub query: &'r str,
    /// The body, if it is a form; else empty.
    pub form: &'r str,
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Presented(..)")
    }
}

/// Gives `pass` what a good token lets its bearer do; the policy's issuer is this server. Why a token was refused is told
/// to `tracing` with target `valetkey::audit` at level info, never with the token.
///
/// # Errors
/// The response to answer with, which bears the challenge of
/// [RFC 6750 section 3](https://www.rfc-editor.org/rfc/rfc6750#section-3).
pub fn check<T, S: Store>(
    server: &AuthorizationServer<S>,
    policy: &Policy<'_>,
    presented: &Presented<'_>,
    pass: impl FnOnce(&Access<'_>) -> T,
) -> Result<T, Response> {
    let Some(now) = now() else { return Err(Response::broken(&"the system's clock stands before 1970; set it")) };
    let admit = |access: &Access<'_>| admit(policy, presented, access, pass);
    let mut scratch = vec![0; 2 * resource::MAX_TOKEN];
    let answer = match resource::check(presented.authorization, policy, now, &mut scratch) {
        Check::Done(refused) => Err(refused),
        Check::Key(need) => {
            let key = find(server.signing_keys(), need.algorithm(), need.kid());
            need.resume(key.as_ref()).and_then(|access| admit(&access))
        }
        Check::Introspect(need) => look_up(server, need, now, admit),
    };
    told(answer)
}

/// Refuses a second token beside the good one.
fn admit<'r, T>(
    policy: &Policy<'r>,
    presented: &Presented<'_>,
    access: &Access<'_>,
    pass: impl FnOnce(&Access<'_>) -> T,
) -> Result<T, Refused<'r>> {
    match policy.only_in_header(presented.query).and_then(|()| policy.only_in_header(presented.form)) {
        Ok(()) => Ok(pass(access)),
        Err(challenge) => Err(Refused { why: Some(Refusal::Request), challenge }),
    }
}

/// What a refusal is answered with.
fn told<T>(answer: Result<T, Refused<'_>>) -> Result<T, Response> {
    answer.map_err(|refused| {
        if let Some(why) = refused.why {
            tracing::info!(target: "valetkey::audit", reason = %why, "an access token was refused");
        }
        respond(&refused.challenge)
    })
}

/// Straight from the store.
fn look_up<'r, T, S: Store>(
    server: &AuthorizationServer<S>,
    need: NeedIntrospect<'r>,
    now: valetkey::time::UnixTime,
    admit: impl FnOnce(&Access<'_>) -> Result<T, Refused<'r>>,
) -> Result<T, Refused<'r>> {
    let signing_keys = server.signing_keys();
    let (view, mut scratch) = (server.view(&signing_keys), vec![0; SCRATCH]);
    match server.drive(introspect_local(&view, need.token(), now, &mut scratch)) {
        End::Reply(reply) => match reply.introspection() {
            Some(answer) => need.resume(&answer).and_then(|access| admit(&access)),
            None => Err(need.fail()),
        },
        End::Owner(_) => Err(need.fail()),
    }
}

fn respond(challenge: &Challenge<'_>) -> Response {
    let status = challenge.status();
    if status >= 500 {
        return Response::bare(status); // other credentials would not help
    }
    let mut buf = vec![0; 512];
    if let Err(TooSmall { needed }) = challenge.write(&mut buf) {
        buf.resize(needed, 0);
    }
    match challenge.write(&mut buf) {
        Ok(text) => Response { headers: vec![("WWW-Authenticate", text.to_owned())], ..Response::bare(status) },
        Err(error) => Response::broken(&error),
    }
}
