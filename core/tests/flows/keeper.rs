//! The life of a client's token, by the keeper alone.

use super::{HUSH, NOW, Watch};
use valetkey::client::keeper::{
    Flash, FlashError, Keeper, Now, Renewal, Ticket, Timing, TokenSlot, TokenStore, WallClock, seed,
};
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

/// Flash of two sectors.
struct Ram([u8; 512]);

impl Ram {
    fn part(&mut self, at: u32, len: usize) -> Result<&mut [u8], FlashError> {
        let at = usize::try_from(at).map_err(|_| FlashError)?;
        self.0.get_mut(at..at + len).ok_or(FlashError)
    }
}

impl Flash for Ram {
    fn sector_size(&self) -> u32 {
        256
    }

    fn sectors(&self) -> u32 {
        2
    }

    fn align(&self) -> u32 {
        8
    }

    fn read(&mut self, at: u32, buf: &mut [u8]) -> Result<(), FlashError> {
        self.part(at, buf.len()).map(|part| buf.copy_from_slice(part))
    }

    fn program(&mut self, at: u32, bytes: &[u8]) -> Result<(), FlashError> {
        self.part(at, bytes.len()).map(|part| part.copy_from_slice(bytes))
    }

    fn erase(&mut self, sector: u32) -> Result<(), FlashError> {
        self.part(sector * 256, 256).map(|part| part.fill(0xff))
    }
}

fn stored<W: Watch>(w: &mut W, token: SecretText<'_>) {
    let mut flash = Ram([0xff; 512]);
    let opened = w.call(|| TokenStore::open(&mut flash));
    let Ok(mut store) = opened else { panic!("not opened") };
    let kept = w.call(|| store.keep(token).and_then(|()| store.sending(token)).and_then(|()| store.keep(token)));
    assert!(kept.is_ok());
    w.show(&store);
    let mut buf = [0; 128];
    let loaded = w.call(|| store.load(Renewal::RefreshOnce, &mut buf));
    w.show(&loaded);
    assert!(loaded.is_ok_and(|token| token.is_some_and(|token| token.ct_eq(HUSH))));
    assert!(w.call(|| store.forget()).is_ok());
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
    let tokens = Outcome::Tokens(Tokens { access_token, refresh_token, expires_in: Some(600), scope: "" });
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

    stored(w, secret);

    let mut clock = WallClock::new(NOW);
    w.call(|| clock.learn("Mon, 10 Nov 2025 08:00:00 GMT", Uptime(0)));
    assert!(w.call(|| clock.refused("Mon, 10 Nov 2025 09:00:00 GMT", Uptime(0))));
    assert!(w.call(|| clock.at(Uptime(0))).is_some());
    w.show(&clock);
}
