//! What is sent, where it may be sent, and what becomes of the pipe.

use crate::script::{Answer, HOST, Script, block_on, with_post};
use embedded_io::ErrorKind;
use std::task::{Context, Poll, Waker};
use valetkey::client::Post;
use valetkey::error::TooSmall;
use valetkey_embedded::{Connection, Error, Exchange, Peer, Step};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
const REQUEST: &str = "POST /token HTTP/1.1\r\nHost: as.example\r\n\
    Authorization: Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA==\r\nContent-Type: application/x-www-form-urlencoded\r\n\
    Accept: application/json\r\nUser-Agent: valetkey\r\nContent-Length: 29\r\n\r\ngrant_type=client_credentials";

/// What is written for it, or why nothing is.
fn written(post: Post<'_>, peer: Peer<'_>) -> Result<String, Error> {
    let mut buf = [0; 1024];
    let mut exchange = Exchange::new(&post, peer, &mut buf)?;
    let Step::Write(bytes) = exchange.step()? else { panic!("begins with reading") };
    Ok(String::from_utf8(bytes.to_owned()).unwrap())
}

#[test]
fn the_request_is_sent_whole_however_little_the_pipe_takes() {
    for takes in [1, 7, 1000] {
        let mut script = Script { takes: Some(takes), ..Script::whole(ANSWER) };
        with_post(|post| {
            let mut connection = Connection::over_tls(&mut script, HOST);
            assert_eq!(connection.send(&post, &mut [0; 512], || false).map(|r| r.status), Ok(200));
        });
        assert_eq!(String::from_utf8(script.received).unwrap(), REQUEST);
    }
}

#[test]
fn a_request_without_authorization_has_no_such_header() {
    with_post(|post| {
        let text = written(Post { authorization: None, ..post }, Peer::Tls(HOST)).unwrap();
        assert_eq!(text, REQUEST.replace("Authorization: Basic ZGVtby1kZXZpY2U6ZGV2aWNlLXNlY3JldA==\r\n", ""));
    });
}

#[test]
fn the_pipe_must_lead_to_where_the_url_does() {
    with_post(|post| {
        let to = |url, peer| {
            written(Post { url, ..post }, peer).map(|text| text.lines().take(2).collect::<Vec<_>>().join("|"))
        };
        for (url, peer, came) in [
            ("https://as.example/token", Peer::Tls("AS.example"), Ok("POST /token HTTP/1.1|Host: as.example")),
            ("https://as.example:8443", Peer::Tls("as.example:8443"), Ok("POST / HTTP/1.1|Host: as.example:8443")),
            ("https://as.example?t=a", Peer::Tls("as.example"), Ok("POST /?t=a HTTP/1.1|Host: as.example")),
            ("http://10.0.0.1/t", Peer::Plaintext("10.0.0.1"), Ok("POST /t HTTP/1.1|Host: 10.0.0.1")),
            ("http://as.example/token", Peer::Tls("as.example"), Err(Error::Address)),
            ("https://as.example/token", Peer::Plaintext("as.example"), Err(Error::Address)),
            ("https://as.example/token", Peer::Tls("as.example.evil.example"), Err(Error::Address)),
            ("https://as.example:8443/token", Peer::Tls("as.example"), Err(Error::Address)),
            ("https://user@as.example/token", Peer::Tls("user@as.example"), Err(Error::Address)),
            ("https://as.example/token#x", Peer::Tls("as.example"), Err(Error::Address)),
            ("https:///token", Peer::Tls(""), Err(Error::Address)),
            ("https:/token", Peer::Tls(""), Err(Error::Address)),
            ("https://as.example/a b", Peer::Tls("as.example"), Err(Error::Address)),
            ("https://as.example/a\r\nX: y", Peer::Tls("as.example"), Err(Error::Address)),
            ("", Peer::Tls("as.example"), Err(Error::Address)),
        ] {
            assert_eq!(to(url, peer), came.map(str::to_owned), "{url} {peer:?}");
        }
    });
}

#[test]
fn no_value_can_end_its_line() {
    with_post(|post| {
        for bad in ["a\r\nX: y", "a\nb", "a\rb", "a\0", "\u{e4}", "a\tb"] {
            let post = Post { authorization: Some(bad), ..post };
            assert_eq!(written(post, Peer::Tls(HOST)), Err(Error::Request), "{bad:?}");
        }
    });
}

#[test]
fn a_refused_request_leaves_the_pipe_as_it_was() {
    let mut script = Script::whole(ANSWER);
    with_post(|post| {
        let mut connection = Connection::over_tls(&mut script, HOST);
        let elsewhere = Post { url: "https://other.example/token", ..post };
        assert_eq!(connection.send(&elsewhere, &mut [0; 512], || false).unwrap_err(), Error::Address);
        let needed = REQUEST.len();
        let mut short = [0; 100];
        assert_eq!(connection.send(&post, &mut short, || false).unwrap_err(), Error::Buffer(TooSmall { needed }));
        assert_eq!(short, [0; 100]);
        assert!(connection.is_open());
        assert_eq!(connection.send(&post, &mut vec![0; needed], || false).map(|r| r.status), Ok(200));
    });
    assert_eq!(script.received.len(), REQUEST.len());
}

