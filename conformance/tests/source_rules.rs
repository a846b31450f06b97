//! What holds for every source of the workspace: which part of the core and which adapter may use which, how long a file
//! may be, and what no source may contain.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The parts of the core from the lowest layer up. A part may use itself and the parts of lower layers; parts of one
/// layer do not know each other, the first layer aside.
const LAYERS: [&[&str]; 5] =
    [&["error", "secret", "time"], &["text"], &["wire"], &["jose"], &["client", "server", "resource"]];

/// The adapters likewise: one may depend on those of lower layers alone, its tests and examples aside.
const ADAPTERS: [&[&str]; 3] =
    [&["aws-lc", "embedded", "std"], &["blocking", "memory", "sqlite", "tokio"], &["server"]];

/// Lines that a source may have, tests included.
const LONGEST_FILE: usize = 600;

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All Rust sources below a directory of the workspace, as path and text.
fn sources(below: &str) -> Vec<(String, String)> {
    fn walk(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules"].contains(&name) {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&workspace().join(below), &mut found);
    let named = |path: &PathBuf| path.strip_prefix(workspace()).unwrap().to_str().unwrap().to_owned();
    found.iter().map(|path| (named(path), fs::read_to_string(path).unwrap())).collect()
}

/// The part of the core to which a file belongs: `text` of `core/src/text/json.rs`, none for `lib.rs`.
fn part(file: &str) -> Option<&str> {
    let first = file.strip_prefix("core/src/")?.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|part| *part != "lib")
}

fn layer(part: &str) -> Option<usize> {
    LAYERS.iter().position(|parts| parts.contains(&part))
}

/// The parts of the core that a source names by `crate::`, comments and tests aside.
fn used_parts(source: &str) -> Vec<String> {
    let before_tests = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let code: Vec<&str> = before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = code.join("\n");
    let mut parts = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let after = &code[at + "crate::".len()..];
        match after.strip_prefix('{') {
            Some(group) => parts.extend(group_heads(group)),
            None => parts.push(identifier(after).to_owned()),
        }
    }
    parts
}

/// The first names in a group: `a` and `b` of `a::{c, d}, b}`.
fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut heads, mut expect) = (1_usize, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expect = true,
            c if expect && depth == 1 && (c.is_ascii_alphabetic() || c == '_') => {
                heads.push(identifier(&group[at..]).to_owned());
                expect = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    heads
}

fn identifier(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[test]
fn parts_of_the_core_use_only_lower_layers() {
    let mut wrong = Vec::new();
    for (file, source) in sources("core/src") {
        let Some(user) = part(&file) else { continue };
        if file.ends_with("/tests.rs") || file.contains("/tests/") {
            continue;
        }
        let own = layer(user).unwrap_or_else(|| panic!("{file} belongs to no layer; give {user} one in LAYERS"));
        for used in used_parts(&source) {
            // What is no module is a macro or an item of the crate's root.
            let Some(other) = layer(&used) else { continue };
            if used != user && (other > own || other == own && own > 0) {
                wrong.push(format!("{file}: `{user}` must not use `{used}`"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_layers_are_those_of_the_core() {
    let missing: Vec<String> = fs::read_to_string(workspace().join("core/src/lib.rs"))
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ").or_else(|| line.strip_prefix("mod ")))
        .map(|name| name.trim_end_matches(';').to_owned())
        .filter(|name| layer(name).is_none())
        .collect();
    assert!(missing.is_empty(), "give a layer to {missing:?}");
}

fn adapter_layer(adapter: &str) -> Option<usize> {
    ADAPTERS.iter().position(|adapters| adapters.contains(&adapter))
}

/// The crates of ours that a manifest's `[dependencies]` name, without `valetkey-`.
fn depended_on(manifest: &str) -> impl Iterator<Item = &str> {
    let lines = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let names = lines.take_while(|line| !line.starts_with('[')).filter_map(|line| line.strip_prefix("valetkey-"));
    names.filter_map(|name| name.split(['.', ' ']).next())
}

#[test]
fn adapters_depend_only_on_lower_ones() {
    let mut wrong = Vec::new();
    for entry in fs::read_dir(workspace().join("adapters")).unwrap() {
        let directory = entry.unwrap().path();
        let user = directory.file_name().unwrap().to_str().unwrap();
        let own = adapter_layer(user).unwrap_or_else(|| panic!("give {user} a layer in ADAPTERS"));
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap();
        let others = depended_on(&manifest).filter(|other| adapter_layer(other).is_none_or(|layer| layer >= own));
        wrong.extend(others.map(|other| format!("`{user}` must not depend on `{other}`")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cargo builds them into one folder, where one would take the place of the other.
#[test]
fn no_two_examples_bear_one_name() {
    let mut owners = BTreeMap::new();
    for (file, _) in sources("adapters") {
        let Some((owner, example)) = file.split_once("/examples/") else { continue };
        let name = identifier(example).to_owned();
        let first = owners.entry(name.clone()).or_insert_with(|| owner.to_owned());
        assert_eq!(first, owner, "both have an example `{name}`");
    }
    assert!(owners.contains_key("custom_server"), "{owners:?}");
}

#[test]
fn no_source_is_longer_than_the_cap() {
    let mut long = Vec::new();
    for (file, source) in sources("") {
        let lines = source.lines().count();
        if lines > LONGEST_FILE {
            long.push(format!("{file} has {lines} lines, more than {LONGEST_FILE}"));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_source_says_first_what_is_in_it() {
    let mut silent = Vec::new();
    for (file, source) in sources("") {
        if !source.starts_with("//! ") {
            silent.push(format!("{file} does not begin with `//!` and what is in it"));
        }
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn no_source_puts_off_work_or_ignores_a_test() {
    // Written in halves, as this file is a source too.
    let banned = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut found = Vec::new();
    for (file, source) in sources("") {
        for (number, line) in source.lines().enumerate() {
            let mut words = line.split(|c: char| !c.is_ascii_alphanumeric());
            if words.any(|word| banned.contains(&word)) || line.trim_start().starts_with("#[ignore") {
                found.push(format!("{file}:{}: {}", number + 1, line.trim()));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn dependencies_are_found_and_those_of_tests_are_not() {
    let manifest = "[features]\nvaletkey-a = []\n[dependencies]\nvaletkey.workspace = true\nvaletkey-aws-lc = { optional = true }\n\
                    serde = \"1\"\nvaletkey-std.workspace = true\n[dev-dependencies]\nvaletkey-memory.workspace = true\n";
    assert_eq!(depended_on(manifest).collect::<Vec<_>>(), ["aws-lc", "std"]);
}

#[test]
fn uses_are_found_in_paths_and_groups_and_not_in_comments_or_tests() {
    let source = "use crate::text::json;\n// crate::server\nuse crate::{error::{A, B}, wire::bearer, time};\n\
                  fn f() { crate::secret::g() }\n#[cfg(test)]\nmod tests {\n    use crate::client::X;\n}\n";
    assert_eq!(used_parts(source), ["text", "error", "wire", "time", "secret"]);
}
