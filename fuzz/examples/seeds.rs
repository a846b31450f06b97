//! Writes the committed seeds: `cargo run --example seeds` in this directory. Run it again when the format of a code, a
//! token or a sealed request changes, as the seeds hold some.

use std::fs;
use std::path::Path;
use valetkey_fuzz::world::{CHALLENGE, COOKIE, VERIFIER, WORLD, basic, query, redeem_body};

const STATE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

fn write(target: &str, seeds: &[String]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&directory).expect("the corpus is writable");
    for (i, seed) in seeds.iter().enumerate() {
        // Bytes and not text: a char below 256 stands for a byte.
        let bytes: Vec<u8> = match target {
            "server_sequence" | "token_response" => {
                seed.chars().filter_map(|c| u8::try_from(u32::from(c)).ok()).collect()
            }
            _ => seed.clone().into_bytes(),
        };
        fs::write(directory.join(format!("seed-{i:02}")), bytes).expect("the corpus is writable");
    }
}

fn texts(seeds: &[&str]) -> Vec<String> {
    seeds.iter().map(|seed| (*seed).to_owned()).collect()
}

fn main() {
    write("form", &form());
    write("json", &json());
    write("uri", &uri());
    write("callback", &callback());
    write("token_response", &token_response());
    write("token_request", &token_request());
    write("authorize_request", &authorize_request());
    write("introspection", &introspection());
    write("jws", &jws());
    write("jwk_set", &jwk_set());
    write("claims", &claims());
    write("server_sequence", &server_sequence());
    write("http_answer", &http_answer());
}

fn http_answer() -> Vec<String> {
    let lead = "\u{40}\u{20}\u{5}";
    let seeds = [
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1;a=b\r\n}\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nRetry-After: 17\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 200\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{}",
    ];
    seeds.iter().map(|seed| format!("{lead}{seed}")).collect()
}

fn form() -> Vec<String> {
    let mut seeds = texts(&[
        "grant_type=client_credentials&scope=read+write",
        "a=%E2%82%AC&b=+%25%26%2B%C2%A3&%63=",
        "a=1&a=2",
        "a=1&%61=2&=x&b&&=",
        "a=%ff&b=%C0%80&c=%ED%A0%80",
        "a=%&b=%4&c=%zz",
        "é=😀&x=%F0%9F%98%80",
    ]);
    seeds.push((0..33).map(|i| format!("p{i}=1&")).collect());
    seeds
}

fn json() -> Vec<String> {
    let mut seeds = texts(&[
        r#"{"sub":"alice","exp":1700000000,"nbf":-5,"ratio":1.5e2,"aud":["a","b"],"role":"Reader","act":{"sub":"b","exp":0}}"#,
        r#"{"sub":"\u00e9\ud83d\ude00\n\/","exp":18446744073709551615,"role":{"Writer":7},"act":null,"ratio":null}"#,
        r#"{"sub":"a","exp":1,"role":{"Owner":{"since":3}},"more":[{"x":[]},true,false,null]}"#,
        r#"["a",1,2,3.5,["b"],"Reader",null]"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"":{"a":{"b":1},"a":2}}"#,
        "[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]",
        "[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]",
        " [ 1e400 , -0 , -0.0 , 01 ]\t\r\n",
        r#""\ud83d""#,
        "18446744073709551616",
        "-9223372036854775809",
        "tru",
        "{} x",
    ]);
    let members = |n: usize| format!("{{{}}}", (0..n).map(|i| format!("\"{i}\":{i}")).collect::<Vec<_>>().join(","));
    seeds.extend([members(32), members(33)]);
    seeds
}

