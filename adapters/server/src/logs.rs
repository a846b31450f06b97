//! The log: a line of text or of JSON for each event, to standard error.
//!
//! What others chose, such as a name, can neither end a line nor move the cursor of whoever reads it: in text, control
//! characters are escaped whatever they come from; a string of JSON has no line ends anyway.

use clap::ValueEnum;
use serde::Deserialize;
use std::fmt::{self, Write};
use std::io::{self, IsTerminal};
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: a JSON object.
    Json,
}

/// Logs to standard error, from `level` up. `VALETKEY_LOG` says otherwise, such as `debug` or `info,hyper=debug`.
///
/// # Errors
/// What is wrong with `VALETKEY_LOG`.
pub fn start(format: LogFormat, level: &str) -> Result<(), String> {
    let wanted = std::env::var("VALETKEY_LOG").unwrap_or_else(|_| level.to_owned());
    let targets: Targets = wanted
        .parse()
        .map_err(|error| format!("VALETKEY_LOG is `{wanted}`, which is no level such as `info` or `debug`: {error}"))?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    tracing_subscriber::registry().with(lines(format, colour, io::stderr)).with(targets).init();
    Ok(())
}

/// One line for each event.
pub fn lines<S, W>(format: LogFormat, colour: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    match format {
        LogFormat::Text => {
            let fields = debug_fn(|to: &mut Writer<'_>, field: &tracing::field::Field, value: &dyn fmt::Debug| {
                match field.name() {
                    "message" => write!(OneLine(to), "{value:?}"),
                    name => write!(OneLine(to), "{name}={value:?}"),
                }
            });
            layer.with_ansi(colour).fmt_fields(fields.delimited(" ")).boxed()
        }
        LogFormat::Json => {
            layer.json().flatten_event(true).with_current_span(false).with_span_list(false).with_ansi(false).boxed()
        }
    }
}

/// Escapes what a line of text must not hold: control characters, and those that turn the direction of writing.
struct OneLine<'w, 'b>(&'w mut Writer<'b>);

impl Write for OneLine<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let harmful = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        for part in text.split_inclusive(harmful) {
            match part.chars().next_back().filter(|last| harmful(*last)) {
                Some(last) => {
                    self.0.write_str(part.strip_suffix(last).unwrap_or_default())?;
                    write!(self.0, "{}", last.escape_default())?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}
