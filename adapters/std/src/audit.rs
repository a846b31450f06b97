//! What servers tell `tracing`, target `valetkey::audit`: ids and reasons, never a secret. The same with and without async.
//!
//! ```
//! use valetkey::{server::change::{Event, EventKind}, time::UnixTime};
//! use valetkey_std::audit;
//! let (what, at) = (EventKind::CodeReplayed, UnixTime(1_700_000_000));
//! audit::committed(&Event { at, what, client_id: "demo-web", subject: "alice", grant: None, kid: "" });
//! ```

use valetkey::server::Reply;
use valetkey::server::change::{Event, EventKind};
use valetkey::server::fault::Fault;

/// An event whose change was applied. What happens all day is told at level debug, a replay at warn, the rest at info.
pub fn committed(event: &Event<'_>) {
    use EventKind::{
        ClientCredentialsIssued, CodeIssued, CodeRedeemed, CodeReplayed, GraceEnded, RefreshReplayed, Refreshed,
    };
    macro_rules! told {
        ($level:ident) => {{
            let Event { client_id, subject, .. } = event;
            let (grant, what) = (event.grant.map(tracing::field::display), event.what.name());
            tracing::$level!(target: "valetkey::audit", client_id, subject, grant, what);
        }};
    }
    match event.what {
        CodeIssued | CodeRedeemed | ClientCredentialsIssued | GraceEnded | Refreshed => told!(debug),
        CodeReplayed | RefreshReplayed => told!(warn),
        _ => told!(info),
    }
}

/// An event that a reply brings without a change, as when something was refused: at level warn, with the reason.
pub fn replied(reply: &Reply<'_>) {
    if let Some(event) = reply.event() {
        let (what, reason) = (event.what.name(), reply.fault().map(Fault::name));
        tracing::warn!(target: "valetkey::audit", client_id = event.client_id, what, reason);
    }
}
