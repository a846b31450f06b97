//! A token's life, as programs see it: what each event leads to, what holds after any sequence of events, and what power cuts
//! leave. How a fleet lives is simulated in `conformance/benches/fleet.rs`.

mod clock;
mod model;
mod power;
mod transitions;

use valetkey::client::keeper::{Keeper, Now, Renewal, Ticket, Timing, TokenId, Usable, seed};
use valetkey::client::{Error, ErrorResponse, Fault, Outcome, RetryAfter, Tokens};
use valetkey::secret::SecretText;
use valetkey::time::Uptime;

const ALL: [Renewal; 3] = [Renewal::ClientCredentials, Renewal::RefreshUnderGrace, Renewal::RefreshOnce];

fn keeper(renewal: Renewal) -> Keeper {
    Keeper::new(renewal, Timing::DEVICE, seed(b"test", b"device"))
}

type Answer = Result<Outcome<'static>, Error>;

fn tokens(expires_in: Option<u32>) -> Answer {
    let access_token = SecretText::new("2YotnFZFEjr1zCsicMWpAA");
    Ok(Outcome::Tokens(Tokens { access_token, expires_in, refresh_token: None, scope: "" }))
}

fn denied(error: &'static str) -> Answer {
    Ok(Outcome::Denied { status: 400, error: ErrorResponse { error, description: None, uri: None } })
}

fn busy(value: Option<&str>) -> Result<Outcome<'_>, Error> {
    Ok(Outcome::After(RetryAfter { value, date: Some("Mon, 10 Nov 2025 08:00:00 GMT") }))
}

fn broken(status: u16) -> Answer {
    Err(Error::Body { status, fault: Fault::ContentType })
}

const fn seconds(seconds: u64) -> Uptime {
    Uptime(seconds * 1_000)
}

#[track_caller]
fn ticket(keeper: &mut Keeper, now: Uptime) -> Ticket {
    match keeper.ask(now) {
        Now::Renew { ticket, .. } => ticket,
        other => panic!("{other:?}"),
    }
}

/// Asks at `now`, and lets the server give a token for `life` seconds.
#[track_caller]
fn renew(keeper: &mut Keeper, life: u32, now: Uptime) -> TokenId {
    let ticket = ticket(keeper, now);
    keeper.answered(ticket, tokens(Some(life)), now).unwrap().0
}

#[track_caller]
fn used(keeper: &mut Keeper, now: Uptime) -> Usable {
    match keeper.ask(now) {
        Now::Use(usable) => usable,
        other => panic!("{other:?}"),
    }
}

/// Until when there is a pause.
#[track_caller]
fn paused(keeper: &mut Keeper, now: Uptime) -> Uptime {
    match keeper.ask(now) {
        Now::Wait { until, trouble: Some(_) } | Now::Denied { until, .. } => until,
        other => panic!("{other:?}"),
    }
}
