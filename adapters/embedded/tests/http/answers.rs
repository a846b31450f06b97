//! Answers that are taken, and those that are refused, each split in several ways.

use crate::script::{Answer, Came, Script, asynchronous, blocking};
use valetkey::client::Duties;
use valetkey::error::TooSmall;
use valetkey_embedded::Error;

const CAP: usize = Duties::BODY_CAP;

/// What comes of it, whole, byte by byte and cut in two, blocking and async.
fn came(text: &[u8], room: usize) -> Came {
    let whole = blocking(Script::whole(text), room, CAP);
    assert_eq!(asynchronous(Script::whole(text), room, CAP), whole);
    // Of the pipe's state no more is asked: what follows an answer is seen only if it is read along with it.
    let same = |other: Came| assert_eq!(other.0, whole.0, "{}", text.escape_ascii());
    same(blocking(Script::bytes(text), room, CAP));
    for at in 1..text.len().min(600) {
        same(blocking(Script::cut(text, &[at]), room, CAP));
    }
    whole
}

fn taken(text: &str) -> Answer {
    let (answer, open) = came(text.as_bytes(), 512);
    assert!(open, "{text:?}");
    answer.unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

fn refused(text: impl AsRef<[u8]>) -> Error {
    let text = text.as_ref();
    let (answer, open) = came(text, 4096);
    assert!(!open);
    answer.expect_err(&text.escape_ascii().to_string())
}

#[test]
fn a_length_is_kept_to() {
    let answer = taken("HTTP/1.1 401 Unauthorized\r\ncontent-TYPE: application/json\r\nContent-Length:2 \r\n\r\n{}");
    let content_type = Some("application/json".to_owned());
    assert_eq!(answer, Answer { status: 401, content_type, retry_after: None, date: None, body: b"{}".to_vec() });
    assert_eq!(taken("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n").body, b"");
    assert_eq!(taken("HTTP/1.1 204 No Content\r\n\r\n").status, 204);
}

#[test]
fn chunks_are_put_together() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n";
    for (chunks, body) in [
        ("0\r\n\r\n", ""),
        ("2\r\n{}\r\n0\r\n\r\n", "{}"),
        ("1\r\n{\r\n00000001\r\n}\r\n000\r\n\r\n", "{}"),
        ("A;a=\"b\";c\r\n0123456789\r\n0;last\r\n\r\n", "0123456789"),
        ("a\r\n\r\n0\r\n\r\n\r\n.\r\n0\r\nTrailer: x\r\nOther:\r\n\r\n", "\r\n0\r\n\r\n\r\n."),
    ] {
        assert_eq!(taken(&format!("{head}{chunks}")).body, body.as_bytes());
    }
}

#[test]
fn a_busy_server_says_when_to_come_again() {
    let answer = taken("HTTP/1.1 503 Busy\r\nRetry-After: 17\r\nContent-Length: 0\r\n\r\n");
    assert_eq!((answer.status, answer.retry_after.as_deref(), answer.date), (503, Some("17"), None));
    let (then, now) = ("Mon, 10 Nov 2025 08:02:00 GMT", "Mon, 10 Nov 2025 08:00:00 GMT");
    let fields = format!("retry-after: {then}\r\nDATE: {now} \r\nContent-Length: 0");
    let answer = taken(&format!("HTTP/1.1 503 Busy\r\n{fields}\r\n\r\n"));
    assert_eq!((answer.retry_after.as_deref(), answer.date.as_deref()), (Some(then), Some(now)));
}

