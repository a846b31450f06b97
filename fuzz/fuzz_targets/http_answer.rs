//! The embedded client's reading of an HTTP answer. The first byte is the room, the second the cap, each in units of eight
//! bytes, the third the size of pieces, the rest the answer. Asserts: the same comes of it whole, byte by byte and in
//! pieces; what is taken is within room and cap, and `httparse` finds the same status, type and body.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valetkey::client::{ClientAuth, ClientCredentials, Config};
use valetkey::secret::SecretText;
use valetkey_embedded::{Error, Exchange, Peer, Step};

type Came = Result<(u16, Option<String>, Option<String>, Vec<u8>), Error>;

fuzz_target!(|input: &[u8]| {
    let [room, cap, piece, answer @ ..] = input else { return };
    let (room, cap) = (512 + 8 * usize::from(*room), 8 * usize::from(*cap));
    let whole = came(answer, room, cap, answer.len().max(1));
    assert_eq!(came(answer, room, cap, 1), whole, "byte by byte");
    assert_eq!(came(answer, room, cap, usize::from(*piece).max(1)), whole, "in pieces");
    let Ok((status, content_type, _, body)) = whole else { return };
    assert!(body.len() <= cap);
    judge(answer, status, content_type.as_deref(), &body);
});

fn came(mut answer: &[u8], room: usize, cap: usize, piece: usize) -> Came {
    let auth = ClientAuth::Basic(SecretText::new("device-secret"));
    let config = Config::new("https://as.example", "https://as.example/token", "demo-device", auth)
        .expect("the configuration is good");
    let (mut request, mut buf) = ([0; 256], vec![0; room]);
    let flow = ClientCredentials::new(&config).expect("the client is confidential");
    let mut post = flow.request(&mut request).expect("the request fits");
    post.duties.body_cap = cap;
    let mut exchange = Exchange::new(&post, Peer::Tls("as.example"), &mut buf).expect("the request is good");
    loop {
        match exchange.step()? {
            Step::Write(bytes) => {
                let count = bytes.len();
                exchange.wrote(count)?;
            }
            Step::Read(room) => {
                let count = piece.min(room.len()).min(answer.len());
                let (now, later) = answer.split_at(count);
                room[..count].copy_from_slice(now);
                answer = later;
                exchange.read(count)?;
            }
            Step::Done => break,
        }
    }
    let response = exchange.response()?;
    let owned = |text: Option<&str>| text.map(str::to_owned);
    Ok((response.status, owned(response.content_type), owned(response.retry_after), response.body.to_vec()))
}

/// What is taken is taken by another reader too.
fn judge(mut answer: &[u8], status: u16, content_type: Option<&str>, body: &[u8]) {
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 1024];
        let mut head = httparse::Response::new(&mut fields);
        let length = head.parse(answer).expect("a head that is taken is one").unwrap();
        answer = &answer[length..];
        let code = head.code.expect("a whole head has a status");
        if code < 200 {
            continue;
        }
        assert_eq!(code, status);
        let named = |name: &str| head.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        if let Some(content_type) = content_type {
            assert_eq!(named("content-type").map(|field| field.value), Some(content_type.as_bytes()));
        }
        if named("transfer-encoding").is_none() {
            return assert!(answer.starts_with(body));
        }
        let mut joined = Vec::new();
        loop {
            let (from, size) = httparse::parse_chunk_size(answer).expect("a size that is taken is one").unwrap();
            let size = usize::try_from(size).expect("it is within the cap");
            if size == 0 {
                return assert_eq!(joined, body);
            }
            joined.extend_from_slice(&answer[from..][..size]);
            answer = &answer[from + size + 2..];
        }
    }
}
