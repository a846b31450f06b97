//! The verdicts of project Wycheproof on JSON Web Signatures and keys, each of them.
//!
//! The files are not ours and not copied: `VALETKEY_WYCHEPROOF` names the directory in which `wycheproof_jws.json` and
//! `wycheproof_jwk.json` lie. Without it this fails, so that nobody takes for granted what did not run. So it has no part in
//! `cargo test` unless it is named:
//!
//! ```sh
//! VALETKEY_WYCHEPROOF=DIRECTORY cargo test -p valetkey --all-features --test wycheproof
//! ```
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

use serde_json::Value;
use std::process::ExitCode;
use valetkey::jose::parts::{MacKey, PublicKey};
use valetkey::jose::{Algorithm, Algorithms, Jwk, JwkError, JwsError, Key, Limits, Unverified, Verify, each_key, find};

/// How many vectors had their verdict, were skipped on the file's own advice, or had another verdict.
struct Counts {
    valid: usize,
    invalid: usize,
    skipped: usize,
    wrong: usize,
}

fn main() -> ExitCode {
    let Some(directory) = std::env::var_os("VALETKEY_WYCHEPROOF") else {
        println!(
            "wycheproof: VALETKEY_WYCHEPROOF must name the directory of wycheproof_jws.json and wycheproof_jwk.json"
        );
        return ExitCode::FAILURE;
    };
    let mut wrong = 0;
    for (file, least) in [("wycheproof_jws.json", 401), ("wycheproof_jwk.json", 26)] {
        let path = std::path::Path::new(&directory).join(file);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) => {
                println!("wycheproof: cannot read {}: {e}", path.display());
                return ExitCode::FAILURE;
            }
        };
        let counts = judge(&serde_json::from_str(&text).expect("the file is JSON"));
        let Counts { valid, invalid, skipped, .. } = counts;
        println!("wycheproof: {file}: {valid} accepted, {invalid} refused, {skipped} skipped, {} wrong", counts.wrong);
        assert!(valid + invalid + skipped + counts.wrong >= least, "there are {least} vectors");
        wrong += counts.wrong;
    }
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Tries each vector by its public key; by the private one, which is then a shared one, where it has no other.
fn judge(file: &Value) -> Counts {
    let skip: Vec<&Value> =
        file["recommended_skip"].as_array().into_iter().flatten().map(|vector| &vector["tcId"]).collect();
    let mut counts = Counts { valid: 0, invalid: 0, skipped: 0, wrong: 0 };
    for group in file["testGroups"].as_array().expect("groups") {
        for vector in group["tests"].as_array().expect("tests") {
            if skip.contains(&&vector["tcId"]) {
                counts.skipped += 1;
                continue;
            }
            let expected = match vector["result"].as_str() {
                Some("valid") => true,
                Some("invalid") => false,
                other => panic!("what is {other:?}?"),
            };
            let keys = group.get("public").or(group.get("private")).expect("a key");
            let verdict = verdict(keys, vector["jws"].as_str().expect("a token"));
            match expected {
                _ if verdict.is_ok() != expected => {
                    println!("wycheproof: {} {}: {verdict:?}, expected {expected}", vector["tcId"], vector["comment"]);
                    counts.wrong += 1;
                }
                true => counts.valid += 1,
                false => counts.invalid += 1,
            }
        }
    }
    counts
}

#[derive(Debug)]
#[expect(dead_code, reason = "shown when a verdict is wrong")]
enum Refused {
    Set(JwkError),
    Token(JwsError),
    /// Which keys were of no use, if any.
    NoKey(Vec<JwkError>),
}

/// Verifies by a key or a set of keys, as a resource server does: the header names one of those that could be used.
fn verdict(keys: &Value, token: &str) -> Result<(), Refused> {
    let set = if keys.get("keys").is_some() { keys.to_string() } else { format!(r#"{{"keys":[{keys}]}}"#) };
    let (mut parsed, mut useless) = (Vec::<(String, Box<dyn Verify + Sync>)>::new(), Vec::new());
    each_key(set.as_bytes(), &mut vec![0; set.len() * 3], |key| match key {
        Ok(Jwk::Public(key)) => match PublicKey::new(&key, key.algorithm.unwrap_or(Algorithm::Rs256)) {
            Ok(part) => parsed.push((key.kid.to_owned(), Box::new(part))),
            Err(_) => useless.push(JwkError::Weak),
        },
        Ok(Jwk::Symmetric(key)) => match MacKey::new(&key) {
            Some(part) => parsed.push((key.kid.to_owned(), Box::new(part))),
            None => useless.push(JwkError::Weak),
        },
        Err(why) => useless.push(why),
    })
    .map_err(Refused::Set)?;
    let mut scratch = vec![0; token.len() * 2];
    let unverified = Unverified::read(token, Limits::DEFAULT, &mut scratch).map_err(Refused::Token)?;
    let keys = parsed.iter().map(|(kid, part)| Key::new(kid, &**part));
    let key = find(keys, unverified.header().algorithm, unverified.header().kid).ok_or(Refused::NoKey(useless))?;
    unverified.verify(&key, Algorithms::of(&Algorithm::ALL)).map(|_| ()).map_err(Refused::Token)
}