fn uri() -> Vec<String> {
    texts(&[
        "https://web.example/cb\nhttps://web.example/cb",
        "http://127.0.0.1/cb?x=1\nhttp://127.0.0.1:8080/cb?x=1",
        "http://[::1]:80/cb\nhttp://[::1]:65535/cb",
        "http://127.0.0.1/cb\nhttp://127.0.0.1:1@evil.example/cb",
        "http://127.0.0.1/cb\nhttp://127.0.0.1.evil.example/cb",
        "http://127.0.0.1\nhttp://127.0.0.1:99999",
        "http://localhost/cb\nhttp://localhost:80/cb",
        "com.example.app:/cb\ncom.example.app:/cb#",
        "https://as.example/issuer1\nhttps://as.example/?x",
        "https://u:p@web.example/\nhttps://web.example:443/..%2f;a?b#c",
        "javascript:alert(1)\nHTTPS://web.example/",
        "https://[::ffff:7f00:1]/\nhttps://0x7f.1/%2e%2e",
    ])
}

fn callback() -> Vec<String> {
    let iss = "iss=https%3A%2F%2Fas.example";
    let mut seeds = texts(&["code=a&state=b", "error=access_denied&state=b"]);
    let tails = ["", "&code=b", "&error=x", "&state=x", "&iss=https://evil.example", "&x=%ff", "&x=%", "&iss"];
    seeds.extend(tails.map(|tail| format!("code=Splxl%4FBe&state={STATE}&{iss}{tail}")));
    seeds.extend([
        format!("code=a%20b%7E&state={STATE}"),
        format!("code=%C3%A9&state={STATE}&{iss}"),
        format!("state={STATE}&{iss}&error=access_denied&error_description=no+thanks"),
        format!("state={STATE}&error=x%22&error_description=a%5C"),
        format!("state=%42{}&code=a&{iss}", &STATE[1..]),
    ]);
    seeds
}

fn token_response() -> Vec<String> {
    let bodies = [
        r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":3600,"refresh_token":"a b","scope":"read"}"#,
        r#"{"access_token":"2Y\/otn==","token_type":"bEARER","scope":"read \u0077rite","expires_in":4294967296}"#,
        r#"{"access_token":"!","expires_in":"3600","refresh_token":"","scope":null}"#,
        r#"{"error":"invalid_grant","error_description":"a\"b","error_uri":"https://as.example/e"}"#,
        r#"{"error":"slow_down","access_token":"a","token_type":"Bearer"}"#,
        r#"{"access_token":"a","token_type":"Bearer","x":{"access_token":[]},"access_token":"b"}"#,
        "access_token=a%2Fb&token_type=bearer&expires_in=60&scope=read+write",
        "error=invalid_grant&error_description=a+b",
    ];
    let mut seeds = Vec::new();
    // Flags and status or type of each body, as in the target's tables.
    for (body, heads) in bodies.iter().zip([
        &["\0\0", "\0\u{8}", "\0\u{7}", "\0\u{5}"][..],
        &["\0\0", "\0\u{10}"],
        &["\u{7f}\0", "\u{79}\u{18}"],
        &["\0\u{1}", "\u{2}\0", "\0\u{2}"],
        &["\u{2}\0", "\0\0"],
        &["\0\0"],
        &["\u{4}\u{10}", "\u{24}\u{18}"],
        &["\u{4}\u{11}", "\u{6}\u{10}"],
    ]) {
        seeds.extend(heads.iter().map(|head| format!("{head}{body}")));
    }
    seeds
}