#[test]
fn a_pipe_carries_one_exchange_after_the_other() {
    let mut script = Script::default();
    script.pieces.extend([ANSWER.to_vec(), ANSWER.to_vec()]);
    with_post(|post| {
        let mut connection = Connection::over_tls(script, HOST);
        let mut buf = [0; 512];
        for _ in 0..2 {
            assert_eq!(connection.send(&post, &mut buf, || false).map(|r| r.body.to_vec()), Ok(b"{}".to_vec()));
        }
        assert_eq!(connection.send(&post, &mut buf, || false).unwrap_err(), Error::Closed);
        assert_eq!(connection.send(&post, &mut buf, || false).unwrap_err(), Error::Spent);
    });
}

#[test]
fn a_spent_pipe_is_not_written_to() {
    let mut script = Script::whole(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    with_post(|post| {
        let mut connection = Connection::over_tls(&mut script, HOST);
        assert!(connection.send(&post, &mut [0; 512], || false).is_ok());
        assert!(!connection.is_open());
        assert_eq!(connection.send(&post, &mut [0; 512], || false).unwrap_err(), Error::Spent);
    });
    assert_eq!(script.received.len(), REQUEST.len());
}

#[test]
fn time_is_up_when_the_caller_or_the_pipe_says_so() {
    with_post(|post| {
        // A byte at a time, for ever.
        let mut connection = Connection::over_tls(Script::bytes(ANSWER), HOST);
        let mut left = 10;
        let expired = || {
            left -= 1;
            left < 0
        };
        assert_eq!(connection.send(&post, &mut [0; 512], expired).unwrap_err(), Error::Timeout);
        assert!(!connection.is_open());
        // The line is silent.
        for (fails, error) in [
            (ErrorKind::TimedOut, Error::Timeout),
            (ErrorKind::ConnectionReset, Error::Pipe(ErrorKind::ConnectionReset)),
        ] {
            let script = Script { fails: Some(fails), ..Script::whole(&ANSWER[..20]) };
            let mut connection = Connection::over_tls(script, HOST);
            assert_eq!(connection.send(&post, &mut [0; 512], || false).unwrap_err(), error);
            assert!(!connection.is_open());
        }
        // Nothing can be written.
        let mut connection = Connection::over_tls(Script { takes: Some(0), ..Script::default() }, HOST);
        assert_eq!(connection.send(&post, &mut [0; 512], || false).unwrap_err(), Error::Closed);
        // An answer that came in time is taken even if the time is up by then.
        let mut connection = Connection::over_tls(Script::whole(ANSWER), HOST);
        let mut asked = 0;
        let expired = || {
            asked += 1;
            asked > 2
        };
        assert!(connection.send(&post, &mut [0; 512], expired).is_ok());
    });
}

#[test]
fn a_future_that_is_dropped_half_way_leaves_the_pipe_spent() {
    with_post(|post| {
        let mut connection = Connection::over_tls(Script::whole(ANSWER), HOST);
        let mut buf = [0; 512];
        {
            let mut future = std::pin::pin!(connection.send_async(&post, &mut buf, || false));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(matches!(future.as_mut().poll(&mut cx), Poll::Pending));
        }
        assert!(!connection.is_open());
        assert_eq!(block_on(connection.send_async(&post, &mut buf, || false)).unwrap_err(), Error::Spent);
    });
}

#[test]
fn the_secrets_of_a_request_do_not_outlive_it_in_the_buffer() {
    with_post(|post| {
        let mut buf = [0; 1024];
        let mut connection = Connection::over_tls(Script::whole(ANSWER), HOST);
        let answer = Answer::from(connection.send(&post, &mut buf, || false).unwrap());
        assert_eq!(answer.body, b"{}");
        assert_eq!(&buf[..ANSWER.len()], ANSWER);
        assert!(buf[ANSWER.len()..].iter().all(|byte| *byte == 0));
    });
}

#[test]
fn nothing_secret_is_shown() {
    with_post(|post| {
        let mut buf = [0; 1024];
        let exchange = Exchange::new(&post, Peer::Tls(HOST), &mut buf).unwrap();
        assert_eq!(format!("{exchange:?}"), "Exchange { .. }");
        let shown = format!("{:?}", Connection::over_tls(Script::whole(ANSWER), HOST));
        assert_eq!(shown, "Connection { peer: Tls(\"as.example\"), open: true, .. }");
    });
}

#[test]
fn an_answer_is_not_read_before_it_is_whole() {
    with_post(|post| {
        let mut buf = [0; 1024];
        let exchange = Exchange::new(&post, Peer::Tls(HOST), &mut buf).unwrap();
        assert_eq!(exchange.response().unwrap_err(), Error::Truncated);
    });
}
