//! Numbers of a run, as robust as a shared machine lets them be.

use std::time::Duration;

/// The middle one.
pub(crate) fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of.get(of.len() / 2).copied().unwrap_or_default()
}

/// What 99 of 100 do not exceed.
pub(crate) fn p99(mut of: Vec<Duration>) -> Duration {
    of.sort_unstable();
    of.get(of.len() * 99 / 100).copied().unwrap_or_default()
}

/// Keeps account of which goals were missed.
#[derive(Default)]
pub(crate) struct Goals {
    missed: Vec<String>,
}

impl Goals {
    pub(crate) fn at_least(&mut self, what: &str, found: f64, goal: f64) {
        self.judge(found >= goal, format!("{what}: {found:.2}, goal at least {goal:.2}"));
    }

    pub(crate) fn at_most(&mut self, what: &str, found: f64, goal: f64) {
        self.judge(found <= goal, format!("{what}: {found:.2}, goal at most {goal:.2}"));
    }

    pub(crate) fn judge(&mut self, met: bool, text: String) {
        println!("{} {text}", if met { "ok    " } else { "MISSED" });
        if !met {
            self.missed.push(text);
        }
    }

    pub(crate) fn end(self) -> super::Result<()> {
        if self.missed.is_empty() { Ok(()) } else { Err(format!("missed: {}", self.missed.join("; ")).into()) }
    }
}