fn token_request() -> Vec<String> {
    let (web, device, api) = (basic("web", "web-secret"), basic("device", "device-secret"), basic("api", "api-secret"));
    let redeem = redeem_body(&WORLD.code);
    let refresh = format!("grant_type=refresh_token&refresh_token={}", WORLD.refresh);
    let mut seeds = vec![
        format!("{web}\n{redeem}"),
        format!("{web}\n{redeem}&scope=read&resource=https://api.example"),
        format!("\n{redeem}&client_id=web&client_secret=web-secret"),
        format!("\n{redeem}&client_id=app"),
        format!("{web}\n{}", redeem.replace(VERIFIER, &VERIFIER.replace('d', "e"))),
        format!("{web}\n{refresh}"),
        format!("{web}\n{refresh}&scope=write&resource=https%3A%2F%2Ffiles.example"),
        format!("{device}\n{refresh}"),
        format!("{device}\ngrant_type=client_credentials"),
        format!("{device}\ngrant_type=client_credentials&scope=telemetry:write&client_id=device"),
        format!("{device}\ngrant_type=client_credentials&client_secret=device-secret"),
        "\ngrant_type=client_credentials&client_id=chosen&client_secret=chosen-secret".into(),
        "Bearer abc\ngrant_type=password&username=a&password=b".into(),
        "Basic !\ngrant_type=client_credentials".into(),
        "\ngrant_type=&client_id=app".into(),
    ];
    for token in [&WORLD.access, &WORLD.refresh, &WORLD.device, &WORLD.code] {
        seeds.extend(
            [&web, &device, &api].map(|client| format!("{client}\ntoken={token}&token_type_hint=access_token")),
        );
    }
    seeds
}

