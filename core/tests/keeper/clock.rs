//! Wall time learnt from the server.

use crate::seconds;
use valetkey::client::keeper::WallClock;
use valetkey::time::{UnixTime, Uptime};

/// When the firmware was made: 2025-10-09.
const BUILT: UnixTime = UnixTime(1_760_000_000);
/// 1,762,761,600.
const EIGHT: &str = "Mon, 10 Nov 2025 08:00:00 GMT";

#[test]
fn no_time_is_told_before_a_plausible_one_is_known() {
    let mut clock = WallClock::new(BUILT);
    for date in
        ["", "soon", "Thu, 01 Jan 1970 00:00:00 GMT", "Wed, 08 Oct 2025 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"]
    {
        clock.learn(date, seconds(1));
        assert!(!clock.refused(date, seconds(1)), "{date}");
        assert_eq!(clock.at(seconds(1)), None, "{date}");
    }
    assert!(!clock.set(UnixTime(0), seconds(1)) && !clock.set(UnixTime(u64::MAX), seconds(1)));
    assert_eq!(clock.at(seconds(1)), None);
    clock.learn("Monday, 10-Nov-25 08:00:00 GMT", seconds(1));
    assert_eq!(clock.at(seconds(1)), Some(UnixTime(1_762_761_600)));
}

#[test]
fn time_goes_on_with_uptime_for_a_year_and_is_learnt_anew_then() {
    let mut clock = WallClock::new(BUILT);
    clock.learn(EIGHT, seconds(7));
    for passed in [0, 1, 59, 86_400, 366 * 86_400] {
        assert_eq!(clock.at(Uptime(7_000 + passed * 1_000 + 999)), Some(UnixTime(1_762_761_600 + passed)));
    }
    assert_eq!(clock.at(seconds(400 * 86_400)), None);
    clock.learn("Tue, 15 Dec 2026 08:00:00 GMT", seconds(400 * 86_400));
    assert_eq!(clock.at(seconds(400 * 86_400)), Some(UnixTime(1_797_321_600)));
}

#[test]
fn an_answer_corrects_nothing_that_is_known_already() {
    let mut clock = WallClock::new(BUILT);
    assert!(clock.set(UnixTime(1_762_761_600), seconds(0)));
    clock.learn("Mon, 10 Nov 2025 09:00:00 GMT", seconds(1));
    assert_eq!(clock.at(seconds(1)), Some(UnixTime(1_762_761_601)));
}

#[test]
fn a_refusal_corrects_once_and_only_if_it_shows_another_time() {
    let mut clock = WallClock::new(BUILT);
    clock.learn(EIGHT, seconds(0));
    assert!(!clock.refused("Mon, 10 Nov 2025 08:00:02 GMT", seconds(1)), "the time is not why it was refused");
    assert!(clock.refused("Mon, 10 Nov 2025 07:50:00 GMT", seconds(2)), "it went too fast");
    assert_eq!(clock.at(seconds(2)), Some(UnixTime(1_762_761_000)));
    // Whoever refuses again does not pull the clock further.
    assert!(!clock.refused("Mon, 10 Nov 2025 12:00:00 GMT", seconds(3)));
    assert_eq!(clock.at(seconds(3)), Some(UnixTime(1_762_761_001)));
    clock.accepted();
    assert!(clock.refused("Mon, 10 Nov 2025 12:00:00 GMT", seconds(4)));
}

#[test]
fn a_refusal_teaches_the_time_where_none_was_known() {
    let mut clock = WallClock::new(BUILT);
    assert!(clock.refused(EIGHT, seconds(0)));
    assert!(!clock.refused("Mon, 10 Nov 2025 12:00:00 GMT", seconds(0)));
}

