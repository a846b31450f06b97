//! A fleet's time: all its devices on all processors, and what is to be said of them together.

use crate::counts::{Counts, Lived};
use crate::device;
use crate::load::Load;
use crate::server;
use crate::weather::{HOUR, Weather};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use valetkey::client::keeper::Timing;
use valetkey::server::{Policy, Server};

/// When a device writes a new refresh token to flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// As `TokenStore` says: a mark before the old one is sent, and the new one before its access token is used.
    TwoPhases,
    /// When it finds the time, after the access token is in use.
    AnHourLater,
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    pub(crate) seed: u64,
    pub(crate) devices: u32,
    /// In milliseconds.
    pub(crate) end: u64,
    /// This device alone, with all that it does.
    pub(crate) only: Option<u32>,
    pub(crate) policy: Policy,
    pub(crate) timing: Timing,
    pub(crate) keeping: Keeping,
    /// Whether devices draw each for itself.
    pub(crate) jitter: bool,
    /// Whether devices take the time from an answer that refuses it.
    pub(crate) corrects_clock: bool,
}

/// What came of it.
pub(crate) struct Report {
    pub(crate) counts: Counts,
    /// What must not have been, of some devices.
    pub(crate) wrongs: Vec<String>,
    /// Peak over mean in steady state.
    pub(crate) steady: Option<f64>,
    /// The hours of each outage and its `Retry-After`, and peak over mean in the hour after it.
    pub(crate) after: Vec<(u64, Option<u32>, f64)>,
}

impl Trial {
    pub(crate) fn run(&self) -> Report {
        let weather = Weather::new(self.seed, self.end);
        let keys = server::keys();
        let servers = keys.each_ref().map(|keys| server::server(self.policy, keys));
        let next = AtomicU32::new(self.only.unwrap_or(0));
        let last = self.only.map_or(self.devices, |only| only + 1);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let work = || {
            let mut load = Load::new(self.end);
            let mut all = Lived::default();
            loop {
                let id = next.fetch_add(1, Ordering::Relaxed);
                if id >= last {
                    return (load, all);
                }
                let servers: [&Server<'_>; 2] = servers.each_ref();
                let lived = device::live(self, &weather, servers, id, &mut |at| load.arrived(at));
                all.counts.add(&lived.counts);
                all.wrongs.extend(lived.wrongs);
            }
        };
        let parts: Vec<(Load, Lived)> = thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("no panic")).collect()
        });
        let (mut load, mut all) = (Load::new(self.end), Lived::default());
        for (part, lived) in parts {
            load.add(&part);
            all.counts.add(&lived.counts);
            all.wrongs.extend(lived.wrongs);
        }
        all.wrongs.sort_unstable();
        let after = weather.outages.iter().map(|outage| {
            let hours = (outage.during.end - outage.during.start) / HOUR;
            let hour = outage.during.end..outage.during.end + HOUR;
            (hours, outage.retry_after, load.peak_over_mean(&[hour]).unwrap_or(1.0))
        });
        let (steady, after) = (load.peak_over_mean(&weather.steady(self.end)), after.collect());
        Report { counts: all.counts, wrongs: all.wrongs, steady, after }
    }
}
