//! Runs the ten lines on QEMU's board `mps2-an386` (Cortex-M4) and prints what they took: instructions from the beginning
//! until the request is sent, and from when the answer is there until its outcome is; and the deepest stack.
//!
//! ```text
//! qemu-system-arm -M mps2-an386 -icount shift=6 -semihosting-config enable=on,target=native -display none -kernel ..
//! ```
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use cortex_m_semihosting::{debug, hprintln};
use valetkey::client::{Outcome, Post, Response};
use valetkey_size::{Settings, size_token};

mod board;

const SETTINGS: Settings = Settings {
    issuer: "https://as.example",
    token_endpoint: "https://as.example/token",
    client_id: "demo-device",
    client_secret: "device-secret",
    scope: "telemetry:write",
};

/// What comes of an answer.
#[derive(Clone, Copy, PartialEq)]
enum Came {
    Tokens,
    Denied,
    After,
    Fault,
}

/// What is answered, and what comes of it. Instructions are counted on the first, the deepest stack is that of all.
const ANSWERS: [(u16, &[u8], Came); 10] = [
    (200, include_bytes!("../../../../../bench/src/answer.json"), Came::Tokens),
    (
        200,
        br#"{"\u0061ccess_token":"2Y\/o","token_type":"\ud83d\ude00","x":[{"a":[1.5e3,true,null,{}]}]}"#,
        Came::Fault,
    ),
    (
        200,
        r#" { "access_token" : "2Y\/o" , "token_type" : "bearer" , "expires_in" : 600 , "\u00e9" : "é" } "#.as_bytes(),
        Came::Tokens,
    ),
    (200, br#"{"access_token":"2Yo","token_type":"Bearer","access\u005ftoken":"2Yo"}"#, Came::Fault),
    (200, br#"{"access_token":"2Yo","token_type":"Bearer","expires_in":99999999999999999999}"#, Came::Fault),
    (
        200,
        br#"{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":[[[[[[[[[[[[[[{"a":{}}]]]]]]]]]]]]]],"\u0061":9}"#,
        Came::Fault,
    ),
    (200, b"{\"access_token\":\"2Y\xe2\x82\"}", Came::Fault),
    (
        401,
        br#"{"error":"invalid_client","error_description":"no such client","error_uri":"https://as.example/e"}"#,
        Came::Denied,
    ),
    (503, b"<html>", Came::After),
    (302, b"", Came::Fault),
];

// Which answer is due, and the timer when the request was there, when it was answered, and when the outcome was there.
static DUE: AtomicUsize = AtomicUsize::new(0);
static SENT: AtomicU32 = AtomicU32::new(0);
static ANSWERED: AtomicU32 = AtomicU32::new(0);
static READ: AtomicU32 = AtomicU32::new(0);
static CAME: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "linked by name")]
// SAFETY: it has the type that the library declares.
#[unsafe(no_mangle)]
fn size_send(post: &Post<'_>) -> Response<'static> {
    SENT.store(board::instructions(), Relaxed);
    let (status, body, _) = &ANSWERS[DUE.load(Relaxed)];
    let right = (post.authorization, post.body)
        == (
            Some("Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA=="),
            "grant_type=client_credentials&scope=telemetry%3Awrite",
        );
    check(right, "the request");
    let response = Response {
        status: *status,
        content_type: Some("application/json"),
        retry_after: Some("120"),
        date: None,
        body,
    };
    ANSWERED.store(board::instructions(), Relaxed);
    response
}

#[expect(unsafe_code, reason = "linked by name")]
// SAFETY: it has the type that the library declares.
#[unsafe(no_mangle)]
fn size_keep(outcome: &Outcome<'_>) {
    READ.store(board::instructions(), Relaxed);
    let came = match outcome {
        Outcome::Tokens(_) => Came::Tokens,
        Outcome::Denied { .. } => Came::Denied,
        Outcome::After(_) => Came::After,
    };
    CAME.store(came as usize, Relaxed);
}

fn check(right: bool, what: &str) {
    if !right {
        hprintln!("FAILED: {}", what);
        debug::exit(debug::EXIT_FAILURE);
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let (mut request, mut answer, mut stack) = (0, 0, 0);
    for (i, (_, _, expected)) in ANSWERS.iter().enumerate() {
        DUE.store(i, Relaxed);
        CAME.store(Came::Fault as usize, Relaxed);
        let (result, deep) = board::deepest_stack(|| size_token(&SETTINGS).is_ok());
        check(CAME.load(Relaxed) == *expected as usize, "the outcome");
        check(result == (*expected != Came::Fault), "the result");
        if i == 0 {
            request = SENT.load(Relaxed);
            answer = READ.load(Relaxed) - ANSWERED.load(Relaxed);
        }
        stack = stack.max(deep);
    }
    hprintln!("stack {}", stack);
    hprintln!("request {}", request);
    hprintln!("answer {}", answer);
    loop {
        debug::exit(debug::EXIT_SUCCESS);
    }
}
