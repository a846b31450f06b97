//! `COVERAGE.md`: for each requirement its tests, or the reason why it has none, or that it is open.

use std::fmt::Write as _;

use crate::requirements::{Catalogue, Document, Level, Reason, Requirement};
use crate::scan::Tests;

pub(crate) struct Report<'a> {
    catalogue: &'a Catalogue,
    tests: &'a Tests<'a>,
}

/// What became of a row. A test is worth more than a reason.
enum Status<'a> {
    Covered(&'a [(String, String)]),
    Reasoned(Reason),
    Open,
}

/// How many rows of one level are covered, have a reason, are open.
#[derive(Clone, Copy, Default)]
struct Count {
    covered: usize,
    reasoned: usize,
    open: usize,
}

impl Count {
    fn add(&mut self, status: &Status<'_>) {
        match status {
            Status::Covered(_) => self.covered += 1,
            Status::Reasoned(_) => self.reasoned += 1,
            Status::Open => self.open += 1,
        }
    }

    const fn plus(self, other: Self) -> Self {
        Self {
            covered: self.covered + other.covered,
            reasoned: self.reasoned + other.reasoned,
            open: self.open + other.open,
        }
    }
}

/// The columns of the summary: MUST, SHOULD, and MAY with BCP.
type Counts = [Count; 3];

const HEAD: &str = "\
# Coverage of the requirements

Made by `cargo run -p valetkey-conformance --features catalogue --bin catalogue`; do not edit. Each row of
`requirements/` has the tests that are named after it, or a reason from `requirements/reasons.toml`, or is **open**.

A cell of the summary reads covered / with a reason / open.

| document | MUST | SHOULD | MAY, BCP | open |
|---|---|---|---|---|
";

impl<'a> Report<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue, tests: &'a Tests<'a>) -> Self {
        Self { catalogue, tests }
    }

    fn status(&self, document: &Document, row: &Requirement) -> Status<'a> {
        if let Some(tests) = self.tests.get(row.id.as_str()) {
            return Status::Covered(tests);
        }
        self.catalogue.reasons.of(&document.name, row).map_or(Status::Open, Status::Reasoned)
    }

    fn counts(&self, document: &Document) -> Counts {
        let mut counts = Counts::default();
        for row in &document.requirements {
            let column = match row.level {
                Level::Must => 0,
                Level::Should => 1,
                Level::May | Level::Bcp => 2,
            };
            counts[column].add(&self.status(document, row));
        }
        counts
    }

    fn all(&self) -> Counts {
        self.catalogue.documents.iter().fold(Counts::default(), |mut sum, document| {
            for (sum, count) in sum.iter_mut().zip(self.counts(document)) {
                *sum = sum.plus(count);
            }
            sum
        })
    }

    /// One line for the terminal.
    pub(crate) fn totals(&self) -> String {
        let all = self.all().into_iter().fold(Count::default(), Count::plus);
        format!(
            "{} requirements: {} covered, {} with a reason, {} open ({} of them MUST)",
            all.covered + all.reasoned + all.open,
            all.covered,
            all.reasoned,
            all.open,
            self.all()[0].open
        )
    }

    /// The open MUST rows of documents that may have none.
    pub(crate) fn open_gated(&self) -> Vec<String> {
        let gated = self.catalogue.documents.iter().filter(|d| self.catalogue.reasons.gated.contains(&d.name));
        gated
            .flat_map(|d| d.requirements.iter().map(move |r| (d, r)))
            .filter(|(d, r)| r.level == Level::Must && matches!(self.status(d, r), Status::Open))
            .map(|(d, r)| format!("{} is open, and {} is gated: test it, or give a reason", r.id, d.name))
            .collect()
    }

    /// The text of `COVERAGE.md`.
    pub(crate) fn markdown(&self) -> String {
        let mut out = HEAD.to_owned();
        for document in &self.catalogue.documents {
            summary_row(&mut out, &document.name, self.counts(document));
        }
        summary_row(&mut out, "all", self.all());
        for document in &self.catalogue.documents {
            // Writing into a `String` cannot fail.
            let _ =
                write!(out, "\n## {}\n\n| id | role | level | tests or reason |\n|---|---|---|---|\n", document.title);
            for row in &document.requirements {
                let cell = match self.status(document, row) {
                    Status::Covered(tests) => {
                        let tests: Vec<String> = tests.iter().map(|(file, name)| format!("{file} `{name}`")).collect();
                        tests.join("<br>")
                    }
                    Status::Reasoned(reason) => reason.text().to_owned(),
                    Status::Open => "**open**".to_owned(),
                };
                let _ = writeln!(out, "| {} | {} | {} | {cell} |", row.id, row.role.text(), row.level.text());
            }
        }
        out
    }
}

fn summary_row(out: &mut String, name: &str, counts: Counts) {
    let _ = write!(out, "| {name} |");
    for Count { covered, reasoned, open } in counts {
        let _ = write!(out, " {covered} / {reasoned} / {open} |");
    }
    let _ = writeln!(out, " {} |", counts.iter().map(|c| c.open).sum::<usize>());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::requirements::Role;

    fn catalogue() -> Catalogue {
        let row = |id: &str, level, test: &str| Requirement { id: id.into(), role: Role::As, level, test: test.into() };
        let requirements = vec![
            row("RFC1-1-01", Level::Must, "unit"),
            row("RFC1-1-02", Level::Must, "review: a person"),
            row("RFC1-1-03", Level::Must, "unit"),
            row("RFC1-1-04", Level::May, "unit"),
        ];
        Catalogue {
            documents: vec![Document { name: "rfc1".into(), title: "RFC1: One".into(), requirements }],
            reasons: toml::from_str("gated = [\"rfc1\"]").unwrap(),
        }
    }

    #[test]
    fn a_test_wins_over_a_reason_and_the_rest_is_open() {
        let catalogue = catalogue();
        let tests = Tests::from([
            ("RFC1-1-01", vec![("a.rs".into(), "rfc1_1_01".into()), ("b.rs".into(), "rfc1_1_01_x".into())]),
            ("RFC1-1-02", vec![("a.rs".into(), "rfc1_1_02".into())]),
        ]);
        let report = Report::new(&catalogue, &tests);
        let text = report.markdown();
        assert!(text.contains("| RFC1-1-01 | as | MUST | a.rs `rfc1_1_01`<br>b.rs `rfc1_1_01_x` |\n"), "{text}");
        assert!(text.contains("| RFC1-1-02 | as | MUST | a.rs `rfc1_1_02` |\n"), "{text}");
        assert!(text.contains("| RFC1-1-03 | as | MUST | **open** |\n"), "{text}");
        assert!(text.contains("| rfc1 | 2 / 0 / 1 | 0 / 0 / 0 | 0 / 0 / 1 | 2 |\n"), "{text}");
    }

    #[test]
    fn an_open_must_row_of_a_gated_document_is_a_problem_and_an_open_may_row_is_not() {
        let catalogue = catalogue();
        let tests = Tests::from([("RFC1-1-01", vec![("a.rs".into(), "rfc1_1_01".into())])]);
        let problems = Report::new(&catalogue, &tests).open_gated();
        assert_eq!(problems, ["RFC1-1-03 is open, and rfc1 is gated: test it, or give a reason"]);
    }

    #[test]
    fn a_row_for_review_needs_no_test() {
        let catalogue = catalogue();
        let tests = Tests::new();
        assert!(
            Report::new(&catalogue, &tests).markdown().contains("| RFC1-1-02 | as | MUST | not testable by machine |")
        );
    }
}
