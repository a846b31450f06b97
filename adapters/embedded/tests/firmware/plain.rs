//! Client credentials by Basic, blocking and async.

use crate::boards::{BOARDS, Board, CORTEX_M4, boot, elf};
use crate::program::Server;
use object::{Object, ObjectSegment, ObjectSymbol};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// Most bytes of flash that the whole firmware may take on a Cortex-M4.
const FLASH: u64 = 12_000;
/// Of the one that keeps its token in flash.
const FLASH_OF_KEEPER: u64 = 19_200;

const FIRMWARE: [&str; 2] = ["client-credentials", "client-credentials-async"];

/// Ends the wait of a server whose firmware never came.
struct Release(u16);

impl Drop for Release {
    fn drop(&mut self) {
        let _ = TcpStream::connect(("127.0.0.1", self.0));
    }
}

/// Boots a firmware before a server that gives this answer to whatever is asked, a piece of so many bytes at a time.
fn before(board: &Board, firmware: &str, answer: &[u8], piece: usize) -> (i32, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::scope(|scope| {
        scope.spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let (mut request, mut buf) = (Vec::new(), [0; 1024]);
            while !request.ends_with(b"\r\n\r\ngrant_type=client_credentials") {
                let count = socket.read(&mut buf).unwrap();
                assert_ne!(count, 0, "the firmware ended before it had asked");
                request.extend(&buf[..count]);
            }
            assert!(request.starts_with(b"POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic ZGVtby"));
            socket.set_nodelay(true).unwrap();
            for piece in answer.chunks(piece) {
                // The firmware may have seen enough by then.
                if socket.write_all(piece).is_err() {
                    break;
                }
            }
        });
        let _release = Release(port);
        boot(board, firmware, port)
    })
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
}

const TOKEN: &str = r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600}"#;

#[test]
fn it_gets_a_token_from_the_projects_server() {
    let (_server, port) = Server::start();
    for board in &BOARDS {
        for firmware in FIRMWARE {
            let (status, log) = boot(board, firmware, port);
            let seconds =
                log.strip_prefix("a token, good for seconds: ").and_then(|n| n.trim_end().parse::<u32>().ok());
            assert!(status == 0 && seconds.is_some_and(|n| n > 0), "{firmware} on {}: {status}, {log}", board.target);
        }
    }
}

#[test]
fn it_takes_an_answer_in_chunks_and_byte_by_byte() {
    let chunks: String =
        TOKEN.as_bytes().chunks(7).map(|c| format!("{:x}\r\n{}\r\n", c.len(), str::from_utf8(c).unwrap())).collect();
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"
    );
    for board in &BOARDS {
        for (firmware, piece) in FIRMWARE.into_iter().zip([1, 4096]) {
            let came = before(board, firmware, chunked.as_bytes(), piece);
            assert_eq!(came, (0, "a token, good for seconds: 3600\n".to_owned()), "{firmware} on {}", board.target);
        }
    }
}

#[test]
fn it_says_why_there_is_no_token() {
    let long = 64 * 1024 + 1;
    let spaces = " ".repeat(long);
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let not_one = "no token: the answer is not one of HTTP/1.1\n";
    let too_long = "no token: the server answered more than is read\n";
    let too_small = "no token: the buffer is too small\n";
    let silent = "no token: the server took too long to answer\n";
    let cases = [
        (answer("401 Unauthorized", r#"{"error":"invalid_client"}"#), "refused: invalid_client\nno token: refused\n"),
        (answer("503 Service Unavailable\r\nRetry-After: 17", "{}"), "busy, seconds to wait: 17\nno token: busy\n"),
        (
            answer("302 Found\r\nLocation: http://127.0.0.1/", "{}"),
            "no token: an answer as of no authorization server\n",
        ),
        (answer("200 OK", TOKEN)[..100].to_owned(), silent),
        (String::new(), silent),
        ("\u{fffd}\0garbage".to_owned(), not_one),
        (answer("200 OK", &spaces), too_long),
        (format!("{chunked}{long:x}\r\n{spaces}\r\n0\r\n\r\n"), too_long),
        (format!("{chunked}{chunk}{chunk}1\r\n.\r\n0\r\n\r\n"), too_small),
        (
            answer("200 OK\r\nContent-Length: 82", TOKEN),
            "no token: the answer does not say, or says in two ways, where it ends\n",
        ),
    ];
    for (answer, log) in &cases {
        for firmware in FIRMWARE {
            let came = before(&CORTEX_M4, firmware, answer.as_bytes(), 4096);
            assert_eq!(came, (1, (*log).to_owned()), "{firmware}");
        }
    }
}

#[test]
fn it_is_small_and_has_neither_formatting_nor_data_in_memory() {
    let plain = BOARDS.iter().flat_map(|board| FIRMWARE.map(|firmware| (board, firmware, FLASH)));
    for (board, firmware, most) in plain.chain([(&CORTEX_M4, "refresh", FLASH_OF_KEEPER)]) {
        let elf = fs::read(elf(board, firmware)).unwrap();
        let elf = object::File::parse(&*elf).unwrap();
        for symbol in elf.symbols().filter(|symbol| symbol.is_definition()) {
            let name = symbol.name().unwrap();
            assert!(!name.contains("4core3fmt"), "{firmware} on {} has {name}", board.target);
        }
        let flash: u64 = elf.segments().map(|segment| segment.file_range().1).sum();
        if board.target == CORTEX_M4.target {
            assert!(flash <= most, "{firmware} takes {flash} bytes of flash");
        }
    }
}
