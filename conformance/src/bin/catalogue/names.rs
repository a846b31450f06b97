//! How the name of a test carries the ids of requirements.
//!
//! `RFC6749-4.1.2-04` is written `rfc6749_4_1_2_04` in a name. A name begins with one id or several, and goes on with
//! words: `rfc6749_4_1_2_04_second_use_is_denied`, `rfc6749_6_03_oauth21_4_3_1_01_scope_cannot_grow`.

use std::collections::{BTreeMap, BTreeSet};

/// The ids of the catalogue in the form that they have in names.
pub(crate) struct Names<'a> {
    ids: BTreeMap<String, &'a str>,
    documents: BTreeSet<String>,
}

/// A name that bears something like an id that the catalogue does not have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownId;

/// An id as it is written in a name: lower case, every run of other characters one underscore.
pub(crate) fn in_name(id: &str) -> String {
    let parts = id.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

impl<'a> Names<'a> {
    /// Takes the ids of a catalogue, each of the form `DOCUMENT-section-NN`.
    pub(crate) fn new(ids: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = Self { ids: BTreeMap::new(), documents: BTreeSet::new() };
        for id in ids {
            if let Some(document) = id.rsplitn(3, '-').nth(2) {
                names.documents.insert(in_name(document));
            }
            names.ids.insert(in_name(id), id);
        }
        names
    }

    /// The ids with which a name begins; none if it is a name like any other.
    pub(crate) fn ids(&self, name: &str) -> Result<Vec<&'a str>, UnknownId> {
        let name = name.strip_prefix("test_").unwrap_or(name);
        let segments: Vec<&str> = name.split('_').collect();
        let mut rest = segments.as_slice();
        let mut found = Vec::new();
        while let Some((id, length)) = self.longest(rest) {
            found.push(id);
            rest = rest.get(length..).unwrap_or_default();
        }
        if self.looks_like_id(rest) { Err(UnknownId) } else { Ok(found) }
    }

    /// The longest id that is made of the first of these segments, and how many it takes.
    fn longest(&self, segments: &[&str]) -> Option<(&'a str, usize)> {
        (1..=segments.len()).rev().find_map(|n| self.ids.get(&segments[..n].join("_")).map(|id| (*id, n)))
    }

    /// Whether these segments, which begin with no id, were meant to: a known document and then a section's number, or
    /// an unknown document and then a whole section and number.
    fn looks_like_id(&self, segments: &[&str]) -> bool {
        let number = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let two_digits = |s: &str| s.len() == 2 && number(s);
        let appendix = |s: &str| s.len() == 1 && s.bytes().all(|b| b.is_ascii_lowercase());
        let whole = |rest: &[&str]| {
            rest.first().is_some_and(|s| number(s) || appendix(s))
                && rest.iter().skip(1).take_while(|s| number(s)).any(|s| two_digits(s))
        };
        for n in 1..=segments.len().min(2) {
            let (document, rest) = segments.split_at(n);
            if self.documents.contains(&document.join("_")) {
                return rest.first().is_some_and(|s| number(s)) || whole(rest);
            }
        }
        let family = ["rfc", "oauth", "oidc", "fapi"];
        segments.first().is_some_and(|s| family.iter().any(|f| s.starts_with(f)))
            && (1..=2).any(|n| segments.get(n..).is_some_and(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: [&str; 7] = [
        "RFC6749-4.1.2-04",
        "RFC6749-4.1.2-10",
        "RFC6749-A-01",
        "RFC9700-2.1-01",
        "RFC9700-2.1.01-02",
        "FAPI2-SP-5.3.2.1-03",
        "OIDC-CORE-3-01",
    ];

    fn ids(name: &str) -> Result<Vec<&'static str>, UnknownId> {
        Names::new(IDS).ids(name)
    }

    #[test]
    fn an_id_is_lower_case_with_underscores_in_a_name() {
        assert_eq!(in_name("RFC6749-4.1.2-04"), "rfc6749_4_1_2_04");
        assert_eq!(in_name("FAPI2-SP-5.3.2.1-03"), "fapi2_sp_5_3_2_1_03");
    }

    #[test]
    fn a_name_is_an_id_alone_or_an_id_and_words() {
        assert_eq!(ids("rfc6749_4_1_2_04"), Ok(vec!["RFC6749-4.1.2-04"]));
        assert_eq!(ids("rfc6749_4_1_2_04_second_use"), Ok(vec!["RFC6749-4.1.2-04"]));
        assert_eq!(ids("rfc6749_4_1_2_04_2_codes"), Ok(vec!["RFC6749-4.1.2-04"]));
        assert_eq!(ids("rfc6749_a_01_grammar"), Ok(vec!["RFC6749-A-01"]));
        assert_eq!(ids("fapi2_sp_5_3_2_1_03"), Ok(vec!["FAPI2-SP-5.3.2.1-03"]));
        assert_eq!(ids("test_oidc_core_3_01_in_python"), Ok(vec!["OIDC-CORE-3-01"]));
    }

    #[test]
    fn several_ids_may_stand_at_the_front() {
        let both = vec!["RFC6749-4.1.2-04", "RFC9700-2.1-01"];
        assert_eq!(ids("rfc6749_4_1_2_04_rfc9700_2_1_01_words"), Ok(both));
        assert_eq!(ids("rfc6749_4_1_2_04_rfc9700_2_1_07_words"), Err(UnknownId));
    }

    #[test]
    fn an_id_ends_where_a_segment_ends() {
        let shorter = Names::new(["RFC6749-4.1.2-0", "RFC6749-4.1-02"]);
        assert_eq!(shorter.ids("rfc6749_4_1_2_04"), Err(UnknownId));
        assert_eq!(ids("rfc6749_4_1_2_041_digits"), Err(UnknownId));
        assert_eq!(ids("rfc67490_4_1_2_04"), Err(UnknownId));
    }

    #[test]
    fn the_longest_of_several_ids_counts() {
        assert_eq!(ids("rfc9700_2_1_01_words"), Ok(vec!["RFC9700-2.1-01"]));
        assert_eq!(ids("rfc9700_2_1_01_02_words"), Ok(vec!["RFC9700-2.1.01-02"]));
    }

    #[test]
    fn a_mistyped_id_is_no_plain_name() {
        for name in ["rfc6749_4_1_2_05_x", "rfc6749_4_1_2_x", "rfc6749_b_01", "oidc_core_4_01", "rfc6794_4_1_2_04"] {
            assert_eq!(ids(name), Err(UnknownId), "{name}");
        }
    }

    #[test]
    fn other_names_bear_no_id() {
        for name in ["rfc6749_code_is_single_use", "rfc6749_a_client", "rfc4648_vectors", "refuses_4_1_2_04", "", "x_"]
        {
            assert_eq!(ids(name), Ok(vec![]), "{name}");
        }
    }
}
