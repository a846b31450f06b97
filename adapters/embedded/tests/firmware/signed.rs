//! Client credentials by a key of the device's own, and how it learns what time it is. Between device and program stands one
//! who listens, and changes what the answers say of the time.

use crate::boards::{CORTEX_M4, boot};
use crate::program::{Server, directory, valetkey};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Long ago, and a bit less long.
const PAST: &str = "Wed, 01 Jan 2025 00:00:07 GMT";
const LESS: &str = "Sun, 01 Jun 2025 00:00:07 GMT";
/// No firmware is that old.
const UNSET: &str = "Thu, 01 Jan 1970 00:00:07 GMT";

/// A message of HTTP with a length; none if the peer has closed.
pub(crate) fn message(from: &mut TcpStream) -> Option<String> {
    let (mut text, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        let came = str::from_utf8(&text).unwrap();
        if let Some((head, body)) = came.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if length == Some(body.len()) {
                return Some(came.to_owned());
            }
        }
        match from.read(&mut buf).unwrap() {
            0 => return None,
            count => text.extend(&buf[..count]),
        }
    }
}

/// An answer that bears another date.
fn dated(answer: &str, date: &str) -> String {
    let lines = answer.split("\r\n").map(|line| match line.to_ascii_lowercase().starts_with("date: ") {
        true => format!("Date: {date}"),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\r\n")
}

/// Boots the firmware before the program, whose first answers bear these dates. Answers exit status and log, and of each
/// request whether it was signed.
fn before(port: u16, dates: &[&str]) -> ((i32, String), Vec<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = listener.local_addr().unwrap().port();
    thread::scope(|scope| {
        let listening = scope.spawn(move || {
            let (mut device, _) = listener.accept().unwrap();
            let mut server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let (mut signed, mut dates) = (Vec::new(), dates.iter());
            while let Some(request) = message(&mut device) {
                signed.push(request.contains("&client_assertion="));
                server.write_all(request.as_bytes()).unwrap();
                let answer = message(&mut server).unwrap();
                let answer = dates.next().map_or(answer.clone(), |date| dated(&answer, date));
                device.write_all(answer.as_bytes()).unwrap();
            }
            signed
        });
        let came = boot(&CORTEX_M4, "signed", here);
        // Should it never have come.
        drop(TcpStream::connect(("127.0.0.1", here)));
        (came, listening.join().unwrap())
    })
}

#[test]
fn it_signs_once_the_time_is_plausible_and_again_once_it_is_right() {
    let directory = directory("signed");
    let db = directory.join("valetkey.db");
    let db = db.to_str().unwrap();
    let public = concat!(env!("CARGO_MANIFEST_DIR"), "/firmware/signed/public.json");
    let add = ["--db", db, "client", "add", "signing-device", "--auth", "private_key_jwt", "--jwks", public];
    assert!(valetkey(&add).status().unwrap().success());
    let (_server, port) = Server::with(&["--db", db, "--issuer", "http://127.0.0.1"]);

    let token = (0, "a token, good for seconds: 600\n".to_owned());
    assert_eq!(before(port, &[]), (token, vec![false, true]));

    let corrected = (0, "the clock was wrong, again\na token, good for seconds: 600\n".to_owned());
    assert_eq!(before(port, &[PAST]), (corrected, vec![false, true, true]));

    let refused = "refused: invalid_client\nno token: refused\n";
    assert_eq!(before(port, &[PAST, PAST]), ((1, refused.to_owned()), vec![false, true]));

    let twice = (1, format!("the clock was wrong, again\n{refused}"));
    assert_eq!(before(port, &[PAST, LESS]), (twice, vec![false, true, true]));

    let unset = (1, "no token: the time is not known, and nothing was signed\n".to_owned());
    assert_eq!(before(port, &[UNSET]), (unset, vec![false]));
}
