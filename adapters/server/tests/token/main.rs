//! `valetkey token`: what it tells of tokens, and what it says to them.

#[path = "../common/lines.rs"]
mod lines;

mod inspect;
mod json_lines;
mod vectors;
mod verify;

use std::io::Write;

/// The first of `conformance/vectors/jwt_access_token_cases.json`, which all rules are met by at [`NOW`].
pub(crate) const TOKEN: &str = "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2FzLmV4YW1wbGUiLCJzdWIiOiJ1c2VyLTEiLCJhdWQiOiJodHRwczovL3JzLmV4YW1wbGUvYXBpIiwiY2xpZW50X2lkIjoiY2xpZW50LTEiLCJleHAiOjE3MDAwMDAzMDAsImlhdCI6MTY5OTk5OTk5MCwianRpIjoianRpLTEiLCJzY29wZSI6InJlYWQifQ.GQMwF0RqgQXH6halIUv4X1QiGTBIhxze754kP4WPjGVJTbwVGdRjhS58HS-6S6eYxU5wBztTq8O00zW1gI_uuw";
pub(crate) const NOW: &str = "1700000000";
pub(crate) const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"ec","alg":"ES256","use":"sig"}]}"#;

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs to its end, with this on standard input.
pub(crate) fn run(args: &[&str], input: &str) -> Ran {
    let mut child = lines::valetkey(&[&["token"], args].concat()).spawn().unwrap();
    // A command that asks for nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: ended.status.code(), out: text(ended.stdout), err: text(ended.stderr) }
}

/// Text as base64url.
pub(crate) fn base64url(text: &str) -> String {
    let mut out = vec![0; valetkey::text::base64::encoded_len(text.len())];
    valetkey::text::base64::encode(text.as_bytes(), &mut out).unwrap().to_owned()
}
