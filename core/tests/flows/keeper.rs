//! The life of a client's token, by the keeper alone.

use super::{HUSH, NOW, Watch};
use valetkey::client::keeper::{Keeper, Now, Renewal, Ticket, Timing, TokenSlot, WallClock, seed};
use valetkey::client::{ErrorResponse, Outcome, Tokens};
use valetkey::secret::SecretText;
use valetkey::time::Uptime;

fn ticket<W: Watch>(w: &mut W, keeper: &mut Keeper, now: Uptime) -> Ticket {
    let advice = w.call(|| keeper.ask(now));
    w.show(&advice);
    w.show(keeper);
    let Now::Renew { ticket, .. } = advice else { panic!("no ticket") };
    w.show(&ticket);
    ticket
}

pub(crate) fn keeper<W: Watch>(w: &mut W) {
    let (timing, renewal) = (Timing::DEVICE, Renewal::RefreshUnderGrace);
    w.show(&(timing, renewal));
    w.show(&timing);
    w.show(&renewal);
    let mut keeper = Keeper::new(renewal, timing, w.call(|| seed(HUSH.as_bytes(), b"device")));
    let mut buf = [0; 128];
    let mut slot = TokenSlot::new(&mut buf);

    let secret = SecretText::new(HUSH);
    let (access_token, refresh_token) = (secret, Some(secret));
    let tokens =
        Outcome::Tokens(Tokens { access_token, refresh_token, expires_in: Some(600), scope: "", wider: false });
    let first = ticket(w, &mut keeper, Uptime(0));
    let taken = w.call(|| keeper.answered(first, Ok(tokens), Uptime(0)));
    w.show(&taken);
    let Some((id, tokens)) = taken else { panic!("not taken") };
    w.show(&id);
    assert!(w.call(|| slot.put(tokens.access_token)).is_ok() && slot.token().ct_eq(HUSH));
    w.show(&slot);
    let advice = w.call(|| keeper.ask(Uptime(1)));
    let Now::Use(usable) = advice else { panic!("not usable") };
    w.show(&usable);

    let refused = w.call(|| keeper.refused(id, Uptime(2)));
    w.show(&refused);
    let next = ticket(w, &mut keeper, Uptime(3));
    w.call(|| keeper.not_sent(next, Uptime(4)));
    let next = ticket(w, &mut keeper, Uptime(5_000));
    w.call(|| keeper.unanswered(next, Uptime(6_000)));
    let next = ticket(w, &mut keeper, Uptime(60_000));
    let error = ErrorResponse { error: "invalid_grant", description: None, uri: None };
    assert!(w.call(|| keeper.answered(next, Ok(Outcome::Denied { status: 400, error }), Uptime(60_000))).is_none());
    let advice = w.call(|| keeper.ask(Uptime(60_000)));
    w.show(&advice);
    w.show(&keeper.state(Uptime(60_000)));
    w.show(&keeper.trouble().unwrap());
    w.call(|| keeper.logged_in(Some(600), Uptime(70_000), Uptime(70_000)));
    w.call(|| keeper.log_out());

    let mut clock = WallClock::new(NOW);
    w.call(|| clock.learn("Mon, 10 Nov 2025 08:00:00 GMT", Uptime(0)));
    assert!(w.call(|| clock.refused("Mon, 10 Nov 2025 09:00:00 GMT", Uptime(0))));
    assert!(w.call(|| clock.at(Uptime(0))).is_some());
    w.show(&clock);
}
