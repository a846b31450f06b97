//! A year of a fleet: 10,000 devices that keep their tokens by the core's keeper, before the authorization server in this
//! process, through a bad network, power cuts, restarts and outages: `cargo bench -p valetkey-conformance --bench fleet`.
//!
//! ```text
//! .. -- --devices 1000 --days 90 --seed 7    # less of it, and another one
//! .. -- --seed 7 --device 4711               # this device of it alone, with all that it does
//! .. -- broken                               # what is broken on purpose is found
//! ```
//!
//! Half of the devices keep a refresh token in flash (`TokenStore`); the others have credentials of their own, of which half
//! are a key pair, so that they need the time. The server is in profile `embedded`. Time is simulated, and all chance comes
//! from the seed. Devices share nothing but the server's hours, its clock and its load, so that each lives its time alone, with
//! a store of its own, and can be lived again alone.
//!
//! It holds that
//!
//! - no device is without a token while the server can be reached: a token runs out in an outage only, an attempt that gets
//!   through gives one, and an attempt is made in the time of the longest pause;
//! - no refresh family is lost: no device has to log in again, and the server sees no replay;
//! - the server takes every token that a keeper calls good;
//! - the load is spread: in bins that hold 200 requests on average the fullest holds less than 1.5 times as many, once five
//!   days have passed since all came at one moment, and less than 3 times in the hour after an outage.

#![allow(clippy::print_stdout, reason = "it tells how the year went")]
#![allow(clippy::cast_precision_loss, reason = "shares and hours to be read")]

#[path = "fleet/counts.rs"]
mod counts;
#[path = "fleet/device.rs"]
mod device;
#[path = "fleet/dice.rs"]
mod dice;
#[path = "fleet/flash.rs"]
mod flash;
#[path = "fleet/flow.rs"]
mod flow;
#[path = "fleet/load.rs"]
mod load;
#[path = "fleet/server.rs"]
mod server;
#[path = "fleet/trial.rs"]
mod trial;
#[path = "fleet/weather.rs"]
mod weather;
#[path = "fleet/wire.rs"]
mod wire;

use std::process::ExitCode;
use std::time::Instant;
use trial::{Keeping, Report, Trial};
use valetkey::client::keeper::Timing;
use valetkey::server::Policy;
use weather::{DAY, HOUR, SECOND};

const STEADY: f64 = 1.5;
const AFTER_AN_OUTAGE: f64 = 3.0;

/// As it should be.
const GOOD: Trial = Trial {
    seed: 1,
    devices: 10_000,
    end: 365 * DAY,
    only: None,
    policy: Policy::EMBEDDED,
    timing: Timing::DEVICE,
    keeping: Keeping::TwoPhases,
    jitter: true,
    corrects_clock: true,
};

fn main() -> ExitCode {
    let (mut trial, mut broken) = (GOOD, false);
    // Cargo says `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|number| number.parse::<u64>().ok());
        let taken = match argument.as_str() {
            "broken" => {
                broken = true;
                Some(())
            }
            "--seed" => number().map(|seed| trial.seed = seed),
            "--days" => number().map(|days| trial.end = days * DAY),
            "--devices" => number().and_then(|n| n.try_into().ok()).map(|devices| trial.devices = devices),
            "--device" => number().and_then(|id| id.try_into().ok()).map(|id| trial.only = Some(id)),
            _ => None,
        };
        if taken.is_none() {
            if matches!(argument.as_str(), "--devices" | "--days" | "--seed" | "--device") {
                println!("fleet: `{argument}` takes a number");
            } else {
                println!("fleet: `{argument}` is none of --devices N, --days N, --seed N, --device N, broken");
            }
            return ExitCode::FAILURE;
        }
    }
    if broken { find_what_is_broken(trial.seed) } else { show(&trial) }
}

