//! Many questions, an answer each.

use crate::lines::{accepts, answers, valetkey};
use crate::{KEYS, NOW, TOKEN};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};

const OPTIONS: [&str; 6] = ["--issuer", "https://as.example", "--audience", "https://rs.example/api", "--now", NOW];

fn keys() -> Value {
    serde_json::from_str(KEYS).unwrap()
}

#[test]
fn a_line_overrides_what_was_typed() {
    let lines = [
        json!({"name": "good", "token": TOKEN, "jwks": keys()}),
        json!({"name": "one key", "token": TOKEN, "jwks": keys()["keys"][0]}),
        json!({"name": 3, "token": TOKEN, "jwks": keys(), "alg": "ES384, ES256"}),
        json!({"name": "algs", "token": TOKEN, "jwks": keys(), "alg": ["ES256"]}),
        json!({"name": "late", "token": TOKEN, "jwks": keys(), "now": 1_700_000_300}),
        json!({"name": "leeway", "token": TOKEN, "jwks": keys(), "now": "1700000300", "leeway": 1}),
        json!({"name": "iso", "token": TOKEN, "jwks": keys(), "now": "2023-11-14T22:18:20Z"}),
        json!({"name": "issuer", "token": TOKEN, "jwks": keys(), "issuer": "https://other.example"}),
        json!({"name": "audience", "token": TOKEN, "jwks": keys(), "audience": "https://other.example"}),
        json!({"name": "typ", "token": TOKEN, "jwks": keys(), "typ": "jwt"}),
        json!({"name": "signature", "token": TOKEN, "jwks": keys(), "signature_only": true, "issuer": "x", "typ": "y"}),
        json!({"name": "remarks", "token": TOKEN, "jwks": keys(), "why": "all rules met", "expect": "accept"}),
        json!({"token": TOKEN}),
    ];
    let answers = answers(&OPTIONS, &lines.each_ref().map(Value::to_string));
    let names: Vec<_> = answers.iter().map(|answer| answer["name"].clone()).collect();
    let asked: Vec<_> = lines.iter().map(|line| line["name"].clone()).collect();
    assert_eq!(names, asked);
    let accepted: Vec<_> =
        answers.iter().filter(|answer| accepts(answer)).map(|answer| answer["name"].clone()).collect();
    assert_eq!(
        accepted,
        [
            json!("good"),
            json!("one key"),
            json!(3),
            json!("algs"),
            json!("leeway"),
            json!("signature"),
            json!("remarks")
        ]
    );
    assert_eq!(answers[4]["reason"], "the token is expired");
}

#[test]
fn a_line_may_name_a_file_and_nothing_that_never_ends() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, KEYS).unwrap();
    let places = [file.as_path(), folder.path(), "/dev/zero".as_ref(), "/dev/stdin".as_ref()];
    let lines = places.map(|place| json!({"token": TOKEN, "jwks": place}).to_string());
    let answers = answers(&OPTIONS, &lines);
    assert!(accepts(&answers[0]), "{}", answers[0]);
    for answer in &answers[1..] {
        assert!(!accepts(answer) && answer["reason"].as_str().unwrap().ends_with(": no file"), "{answer}");
    }
}

/// Else who writes a line says by whose keys, and by which rules, their own token is good.
#[test]
fn lines_from_elsewhere_bring_tokens_and_nothing_else_where_that_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.json");
    std::fs::write(&file, KEYS).unwrap();
    let options = [&OPTIONS[..], &["--tokens-only", "--jwks", file.to_str().unwrap()]].concat();
    let mine = [
        ("jwks", keys()),
        ("jwks", json!(file)),
        ("issuer", json!("https://as.example")),
        ("audience", json!("https://rs.example/api")),
        ("alg", json!("ES256")),
        ("typ", json!("at+jwt")),
        ("leeway", json!(0)),
        ("now", json!(1_700_000_000)),
        ("signature_only", json!(true)),
    ];
    let mut lines = vec![json!({"name": "good", "token": TOKEN, "why": "a remark"}).to_string()];
    lines.extend(mine.iter().map(|(name, value)| json!({"name": name, "token": TOKEN, *name: value}).to_string()));
    let answers = answers(&options, &lines);
    assert!(accepts(&answers[0]), "{}", answers[0]);
    for (answer, (name, _)) in answers[1..].iter().zip(&mine) {
        let says_so =
            answer["reason"].as_str().is_some_and(|reason| reason.starts_with(&format!("the line has {name}")));
        assert!(!accepts(answer) && says_so, "{answer}");
    }
}

#[test]
fn what_a_line_says_steers_no_terminal() {
    let lines =
        ["\u{9b}2J", "\u{85}", "\u{202e}"].map(|name| json!({"name": name, "token": TOKEN, "jwks": name}).to_string());
    let mut child = valetkey(&[&["token", "verify", "--json-lines", "-"], &OPTIONS[..]].concat()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", lines.join("\n")).unwrap();
    let out = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    assert!(out.lines().count() == 3 && out.contains("\\u009b2J"), "{out:?}");
    assert!(out.chars().all(|c| c == '\n' || !(c.is_control() || c == '\u{202e}')), "{out:?}");
}

#[test]
fn a_line_that_cannot_be_meant_is_rejected_and_the_next_is_answered() {
    let good = json!({"name": "good", "token": TOKEN, "jwks": keys()}).to_string();
    let bad = [
        "{".to_owned(),
        "[]".to_owned(),
        "token".to_owned(),
        r#"{"name":"x"}"#.to_owned(),
        r#"{"name":"x","token":1}"#.to_owned(),
        r#"{"name":"x","token":"a","token":"b"}"#.to_owned(),
        format!(r#"{{"name":"x","token":"{TOKEN}","jwks":7}}"#),
        format!(r#"{{"name":"x","token":"{TOKEN}","alg":"none"}}"#),
        format!(r#"{{"name":"x","token":"{TOKEN}","alg":[1]}}"#),
        format!(r#"{{"name":"x","token":"{TOKEN}","leeway":301}}"#),
        format!(r#"{{"name":"x","token":"{TOKEN}","now":-1}}"#),
        format!(r#"{{"name":"x","token":"{TOKEN}","signature_only":"yes"}}"#),
        format!(r#"{{"name":"x","token":"{TOKEN}","jwks":{{"keys":[],"keys":[]}}}}"#),
        format!(r#"{{"name":"x","token":"{}"}}"#, "x".repeat(2 * 1024 * 1024)),
        "\u{0}\u{1b}[2J".to_owned(),
        good.replace(".eyJ", ".\\ud800"),
    ];
    let lines: Vec<_> = bad.iter().flat_map(|bad| [bad.clone(), good.clone()]).collect();
    for (at, answer) in answers(&OPTIONS, &lines).iter().enumerate() {
        assert_eq!(accepts(answer), at % 2 == 1, "{}: {answer}", &lines[at][..lines[at].len().min(80)]);
    }
}

#[test]
fn each_answer_comes_before_the_next_question_is_asked() {
    let mut child = valetkey(&[&["token", "verify", "--json-lines", "-"], &OPTIONS[..]].concat()).spawn().unwrap();
    let (mut asked, answered) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut answers = BufReader::new(answered).lines();
    for name in ["one", "two"] {
        writeln!(asked, "{}", json!({"name": name, "token": TOKEN, "jwks": keys()})).unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!(answer, json!({"name": name, "result": "accept"}));
    }
    drop(asked);
    assert!(child.wait().unwrap().success());
}
