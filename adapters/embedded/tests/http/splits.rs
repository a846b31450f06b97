//! However an answer is split, and whichever driver reads it, the same comes of it.

use crate::script::{Script, asynchronous, blocking};
use proptest::prelude::*;
use valetkey_embedded::Error;

/// Answers that are right, each with a body, some with frames around it.
fn answer() -> impl Strategy<Value = Vec<u8>> {
    let body = prop::collection::vec(any::<u8>(), 0..200);
    let fields = prop::collection::vec("[A-Za-z-]{1,12}: [ -~]{0,20}\r\n", 0..6);
    (body, fields, 200..600_u16, any::<bool>(), 1..40_usize, any::<bool>()).prop_map(
        |(body, fields, status, chunked, size, interim)| {
            let mut text = if interim { b"HTTP/1.1 100 Continue\r\n\r\n".to_vec() } else { Vec::new() };
            text.extend(format!("HTTP/1.1 {status} \r\n{}", fields.concat()).bytes());
            if chunked {
                text.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in body.chunks(size) {
                    text.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    text.extend(chunk);
                    text.extend(b"\r\n");
                }
                text.extend(b"0\r\n\r\n");
            } else {
                text.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                text.extend(body);
            }
            text
        },
    )
}

/// The same with some bytes changed, left out or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<prop::sample::Index>(), 0..4_u8, prop::sample::select(b"\r\n :;0aF\0,".to_vec()));
    (answer(), prop::collection::vec(damage, 0..4)).prop_map(|(mut text, damage)| {
        for (at, kind, byte) in damage {
            let at = at.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                2 if text.len() > 1 => drop(text.remove(at)),
                _ => text.truncate(at.max(1)),
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_same_comes_of_an_answer_however_it_is_split(
        text in damaged(),
        cuts in prop::collection::vec(0..700_usize, 0..12),
        room in 250..700_usize,
        cap in 0..250_usize,
    ) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let (whole, _) = blocking(Script::whole(&text), room, cap);
        for script in [Script::cut(&text, &cuts), Script::bytes(&text)] {
            prop_assert_eq!(&blocking(script, room, cap).0, &whole);
        }
    }

    #[test]
    fn both_drivers_do_the_same(text in damaged(), cuts in prop::collection::vec(0..700_usize, 0..12)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let [one, other] = [blocking, asynchronous].map(|send| send(Script::cut(&text, &cuts), 512, 200));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn heads_are_judged_as_by_httparse_but_for_ends_of_lines(text in damaged()) {
        let mut fields = [httparse::EMPTY_HEADER; 16];
        let mut other = httparse::Response::new(&mut fields);
        let judged = other.parse(&text);
        // Status 1xx aside, which another head follows.
        prop_assume!(!text.starts_with(b"HTTP/1.1 1"));
        let (came, _) = blocking(Script::whole(&text), 700, 200);
        if let Ok(answer) = &came {
            prop_assert!(judged.is_ok_and(|j| j.is_complete()));
            prop_assert_eq!(other.code, Some(answer.status));
        }
        let Ok(httparse::Status::Complete(end)) = judged else { return Ok(()) };
        let head = &text[..end];
        let paired = head.iter().filter(|b| b"\r\n".contains(b)).count() == 2 * head.windows(2).filter(|w| w == b"\r\n").count();
        if paired && head.starts_with(b"HTTP/1.1 ") && other.code >= Some(200) {
            prop_assert_ne!(came, Err(Error::Head));
        }
    }

    #[test]
    fn what_is_right_is_taken(text in answer()) {
        let (came, _) = blocking(Script::whole(&text), 700, 200);
        prop_assert!(came.is_ok() || text.windows(6).any(|w| w == b" 204 \r" || w == b" 304 \r"));
    }
}

#[test]
fn the_drivers_differ_in_waiting_alone() {
    let [blocking, asynchronous] = [include_str!("../../src/blocking.rs"), include_str!("../../src/asynchronous.rs")]
        .map(|source| {
            let code =
                source.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
            code.replace(".await", "")
                .replace("async fn send_async", "fn send")
                .replace("embedded_io_async", "embedded_io")
        });
    assert_eq!(blocking, asynchronous);
}