#[test]
fn a_device_whose_corrected_request_got_lost_is_not_left_with_a_wrong_time() {
    let mut clock = WallClock::new(BUILT);
    clock.learn(EIGHT, seconds(0));
    assert!(clock.refused("Mon, 10 Nov 2025 08:10:00 GMT", seconds(100)));
    // What was sent again got lost, and the server's clock was set meanwhile.
    assert!(!clock.refused("Mon, 10 Nov 2025 08:05:00 GMT", seconds(159)));
    assert!(clock.refused("Mon, 10 Nov 2025 08:05:01 GMT", seconds(160)));
    assert_eq!(clock.at(seconds(160)), Some(UnixTime(1_762_761_901)));
    assert!(!clock.refused("Mon, 10 Nov 2025 09:00:00 GMT", seconds(161)), "once in each attempt");
}

#[test]
fn a_refusal_moves_a_clock_of_the_devices_own_by_a_day_at_most() {
    // Each pulls it further, a minute after the last or after a request that was taken.
    for taken in [false, true] {
        let mut clock = WallClock::new(BUILT);
        assert!(clock.set(UnixTime(1_762_761_600 - 3_600), seconds(0)));
        assert!(clock.refused(EIGHT, seconds(0)), "an hour slow");
        assert_eq!(clock.at(seconds(10)), Some(UnixTime(1_762_761_610)));
        for (attempt, (shown, moved)) in [
            ("Tue, 10 Nov 2026 08:00:00 GMT", false),
            ("Tue, 11 Nov 2025 06:00:00 GMT", true),
            ("Tue, 11 Nov 2025 08:00:00 GMT", false),
            ("Wed, 12 Nov 2025 05:00:00 GMT", false),
            ("Mon, 10 Nov 2025 08:10:00 GMT", true),
        ]
        .into_iter()
        .enumerate()
        {
            let now = seconds(if taken { 1 } else { 61 } * (attempt as u64 + 1));
            if taken {
                clock.accepted();
            }
            let before = clock.at(now);
            assert_eq!(clock.refused(shown, now), moved, "{shown}");
            assert_eq!(clock.at(now) != before, moved, "{shown}");
        }
        assert_eq!(clock.at(seconds(if taken { 5 } else { 305 })), Some(UnixTime(1_762_761_600 + 600)));
    }
}

#[test]
fn the_day_counts_from_what_was_set_in_both_directions() {
    let at = 1_762_761_600;
    for (set, moved) in [(at - 86_400, true), (at - 86_401, false), (at + 86_400, true), (at + 86_401, false)] {
        let mut clock = WallClock::new(BUILT);
        assert!(clock.set(UnixTime(set), seconds(0)));
        assert_eq!(clock.refused(EIGHT, seconds(0)), moved, "{set}");
        assert_eq!(clock.at(seconds(0)), Some(UnixTime(if moved { at } else { set })));
        // Set anew, it is as it was set.
        assert!(clock.set(UnixTime(at + 5), seconds(1)));
        assert_eq!(clock.at(seconds(1)), Some(UnixTime(at + 5)));
    }
}

#[test]
fn a_correction_does_not_keep_what_was_set_for_longer_than_a_year() {
    let mut clock = WallClock::new(BUILT);
    assert!(clock.set(UnixTime(1_762_761_600), seconds(0)));
    assert!(clock.refused("Mon, 09 Nov 2026 08:10:00 GMT", seconds(364 * 86_400)));
    assert_eq!(clock.at(seconds(364 * 86_400)), Some(UnixTime(1_794_211_800)));
    assert_eq!(clock.at(seconds(400 * 86_400)), None);
}

#[test]
fn what_is_the_servers_word_alone_is_replaced_by_its_next() {
    let mut clock = WallClock::new(BUILT);
    clock.learn(EIGHT, seconds(0));
    let later = "Tue, 10 Nov 2026 08:00:00 GMT";
    assert!(clock.refused(later, seconds(1)), "the server came up with a clock that was wrong");
    assert_eq!(clock.at(seconds(1)), Some(UnixTime(1_762_761_600 + 365 * 86_400)));
}
