//! Finds the tests that are named after requirements.
//!
//! In Rust a test is a function with a `#[test]` attribute (of any framework). In JavaScript and Python, under
//! `conformance/external/`, it is any word that begins with an id, outside of comments: titles are strings there.

use std::collections::BTreeMap;
use std::path::Path;

use crate::names::{Names, UnknownId};

/// The tests of each id: file, relative to the workspace, and name.
pub(crate) type Tests<'a> = BTreeMap<&'a str, Vec<(String, String)>>;

/// Directories without sources of ours; so are those whose name begins with a dot.
const SKIPPED: [&str; 3] = ["target", "node_modules", "__pycache__"];

/// Walks the workspace. What is wrong with a name goes to `problems`.
pub(crate) fn tests<'a>(workspace: &Path, names: &Names<'a>, problems: &mut Vec<String>) -> Result<Tests<'a>, String> {
    let mut files = Vec::new();
    walk(workspace, "", &mut files)?;
    files.sort();
    let mut tests = Tests::new();
    for file in files {
        let path = workspace.join(&file);
        let text = || std::fs::read_to_string(&path).map_err(|e| format!("cannot read {file}: {e}"));
        let found = match Path::new(&file).extension().and_then(|e| e.to_str()) {
            Some("rs") => rust(&text()?),
            Some("js" | "mjs" | "cjs" | "ts" | "py") if file.starts_with("conformance/external/") => words(&text()?),
            _ => continue,
        };
        for Found { name, is_test } in found {
            match names.ids(&name) {
                Err(UnknownId) => problems.push(format!("{file}: {name} bears an id that the catalogue does not have")),
                Ok(ids) if !ids.is_empty() && !is_test => {
                    problems.push(format!("{file}: {name} bears an id but is no test, or an ignored one"));
                }
                Ok(ids) => {
                    for id in ids {
                        let of_id = tests.entry(id).or_default();
                        let test = (file.clone(), name.clone());
                        if !of_id.contains(&test) {
                            of_id.push(test);
                        }
                    }
                }
            }
        }
    }
    Ok(tests)
}

fn walk(workspace: &Path, below: &str, files: &mut Vec<String>) -> Result<(), String> {
    let directory = workspace.join(below);
    let failed = |e| format!("cannot list {}: {e}", directory.display());
    for entry in std::fs::read_dir(&directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_file() {
            files.push(path);
        } else if kind.is_dir() && !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
            walk(workspace, &path, files)?;
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Found {
    name: String,
    /// Whether something runs it.
    is_test: bool,
}

/// The functions of a Rust source.
fn rust(source: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let (mut marked, mut ignored) = (false, false);
    for line in source.lines() {
        let mut line = line.trim_start();
        if line.starts_with("//") {
            continue;
        }
        while let Some(rest) = line.strip_prefix("#[") {
            let (attribute, after) = rest.split_once(']').unwrap_or((rest, ""));
            let path = attribute.split(['(', '=']).next().unwrap_or_default().trim();
            marked |= path == "test" || path.ends_with("::test");
            ignored |= path == "ignore";
            line = after.trim_start();
        }
        if let Some(name) = function(line) {
            found.push(Found { name: name.into(), is_test: marked && !ignored });
            (marked, ignored) = (false, false);
        }
    }
    found
}

/// The name of the function that a line declares.
fn function(line: &str) -> Option<&str> {
    let (before, after) =
        if let Some(after) = line.strip_prefix("fn ") { ("", after) } else { line.split_once(" fn ")? };
    let qualifier =
        |word: &str| matches!(word, "pub" | "const" | "async" | "unsafe" | "extern") || word.starts_with("pub(");
    if !before.split_whitespace().all(qualifier) {
        return None;
    }
    after.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// The words of a JavaScript or Python source.
fn words(source: &str) -> Vec<Found> {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with(['#', '*']) && !line.trim_start().starts_with("//"));
    let words = code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter(|word| !word.is_empty()).map(|word| Found { name: word.into(), is_test: true }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(String, bool)> {
        rust(source).into_iter().map(|f| (f.name, f.is_test)).collect()
    }

    #[test]
    fn a_function_with_a_test_attribute_is_a_test() {
        assert_eq!(found("#[test]\nfn a() {}"), [("a".into(), true)]);
        assert_eq!(found("#[test] fn a() {}"), [("a".into(), true)]);
        assert_eq!(found("    #[tokio::test(flavor = \"current_thread\")]\n    async fn a() {}"), [("a".into(), true)]);
        assert_eq!(found("#[tokio::test(\n    start_paused = true,\n)]\nasync fn a() {}"), [("a".into(), true)]);
        assert_eq!(found("#[test]\n#[should_panic]\n// why\nfn a(x in 0..3) {"), [("a".into(), true)]);
    }

    #[test]
    fn a_function_that_nothing_runs_is_no_test() {
        assert_eq!(found("fn a() {}"), [("a".into(), false)]);
        assert_eq!(found("#[cfg(test)]\npub(crate) const fn a() {}"), [("a".into(), false)]);
        assert_eq!(found("#[test]\n#[ignore = \"slow\"]\nfn a() {}"), [("a".into(), false)]);
        assert_eq!(found("#[test]\nfn a() {}\nfn b() {}"), [("a".into(), true), ("b".into(), false)]);
    }

    #[test]
    fn comments_and_strings_declare_nothing() {
        assert_eq!(found("// fn a() {}\nlet s = \"call fn a()\";\n/// fn b()"), []);
    }

    #[test]
    fn words_of_scripts_are_names_outside_of_comments() {
        let source = "test('rfc6749_4_1_2_04 is single use', () => {})\n// rfc6749_4_1_2_05\n# rfc6749_4_1_2_06\n";
        let names: Vec<String> = words(source).into_iter().map(|f| f.name).collect();
        assert!(names.contains(&"rfc6749_4_1_2_04".to_owned()));
        assert_eq!(names.iter().filter(|n| n.starts_with("rfc")).count(), 1);
    }

    #[test]
    fn tests_are_filed_under_every_id_of_their_name() {
        let directory = std::env::temp_dir().join(format!("valetkey-catalogue-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("core/target")).unwrap();
        std::fs::write(directory.join("core/a.rs"), "#[test]\nfn rfc1_1_01_rfc1_2_01_x() {}\nfn rfc1_1_01() {}")
            .unwrap();
        std::fs::write(directory.join("core/b.rs"), "#[test]\nfn rfc1_1_02_typo() {}").unwrap();
        std::fs::write(directory.join("core/target/c.rs"), "#[test]\nfn rfc1_9_09_built() {}").unwrap();
        let mut problems = Vec::new();
        let found = tests(&directory, &Names::new(["RFC1-1-01", "RFC1-2-01"]), &mut problems);
        std::fs::remove_dir_all(&directory).unwrap();
        let test = vec![("core/a.rs".to_owned(), "rfc1_1_01_rfc1_2_01_x".to_owned())];
        assert_eq!(found.unwrap(), Tests::from([("RFC1-1-01", test.clone()), ("RFC1-2-01", test)]));
        assert_eq!(
            problems,
            [
                "core/a.rs: rfc1_1_01 bears an id but is no test, or an ignored one",
                "core/b.rs: rfc1_1_02_typo bears an id that the catalogue does not have",
            ]
        );
    }
}
