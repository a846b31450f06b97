//! Runs the ten lines that sign on QEMU's board `mps2-an386` (Cortex-M4) and prints what they took: instructions from the
//! beginning until the signed request is there, and the deepest stack. See the program beside this, of which this is a twin.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use cortex_m_semihosting::{debug, hprintln};
use valetkey::client::{Outcome, Post, Response};
use valetkey::time::UnixTime;
use valetkey_size_signed::{Settings, size_token};

#[path = "../../src/board.rs"]
mod board;

const SETTINGS: Settings = Settings {
    issuer: "https://as.example",
    token_endpoint: "https://as.example/token",
    client_id: "demo-device",
    scope: "telemetry:write",
    kid: "2026-11",
    key: [
        0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50,
        0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21,
    ],
};

/// To the letter, as a signature after RFC 6979 is always the same.
const REQUEST: &str = "grant_type=client_credentials&client_id=demo-device&scope=telemetry%3Awrite\
    &client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer\
    &client_assertion=eyJraWQiOiIyMDI2LTExIiwiYWxnIjoiRVMyNTYiLCJ0eXAiOiJjbGllbnQtYXV0aGVudGljYXRpb24rand0In0\
    .eyJpc3MiOiJkZW1vLWRldmljZSIsInN1YiI6ImRlbW8tZGV2aWNlIiwiYXVkIjoiaHR0cHM6Ly9hcy5leGFtcGxlIiwiaWF0IjoxODAwMDAwMDAwLCJl\
    eHAiOjE4MDAwMDAwNjAsImp0aSI6IjAwODQyMTUwNDUwMDg0MjE1MDQ1MDA4NDIxNTA0NSJ9\
    .qy6pM1xmNTNatBDOTU9NrOiAJaOQ4ObBNSAXRueRmpdInI1WkVIuE60nxzPtz5YnqnzwU4SEoUBJNLkayeG7kQ";

// The timer when the request was signed, whether it was the right one, and whether tokens came of it.
static SIGNED: AtomicU32 = AtomicU32::new(0);
static RIGHT: AtomicBool = AtomicBool::new(false);
static TOKENS: AtomicBool = AtomicBool::new(false);

#[expect(unsafe_code, reason = "linked by name")]
// SAFETY: it has the type that the library declares.
#[unsafe(no_mangle)]
#[inline(never)]
fn size_now() -> UnixTime {
    UnixTime(1_800_000_000)
}

#[expect(unsafe_code, reason = "linked by name")]
// SAFETY: it has the type that the library declares.
#[unsafe(no_mangle)]
#[inline(never)]
fn size_draw() -> [u8; 12] {
    [5; 12]
}

#[expect(unsafe_code, reason = "linked by name")]
// SAFETY: it has the type that the library declares.
#[unsafe(no_mangle)]
#[inline(never)]
fn size_send(post: &Post<'_>) -> Response<'static> {
    SIGNED.store(board::instructions(), Relaxed);
    RIGHT.store(post.body == REQUEST, Relaxed);
    Response {
        status: 200,
        content_type: Some("application/json"),
        retry_after: None,
        date: None,
        body: include_bytes!("../../../../../../bench/src/answer.json"),
    }
}

#[expect(unsafe_code, reason = "linked by name")]
// SAFETY: it has the type that the library declares.
#[unsafe(no_mangle)]
#[inline(never)]
fn size_keep(outcome: &Outcome<'_>) {
    TOKENS.store(matches!(outcome, Outcome::Tokens(_)), Relaxed);
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let (result, stack) = board::deepest_stack(|| size_token(&SETTINGS));
    hprintln!("stack {}", stack);
    hprintln!("request {}", SIGNED.load(Relaxed));
    let right = result.is_ok() && RIGHT.load(Relaxed) && TOKENS.load(Relaxed);
    loop {
        debug::exit(if right { debug::EXIT_SUCCESS } else { debug::EXIT_FAILURE });
    }
}