fn authorize_request() -> Vec<String> {
    let base = [
        ("response_type", "code"),
        ("client_id", "web"),
        ("redirect_uri", "https://web.example/cb"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("state", "xyz"),
        ("scope", "read write"),
        ("resource", "https://api.example"),
    ];
    let with = |name: &str, value: &str| query(&base.map(|(n, v)| if n == name { (n, value) } else { (n, v) }));
    let mut seeds = vec![query(&base)];
    let changes = [
        ("response_type", "token"),
        ("client_id", "app"),
        ("client_id", "nobody"),
        ("redirect_uri", ""),
        ("redirect_uri", "https://web.example/cb?tenant=1"),
        ("redirect_uri", "http://127.0.0.1:8080/cb"),
        ("redirect_uri", "http://127.0.0.1:1@evil.example/cb"),
        ("redirect_uri", "https://evil.example/cb"),
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
        ("state", "é"),
        ("scope", "admin"),
        ("scope", "a\"b"),
        ("resource", "https://other.example"),
        ("resource", "x#y"),
    ];
    seeds.extend(changes.map(|(name, value)| with(name, value)));
    let tails = [
        "&state=2",
        "&client_id=app",
        "&resource=https://files.example",
        "&request=x",
        "&response_mode=fragment",
        "&x=%",
    ];
    seeds.extend(tails.map(|tail| query(&base) + tail));
    let app = query(&[base[0], base[3], base[4], ("client_id", "app")]);
    seeds.push(app);
    seeds.extend([COOKIE, "other", ""].map(|cookie| format!("reopen\n{cookie}\n{}", WORLD.sealed)));
    seeds.push(format!("reopen\n{COOKIE}\n{}&scope=x", WORLD.sealed));
    seeds
}

fn introspection() -> Vec<String> {
    let bodies = [
        r#"{"active":true,"iss":"https://as.example","client_id":"web","sub":"alice","scope":"read write","aud":"https://api.example","exp":1700000001,"nbf":1700000000,"token_type":"Bearer"}"#,
        r#"{"active":true,"scope":"read","aud":["https://x.example","https:\/\/api.example"],"iat":1,"auth_time":2}"#,
        r#"{"active":true,"scope":"read","cnf":{"jkt":"x"}}"#,
        r#"{"active":true,"scope":"read","token_type":"DPoP"}"#,
        r#"{"active":true,"scope":"read","exp":1700000000}"#,
        r#"{"active":true,"scope":"read","exp":1.5}"#,
        r#"{"active":true,"scope":"","aud":["a b",""]}"#,
        r#"{"active":false,"scope":7}"#,
        r#"{"active":"true","x":[{"active":true}]}"#,
    ];
    let mut seeds: Vec<String> = bodies.iter().map(|body| format!("Bearer mF_9.B5f-4.1JqM\nread\n\n{body}")).collect();
    seeds.extend(bodies[..2].iter().map(|body| format!("bearer  abc==\nread write\nr\n{body}")));
    let headers = ["Bearer a b", "Bearer", "Bearer ", "Basic YTpi", "DPoP abc", "Bearer a,b=", ""];
    seeds.extend(headers.map(|header| format!("{header}\na\"b\\c\n\n{{}}")));
    seeds
}

const CLAIMS: [&str; 8] = [
    r#"{"iss":"https://as.example","sub":"user-1","aud":"https://api.example","client_id":"web","exp":1700000300,"iat":1699999990,"jti":"1","scope":"read write"}"#,
    r#"{"iss":"https:\/\/as.example","sub":"\ud83d\ude00","aud":["x","https://api.example"],"client_id":"web","exp":1700000000.5,"iat":1,"jti":"1","scope":"read","acr":"mfa","auth_time":1.7e9}"#,
    r#"{"iss":"https://as.example","sub":"a","aud":"https://api.example","client_id":"web","exp":1700000300,"nbf":1700000001,"iat":-1,"jti":"1","scope":"read","cnf":{"jkt":"x"}}"#,
    r#"{"exp":"1700000300","nbf":null,"aud":[1],"scope":["read"]}"#,
    r#"{"exp":1e400,"iat":18446744073709551616,"nbf":9007199254740993.5,"auth_time":-0}"#,
    r#"{"exp":1,"\u0065xp":2}"#,
    r#"{"sub":"","scope":"","aud":[]}"#,
    r#"["exp",1]"#,
];

fn claims() -> Vec<String> {
    texts(&CLAIMS)
}

/// The first letter says how the rest is taken: `0` as it stands, `4` signed with ES256, `5` with EdDSA, letters with HS256.
fn jws() -> Vec<String> {
    let mut seeds = texts(&[
        "0eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        "0eyJhbGciOiJub25lIn0.e30.",
        "0eyJhbGciOiJIUzI1NiJ9.e30.AAAA.AAAA.AAAA",
        "H{\"alg\":\"HS256\"}\n{}",
        "H{ \"typ\":\"application/AT+JWT\", \"\\u0061lg\":\"HS256\",\"jwk\":{\"kty\":\"oct\"} }\n{\"a\":1}",
        "H{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}\n{}",
        "H{\"alg\":\"HS256\",\"alg\":\"none\"}\n{}",
        "H{\"alg\":\"EdDSA\",\"kid\":\"1\"}\n{}",
        "H{\"alg\":\"HS256\",\"kid\":\"\\u0031\",\"x\":[[[{}]]]}\npayload",
    ]);
    for (mode, claims) in ["@", "4", "5", "x", "y", "z", "H", "T"].into_iter().zip(CLAIMS) {
        // The length at which the target signs with the slow ones.
        let space = " ".repeat((38 - claims.len() % 32) % 32);
        seeds.push(format!("{mode}\n{claims}{space}"));
    }
    seeds
}

fn jwk_set() -> Vec<String> {
    let ec = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0","kid":"1","use":"sig"}"#;
    let okp = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"\u0032","key_ops":["verify"],"alg":"EdDSA"}"#;
    let rsa = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}Q","kid":"3","alg":"PS256"}}"#, "s".repeat(341));
    let oct = format!(r#"{{"kty":"oct","alg":"HS256","k":"{}","kid":"4"}}"#, "A".repeat(43));
    let p384 = format!(r#"{{"kty":"EC","crv":"P-384","x":"{0}","y":"{0}","d":"{0}"}}"#, "B".repeat(64));
    let unfit = r#"{"kty":"AKP"},{"kty":"EC","use":"enc"},7,{"kty":"OKP","crv":"X25519","x":1e400}"#;
    vec![
        format!(r#"{{"keys":[{ec}]}}"#),
        format!(r#"{{"keys":[{ec},{okp},{rsa},{p384}]}}"#),
        format!(r#"{{"keys":[{oct}],"more":[{{}}]}}"#),
        format!(r#"{{"keys":[{oct},{ec}]}}"#),
        format!(r#"{{"keys":[{ec},{ec},{unfit}]}}"#),
        format!(r#"{{"keys":[{unfit}],"\u006beys":[]}}"#),
        format!(r#"{{"keys":{ec}}}"#),
    ]
}

fn server_sequence() -> Vec<String> {
    // One letter a need of the request opened last: client, person, load, commit.
    const GO: [&str; 4] =
        ["\u{7}\0\0", "\u{7}\0\0\u{7}\0\0", "\u{7}\0\0\u{7}\0\0\u{7}\0\0", "\u{7}\0\0\u{7}\0\0\u{7}\0\0\u{7}\0\0"];
    let code = format!("\0\0\0{}", GO[3]);
    let app = format!("\0\u{3}\0{}", GO[3]);
    let redeem = format!("\u{2}\0\0{}", GO[2]);
    let refresh = format!("\u{3}\u{1}\0{}", GO[2]);
    let next = format!("\u{3}\u{3}\0{}", GO[2]);
    let later = "\u{9}\0\u{14}";
    let look = format!("\u{6}\0\0{}\u{6}\0\u{1}{}", GO[0], GO[1]);
    let begin = format!("{code}{redeem}");
    vec![
        format!("{begin}{redeem}{look}"),
        format!("{begin}{look}{refresh}{refresh}{look}"),
        format!("{begin}{refresh}{later}{refresh}{look}"),
        format!("{begin}{refresh}{next}{refresh}{look}"),
        format!("{app}{redeem}{refresh}\u{5}\u{1}\0{}{look}", GO[2]),
        format!("{begin}\u{5}\0\0{}{look}", GO[2]),
        format!("{begin}\u{5}\u{1}\u{3}{}{look}", GO[2]),
        format!("\u{4}\0\0{}{look}\u{5}\0\0{}{look}", GO[1], GO[2]),
        // Two redemptions, and two refreshes, that both looked before either decided.
        format!(
            "{code}\u{2}\0\0\u{2}\0\0\u{7}\0\0\u{7}\u{1}\0\u{7}\0\0\u{7}\u{1}\0\u{7}\0\0\u{7}\0\0\u{7}\0\0\u{7}\0\0{look}"
        ),
        format!(
            "{begin}\u{3}\u{1}\0\u{3}\u{1}\0\u{7}\0\0\u{7}\u{1}\0\u{7}\0\0\u{7}\u{1}\0\u{7}\0\0\u{7}\0\0\u{7}\0\0{look}"
        ),
        // A pause, and its text opened twice and in another browser.
        format!("\0\0\0\u{7}\0\0\u{7}\0\u{2}\u{1}\0\0{}\u{1}\0\0{}\u{1}\0\u{3}{redeem}{look}", GO[3], GO[3]),
        // A lost acknowledgement, a conflict, a broken store, a locked account.
        format!("{code}\u{2}\0\0\u{7}\0\0\u{7}\0\0\u{7}\0\u{3}{redeem}{redeem}{look}"),
        format!("{code}\u{2}\0\0\u{7}\0\0\u{7}\0\0\u{7}\0\u{2}{}{look}", GO[2]),
        format!("{code}\u{9}\u{6}\u{4}{redeem}{look}{redeem}"),
        format!("{begin}\u{9}\u{6}\u{4}{refresh}{look}"),
        // Another client, another verifier, another URI; then the right one.
        format!("{code}\u{2}\0\u{4}{}\u{2}\0\u{8}{}\u{2}\0\u{c}{}{redeem}", GO[1], GO[1], GO[1]),
        format!("{code}\u{9}\0\u{3c}{redeem}{look}"),
        format!("\0\u{4}\u{1}{}\u{2}\0\u{3}{}{redeem}{look}", GO[3], GO[2]),
    ]
}
