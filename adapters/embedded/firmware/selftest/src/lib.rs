//! What a port has to pass: test vectors and whole flows of the core, run on the target itself. The same library runs on
//! microcontrollers (`main.rs`) and in WebAssembly (`wasm.rs`).
#![no_std]

mod client;
mod server;
mod store;
mod vectors;
#[cfg(target_arch = "wasm32")]
mod wasm;

/// What is wrong, if something is.
type Verdict = Result<(), &'static str>;
type Group = (&'static str, fn() -> Verdict);

const GROUPS: [Group; 9] = [
    ("base64url: ", vectors::base64url),
    ("SHA-256: ", vectors::sha256),
    ("PKCE: ", vectors::pkce),
    ("JSON: ", vectors::json),
    ("forms: ", vectors::forms),
    ("client, client credentials: ", client::client_credentials),
    ("client, authorization code: ", client::authorization_code),
    ("server, code and refresh: ", server::code_and_refresh),
    ("server and resource server: ", server::introspection),
];

/// Runs every group, and says of each what came of it. Returns whether all are right.
pub fn run(say: fn(group: &str, verdict: &str)) -> bool {
    let mut right = true;
    for (name, group) in GROUPS {
        let verdict = group();
        say(name, verdict.err().unwrap_or("ok"));
        right &= verdict.is_ok();
    }
    right
}

/// For `?`: nothing here may panic.
fn check(right: bool, otherwise: &'static str) -> Verdict {
    if right { Ok(()) } else { Err(otherwise) }
}
