//! The person's part: a login at the program's own pages, and what comes of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;

/// An answer of the program, as it came.
pub(crate) struct Answer(String);

impl Answer {
    pub(crate) fn status(&self) -> &str {
        &self.0[9..12]
    }

    fn header(&self, name: &str) -> impl Iterator<Item = &str> {
        let lines = self.0.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.split_once(": "));
        lines.filter(move |(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The value of a hidden field of a page, or of a member of JSON: of text without escapes.
    pub(crate) fn text_after(&self, before: &str) -> Option<&str> {
        self.0.split_once(before)?.1.split('"').next()
    }
}

/// Asks once: `GET`, or `POST` where there is a body.
pub(crate) fn ask(port: u16, path: &str, headers: &str, body: Option<&str>) -> Answer {
    let mut request = String::new();
    let method = if body.is_some() { "POST" } else { "GET" };
    write!(request, "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{headers}").unwrap();
    if let Some(body) = body {
        let length = body.len();
        write!(request, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
    } else {
        request += "\r\n";
    }
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    Answer(answer)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

/// Asks as the demo's web client.
pub(crate) fn ask_as_client(port: u16, path: &str, body: &str) -> Answer {
    ask(port, path, "Authorization: Basic ZGVtby13ZWI6d2ViLXNlY3JldA==\r\n", Some(body))
}

/// Alice logs in and allows everything: a refresh token for the device.
pub(crate) fn log_in(port: u16) -> String {
    let mut cookies = BTreeMap::new();
    let mut visit = |path: &str, page: Option<(&Answer, &str)>| {
        let header = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ");
        let header = format!("Cookie: {header}\r\nOrigin: http://127.0.0.1:{port}\r\n");
        let body = page.map(|(page, typed)| {
            let hidden = ["pending", "csrf", "subject"].into_iter().filter_map(|name| {
                let value = page.text_after(&format!("name=\"{name}\" value=\""))?;
                Some(format!("{name}={}&", encoded(&value.replace("&#38;", "&"))))
            });
            hidden.collect::<String>() + typed
        });
        let answer = ask(port, path, &header, body.as_deref());
        for cookie in answer.header("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    };
    let redirect_uri = "http%3A%2F%2F127.0.0.1%3A9099%2Fcb";
    // With the pair of RFC 7636 appendix B.
    let url = format!(
        "/authorize?response_type=code&client_id=demo-web&redirect_uri={redirect_uri}&scope=read\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let login = visit(&url, None);
    let answer = visit("/login", Some((&login, "username=alice&password=wonderland")));
    let consent = visit(answer.header("location").next().unwrap(), None);
    let answer = visit("/consent", Some((&consent, "scope=read&decision=allow")));
    let callback = answer.header("location").next().unwrap();
    let code = callback.split_once("?code=").unwrap().1.split('&').next().unwrap();
    let body = format!(
        "grant_type=authorization_code&code={code}&redirect_uri={redirect_uri}\
         &code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    ask_as_client(port, "/token", &body).text_after("\"refresh_token\":\"").unwrap().to_owned()
}
