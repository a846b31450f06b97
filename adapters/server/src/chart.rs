//! A sequence chart in the terminal: participants are columns, messages are arrows, written as they happen.
//!
//! ```
//! use valetkey_server::chart::Chart;
//! let mut text = Vec::new();
//! let mut chart = Chart::new(&mut text, &["app", "server"], false)?;
//! chart.message("app", "server", "GET /")?;
//! # std::io::Result::Ok(())
//! ```

use std::io::{self, IsTerminal, Write};

const WIDTH: usize = 100;
const DIM: &str = "\x1b[2m";
const ARROW: &str = "\x1b[36m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";

/// A chart of 100 columns that is being written.
#[derive(Debug)]
pub struct Chart<W> {
    out: W,
    participants: Vec<String>,
    colour: bool,
    /// Whether the last line had nothing but lifelines.
    spaced: bool,
}

/// One cell of a line: a character and how it looks.
type Cell = (char, &'static str);

impl<W: Write> Chart<W> {
    /// Begins a chart with a column for each participant, from left to right, and writes their names.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn new(out: W, participants: &[&str], colour: bool) -> io::Result<Self> {
        let participants = participants.iter().map(|name| (*name).to_owned()).collect();
        let mut chart = Self { out, participants, colour, spaced: false };
        let mut line = blank();
        for (index, name) in chart.participants.iter().enumerate() {
            let start = chart.column(index).saturating_sub(name.chars().count() / 2);
            put(&mut line, start, name, BOLD);
        }
        chart.write(&line)?;
        chart.write(&chart.lifelines())?;
        chart.spaced = true;
        Ok(chart)
    }

    /// Draws an arrow between two participants with the text above it, broken at spaces where it is long.
    ///
    /// # Errors
    /// Those of the writer, and `InvalidInput` for a participant that the chart does not have.
    pub fn message(&mut self, from: &str, to: &str, text: &str) -> io::Result<()> {
        let (from, to) = (self.find(from)?, self.find(to)?);
        let (left, right) = (self.column(from.min(to)), self.column(from.max(to)));
        // Between the two lifelines if it fits; else over those beside them, on the side that has more room.
        let between = right.saturating_sub(left + 4);
        let to_the_end = WIDTH - (left + 2);
        let (room, flush_right) = if text.lines().all(|line| line.chars().count() <= between) {
            (between, false)
        } else if to_the_end >= right.saturating_sub(2) {
            (to_the_end, false)
        } else {
            (right.saturating_sub(2), true)
        };
        for part in wrap(text, room) {
            let mut line = self.lifelines();
            let length = part.chars().count();
            let start = if flush_right { right.saturating_sub(length + 1) } else { left + 2 };
            put(&mut line, start.saturating_sub(1), &format!(" {part} "), "");
            self.write(&line)?;
        }
        if from != to {
            let mut line = self.lifelines();
            let shaft = "─".repeat((right - left).saturating_sub(2));
            let arrow = if from < to { format!("{shaft}▶") } else { format!("◀{shaft}") };
            put(&mut line, left + 1, &arrow, ARROW);
            self.write(&line)?;
        }
        Ok(())
    }

    /// Writes a heading across all columns.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn note(&mut self, text: &str) -> io::Result<()> {
        if !self.spaced {
            self.write(&self.lifelines())?;
        }
        for part in wrap(text, WIDTH - 6) {
            let mut line = vec![('─', DIM); WIDTH];
            put(&mut line, 2, &format!(" {part} "), BOLD);
            self.write(&line)?;
        }
        self.write(&self.lifelines())?;
        self.spaced = true;
        Ok(())
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.participants.iter().position(|participant| participant == name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("the chart has no participant `{name}`"))
        })
    }

    /// The middle of a participant's share of the width.
    fn column(&self, index: usize) -> usize {
        let share = WIDTH / self.participants.len().max(1);
        index * share + share / 2
    }

    fn lifelines(&self) -> Vec<Cell> {
        let mut line = blank();
        for index in 0..self.participants.len() {
            put(&mut line, self.column(index), "│", DIM);
        }
        line
    }

    fn write(&mut self, line: &[Cell]) -> io::Result<()> {
        self.spaced = false;
        let end = line.iter().rposition(|(character, _)| *character != ' ').map_or(0, |last| last + 1);
        let mut text = String::new();
        let mut look = "";
        for (character, wanted) in line.iter().take(end) {
            if self.colour && *wanted != look && *character != ' ' {
                text.push_str(if look.is_empty() { "" } else { PLAIN });
                text.push_str(wanted);
                look = wanted;
            }
            text.push(*character);
        }
        text.push_str(if look.is_empty() { "" } else { PLAIN });
        writeln!(self.out, "{text}")
    }
}

/// Whether standard output takes colours: it is a terminal and `NO_COLOR` is not set (<https://no-color.org>).
pub fn colour_wanted() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Parameters for a chart, `name=value` with spaces between; of a secret's value only the first six characters.
pub fn parameters<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    const SECRET: [&str; 11] = [
        "access_token",
        "client_secret",
        "code",
        "code_verifier",
        "cookie",
        "csrf",
        "password",
        "pending",
        "refresh_token",
        "state",
        "token",
    ];
    let shown = pairs.into_iter().map(|(name, value)| {
        if SECRET.contains(&name) { format!("{name}={}", shorten(value)) } else { format!("{name}={value}") }
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The first six characters of a secret, and `…` for the rest. Of one shorter than twelve nothing is shown.
pub fn shorten(secret: &str) -> String {
    let shown = if secret.chars().count() < 12 { 0 } else { 6 };
    secret.chars().take(shown).chain(['…']).collect()
}

fn blank() -> Vec<Cell> {
    vec![(' ', ""); WIDTH]
}

/// Writes over the cells from `start` on; what does not fit is cut off.
fn put(line: &mut [Cell], start: usize, text: &str, look: &'static str) {
    for (cell, character) in line.iter_mut().skip(start).zip(text.chars()) {
        *cell = (character, look);
    }
}

/// Breaks at line ends and spaces; a word that is longer than a line is broken after `&`, `?` or `,`, or else anywhere.
/// Control characters, which could steer the terminal, become `·`.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let word: String = word.chars().map(|c| if c.is_control() { '·' } else { c }).collect();
            for (index, piece) in pieces(&word, width).into_iter().enumerate() {
                let used = line.chars().count();
                let gap = usize::from(used > 0 && index == 0);
                if used > 0 && used + gap + piece.chars().count() > width {
                    lines.push(std::mem::take(&mut line));
                } else if gap == 1 {
                    line.push(' ');
                }
                line.push_str(&piece);
            }
        }
        lines.push(line);
    }
    lines
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    if word.chars().count() <= width {
        return vec![word.to_owned()];
    }
    let parts = word.split_inclusive(['&', '?', ',']).map(|part| part.chars().collect::<Vec<_>>());
    parts.flat_map(|part| part.chunks(width).map(String::from_iter).collect::<Vec<_>>()).collect()
}
