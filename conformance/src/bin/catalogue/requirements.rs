//! The catalogue as it lies on disk: a file of requirements for each document, and the reasons for rows without a test.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use crate::names::{Names, in_name};

/// All documents, in the order of their file names, and all reasons.
pub(crate) struct Catalogue {
    pub(crate) documents: Vec<Document>,
    pub(crate) reasons: Reasons,
}

/// One document's requirements.
pub(crate) struct Document {
    /// The name of its file: `rfc6749`.
    pub(crate) name: String,
    /// The first comment in its file.
    pub(crate) title: String,
    pub(crate) requirements: Vec<Requirement>,
}

/// One duty. The file says more (statement, section, property), which is for people.
#[derive(Deserialize)]
pub(crate) struct Requirement {
    pub(crate) id: String,
    pub(crate) role: Role,
    pub(crate) level: Level,
    pub(crate) test: String,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    Client,
    As,
    Rs,
    Any,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Level {
    Must,
    Should,
    May,
    Bcp,
}

/// What `reasons.toml` holds.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reasons {
    /// Documents of which no MUST row may be open.
    pub(crate) gated: BTreeSet<String>,
    #[serde(rename = "reason", default)]
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    reason: Reason,
    #[serde(default)]
    documents: Vec<String>,
    role: Option<Role>,
    #[serde(default)]
    prefixes: Vec<String>,
}

/// The only reasons for which a row may do without a test.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    #[serde(rename = "other role not built yet")]
    RoleNotBuilt,
    #[serde(rename = "profile not offered")]
    ProfileNotOffered,
    #[serde(rename = "not testable by machine")]
    NotTestable,
}

impl Reason {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::RoleNotBuilt => "other role not built yet",
            Self::ProfileNotOffered => "profile not offered",
            Self::NotTestable => "not testable by machine",
        }
    }
}

impl Role {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::As => "as",
            Self::Rs => "rs",
            Self::Any => "any",
        }
    }
}

impl Level {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::May => "MAY",
            Self::Bcp => "BCP",
        }
    }
}

impl Reasons {
    /// Why a row may do without a test, if it may.
    pub(crate) fn of(&self, document: &str, row: &Requirement) -> Option<Reason> {
        if row.test.starts_with("review") {
            return Some(Reason::NotTestable);
        }
        let of_document = |e: &&Entry| e.documents.iter().any(|d| d == document);
        let by_prefix = self.entries.iter().find(|e| e.prefixes.iter().any(|p| begins_with(&row.id, p)));
        let by_role = || self.entries.iter().filter(of_document).find(|e| e.role == Some(row.role));
        let by_document = || self.entries.iter().filter(of_document).find(|e| e.role.is_none());
        by_prefix.or_else(by_role).or_else(by_document).map(|e| e.reason)
    }
}

/// Whether a prefix ends where a part of the id ends.
fn begins_with(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
}

