//! What each event leads to.

use crate::{ALL, broken, busy, denied, keeper, paused, renew, seconds, ticket, tokens, used};
use valetkey::client::keeper::{Keeper, Now, Refused, Renewal, State, Ticket, Timing, Trouble, Usable};
use valetkey::client::{Error, TooSmall};
use valetkey::error::ErrorCode;
use valetkey::time::Uptime;

const LIFE: u32 = 8 * 3_600;

#[test]
fn an_empty_keeper_asks_once_and_all_others_wait_for_it() {
    for renewal in ALL {
        let mut keeper = keeper(renewal);
        assert_eq!(keeper.state(seconds(5)), State::Empty);
        let ticket = ticket(&mut keeper, seconds(5));
        assert_eq!(ticket.deadline(), seconds(65));
        for caller in 0..1_000 {
            let waits = Now::Wait { until: seconds(65), trouble: None };
            assert_eq!(keeper.ask(Uptime(5_000 + caller)), waits);
        }
        let (id, tokens) = keeper.answered(ticket, tokens(Some(LIFE)), seconds(7)).unwrap();
        assert_eq!(tokens.access_token.expose(), "2YotnFZFEjr1zCsicMWpAA");
        assert_eq!((used(&mut keeper, seconds(7)).token, keeper.state(seconds(7))), (id, State::Fresh));
    }
}

#[test]
fn a_life_counts_from_when_the_request_was_sent() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let ticket = ticket(&mut keeper, seconds(1_000));
    keeper.answered(ticket, tokens(Some(640)), seconds(1_050)).unwrap();
    let usable = used(&mut keeper, seconds(1_050));
    assert_eq!(usable.until, seconds(1_000 + 630), "a 64th is kept back");
    assert!(usable.ask_again >= seconds(1_320) && usable.ask_again < seconds(1_520), "{usable:?}");
}

#[test]
fn a_token_is_renewed_ahead_and_used_meanwhile() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let old = renew(&mut keeper, LIFE, seconds(0));
    let due = used(&mut keeper, seconds(0)).ask_again;
    used(&mut keeper, Uptime(due.0 - 1));
    let Now::Renew { ticket, meanwhile: Some(usable) } = keeper.ask(due) else { panic!() };
    assert_eq!((usable.token, usable.ask_again, keeper.state(due)), (old, ticket.deadline(), State::Ageing));
    assert_eq!(used(&mut keeper, due).token, old, "nobody waits");
    let (new, _) = keeper.answered(ticket, tokens(Some(LIFE)), due).unwrap();
    assert_eq!(used(&mut keeper, due).token, new);
    assert_ne!(old, new);
}

#[test]
fn a_good_token_is_used_while_renewal_fails_and_not_beyond_its_life() {
    for failed in
        [broken(500), broken(200), Err(Error::Status(302)), busy(None), busy(Some("7")), denied("invalid_client")]
    {
        let mut keeper = keeper(Renewal::ClientCredentials);
        let token = renew(&mut keeper, LIFE, seconds(0));
        let until = used(&mut keeper, seconds(0)).until;
        let (mut now, mut attempts) = (seconds(0), 0);
        while now < until {
            now = match keeper.ask(now) {
                Now::Use(usable) => {
                    assert_eq!((usable.token, usable.ask_again > now), (token, true));
                    assert!(attempts == 0 || keeper.state(now) == State::Failing);
                    usable.ask_again
                }
                Now::Renew { ticket, meanwhile } => {
                    assert_eq!(meanwhile.unwrap().token, token);
                    assert!(keeper.answered(ticket, failed, now).is_none());
                    attempts += 1;
                    now
                }
                other => panic!("{other:?}"),
            };
        }
        assert!((2..60).contains(&attempts), "{failed:?}: {attempts}");
        assert_eq!((now, keeper.state(now)), (until, State::Expired));
        assert!(!matches!(keeper.ask(now), Now::Use(_)));
    }
}

#[test]
fn before_a_good_token_runs_out_one_more_attempt_is_made() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    renew(&mut keeper, LIFE, seconds(0));
    let usable = used(&mut keeper, seconds(0));
    let (mut now, mut last) = (usable.ask_again, seconds(0));
    while let Now::Renew { ticket, meanwhile: Some(_) } = keeper.ask(now) {
        last = now;
        keeper.not_sent(ticket, now);
        now = used(&mut keeper, now).ask_again;
    }
    assert!(now >= usable.until && last.0 + 3_000 > usable.until.0, "{last:?} {usable:?}");
}

