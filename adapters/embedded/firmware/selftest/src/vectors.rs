//! How bytes are read and written: test vectors of the RFCs, and texts that must be refused.

use crate::{Verdict, check};
use valetkey::client::{Authorize, ClientAuth, Config, authorize};
use valetkey::secret::Entropy;
use valetkey::server::secret_digest;
use valetkey::text::buf::Writer;
use valetkey::text::form::{self, Form};
use valetkey::text::json::{JsonError, Limits, Reader};
use valetkey::text::{base64, grammar};

/// <https://www.rfc-editor.org/rfc/rfc4648#section-10>, and the two letters that only base64url has.
pub(crate) fn base64url() -> Verdict {
    let vectors: [(&[u8], &str); 9] = [
        (b"", ""),
        (b"f", "Zg"),
        (b"fo", "Zm8"),
        (b"foo", "Zm9v"),
        (b"foob", "Zm9vYg"),
        (b"fooba", "Zm9vYmE"),
        (b"foobar", "Zm9vYmFy"),
        (b"\xfb\xef\xbe", "----"),
        (b"\xff\xff\xff", "____"),
    ];
    for (bytes, text) in vectors {
        check(base64::encode(bytes, &mut [0; 8]) == Ok(text), "a text")?;
        check(base64::decode(text, &mut [0; 6]) == Ok(bytes), "the bytes of a text")?;
    }
    // Padded, of the other alphabet, with bits that say nothing, of no length.
    for text in ["Zg==", "++++", "////", "Zh", "Zm9", "Zm9vY", "Zm 9"] {
        check(base64::decode(text, &mut [0; 6]).is_err(), "what is not base64url was taken")?;
    }
    Ok(())
}

/// <https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values>
pub(crate) fn sha256() -> Verdict {
    let vectors = [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ];
    for (text, digest) in vectors {
        check(hex(digest) == Some(secret_digest(text).0), "a digest")?;
    }
    Ok(())
}

fn hex(text: &str) -> Option<[u8; 32]> {
    valetkey::server::record::Digest::from_hex(text).map(|digest| digest.0)
}

