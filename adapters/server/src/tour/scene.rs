//! What the tour writes: headings, explanations, and a chart for each step.

use super::Result;
use super::http::Request;
use super::shown::Names;
use crate::chart::Chart;
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

const WIDTH: usize = 100;

/// Where charts and text between them are written to in turn.
#[derive(Clone)]
struct Paper<'o>(Rc<RefCell<&'o mut dyn Write>>);

impl Write for Paper<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.borrow_mut().flush()
    }
}

/// What the tour has written so far.
pub(super) struct Scene<'o> {
    paper: Paper<'o>,
    colour: bool,
    chart: Option<Chart<Paper<'o>>>,
    step: String,
    steps: usize,
    messages: usize,
    /// How codes and tokens are told apart.
    pub(super) names: Names,
}

impl<'o> Scene<'o> {
    pub(super) fn new(out: &'o mut dyn Write, colour: bool) -> Self {
        let paper = Paper(Rc::new(RefCell::new(out)));
        let (step, names) = ("0. Begin".to_owned(), Names::default());
        Self { paper, colour, chart: None, step, steps: 0, messages: 0, names }
    }

    /// Begins a step: its title, what it shows and why that is safe, and a chart of those who take part.
    pub(super) fn begin(&mut self, title: &str, explanation: &str, participants: &[&str]) -> Result<()> {
        self.steps += 1;
        self.step = format!("{}. {title}", self.steps);
        let line = "─".repeat(WIDTH.saturating_sub(self.step.chars().count() + 4));
        let (bold, plain) = if self.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        writeln!(self.paper, "\n{bold}── {} {line}{plain}\n{}\n", self.step, fill(explanation))?;
        self.chart = Some(Chart::new(self.paper.clone(), participants, self.colour)?);
        Ok(())
    }

    /// Draws an arrow.
    pub(super) fn message(&mut self, from: &str, to: &str, text: &str) -> Result<()> {
        self.messages += 1;
        match &mut self.chart {
            Some(chart) => Ok(chart.message(from, to, text)?),
            None => Err("no step has begun".into()),
        }
    }

    /// Draws a request to the server or the API.
    pub(super) fn request(&mut self, from: &str, to: &str, request: &Request) -> Result<()> {
        let Request { url, authorization, form, .. } = request;
        let shown = self.names.request(url, authorization.as_deref(), form.as_deref())?;
        self.message(from, to, &shown)
    }

    /// Writes text outside of a chart.
    pub(super) fn say(&mut self, text: &str) -> Result<()> {
        let gap = if self.steps > 0 { "\n" } else { "" };
        Ok(writeln!(self.paper, "{gap}{}", fill(text))?)
    }

    /// Number and title of the step that runs.
    pub(super) fn step(&self) -> &str {
        &self.step
    }

    /// How many arrows were drawn.
    pub(super) const fn messages(&self) -> usize {
        self.messages
    }
}

/// Breaks each line at spaces.
fn fill(text: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > WIDTH {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n")
}