#[test]
fn a_field_that_came_twice_or_is_no_text_counts_as_none() {
    for fields in [
        "Retry-After: 1\r\nRetry-After: 1\r\nContent-Type: a/b\r\nContent-Type: a/b\r\nContent-Type: a/b",
        "X-Retry-After: 1\r\nX-Date: 1",
        "Date: Mon, 10 Nov 2025 08:00:00 GMT\r\nDate: Mon, 10 Nov 2025 08:00:00 GMT",
    ] {
        let answer = taken(&format!("HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!((answer.content_type, answer.retry_after, answer.date), (None, None, None));
    }
    let (answer, _) = came(b"HTTP/1.1 200 OK\r\nContent-Type: \xff\r\nContent-Length: 0\r\n\r\n", 512);
    assert_eq!(answer.unwrap().content_type, None);
}

#[test]
fn interim_answers_are_passed_over_but_not_without_end() {
    let interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(taken(&format!("HTTP/1.1 100 Continue\r\n\r\n{last}")).body, b"{}");
    assert_eq!(taken(&format!("{}{last}", interim.repeat(4))).status, 200);
    assert_eq!(refused(format!("{}{last}", interim.repeat(5))), Error::Head);
    assert_eq!(refused(format!("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n{last}")), Error::Head);
    assert_eq!(refused(format!("HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n{{}}{last}")), Error::Framing);
}

#[test]
fn a_length_that_is_said_twice_or_badly_is_refused() {
    for fields in [
        "",
        "Content-Length: 2\r\nContent-Length: 2",
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: 2, 2",
        "Content-Length: +2",
        "Content-Length: -2",
        "Content-Length: 0x2",
        "Content-Length: 2.0",
        "Content-Length:",
        "Content-Length: 2\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 2",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding:",
        "Connection: close",
    ] {
        assert_eq!(
            refused(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{{}}").replace("\r\n\r\n\r\n", "\r\n\r\n")),
            Error::Framing
        );
    }
    assert_eq!(refused("HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n{}"), Error::Framing);
}

#[test]
fn heads_that_two_readers_could_read_in_two_ways_are_refused() {
    let good = "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(taken(good).body, b"{}");
    for (from, to) in [
        ("OK\r\n", "OK\n"),
        ("OK\r\n", "OK\r"),
        ("x\r\n", "x\n"),
        ("x\r\n", "x\r"),
        ("2\r\n\r\n", "2\n\n"),
        ("2\r\n\r\n", "2\r\n\n"),
        ("2\r\n\r\n", "2\n\r\n"),
        ("x\r\n", "x\r\n folded\r\n"),
        ("x\r\n", "x\r\n\tContent-Length: 1\r\n"),
        ("x\r\n", "x\r\r\n"),
        ("x\r\n", "x\0\r\n"),
        ("x\r\n", "x\u{7}\r\n"),
        ("Server:", "Server :"),
        ("Server:", "Ser ver:"),
        ("Server:", "Server"),
        ("Server:", ":"),
        ("Server:", " Server:"),
        ("HTTP/1.1", "HTTP/1.0"),
        ("HTTP/1.1", "HTTP/2"),
        ("HTTP/1.1", "http/1.1"),
        ("HTTP/1.1", "\r\nHTTP/1.1"),
        ("HTTP/1.1", " HTTP/1.1"),
        (" 200 ", "  200 "),
        (" 200 ", " 20 "),
        (" 200 ", " 2000 "),
        (" 200 ", " 2x0 "),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good);
        assert_eq!(refused(&bad), Error::Head, "{bad:?}");
    }
}

#[test]
fn noise_is_known_at_its_first_byte() {
    for noise in ["\0", "\u{fffd}", "SSH-2.0", "<html>", "{", "\r\n", "HTTP/1.1\t"] {
        assert_eq!(refused(noise), Error::Head);
    }
}

#[test]
fn chunks_that_are_not_as_in_the_rfc_are_refused() {
    for chunks in [
        "\r\n",
        ";\r\n",
        "2 \r\n{}\r\n0\r\n\r\n",
        "2\n{}\r\n0\r\n\r\n",
        "2\r{}\r\n0\r\n\r\n",
        "0x2\r\n{}\r\n0\r\n\r\n",
        "-2\r\n{}\r\n0\r\n\r\n",
        "g\r\n",
        "2\r\n{}0\r\n\r\n",
        "2\r\n{}\n0\r\n\r\n",
        "2\r\n{}}\r\n0\r\n\r\n",
        "1\r\n{}\r\n0\r\n\r\n",
        "000000002\r\n{}\r\n0\r\n\r\n",
        "2;\n\r\n{}\r\n0\r\n\r\n",
        "2;a\0\r\n{}\r\n0\r\n\r\n",
        "2\r\n{}\r\n0\r\nTrailer: \n\r\n",
        "2\r\n{}\r\n0\r\nTrailer\r\r\n",
        "2\r\n{}\r\n0\r\n\rx",
    ] {
        assert_eq!(refused(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")), Error::Framing);
    }
}

#[test]
fn floods_are_cut_off() {
    let room = 4096;
    // A head without end.
    let fields = format!("HTTP/1.1 200 OK\r\n{}", "Set-Cookie: a=b\r\n".repeat(room));
    assert_eq!(refused(fields), Error::Buffer(TooSmall { needed: room + 1 }));
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(room));
    assert_eq!(refused(endless), Error::Buffer(TooSmall { needed: room + 1 }));
    // What nobody reads is not read without end either.
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (before, after) in [("0;", "\r\n\r\n"), ("0\r\n", "\r\n\r\n")] {
        let text = |count| format!("{chunked}{before}{}{after}", "x".repeat(count));
        assert!(blocking(Script::whole(text(1024).as_bytes()), room, CAP).0.is_ok());
        assert_eq!(refused(text(1025)), Error::Framing);
    }
}

#[test]
fn what_is_broken_off_is_no_answer() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n";
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    for text in [length, chunked] {
        for end in 1..text.len() {
            assert_eq!(refused(&text[..end]), Error::Truncated);
        }
    }
    assert_eq!(refused(interim), Error::Truncated);
    // Not a byte of an answer: as of a pipe that was idle for too long.
    assert_eq!(refused(""), Error::Closed);
}

#[test]
fn a_body_may_have_64_kib_and_not_one_byte_more() {
    let room = 80 * 1024;
    for (length, whole) in [(CAP, true), (CAP + 1, false), (usize::MAX, false)] {
        let text = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{}", " ".repeat(length.min(CAP + 1)));
        let (answer, open) = blocking(Script::whole(text.as_bytes()), room, CAP);
        assert_eq!(
            (answer.map(|a| a.body.len()), open),
            if whole { (Ok(length), true) } else { (Err(Error::TooLong), false) }
        );
    }
    for (more, came) in [("", Ok(CAP)), ("1\r\n.\r\n", Err(Error::TooLong))] {
        let half = format!("8000\r\n{}\r\n", " ".repeat(CAP / 2));
        let text = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{half}{half}{more}0\r\n\r\n");
        let (answer, _) = blocking(Script::whole(text.as_bytes()), room, CAP);
        assert_eq!(answer.map(|a| a.body.len()), came);
    }
    // Nothing of it has to be read to know that it is too long.
    let (answer, _) = blocking(Script::whole(b"HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n"), 512, CAP);
    assert_eq!(answer, Err(Error::TooLong));
    let (answer, _) =
        blocking(Script::whole(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"), 512, CAP);
    assert_eq!(answer, Err(Error::TooLong));
}

#[test]
fn a_buffer_that_is_too_short_is_told_the_size_that_suffices() {
    let text = format!("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}", " ".repeat(500));
    let (answer, open) = came(text.as_bytes(), 512);
    assert_eq!((answer, open), (Err(Error::Buffer(TooSmall { needed: text.len() })), false));
    assert!(came(text.as_bytes(), text.len()).0.is_ok());
    // One byte more than head and body for the frame of chunks.
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let text = format!("{head}1f4\r\n{}\r\n0\r\n\r\n", " ".repeat(500));
    let needed = head.len() + 501;
    assert_eq!(came(text.as_bytes(), needed - 1).0, Err(Error::Buffer(TooSmall { needed })));
    assert!(came(text.as_bytes(), needed).0.is_ok());
}

#[test]
fn a_pipe_is_kept_unless_the_peer_closes_it_or_says_more_than_was_asked() {
    let (head, body) = ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", "\r\n{}");
    for (more, after, open) in [
        ("", "", true),
        ("Connection: keep-alive\r\n", "", true),
        ("Connection: close\r\n", "", false),
        ("Connection: x, Close\r\n", "", false),
        ("Connection: x\r\nConnection: ,close ,\r\n", "", false),
        ("X: close\r\n", "", true),
        ("", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("", ".", false),
    ] {
        let text = format!("{head}{more}{body}{after}");
        let (answer, is_open) = blocking(Script::whole(text.as_bytes()), 512, CAP);
        assert_eq!((answer.unwrap().body, is_open), (b"{}".to_vec(), open), "{text:?}");
    }
}