fn show(trial: &Trial) -> ExitCode {
    let Trial { seed, devices, end, .. } = trial;
    println!("{devices} devices for {} days, seed {seed}", end / DAY);
    let began = Instant::now();
    let report = trial.run();
    tell(&report);
    println!("in {:.0} s", began.elapsed().as_secs_f64());
    let wrongs = wrongs(trial, &report);
    if wrongs.is_empty() {
        println!(
            "no device was without a token while the server could be reached; no family was lost; the load was spread"
        );
        return ExitCode::SUCCESS;
    }
    for wrong in wrongs.iter().take(10) {
        println!("WRONG: {wrong}");
    }
    println!("{} in all; the year of one: --days {} --seed {seed} --device ID", wrongs.len(), end / DAY);
    ExitCode::FAILURE
}

fn tell(report: &Report) {
    let c = &report.counts;
    println!("{} renewals by {} attempts, {} reports", c.renewals, c.attempts, c.reports);
    println!("{} starts, {} of them after a cut within a write of flash", c.starts, c.cut_writes);
    println!("{} lost answers were given once more", c.graces);
    println!("{} assertions were signed anew for their time", c.corrections);
    let share = 100.0 * c.without as f64 / c.on.max(1) as f64;
    let longest = c.longest_wait / SECOND;
    println!("without a token for {share:.3} % of {} hours with power", c.on / HOUR);
    println!("at most {longest} s from when the server could be reached to a token");
    if let Some(steady) = report.steady {
        println!("peak over mean: {steady:.2} in steady state");
    }
    for (hours, retry_after, peak) in &report.after {
        let said = retry_after.map_or("unreachable".to_owned(), |seconds| format!("503, Retry-After {seconds} s"));
        println!("peak over mean: {peak:.2} in the hour after {hours} h ({said})");
    }
}

/// All that must not be.
fn wrongs(trial: &Trial, report: &Report) -> Vec<String> {
    let mut wrongs = report.wrongs.clone();
    if trial.only.is_some() {
        return wrongs;
    }
    if let Some(peak) = report.steady.filter(|peak| *peak >= STEADY) {
        wrongs.push(format!("the load is not spread in steady state: {peak:.2}"));
    }
    for (hours, retry_after, peak) in report.after.iter().filter(|(.., peak)| *peak >= AFTER_AN_OUTAGE) {
        wrongs.push(format!("the load is not spread in the hour after {hours} h ({retry_after:?}): {peak:.2}"));
    }
    wrongs
}

/// What is broken, in a device or in the server, and what is found then.
fn find_what_is_broken(seed: u64) -> ExitCode {
    let small = Trial { seed, devices: 200, end: 60 * DAY, ..GOOD };
    let large = Trial { seed, devices: 2_000, end: 20 * DAY, ..GOOD };
    let ten_seconds = Policy { grace_until_used: false, refresh_grace: 10, ..Policy::EMBEDDED };
    let all = [
        ("a grace window of ten seconds", Trial { policy: ten_seconds, ..small }, "a family was lost"),
        ("kept after it is in use", Trial { keeping: Keeping::AnHourLater, ..small }, "a family was lost"),
        (
            "a pause of a day",
            Trial { timing: Timing { longest_pause: 86_400, ..Timing::DEVICE }, ..small },
            "without a token for",
        ),
        (
            "a clock that is never set",
            Trial { corrects_clock: false, ..small },
            "an attempt that went well gave no token",
        ),
        ("no jitter", Trial { jitter: false, ..large }, "the load is not spread in steady state"),
        (
            "the pauses of a service",
            Trial { timing: Timing::SERVICE, end: 45 * DAY, ..large },
            "the load is not spread in the hour after",
        ),
    ];
    let mut missed = 0;
    for (what, trial, expected) in all {
        let wrongs = wrongs(&trial, &trial.run());
        match wrongs.iter().find(|wrong| wrong.contains(expected)) {
            Some(wrong) => println!("found: {what}: {wrong}"),
            None => {
                println!("MISSED: {what}: nothing says \"{expected}\", but {wrongs:?}");
                missed += 1;
            }
        }
    }
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
