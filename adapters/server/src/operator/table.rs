//! Lines for people, in columns, or for machines, as JSON.

use super::Failed;
use serde::Serialize;
use std::io::Write;

/// What can be shown as a line of a table.
pub(super) trait Row<const N: usize>: Serialize {
    /// The heads of the columns.
    const HEAD: [&'static str; N];

    /// What stands in the columns.
    fn cells(&self) -> [String; N];
}

/// Shows rows page by page; columns grow where a page needs it, and never shrink.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    json: bool,
    widths: Option<[usize; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) const fn new(json: bool) -> Self {
        Self { json, widths: None }
    }

    /// Shows a page; the head stands over the first.
    pub(super) fn page<R: Row<N>>(&mut self, out: &mut dyn Write, rows: &[R]) -> Result<(), Failed> {
        if self.json {
            return rows.iter().try_for_each(|row| object(out, row));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let head = self.widths.is_none().then(|| R::HEAD.map(str::to_owned));
        let lines: Vec<_> =
            head.into_iter().chain(rows.iter().map(|row| row.cells().map(|cell| visible(&cell)))).collect();
        let mut widths = self.widths.unwrap_or([0; N]);
        for line in &lines {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        self.widths = Some(widths);
        for line in &lines {
            let padded: String = line.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
            writeln!(out, "{}", padded.trim_end())?;
        }
        Ok(())
    }
}

/// Writes one JSON object on a line of its own. What steers a terminal is escaped: JSON itself does so up to U+001F only,
/// and such characters stand nowhere in it but in strings.
pub(crate) fn object(out: &mut dyn Write, object: &impl Serialize) -> Result<(), Failed> {
    let line = serde_json::to_string(object).map_err(|error| Failed::from_error(&error))?;
    let line = line.chars().fold(String::with_capacity(line.len() + 1), |mut line, c| {
        if steers(c) {
            let _ = std::fmt::Write::write_fmt(&mut line, format_args!("\\u{:04x}", u32::from(c)));
        } else {
            line.push(c);
        }
        line
    });
    Ok(writeln!(out, "{line}")?)
}

/// Controls, those of U+0080 to U+009F too, and what turns the direction of text around, so that it reads as another.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that cannot steer a terminal, and is never nothing.
pub(crate) fn visible(text: &str) -> String {
    let shown: String = text.chars().map(|c| if steers(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if shown.is_empty() { "-".to_owned() } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Pair(&'static str, &'static str);

    impl Row<2> for Pair {
        const HEAD: [&'static str; 2] = ["ONE", "TWO"];

        fn cells(&self) -> [String; 2] {
            [self.0.to_owned(), self.1.to_owned()]
        }
    }

    #[test]
    fn columns_stand_under_their_heads_and_grow_with_later_pages() {
        let (mut out, mut table) = (Vec::new(), Table::new(false));
        table.page::<Pair>(&mut out, &[]).unwrap();
        table.page(&mut out, &[Pair("a", "x"), Pair("", "y")]).unwrap();
        table.page(&mut out, &[Pair("longer", "z")]).unwrap();
        table.page(&mut out, &[Pair("ü\u{1b}[2J", "")]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "ONE  TWO\na    x\n-    y\nlonger  z\nü\u{fffd}[2J   -\n");
    }

    #[test]
    fn json_is_one_value_a_line() {
        let mut out = Vec::new();
        Table::new(true).page(&mut out, &[Pair("a", "\n"), Pair("b", "")]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "[\"a\",\"\\n\"]\n[\"b\",\"\"]\n");
    }

    #[test]
    fn what_steers_a_terminal_is_escaped_in_json_and_says_the_same() {
        let steering = "\u{7f}\u{80}\u{9b}2J\u{9f}\u{202e}\u{2066} \u{e9} \u{1f511}";
        let mut out = Vec::new();
        object(&mut out, &serde_json::json!({ steering: steering })).unwrap();
        let line = String::from_utf8(out).unwrap();
        assert!(line.trim_end().chars().all(|c| !steers(c)) && line.contains("\\u009b2J"), "{line:?}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read[steering], steering);
        assert_eq!(visible("a\u{9b}b\u{202e}c\u{e9}"), "a\u{fffd}b\u{fffd}c\u{e9}");
    }
}