#[test]
fn what_a_server_does_not_say_of_a_life_is_an_hour_until_renewal_and_no_end() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let ticket = ticket(&mut keeper, seconds(0));
    keeper.answered(ticket, tokens(None), seconds(1)).unwrap();
    let usable = used(&mut keeper, seconds(1));
    assert_eq!(usable.until, Usable::FOR_EVER);
    assert!(usable.ask_again >= seconds(1_800) && usable.ask_again < seconds(3_600));
    let Now::Renew { ticket, .. } = keeper.ask(seconds(9_000_000)) else { panic!() };
    keeper.unanswered(ticket, seconds(9_000_060));
    used(&mut keeper, seconds(9_000_060));
}

#[test]
fn a_lost_ticket_counts_as_unanswered_at_its_deadline() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let lost = ticket(&mut keeper, seconds(0));
    assert_eq!(keeper.ask(Uptime(59_999)), Now::Wait { until: seconds(60), trouble: None });
    let until = paused(&mut keeper, seconds(60));
    assert_eq!(keeper.trouble(), Some(Trouble::NoAnswer));
    assert!(until >= seconds(61) && until < seconds(62));
    let next = ticket(&mut keeper, until);
    // Found again, it is worth nothing: neither what it brings nor what went wrong.
    assert!(keeper.answered(lost, tokens(Some(LIFE)), until).is_none());
    assert!(keeper.answered(next, tokens(Some(LIFE)), until).is_some());
}

#[test]
fn an_answer_after_the_deadline_is_taken_if_nobody_asked_anew() {
    for renewal in ALL {
        let mut keeper = keeper(renewal);
        let late = ticket(&mut keeper, seconds(0));
        let _ = keeper.ask(seconds(60));
        assert!(keeper.answered(late, tokens(Some(LIFE)), seconds(60)).is_some());
        assert_eq!((keeper.state(seconds(60)), keeper.trouble()), (State::Fresh, None));
    }
}

#[test]
fn a_token_that_came_too_late_or_lives_for_no_time_is_not_used_and_not_hammered_for() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    for (life, took) in [(0, 0), (30, 40)] {
        let now = seconds(1_000 * u64::from(life + 1));
        let ticket = ticket(&mut keeper, now);
        let now = Uptime(now.0 + took * 1_000);
        // What came with it is to be kept all the same: the refresh token has changed.
        assert!(keeper.answered(ticket, tokens(Some(life)), now).is_some());
        assert!(paused(&mut keeper, now) >= Uptime(now.0 + 1_000));
        assert_eq!(keeper.state(now), State::Expired);
    }
}

#[test]
fn retry_after_is_kept_to_and_then_spread_be_it_a_number_or_a_date() {
    for said in ["120", "Mon, 10 Nov 2025 08:02:00 GMT", "Monday, 10-Nov-25 08:02:00 GMT"] {
        spread_after_two_minutes(said);
    }
    for silent in ["99999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let mut keeper = keeper(Renewal::ClientCredentials);
        let ticket = ticket(&mut keeper, seconds(0));
        keeper.answered(ticket, busy(Some(silent)), seconds(0));
        let until = paused(&mut keeper, seconds(0));
        assert!(until >= seconds(86_400) && until < seconds(86_400 + 3_600), "no server silences a device for years");
    }
    for past in ["Mon, 10 Nov 2025 07:59:59 GMT", "soon"] {
        let mut keeper = keeper(Renewal::ClientCredentials);
        let ticket = ticket(&mut keeper, seconds(0));
        keeper.answered(ticket, busy(Some(past)), seconds(0));
        assert!(paused(&mut keeper, seconds(0)) < seconds(2), "{past}");
    }
}

fn spread_after_two_minutes(said: &str) {
    let untils: Vec<u64> = (0..200)
        .map(|device| {
            let mut keeper = Keeper::new(Renewal::ClientCredentials, Timing::DEVICE, device * 7_919);
            let ticket = ticket(&mut keeper, seconds(0));
            keeper.answered(ticket, busy(Some(said)), seconds(0));
            assert_eq!(keeper.trouble(), Some(Trouble::Busy));
            paused(&mut keeper, seconds(0)).0
        })
        .collect();
    assert!(untils.iter().all(|until| (121_000..600_000).contains(until)));
    assert!(untils.iter().filter(|until| **until < 360_000).count() < 150);
}

#[test]
fn pauses_grow_to_the_longest_and_shrink_after_success() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let (mut now, mut longest) = (seconds(0), 0);
    for attempt in 0..40 {
        let ticket = ticket(&mut keeper, now);
        keeper.not_sent(ticket, now);
        let pause = paused(&mut keeper, now).0 - now.0;
        assert!((1_000..=(2_000_u64 << (2 * attempt.min(10))).min(3_600_000)).contains(&pause), "{attempt}: {pause}");
        (now, longest) = (Uptime(now.0 + pause), longest.max(pause));
    }
    assert!(longest > 2_400_000, "{longest}");
    renew(&mut keeper, LIFE, now);
    let due = used(&mut keeper, now).ask_again;
    let Now::Renew { ticket, .. } = keeper.ask(due) else { panic!() };
    keeper.not_sent(ticket, due);
    assert!(used(&mut keeper, due).ask_again < Uptime(due.0 + 2_000));
}

