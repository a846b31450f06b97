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
