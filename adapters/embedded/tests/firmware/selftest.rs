//! The self-test on each board, and in node; and that it tells when something is wrong.

use crate::boards::{BOARDS, Line, elf, end, machine, target};
use crate::program::directory;
use std::fs;
use std::path::Path;
use std::process::Command;

const GROUPS: [&str; 9] = [
    "base64url",
    "SHA-256",
    "PKCE",
    "JSON",
    "forms",
    "client, client credentials",
    "client, authorization code",
    "server, code and refresh",
    "server and resource server",
];

/// What the self-test says if so much is wrong.
fn log(wrong: &[(&str, &str)]) -> String {
    let verdict = |group| wrong.iter().find(|(name, _)| *name == group).map_or("ok", |(_, verdict)| verdict);
    GROUPS.iter().map(|group| format!("{group}: {}\n", verdict(*group))).collect()
}

/// Runs the self-test everywhere, as it is after `change`, which is told where it runs.
fn everywhere(name: &str, change: fn(&mut Vec<u8>, &str)) -> Vec<(String, (i32, String))> {
    let directory = directory(name);
    let changed = |built: &Path, to: &str| {
        let mut bytes = fs::read(built).unwrap();
        change(&mut bytes, to);
        let path = directory.join(to);
        fs::write(&path, bytes).unwrap();
        path
    };
    let mut came = Vec::new();
    for board in &BOARDS {
        let path = changed(&elf(board, "selftest"), board.target);
        came.push((board.target.to_owned(), end(machine(board, &path, Line::Nowhere).spawn().unwrap(), board.target)));
    }
    let path = changed(&target().join("wasm32-unknown-unknown/release/selftest.wasm"), "wasm32");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("firmware/selftest/run.mjs");
    let output = Command::new("node").arg(script).arg(path).output().unwrap();
    let log = String::from_utf8(output.stdout).unwrap() + str::from_utf8(&output.stderr).unwrap();
    came.push(("node".to_owned(), (output.status.code().unwrap(), log)));
    came
}

/// Makes another text of a test vector, in what was built.
fn spoil(bytes: &mut [u8], vector: &str, place: &str) {
    let at: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(vector.as_bytes())).collect();
    assert!(!at.is_empty(), "{vector} is not in the self-test for {place}");
    for at in at {
        bytes[at] ^= 1;
    }
}

#[test]
fn it_passes_on_every_board_and_in_node() {
    for (place, came) in everywhere("right", |_, _| {}) {
        assert_eq!(came, (0, log(&[])), "{place}");
    }
}

#[test]
fn it_tells_a_wrong_result() {
    let spoiled = everywhere("spoiled", |bytes, place| {
        spoil(bytes, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", place); // RFC 7636 appendix B
        spoil(bytes, "761fed9dbb22427bedbc73c3f0ab93fff41104aa77eb145025d0113be8c035a3", place); // a client's secret
    });
    for (place, came) in spoiled {
        let wrong = [
            ("PKCE", "the challenge"),
            ("server, code and refresh", "no tokens for a code"),
            ("server and resource server", "no tokens for a code"),
        ];
        assert_eq!(came, (1, log(&wrong)), "{place}");
    }
}