impl Catalogue {
    /// Reads a directory of requirement files with its `reasons.toml`.
    pub(crate) fn read(directory: &Path) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct File {
            requirement: Vec<Requirement>,
        }
        let reasons_path = directory.join("reasons.toml");
        let reasons = toml::from_str(&read(&reasons_path)?).map_err(|e| format!("{}: {e}", reasons_path.display()))?;
        let listing = std::fs::read_dir(directory).map_err(|e| format!("cannot list {}: {e}", directory.display()))?;
        let mut paths = Vec::new();
        for entry in listing {
            let path = entry.map_err(|e| format!("cannot list {}: {e}", directory.display()))?.path();
            if path.extension().is_some_and(|e| e == "toml") && path != reasons_path {
                paths.push(path);
            }
        }
        paths.sort();
        let mut documents = Vec::new();
        for path in paths {
            let text = read(&path)?;
            let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_owned();
            let title = text.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']).to_owned();
            let file: File = toml::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))?;
            documents.push(Document { name, title, requirements: file.requirement });
        }
        let catalogue = Self { documents, reasons };
        catalogue.check()?;
        Ok(catalogue)
    }

    /// The ids in the form that they have in the names of tests.
    pub(crate) fn names(&self) -> Names<'_> {
        Names::new(self.documents.iter().flat_map(|d| &d.requirements).map(|r| r.id.as_str()))
    }

    /// Refuses ids of another form or alike in a name, and reasons that speak of nothing.
    fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for row in self.documents.iter().flat_map(|d| &d.requirements) {
            let number = row.id.rsplit('-').next().unwrap_or_default();
            if number.len() != 2 || !number.bytes().all(|b| b.is_ascii_digit()) {
                return Err(format!("{} does not end in a dash and two digits", row.id));
            }
            if !seen.insert(in_name(&row.id)) {
                return Err(format!("two requirements are called {} in names", in_name(&row.id)));
            }
        }
        let known = |name: &String| self.documents.iter().any(|d| d.name == *name);
        let entries = &self.reasons.entries;
        if let Some(name) =
            self.reasons.gated.iter().chain(entries.iter().flat_map(|e| &e.documents)).find(|n| !known(n))
        {
            return Err(format!("reasons.toml names the document {name}, which has no file"));
        }
        let rows = || self.documents.iter().flat_map(|d| &d.requirements);
        if let Some(prefix) = entries.iter().flat_map(|e| &e.prefixes).find(|p| !rows().any(|r| begins_with(&r.id, p)))
        {
            return Err(format!("reasons.toml has the prefix {prefix}, with which no id begins"));
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, role: Role, test: &str) -> Requirement {
        Requirement { id: id.into(), role, level: Level::Must, test: test.into() }
    }

    #[test]
    fn the_catalogue_of_this_project_has_all_its_rows() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements");
        let catalogue = Catalogue::read(&directory).unwrap();
        assert_eq!(catalogue.documents.iter().map(|d| d.requirements.len()).sum::<usize>(), 858);
        let names = catalogue.names();
        for row in catalogue.documents.iter().flat_map(|d| &d.requirements) {
            assert_eq!(names.ids(&in_name(&row.id)), Ok(vec![row.id.as_str()]));
        }
    }

    #[test]
    fn the_most_exact_reason_counts() {
        let reasons: Reasons = toml::from_str(
            r#"
            gated = []
            [[reason]]
            reason = "profile not offered"
            documents = ["rfc1"]
            [[reason]]
            reason = "other role not built yet"
            documents = ["rfc1"]
            role = "client"
            [[reason]]
            reason = "profile not offered"
            prefixes = ["RFC1-2.1"]
            [[reason]]
            reason = "other role not built yet"
            prefixes = ["RFC2-2-01"]
            "#,
        )
        .unwrap();
        assert_eq!(reasons.of("rfc1", &row("RFC1-1-01", Role::As, "unit")), Some(Reason::ProfileNotOffered));
        assert_eq!(reasons.of("rfc1", &row("RFC1-1-01", Role::Client, "unit")), Some(Reason::RoleNotBuilt));
        assert_eq!(reasons.of("rfc1", &row("RFC1-2.1.3-01", Role::Client, "unit")), Some(Reason::ProfileNotOffered));
        assert_eq!(reasons.of("rfc1", &row("RFC1-2.1-01", Role::Client, "review: x")), Some(Reason::NotTestable));
        assert_eq!(reasons.of("rfc1", &row("RFC1-2.11-01", Role::Client, "unit")), Some(Reason::RoleNotBuilt));
        assert_eq!(reasons.of("rfc2", &row("RFC2-2-01", Role::As, "unit")), Some(Reason::RoleNotBuilt));
        assert_eq!(reasons.of("rfc2", &row("RFC2-2-011", Role::As, "unit")), None);
    }

    #[test]
    fn no_other_reason_is_taken() {
        let other = toml::from_str::<Reasons>("gated = []\n[[reason]]\nreason = \"no time\"\ndocuments = []");
        assert!(other.is_err());
    }
}
