//! The vectors of the Wycheproof project on JSON Web Signatures and key sets, through `valetkey token verify`, less those
//! that their copy names to be skipped. They belong to others and are read where they lie: `.ci/run wycheproof`.

#[path = "common/lines.rs"]
mod lines;

use lines::{accepts, answers};
use serde_json::{Value, json};
use std::path::PathBuf;

fn file(name: &str) -> Value {
    let directory = std::env::var_os("VALETKEY_WYCHEPROOF")
        .map(PathBuf::from)
        .expect("VALETKEY_WYCHEPROOF must name the directory of wycheproof_jws.json and wycheproof_jwk.json");
    let path = directory.join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// Every algorithm that a key of the group says it is for; shared ones must be named.
fn algorithms(keys: &Value) -> Vec<&str> {
    let keys = keys["keys"].as_array().map_or(std::slice::from_ref(keys), Vec::as_slice);
    let known = |alg: &&str| valetkey::jose::Algorithm::from_name(alg).is_some();
    let mut named: Vec<_> = keys.iter().filter_map(|key| key["alg"].as_str()).filter(known).collect();
    named.dedup();
    named
}

/// Asks each test of a file; how many were good, and how many were not.
fn judge(file: &Value) -> (usize, usize) {
    let skipped: Vec<_> = file["recommended_skip"].as_array().unwrap().iter().map(|skip| &skip["tcId"]).collect();
    let (mut lines, mut expected) = (Vec::new(), Vec::new());
    for group in file["testGroups"].as_array().unwrap() {
        let keys = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            if skipped.contains(&&test["tcId"]) {
                continue;
            }
            let mut line = json!({"name": test["tcId"], "token": test["jws"], "jwks": keys});
            if !algorithms(keys).is_empty() {
                line["alg"] = json!(algorithms(keys));
            }
            lines.push(line.to_string());
            expected.push((group, test));
        }
    }
    let (mut good, mut bad, mut wrong) = (0, 0, Vec::new());
    for ((group, test), answer) in expected.into_iter().zip(answers(&["--signature-only"], &lines)) {
        assert_eq!(answer["name"], test["tcId"]);
        match (test["result"].as_str().unwrap(), accepts(&answer)) {
            ("valid", true) => good += 1,
            ("invalid", false) => bad += 1,
            (expected, _) => wrong.push(format!("{expected}, {}, {}: {answer}", group["comment"], test["comment"])),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    (good, bad)
}

#[test]
fn signatures_have_their_verdicts() {
    let file = file("wycheproof_jws.json");
    let (good, bad) = judge(&file);
    let skipped = file["recommended_skip"].as_array().unwrap().len();
    assert_eq!(file["numberOfTests"], good + bad + skipped);
    assert!(good > 30 && bad > 300, "{good} good, {bad} bad");
}

#[test]
fn key_sets_have_their_verdicts() {
    let file = file("wycheproof_jwk.json");
    let (good, bad) = judge(&file);
    assert_eq!(file["numberOfTests"], good + bad);
}
