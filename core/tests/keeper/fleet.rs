//! How the load of 10,000 devices is spread that were all switched on at one moment: in steady state, and after an outage.

use crate::tokens;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use valetkey::client::keeper::{Keeper, Now, Renewal, Timing, seed};
use valetkey::time::Uptime;

const DEVICES: u32 = 10_000;
const LIFE: u32 = 8 * 3_600;
const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// The hours in which no request gets through.
type Outage = std::ops::Range<u64>;

/// When requests came to the server until `end`, and for how many milliseconds devices were without a token though the server
/// could be reached.
fn live(outage: &Outage, end: u64, retry_after: Option<&str>) -> (Vec<u64>, Vec<u64>) {
    let mut keepers: Vec<Keeper> = (0..DEVICES)
        .map(|id| {
            let name = format!("device-{id:05}");
            Keeper::new(Renewal::ClientCredentials, Timing::DEVICE, seed(b"fleet", name.as_bytes()))
        })
        .collect();
    let mut without = vec![None; keepers.len()];
    let (mut requests, mut gaps) = (Vec::new(), Vec::new());
    let mut due: BinaryHeap<Reverse<(u64, usize)>> = (0..keepers.len()).map(|device| Reverse((0, device))).collect();
    while let Some(Reverse((now, device))) = due.pop() {
        if now >= end {
            break;
        }
        let keeper = &mut keepers[device];
        let next = match keeper.ask(Uptime(now)) {
            Now::Use(usable) => usable.ask_again,
            Now::Wait { until, .. } => {
                without[device].get_or_insert(now);
                until
            }
            Now::Renew { ticket, .. } => {
                let away = outage.contains(&now);
                if !away {
                    requests.push(now);
                    keeper.answered(ticket, tokens(Some(LIFE)), Uptime(now));
                    if let Some(since) = without[device].take() {
                        gaps.push(now - since.max(outage.end));
                    }
                } else if retry_after.is_some() {
                    keeper.answered(ticket, crate::busy(retry_after), Uptime(now));
                } else {
                    keeper.not_sent(ticket, Uptime(now));
                }
                Uptime(now)
            }
            other => panic!("{other:?}"),
        };
        assert!(next.0 >= now);
        due.push(Reverse((next.0, device)));
    }
    (requests, gaps)
}

/// Peak over mean, in bins that hold 200 on average.
fn peak_over_mean(requests: &[u64], during: Outage) -> f64 {
    let (begin, length) = (during.start, during.end - during.start);
    let within: Vec<u64> = requests.iter().copied().filter(|at| during.contains(at)).collect();
    let bins = within.len() / 200;
    let mut counts = vec![0_u32; bins];
    for at in &within {
        let bin = u128::from(at - begin) * bins as u128 / u128::from(length);
        counts[usize::try_from(bin).unwrap()] += 1;
    }
    f64::from(*counts.iter().max().unwrap()) * bins as f64 / within.len() as f64
}

#[test]
#[expect(clippy::print_stdout, reason = "the numbers are to be read")]
fn a_fleet_that_began_at_one_moment_is_spread_within_days() {
    let (requests, gaps) = live(&(0..0), 14 * DAY, None);
    let peak = peak_over_mean(&requests, 5 * DAY..14 * DAY);
    println!("steady state: peak over mean {peak:.2}, {} renewals a device and day", requests.len() / 140_000);
    assert!(peak < 1.5, "{peak}");
    assert!(gaps.is_empty());
}

#[test]
#[expect(clippy::print_stdout, reason = "the numbers are to be read")]
fn after_an_outage_a_fleet_comes_back_spread_over_the_hour() {
    for (hours, retry_after) in [
        (1, None),
        (1, Some("600")),
        (2, Some("60")),
        (3, Some("60")),
        (4, None),
        (4, Some("60")),
        (4, Some("600")),
        (5, None),
        (6, Some("60")),
        (8, Some("60")),
        (24, None),
    ] {
        let outage = 7 * DAY..7 * DAY + hours * HOUR;
        let (requests, mut gaps) = live(&outage, outage.end + HOUR, retry_after);
        let peak = peak_over_mean(&requests, outage.end..outage.end + HOUR);
        gaps.sort_unstable();
        let (count, longest) = (gaps.len(), gaps.last().map_or(0, |gap| gap / 1_000));
        println!(
            "{hours} h, {retry_after:?}: peak over mean {peak:.2}; {count} without a token, up to {longest} s after it"
        );
        assert!(peak < 3.0, "{hours} h, {retry_after:?}: {peak}");
        assert!(hours > 1 || gaps.is_empty(), "a fifth of a life outlasts an outage of an hour");
    }
}
