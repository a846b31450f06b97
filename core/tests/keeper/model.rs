//! What holds after any sequence of events, told by a second account that keeps every token and every failure.

use crate::{broken, busy, denied, seconds, tokens};
use proptest::prelude::*;
use valetkey::client::keeper::{Keeper, Now, Refused, Renewal, Ticket, Timing, TokenId, Usable};
use valetkey::client::{Error, Outcome};
use valetkey::time::Uptime;

const TIMING: Timing = Timing { answer: 20, longest_pause: 300 };

#[derive(Clone, Copy, Debug)]
enum Event {
    /// Asks `0` times more than once.
    Ask(u8),
    /// The oldest ticket that is held is answered with a token of this life, or without one.
    Tokens(Option<u32>),
    Busy(Option<u32>),
    Denied(&'static str),
    Broken(u16),
    TooLong,
    Unanswered,
    NotSent,
    /// The ticket is dropped.
    Lost,
    /// An API refuses the token that was used last, or the one before.
    Refused(bool),
    LogOut,
    LoggedIn(u32),
}

fn event() -> impl Strategy<Value = Event> {
    let life =
        prop_oneof![Just(None), (0_u32..40).prop_map(Some), (100_u32..40_000).prop_map(Some), Just(Some(u32::MAX))];
    prop_oneof![
        8 => (0_u8..3).prop_map(Event::Ask),
        5 => life.prop_map(Event::Tokens),
        1 => prop_oneof![Just(None), (0_u32..2_000).prop_map(Some), Just(Some(u32::MAX))].prop_map(Event::Busy),
        1 => prop::sample::select(vec!["invalid_client", "invalid_scope", "server_error", "unheard_of"]).prop_map(Event::Denied),
        1 => Just(Event::Denied("invalid_grant")),
        1 => prop::sample::select(vec![200_u16, 404, 500, 502]).prop_map(Event::Broken),
        1 => Just(Event::TooLong),
        1 => Just(Event::Unanswered),
        1 => Just(Event::NotSent),
        1 => Just(Event::Lost),
        2 => any::<bool>().prop_map(Event::Refused),
        1 => Just(Event::LogOut),
        1 => (0_u32..40_000).prop_map(Event::LoggedIn),
    ]
}

/// How a request for a token ended badly.
#[derive(Clone, Copy)]
struct Failure {
    at: Uptime,
    /// No request for so many milliseconds.
    least: u64,
    /// A request after so many at the latest.
    most: u64,
}

impl Failure {
    fn new(at: Uptime, least: u64, most: u64) -> Self {
        Self { at, least: least * 1_000, most: most * 1_000 }
    }
}

#[derive(Clone, Copy)]
struct Token {
    id: TokenId,
    sent: Uptime,
    life: Option<u32>,
}

impl Token {
    /// A hundredth and more is left to clocks that are slow, nothing to those that are right.
    fn is_good(&self, now: Uptime) -> bool {
        let millis = |life: u32| u64::from(life.saturating_mul(1_000));
        self.life.is_none_or(|life| now < Uptime(self.sent.0 + millis(life) - millis(life) / 64))
    }

    fn is_dead(&self, now: Uptime) -> bool {
        self.life.is_some_and(|life| now >= self.sent.plus(life))
    }
}

/// The second account.
struct Model {
    renewal: Renewal,
    keeper: Keeper,
    now: Uptime,
    /// Each with its number.
    tickets: Vec<(Ticket, u32)>,
    /// How many were given; a login or logout counts, too.
    given: u32,
    /// Deadline of the newest ticket, while it was not handed back.
    out: Option<Uptime>,
    token: Option<Token>,
    used: Vec<TokenId>,
    failure: Option<Failure>,
    ended: bool,
}

impl Model {
    fn new(renewal: Renewal, seed: u32) -> Self {
        let keeper = Keeper::new(renewal, TIMING, seed);
        let now = seconds(1);
        let (out, token, failure) = (None, None, None);
        Self { renewal, keeper, now, tickets: vec![], given: 0, out, token, used: vec![], failure, ended: false }
    }

