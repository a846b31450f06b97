//! The life of one device: it is switched on, keeps its token by the core's keeper, reports with it, and loses power, again
//! and again. What it does is what a firmware's loop does; what befalls it is drawn.

use crate::counts::Lived;
use crate::dice::Dice;
use crate::flash::CutFlash;
use crate::flow::{Flow, request};
use crate::server::{self, Account, Answer, ISSUER, Request};
use crate::trial::{Keeping, Trial};
use crate::weather::{DAY, HOUR, MINUTE, Reach, SECOND, START, Weather};
use crate::wire::{Exchange, Got, Wire};
use std::cell::Cell;
use valetkey::client::keeper::{
    Keeper, Now, Renewal, State, StoreError, Ticket, TokenSlot, TokenStore, WallClock, seed,
};
use valetkey::client::{Assertion, ClientAuth, ClientCredentials, Config, Refresh};
use valetkey::jose::Algorithm;
use valetkey::secret::{Entropy, SecretText};
use valetkey::server::{Server, record};
use valetkey::time::{UnixTime, Uptime};

/// By how many millionths an oscillator is off at most, either way.
const DRIFT: u64 = 5_000;
/// No device is up again sooner, and no copy of a request is under way for longer.
const SHORTEST_OFF: u64 = 15 * SECOND;
/// Once an attempt gets through, so long at most until it is made: the longest pause, after a `Retry-After` of ten minutes.
const LONGEST_WAIT: u64 = HOUR + 10 * MINUTE + MINUTE;

/// How a device gets its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// By a refresh token, and a secret.
    Refresh,
    /// By a secret.
    Secret,
    /// By a key pair.
    KeyPair,
}

/// One device from the day when it is switched on to the end. `arrived` is told of each request that reaches the server.
pub(crate) fn live(
    trial: &Trial,
    weather: &Weather,
    servers: [&Server<'_>; 2],
    id: u32,
    arrived: &mut dyn FnMut(u64),
) -> Lived {
    let name = format!("device-{id:05}");
    let mut dice = Dice::new(trial.seed, id.into());
    let (kind, auth, credentials) = match id % 4 {
        0 | 2 => (Kind::Refresh, record::ClientAuth::Drawn, ClientAuth::Basic(SecretText::new(&name))),
        1 => (Kind::Secret, record::ClientAuth::Drawn, ClientAuth::Basic(SecretText::new(&name))),
        _ => (Kind::KeyPair, record::ClientAuth::PrivateKeyJwt, ClientAuth::PrivateKeyJwt),
    };
    let config = Config::new(ISSUER, "https://as.example/token", &name, credentials).expect("a configuration");
    let account = Account::new(&name, auth, Dice::new(dice.next(), 1));
    let wire = Wire::new(weather, servers, account, Dice::new(dice.next(), 2), arrived);
    let power = Cell::new(None);
    let mut flash = CutFlash::new(&power);
    let mut device = Device {
        trial,
        weather,
        kind,
        config: &config,
        name: &name,
        wire,
        power: &power,
        rate: 1_000_000 + dice.below(2 * DRIFT) - DRIFT,
        dice,
        now: 0,
        on_since: 0,
        off_at: 0,
        without_since: None,
        reachable_since: 0,
        lived: Lived::default(),
    };
    if kind == Kind::Refresh {
        let first = device.wire.account.set_up(servers[0], &name, weather.unix(0));
        let mut store = TokenStore::open(&mut flash).expect("good flash");
        store.keep(SecretText::new(&first)).expect("power");
    }
    device.years(&mut flash);
    let Device { wire, mut lived, .. } = device;
    let account = wire.account;
    lived.counts.graces = account.graces.into();
    if account.replays > 0 || !account.is_granted() {
        lived.wrongs.push(format!("a family was lost: the server saw {} replays", account.replays));
    }
    for wrong in &mut lived.wrongs {
        wrong.insert_str(0, &format!("device {id} ({kind:?}): "));
    }
    lived
}

struct Device<'w> {
    trial: &'w Trial,
    weather: &'w Weather,
    kind: Kind,
    config: &'w Config<'w>,
    name: &'w str,
    wire: Wire<'w>,
    power: &'w Cell<Option<u32>>,
    /// Millionths of a millisecond that its clock counts in a millisecond.
    rate: u64,
    dice: Dice,
    /// The true time.
    now: u64,
    on_since: u64,
    /// When its power ends, if it does not end within a write before.
    off_at: u64,
    /// Since when it is on and has no token.
    without_since: Option<u64>,
    /// Since when no attempt of its has failed.
    reachable_since: u64,
    lived: Lived,
}