#[test]
fn what_could_not_be_signed_or_kept_spent_nothing_and_is_tried_again_soon() {
    for (renewal, trouble) in ALL.into_iter().flat_map(|how| [(how, Trouble::NotSigned), (how, Trouble::NotKept)]) {
        let mut keeper = keeper(renewal);
        let ticket = ticket(&mut keeper, seconds(0));
        match trouble {
            Trouble::NotSigned => keeper.not_signed(ticket, seconds(0)),
            _ => keeper.not_kept(ticket, seconds(0)),
        }
        assert_eq!(keeper.trouble(), Some(trouble));
        let again = paused(&mut keeper, seconds(0));
        assert!(again < seconds(2));
        renew(&mut keeper, LIFE, again);
    }
}

#[test]
fn what_is_known_after_the_deadline_to_be_unsent_gives_no_grant_up() {
    let told: [fn(&mut Keeper, Ticket, Uptime); 3] = [Keeper::not_sent, Keeper::not_signed, Keeper::not_kept];
    for told in told {
        let mut keeper = keeper(Renewal::RefreshOnce);
        let late = ticket(&mut keeper, seconds(0));
        assert_eq!(keeper.ask(seconds(60)), Now::LogIn, "it may have been sent");
        told(&mut keeper, late, seconds(90));
        assert_ne!(keeper.trouble(), Some(Trouble::GrantEnded));
        let again = paused(&mut keeper, seconds(90));
        assert!(again < seconds(92));
        renew(&mut keeper, LIFE, again);

        // A logout is one.
        let Now::Renew { ticket: late, .. } = keeper.ask(seconds(u64::from(LIFE))) else { panic!() };
        keeper.log_out();
        told(&mut keeper, late, seconds(u64::from(LIFE)));
        assert_eq!(keeper.ask(seconds(u64::from(2 * LIFE))), Now::LogIn);
    }
}

#[test]
fn a_server_that_refuses_the_client_is_not_hammered_and_asked_again_all_the_same() {
    for word in ["invalid_client", "unauthorized_client", "invalid_scope", "invalid_target", "invalid_request", "x_y"] {
        for renewal in ALL {
            let mut keeper = keeper(renewal);
            let mut now = seconds(0);
            for _ in 0..5 {
                let ticket = ticket(&mut keeper, now);
                keeper.answered(ticket, denied(word), now);
                let Now::Denied { code, until } = keeper.ask(now) else { panic!() };
                assert_eq!(code.map_or("x_y", ErrorCode::as_str), word);
                assert!((3_600_000..7_200_000).contains(&(until.0 - now.0)));
                now = until;
            }
            renew(&mut keeper, LIFE, now);
        }
    }
}

#[test]
fn a_server_that_fails_with_the_words_of_an_error_is_asked_soon() {
    for word in ["server_error", "temporarily_unavailable"] {
        let mut keeper = keeper(Renewal::RefreshUnderGrace);
        let ticket = ticket(&mut keeper, seconds(0));
        keeper.answered(ticket, denied(word), seconds(0));
        assert_eq!(keeper.trouble(), Some(Trouble::Server));
        assert!(paused(&mut keeper, seconds(0)) < seconds(2));
    }
}

#[test]
fn invalid_grant_of_a_refresh_token_means_log_in_again() {
    for renewal in [Renewal::RefreshUnderGrace, Renewal::RefreshOnce] {
        let mut keeper = keeper(renewal);
        let old = renew(&mut keeper, LIFE, seconds(0));
        let Usable { ask_again, until, .. } = used(&mut keeper, seconds(0));
        let Now::Renew { ticket, .. } = keeper.ask(ask_again) else { panic!() };
        keeper.answered(ticket, denied("invalid_grant"), ask_again);
        // The access token may be good still, and it is told that it is the last.
        let last = used(&mut keeper, ask_again);
        assert_eq!((last.token, last.ask_again), (old, until));
        assert_eq!((keeper.state(ask_again), keeper.trouble()), (State::Failing, Some(Trouble::GrantEnded)));
        assert_eq!((keeper.ask(until), keeper.state(until)), (Now::LogIn, State::LoggedOut));
        assert_eq!(keeper.ask(seconds(1 << 40)), Now::LogIn, "it is never asked again");
        let new = keeper.logged_in(Some(LIFE), seconds(1 << 40), seconds(1 << 40));
        assert_eq!(used(&mut keeper, seconds(1 << 40)).token, new);
    }
    let mut keeper = keeper(Renewal::ClientCredentials);
    let ticket = ticket(&mut keeper, seconds(0));
    keeper.answered(ticket, denied("invalid_grant"), seconds(0));
    assert!(matches!(keeper.ask(seconds(1)), Now::Denied { code: Some(ErrorCode::InvalidGrant), .. }));
}