    /// The server may have acted on the request, or not.
    fn unknown(&mut self) {
        match self.renewal {
            Renewal::RefreshOnce => self.ended = true,
            _ => self.failure = Some(Failure::new(self.now, 1, 300)),
        }
    }

    fn ask(&mut self) {
        if self.out.is_some_and(|deadline| self.now >= deadline) {
            self.out = None;
            self.unknown();
        }
        let (now, good) = (self.now, self.token.filter(|token| token.is_good(self.now)));
        let use_of = |usable: Usable| {
            let token = self.token.expect("a token out of nothing");
            assert_eq!(usable.token, token.id, "not the one that came last, or one that was refused");
            assert!(!token.is_dead(now) && usable.until > now && usable.ask_again <= usable.until);
            assert!(token.life.is_none_or(|life| usable.until <= token.sent.plus(life)));
            token
        };
        match self.keeper.ask(now) {
            Now::Use(usable) => {
                use_of(usable);
                assert!(usable.ask_again > now, "it would be asked in a circle");
                self.used.push(usable.token);
            }
            Now::Renew { ticket, meanwhile } => {
                assert!(self.out.is_none(), "two requests at once");
                assert!(!self.ended, "a grant that has ended is asked for");
                assert!(self.failure.is_none_or(|f| now.0 >= f.at.0 + f.least), "too soon after a failure");
                assert_eq!(meanwhile.is_some(), good.is_some());
                if let Some(usable) = meanwhile {
                    let Token { sent, life, .. } = use_of(usable);
                    let half = u64::from(life.unwrap_or(3_600).saturating_mul(1_000)) / 2;
                    assert!(now.0 >= sent.0 + half, "renewed in the first half of its life");
                    self.used.push(usable.token);
                }
                assert_eq!(ticket.deadline(), now.plus(TIMING.answer));
                self.out = Some(ticket.deadline());
                self.given += 1;
                self.tickets.push((ticket, self.given));
            }
            Now::Wait { until, trouble: None } => {
                assert!(good.is_none() && self.out == Some(until), "nobody would wake it");
            }
            Now::Wait { until, .. } | Now::Denied { until, .. } => {
                let failure = self.failure.expect("a pause for no reason");
                assert!(good.is_none() && self.out.is_none() && !self.ended && until > now);
                assert!((failure.at.0 + failure.least..=failure.at.0 + failure.most).contains(&until.0));
            }
            Now::LogIn => {
                assert!(good.is_none() && self.out.is_none() && self.ended, "a login for nothing");
            }
        }
    }

    /// The oldest ticket, and whether none was given since.
    fn take_ticket(&mut self) -> Option<(Ticket, bool)> {
        let (ticket, number) = if self.tickets.is_empty() { None } else { Some(self.tickets.remove(0)) }?;
        Some((ticket, number == self.given))
    }

    /// Hands the oldest ticket back with this answer.
    fn answer(&mut self, answer: Result<Outcome<'_>, Error>) {
        let Some((ticket, newest)) = self.take_ticket() else { return };
        let (sent, now, most) = (Uptime(ticket.deadline().0 - 20_000), self.now, u64::from(TIMING.longest_pause));
        let taken = self.keeper.answered(ticket, answer, now);
        assert_eq!(taken.is_some(), newest && matches!(answer, Ok(Outcome::Tokens(_))));
        if !newest {
            return;
        }
        self.out = None;
        // What is known to have spent nothing, or brings a successor, opens the grant again.
        let ended = self.ended;
        self.ended = false;
        match answer {
            Ok(Outcome::Tokens(tokens)) => self.take(taken.unwrap().0, tokens.expires_in, sent),
            Ok(Outcome::After(said)) => {
                let least = said.value.map_or(0, |seconds| seconds.parse().unwrap()).min(86_400);
                self.failure = Some(Failure::new(now, least.max(1), least + most));
            }
            Ok(Outcome::Denied { error, .. }) => match error.error {
                "server_error" => self.unknown(),
                "invalid_grant" if self.renewal != Renewal::ClientCredentials => self.ended = true,
                _ => self.failure = Some(Failure::new(now, most, 2 * most)),
            },
            Err(Error::Body { status: 404, .. }) => self.failure = Some(Failure::new(now, 1, most)),
            Err(_) => {
                self.ended = ended;
                self.unknown();
            }
        }
    }