/// <https://www.rfc-editor.org/rfc/rfc7636#appendix-B>
pub(crate) fn pkce() -> Verdict {
    const VERIFIER: [u8; 32] = [
        116, 24, 223, 180, 151, 153, 224, 37, 79, 250, 96, 125, 216, 173, 187, 186, 22, 212, 37, 77, 105, 214, 191,
        240, 91, 88, 5, 88, 83, 132, 141, 121,
    ];
    let mut seed = [7; authorize::ENTROPY];
    for (to, from) in seed.iter_mut().skip(32).zip(VERIFIER) {
        *to = from;
    }
    let config = Config::new("https://as.example", "https://as.example/token", "demo-spa", ClientAuth::Public)
        .and_then(|config| config.with_redirect("https://as.example/authorize", "https://client.example/cb"));
    let config = config.map_err(|_| "the settings")?;
    let flow = Authorize::new(&config, Entropy::new(seed)).map_err(|_| "the settings")?;

    let (mut url, mut request) = ([0; 512], [0; 512]);
    let url = flow.url(&mut url).map_err(|_| "the room for the URL")?;
    let pairs = url.split_once('?').and_then(|(_, query)| Form::new(query, &[]).ok()).ok_or("the URL")?;
    let is = |name, value| pairs.get(name).is_some_and(|given| given.is(value));
    check(is("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"), "the challenge")?;
    check(is("code_challenge_method", "S256"), "the method")?;

    let callback = "code=SplxlOBeZQQYbYS6WxSbIA&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let exchange = flow.callback(callback).map_err(|_| "the callback")?;
    let body = exchange.request(&mut request).map_err(|_| "the room for the request")?.body;
    let sent = Form::new(body, &[]).ok().and_then(|body| body.get("code_verifier")?.plain()).unwrap_or_default();
    check(sent == "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "the verifier")?;
    check(grammar::is_code_verifier(sent), "the verifier's grammar")
}

/// <https://www.rfc-editor.org/rfc/rfc8259>
pub(crate) fn json() -> Verdict {
    let good: [&[u8]; 12] = [
        b"{}",
        b" [ ] ",
        b"null",
        b"-0",
        b"1.5E+3",
        b"\"\"",
        b"\"\\u00e9\\ud83d\\ude00\\\\\\/\\n\"",
        b"\"\xc3\xa9\"",
        b"[1,[2,[3]]]",
        b"{\"a\":{\"a\":[true,false,null]},\"\\u0062\":0}",
        b"[[[[[[[[[[[[[[[[16]]]]]]]]]]]]]]]]",
        b"\t{\"expires_in\":3600}\r\n",
    ];
    for text in good {
        check(read(text).is_ok(), "a document was refused")?;
    }
    let bad: [&[u8]; 22] = [
        b"",
        b"{",
        b"[1,]",
        b"[1 2]",
        b"{\"a\" 1}",
        b"{a:1}",
        b"{} {}",
        b"nul",
        b"True",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"1e",
        b"\"",
        b"\"\t\"",
        b"\"\\x\"",
        b"\"\\ud83d\"",
        b"\"\xc3\"",
        b"\xef\xbb\xbf{}",
        b"{\"a\":1,\"\\u0061\":2}",
        b"[[[[[[[[[[[[[[[[[17]]]]]]]]]]]]]]]]]",
    ];
    for text in bad {
        check(read(text).is_err(), "what is not JSON was taken")?;
    }
    check(number(b"{\"n\":3600}") == Ok(3600), "an integer")?;
    check(number(b"{\"n\":18446744073709551615}") == Ok(u64::MAX), "the largest integer")?;
    check(number(b"{\"n\":18446744073709551616}").is_err(), "a larger integer was taken")?;
    check(number(b"{\"n\":3600.0}").is_err(), "a fraction passed for an integer")?;
    check(number(b"{\"n\":\"3600\"}").is_err(), "a string passed for an integer")
}

fn read(text: &[u8]) -> Result<(), JsonError> {
    let mut scratch = [0; 64];
    let mut reader = Reader::new(text, Limits::DEFAULT, &mut scratch);
    reader.skip()?;
    reader.end()
}

fn number(text: &[u8]) -> Result<u64, JsonError> {
    let mut scratch = [0; 64];
    let mut reader = Reader::new(text, Limits::DEFAULT, &mut scratch);
    let mut number = 0;
    reader.object()?;
    while reader.name()?.is_some() {
        number = reader.u64()?;
    }
    reader.end()?;
    Ok(number)
}

/// <https://www.rfc-editor.org/rfc/rfc6749#appendix-B>
pub(crate) fn forms() -> Verdict {
    const TEXT: &str = " %&+£€";
    let mut buf = [0; 32];
    let mut writer = Writer::new(&mut buf);
    form::encode(&mut writer, TEXT);
    check(writer.finish() == Ok("+%25%26%2B%C2%A3%E2%82%AC"), "the text of RFC 6749")?;

    let form = Form::new("a=&b=%20%25&c=+%25%26%2b%c2%A3%E2%82%AC", &[]).map_err(|_| "a form was refused")?;
    check(form.get("a").is_none(), "an empty value counts as none")?;
    check(form.get("b").is_some_and(|b| b.is(" %")), "an escape")?;
    check(form.get("c").is_some_and(|c| c.is(TEXT)), "the text of RFC 6749, read")?;

    for text in ["a=1&a=2", "a=1&%61=2", "%zz=1", "%6=1"] {
        check(Form::new(text, &[]).is_err(), "a bad form was taken")?;
    }
    for text in ["a=%", "a=%6", "a=%zz", "a=%C3", "a=%ff"] {
        let value = Form::new(text, &[]).ok().and_then(|form| form.get("a")).ok_or("a value that is not read yet")?;
        check(value.decode(&mut Writer::new(&mut [0; 8])).is_err(), "a bad escape was taken")?;
    }
    Ok(())
}