#[test]
fn a_refresh_token_of_unknown_fate_is_sent_again_under_a_grace_window_alone() {
    let scratch = Err(Error::Scratch(TooSmall { needed: 9 }));
    for (renewal, again) in [(Renewal::RefreshUnderGrace, true), (Renewal::RefreshOnce, false)] {
        for unknown in [None, Some(broken(200)), Some(broken(502)), Some(Err(Error::TooLong)), Some(scratch)] {
            let mut keeper = keeper(renewal);
            let ticket = ticket(&mut keeper, seconds(0));
            match unknown {
                None => keeper.unanswered(ticket, seconds(0)),
                Some(answer) => assert!(keeper.answered(ticket, answer, seconds(0)).is_none()),
            }
            assert_eq!(keeper.ask(seconds(10)) == Now::LogIn, !again, "{renewal:?} {unknown:?}");
        }
        // Not sent, or not come to where refresh tokens are spent: sent again in any case.
        for known in [None, Some(busy(None)), Some(broken(407)), Some(Err(Error::Status(302)))] {
            let mut keeper = keeper(renewal);
            let first = ticket(&mut keeper, seconds(0));
            match known {
                None => keeper.not_sent(first, seconds(0)),
                Some(answer) => assert!(keeper.answered(first, answer, seconds(0)).is_none()),
            }
            let _second = ticket(&mut keeper, seconds(10));
        }
    }
}

#[test]
fn a_thousand_refusals_of_one_token_make_one_renewal() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let old = renew(&mut keeper, LIFE, seconds(0));
    for _ in 0..1_000 {
        assert_eq!(keeper.refused(old, seconds(9)), Refused::Retry);
    }
    assert_eq!(keeper.state(seconds(9)), State::Revoked);
    let ticket = ticket(&mut keeper, seconds(9));
    for _ in 0..1_000 {
        assert_eq!(keeper.refused(old, seconds(9)), Refused::Retry);
        assert!(matches!(keeper.ask(seconds(9)), Now::Wait { trouble: None, .. }));
    }
    let (new, _) = keeper.answered(ticket, tokens(Some(LIFE)), seconds(9)).unwrap();
    assert_eq!(keeper.refused(old, seconds(9)), Refused::Retry, "who is late finds the new one");
    assert_eq!(used(&mut keeper, seconds(9)).token, new);
}

#[test]
fn an_api_that_refuses_every_token_is_given_up_and_costs_few_renewals() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let (mut renewals, mut given_up) = (0, 0);
    // A request each second for a day, each refused, and tried again if that is advised.
    for second in 0..86_400 {
        for attempt in 0.. {
            let usable = match keeper.ask(seconds(second)) {
                Now::Renew { ticket, meanwhile: None } => {
                    renewals += 1;
                    keeper.answered(ticket, tokens(Some(LIFE)), seconds(second));
                    continue;
                }
                Now::Use(usable) => usable,
                other => panic!("{other:?}"),
            };
            if keeper.refused(usable.token, seconds(second)) == Refused::GiveUp {
                given_up += 1;
                break;
            }
            assert!(attempt < 4, "no end");
        }
    }
    assert!(renewals < 60 && given_up == 86_400, "{renewals} {given_up}");
}

#[test]
fn a_token_that_is_revoked_long_after_it_replaced_another_is_replaced_as_well() {
    let mut keeper = keeper(Renewal::ClientCredentials);
    let mut now = seconds(0);
    for _ in 0..20 {
        let token = renew(&mut keeper, LIFE, now);
        now = Uptime(now.0 + 3_600_000);
        assert_eq!(keeper.refused(token, now), Refused::Retry);
    }
}

#[test]
fn a_refused_token_is_not_used_again_though_its_renewal_fails() {
    for renewal in ALL {
        let mut keeper = keeper(renewal);
        let token = renew(&mut keeper, LIFE, seconds(0));
        assert_eq!(keeper.refused(token, seconds(1)), Refused::Retry);
        let ticket = ticket(&mut keeper, seconds(1));
        keeper.not_sent(ticket, seconds(1));
        paused(&mut keeper, seconds(1));
        assert_eq!(keeper.state(seconds(1)), State::Revoked);
    }
}

#[test]
fn after_a_logout_nothing_that_was_under_way_brings_a_token_back() {
    let mut keeper = keeper(Renewal::RefreshUnderGrace);
    let ticket = ticket(&mut keeper, seconds(0));
    keeper.log_out();
    assert!(keeper.answered(ticket, tokens(Some(LIFE)), seconds(1)).is_none());
    assert_eq!((keeper.ask(seconds(1)), keeper.state(seconds(1))), (Now::LogIn, State::LoggedOut));
}