/// Power was lost.
struct Off;

impl Device<'_> {
    fn years(&mut self, flash: &mut CutFlash<'_>) {
        let mut swept = 0;
        while self.now < self.trial.end {
            self.on_since = self.now;
            self.off_at = (self.now + self.dice.between(HOUR, 40 * DAY)).min(self.trial.end);
            self.lived.counts.starts += 1;
            self.trace("on");
            let Off = self.on(flash);
            self.power.set(None);
            self.lived.counts.on += self.now - self.on_since;
            if let Some(since) = self.without_since.take() {
                self.lived.counts.without += self.now - since;
            }
            let off = match self.dice.below(20) {
                0 => self.dice.between(HOUR, 10 * DAY),
                1..=3 => self.dice.between(10 * MINUTE, 10 * HOUR),
                _ => self.dice.between(SHORTEST_OFF, 5 * MINUTE),
            };
            self.trace(&format!("off for {} s", off / SECOND));
            self.now += off;
            if self.now > swept + 30 * DAY {
                swept = self.now;
                self.wire.account.sweep(self.weather.unix(self.now));
            }
        }
    }

    fn trace(&self, what: &str) {
        if self.trial.only.is_some() {
            println!("{:>4} d {:>9.3} h  {what}", self.now / DAY, (self.now % DAY) as f64 / HOUR as f64);
        }
    }

    fn wrong(&mut self, what: &str) {
        self.trace(what);
        if self.lived.wrongs.len() < 3 {
            let day = self.now as f64 / DAY as f64;
            self.lived.wrongs.push(format!("on day {day:.3}: {what}"));
        }
    }

    fn uptime(&self) -> Uptime {
        Uptime((self.now - self.on_since) * self.rate / 1_000_000)
    }

    /// The true time at which its clock says so.
    fn at(&self, uptime: Uptime) -> u64 {
        self.on_since + (uptime.0 * 1_000_000).div_ceil(self.rate)
    }

    /// With power, up to its end.
    fn on(&mut self, flash: &mut CutFlash<'_>) -> Off {
        let Ok(mut store) = TokenStore::open(flash) else { return Off };
        let renewal = if self.kind == Kind::Refresh { Renewal::RefreshUnderGrace } else { Renewal::ClientCredentials };
        let salt: (&[u8], &[u8]) = if self.trial.jitter { (b"fleet", self.name.as_bytes()) } else { (b"", b"") };
        let mut keeper = Keeper::new(renewal, self.trial.timing, seed(salt.0, salt.1));
        let mut refresh_token = RefreshToken::default();
        if self.kind == Kind::Refresh {
            match store.load(renewal, &mut [0; 128]) {
                Ok(Some(token)) => token.expose().clone_into(&mut refresh_token.text),
                Ok(None) => keeper.log_out(),
                Err(_) => return Off,
            }
        }
        // Without a battery no time is known.
        let mut clock = WallClock::new(UnixTime(START - 200 * DAY / SECOND));
        let mut text = [0; 128];
        let mut slot = TokenSlot::new(&mut text);
        let mut report_at = self.now;
        self.without_since = Some(self.now);
        self.reachable_since = self.now;
        while self.now < self.off_at {
            let next = match keeper.ask(self.uptime()) {
                Now::Use(usable) => {
                    if self.now >= report_at {
                        if !self.report(slot.token().expose()) {
                            self.wrong("the server does not take a token that the keeper calls good");
                            let _ = keeper.refused(usable.token, self.uptime());
                        }
                        report_at = self.now + self.dice.between(HOUR, 5 * HOUR);
                    }
                    self.at(usable.ask_again).min(report_at)
                }
                Now::Renew { ticket, meanwhile } => {
                    if meanwhile.is_none() {
                        self.has_no_token();
                    }
                    let mut kept = Kept { keeper: &mut keeper, store: &mut store, slot: &mut slot, clock: &mut clock };
                    if let Err(Off) = self.renew(ticket, &mut kept, &mut refresh_token) {
                        return Off;
                    }
                    report_at = report_at.min(self.now + self.dice.below(5 * MINUTE));
                    continue;
                }
                Now::Wait { until, .. } | Now::Denied { until, .. } => {
                    self.has_no_token();
                    self.at(until)
                }
                Now::LogIn => {
                    self.wrong("a family was lost: the device has to log in again");
                    self.now = self.trial.end;
                    return Off;
                }
            };
            let write_back = refresh_token.keep_at.unwrap_or(u64::MAX);
            self.now = next.max(self.now + 1).min(write_back).min(self.off_at);
            if self.now >= write_back && self.now < self.off_at {
                refresh_token.keep_at = None;
                if let Err(Off) = self.lasted(store.keep(SecretText::new(&refresh_token.text))) {
                    return Off;
                }
            }
        }
        Off
    }

    /// One attempt, and what comes of it.
    fn renew(&mut self, ticket: Ticket, kept: &mut Kept<'_, '_, '_>, token: &mut RefreshToken) -> Result<(), Off> {
        self.lived.counts.attempts += 1;
        let deadline = self.at(ticket.deadline());
        let in_use = token.text.clone();
        let flow = if self.kind == Kind::Refresh {
            if self.trial.keeping == Keeping::TwoPhases {
                // Now and then the power ends within what is written from here on.
                let cut = self.dice.per_mille(4).then(|| u32::try_from(self.dice.below(700)).unwrap_or(0));
                self.power.set(cut);
                self.lasted(kept.store.sending(SecretText::new(&in_use)))?;
            } else if token.keep_at.take().is_some() {
                self.lasted(kept.store.keep(SecretText::new(&in_use)))?;
            }
            Flow::Refresh(Refresh::new(self.config, SecretText::new(&in_use), "").expect("a token"))
        } else {
            Flow::Own(ClientCredentials::new(self.config).expect("credentials"))
        };
        let exchange = match self.kind {
            Kind::KeyPair => self.send_signed(&flow, deadline, kept.clock)?,
            _ => self.send(&flow.request(), deadline)?,
        };
        let (now, mut scratch) = (self.uptime(), [0; 512]);
        let tokens = match &exchange.got {
            Got::NotSent => {
                kept.keeper.not_sent(ticket, now);
                None
            }
            Got::Nothing => {
                kept.keeper.unanswered(ticket, now);
                None
            }
            Got::Answer(answer) => {
                self.trace(&format!("{} {}", answer.status, answer.body.get(..120).unwrap_or(&answer.body)));
                kept.keeper.answered(ticket, flow.response(answer, &mut scratch), now)
            }
        };
        if let Some((_, tokens)) = tokens {
            if let (Kind::Refresh, Some(successor)) = (self.kind, tokens.refresh_token) {
                match self.trial.keeping {
                    Keeping::TwoPhases => self.lasted(kept.store.keep(successor))?,
                    Keeping::AnHourLater => token.keep_at = Some(self.now + HOUR),
                }
                successor.expose().clone_into(&mut token.text);
            }
            kept.slot.put(tokens.access_token).expect("room for the token");
        }
        self.power.set(None);
        let is_good = matches!(kept.keeper.state(now), State::Fresh | State::Ageing);
        if tokens.is_some() && is_good {
            self.lived.counts.renewals += 1;
            self.has_a_token();
        } else if exchange.clean && !(self.kind == Kind::KeyPair && self.weather.jumps(self.now)) {
            self.wrong(&format!("an attempt that went well gave no token: {:?}", kept.keeper.trouble()));
        } else {
            self.reachable_since = self.now;
        }
        Ok(())
    }

    /// Sends, and waits for what comes of it.
    fn send(&mut self, request: &Request, deadline: u64) -> Result<Exchange, Off> {
        let exchange = self.wire.exchange(request, self.now, deadline);
        if exchange.at >= self.off_at {
            self.now = self.off_at;
            return Err(Off);
        }
        self.now = exchange.at;
        self.trace(&format!("sent: {}", exchange.fate));
        Ok(exchange)
    }

    /// Signs and sends; once more, if the time was wrong.
    fn send_signed(&mut self, flow: &Flow<'_>, deadline: u64, clock: &mut WallClock) -> Result<Exchange, Off> {
        if clock.at(self.uptime()).is_none() {
            // Any answer of the server tells the time.
            let exchange = self.send(&Request { authorization: None, body: String::new() }, deadline)?;
            let Got::Answer(answer) = &exchange.got else { return Ok(exchange) };
            clock.learn(&answer.date, self.uptime());
            if answer.status >= 500 {
                return Ok(exchange);
            }
        }
        let exchange = self.send(&self.signed(flow, clock, 0), deadline)?;
        let Got::Answer(answer) = &exchange.got else { return Ok(exchange) };
        match answer.status {
            200 => clock.accepted(),
            400..500 if self.trial.corrects_clock && clock.refused(&answer.date, self.uptime()) => {
                self.lived.counts.corrections += 1;
                let exchange = self.send(&self.signed(flow, clock, 1), deadline)?;
                if matches!(&exchange.got, Got::Answer(Answer { status: 200, .. })) {
                    clock.accepted();
                }
                return Ok(exchange);
            }
            _ => {}
        }
        Ok(exchange)
    }

    fn signed(&self, flow: &Flow<'_>, clock: &WallClock, nth: u64) -> Request {
        let Flow::Own(flow) = flow else { unreachable!("only these sign here") };
        let mut id = Dice::new(self.now, self.lived.counts.starts << 1 | nth);
        let now = clock.at(self.uptime()).expect("a time");
        let assertion = Assertion::new(Algorithm::Es256, "", now, Entropy::new(id.bytes())).expect("a time");
        let mut buf = [0; 1_024];
        let need = flow.sign(&assertion, &mut buf).expect("room");
        let signature = server::signature(need.message());
        request(&need.resume(&signature).expect("a signature"))
    }

    /// An API call, about which the API asks now and then. Whether the token was good.
    fn report(&mut self, token: &str) -> bool {
        self.lived.counts.reports += 1;
        let asks = self.dice.per_mille(300) && self.weather.reach(self.now) == Reach::Up;
        !asks || self.wire.is_active(token, self.now)
    }

    /// Whether the power lasted through a write.
    fn lasted(&mut self, written: Result<(), StoreError>) -> Result<(), Off> {
        match written {
            Ok(()) => Ok(()),
            Err(StoreError::Flash(_)) if self.power.get() == Some(0) => {
                self.lived.counts.cut_writes += 1;
                self.trace("cut within a write");
                Err(Off)
            }
            Err(other) => {
                self.wrong(&format!("the store of the refresh token fails: {other}"));
                Err(Off)
            }
        }
    }

    fn has_a_token(&mut self) {
        if let Some(since) = self.without_since.take() {
            self.lived.counts.without += self.now - since;
            let waited = self.now - since.max(self.reachable_since);
            self.lived.counts.longest_wait = self.lived.counts.longest_wait.max(waited);
            if waited > LONGEST_WAIT {
                self.wrong(&format!(
                    "without a token for {} s in which an attempt would have got through",
                    waited / SECOND
                ));
            }
        }
    }

    fn has_no_token(&mut self) {
        if self.without_since.is_none() {
            self.without_since = Some(self.now);
            let outage = self.weather.last_outage(self.now);
            if outage.is_none_or(|outage| self.now > outage.during.end + LONGEST_WAIT) {
                self.wrong("the token ran out though the server could be reached");
            }
        }
        if let Some(outage) = self.weather.last_outage(self.now) {
            self.reachable_since = self.reachable_since.max(outage.during.end.min(self.now));
        }
    }
}

/// The refresh token in memory.
#[derive(Default)]
struct RefreshToken {
    text: String,
    /// When it is written to flash, where that is not done at once.
    keep_at: Option<u64>,
}

/// What a device has as long as its power lasts.
struct Kept<'k, 'f, 's> {
    keeper: &'k mut Keeper,
    store: &'k mut TokenStore<'f>,
    slot: &'k mut TokenSlot<'s>,
    clock: &'k mut WallClock,
}