    fn take(&mut self, id: TokenId, life: Option<u32>, sent: Uptime) {
        let token = Token { id, sent, life };
        let late = Failure::new(self.now, 1, u64::from(TIMING.longest_pause));
        self.failure = (!token.is_good(self.now)).then_some(late);
        self.token = Some(token);
    }

    fn step(&mut self, event: Event) {
        let now = self.now;
        match event {
            Event::Ask(more) => (0..=more).for_each(|_| self.ask()),
            Event::Tokens(life) => self.answer(tokens(life)),
            Event::Busy(seconds) => self.answer(busy(seconds.map(|seconds| seconds.to_string()).as_deref())),
            Event::Denied(word) => self.answer(denied(word)),
            Event::Broken(status) => self.answer(broken(status)),
            Event::TooLong => self.answer(Err(Error::TooLong)),
            Event::Unanswered | Event::NotSent => {
                let Some((ticket, newest)) = self.take_ticket() else { return };
                let sent = matches!(event, Event::Unanswered);
                match sent {
                    true => self.keeper.unanswered(ticket, now),
                    false => self.keeper.not_sent(ticket, now),
                }
                let out = newest && self.out.take().is_some();
                match sent {
                    true if out => self.unknown(),
                    // Also when the grant was given up at the ticket's deadline, before this was known.
                    false if out || newest && self.ended => {
                        self.ended = false;
                        self.failure = Some(Failure::new(now, 1, u64::from(TIMING.longest_pause)));
                    }
                    _ => {}
                }
            }
            Event::Lost => drop(self.take_ticket()),
            Event::Refused(last) => {
                let Some(token) = self.used.iter().rev().nth(usize::from(!last)).copied() else { return };
                let held = self.token.is_some_and(|held| held.id == token);
                match self.keeper.refused(token, now) {
                    Refused::Retry if held => self.token = None,
                    Refused::Retry => {}
                    Refused::GiveUp => assert!(held, "given up, though there is another token"),
                }
            }
            Event::LogOut => {
                self.keeper.log_out();
                (self.given, self.out, self.token, self.ended) = (self.given + 1, None, None, true);
            }
            Event::LoggedIn(life) => {
                let id = self.keeper.logged_in(Some(life), now, now);
                (self.given, self.out, self.ended) = (self.given + 1, None, false);
                self.take(id, Some(life), now);
            }
        }
    }

    /// Whatever happened: a server that answers well now gives a token within the time of the longest pause, or a login is
    /// asked for.
    fn ends_well(mut self) {
        let bound = self.failure.map_or(0, |f| f.at.0 + f.most).max(self.now.0) + 20_000;
        for _ in 0..10 {
            match self.keeper.ask(self.now) {
                Now::Use(_) | Now::LogIn => return,
                Now::Renew { meanwhile: Some(_), .. } => return,
                Now::Renew { ticket, meanwhile: None } => {
                    assert!(self.keeper.answered(ticket, tokens(Some(3_600)), self.now).is_some());
                }
                Now::Wait { until, .. } | Now::Denied { until, .. } => {
                    assert!(until > self.now && until.0 <= bound + 300_000);
                    self.now = until;
                }
            }
        }
        panic!("silently dead: {:?}", self.keeper);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_keeper_keeps_its_promises(
        renewal in prop::sample::select(crate::ALL.to_vec()),
        seed in any::<u32>(),
        events in prop::collection::vec((event(), prop_oneof![Just(0), 0_u64..3_000, 0_u64..60_000, 0_u64..20_000_000]), 1..80),
    ) {
        let mut model = Model::new(renewal, seed);
        for (event, passes) in events {
            model.now.0 += passes;
            model.step(event);
        }
        model.ends_well();
    }
}
