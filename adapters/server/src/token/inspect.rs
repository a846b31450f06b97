//! `valetkey token inspect`: a token taken apart for people. It takes whatever it is given, strictly read where it can be
//! and told where it cannot, and decides nothing.

use super::explained::{self, Value};
use super::verify::time;
use crate::operator::Failed;
use crate::operator::clock::now;
use crate::operator::table::visible;
use std::io::Write;
use valetkey::text::base64;
use valetkey::text::json::{JsonError, Kind, Limits, Reader};
use valetkey::time::UnixTime;

/// Looser than what is taken anywhere, as here it is only shown.
const LIMITS: Limits = Limits { members: 255, ..Limits::DEFAULT };
/// Most characters of a value that are shown.
const SHOWN: usize = 300;

/// Explains the token, as of `as_of` or of now.
pub(super) fn tell(token: &str, as_of: Option<&str>, out: &mut dyn Write) -> Result<(), Failed> {
    let now = match as_of {
        Some(text) => time(text).map_err(Failed::Usage)?,
        None => now()?,
    };
    if token.is_empty() {
        return Err(Failed::Usage(
            "there is no token: give it as an argument, or with `-` on standard input".to_owned(),
        ));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, rest @ ..] = parts.as_slice() else { return Ok(()) };
    let decoded = decode(header).filter(|bytes| bytes.trim_ascii_start().starts_with(b"{"));
    match (decoded, rest) {
        (Some(header), [payload, signature]) => signed(&header, payload, signature, now, out),
        (Some(header), [_, _, _, _]) => {
            writeln!(out, "An encrypted token (JWE, RFC 7516). Only who has the key can read more than its header.")?;
            writeln!(out, "Nothing was verified.\n\nheader")?;
            members(&header, explained::header, out)
        }
        (Some(header), _) => {
            writeln!(out, "Malformed: it begins as a signed token does, but has {} instead of 3.", count(parts.len()))?;
            writeln!(out, "Nothing was verified.\n\nheader")?;
            members(&header, explained::header, out)
        }
        (None, _) if token.trim_start().starts_with('{') => {
            writeln!(
                out,
                "JSON, and no token in compact form; a JWS in JSON form (RFC 7515 section 7.2) is taken nowhere here."
            )?;
            writeln!(out, "Nothing was verified.").map_err(Failed::from)
        }
        (None, _) => opaque(token, parts.len(), out),
    }
}

fn count(parts: usize) -> String {
    if parts == 1 { "1 part".to_owned() } else { format!("{parts} parts") }
}

/// What says nothing by itself.
fn opaque(token: &str, parts: usize, out: &mut dyn Write) -> Result<(), Failed> {
    writeln!(
        out,
        "An opaque token of {} characters. It says nothing by itself: only its issuer knows what",
        token.chars().count()
    )?;
    writeln!(out, "it is good for (introspection, RFC 7662). Nothing was verified.")?;
    if token.chars().any(|c| c.is_whitespace() || c.is_control()) {
        writeln!(out, "It holds white space or control characters, which no token has: was it copied whole?")?;
    } else if parts == 3 {
        writeln!(out, "If it is meant to be a signed one: its header is no JSON object in base64url{}.", place(token))?;
    }
    Ok(())
}

/// Where the first part stops being base64url.
fn place(token: &str) -> String {
    let header = token.split('.').next().unwrap_or_default();
    let foreign = header.chars().position(|c| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'));
    foreign.map_or_else(String::new, |at| format!("; its character {} is none of that alphabet", at + 1))
}

fn signed(header: &[u8], payload: &str, signature: &str, now: UnixTime, out: &mut dyn Write) -> Result<(), Failed> {
    writeln!(out, "A signed token (JWS, RFC 7515). NOTHING of it was verified: anyone can write this.")?;
    writeln!(out, "`valetkey token verify` checks one.\n\nheader")?;
    members(header, explained::header, out)?;
    writeln!(out, "\nclaims")?;
    match decode(payload) {
        None => writeln!(out, "  malformed: the second part is no canonical base64url{}", place(payload))?,
        Some(bytes) if bytes.trim_ascii_start().starts_with(b"{") => {
            members(&bytes, |name, value| explained::claim(name, value, now), out)?;
        }
        Some(bytes) => {
            let text = shorten(&String::from_utf8_lossy(&bytes), SHOWN);
            writeln!(out, "  none: what is signed is {} bytes and no JSON object: {text}", bytes.len())?;
        }
    }
    writeln!(out, "\nsignature")?;
    match decode(signature) {
        None => writeln!(out, "  malformed: the third part is no canonical base64url{}", place(signature))?,
        Some(bytes) if bytes.is_empty() => writeln!(out, "  none: nobody should take this token")?,
        Some(bytes) => writeln!(out, "  {} bytes, not checked", bytes.len())?,
    }
    Ok(())
}

fn decode(text: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; text.len()];
    base64::decode(text, &mut bytes).ok().map(<[u8]>::to_vec)
}

/// A member a line: its name, its value, what it means. Where the JSON breaks off, that is told.
fn members(json: &[u8], mean: impl Fn(&str, &Value<'_>) -> String, out: &mut dyn Write) -> Result<(), Failed> {
    let mut scratch = vec![0; json.len()];
    let mut r = Reader::new(json, LIMITS, &mut scratch);
    let mut lines = Vec::new();
    let read =
        read(&mut r, |name, value| lines.push((shorten(name, 60), shorten(&value.shown(), SHOWN), mean(name, &value))));
    let end = read.and_then(|()| r.end());
    let width = |of: fn(&(String, String, String)) -> &String, most| {
        lines.iter().map(of).map(|text| text.chars().count()).filter(|n| *n <= most).max().unwrap_or(0)
    };
    let (names, values) = (width(|line| &line.0, 20), width(|line| &line.1, 48));
    for (name, value, meaning) in &lines {
        writeln!(out, "{}", format!("  {name:names$}  {value:values$}  {meaning}").trim_end())?;
    }
    match end {
        Ok(()) => {}
        Err(error) => writeln!(out, "  malformed: {error}; no strict reader takes it")?,
    }
    Ok(())
}

fn read<'a>(r: &mut Reader<'a>, mut each: impl FnMut(&'a str, Value<'a>)) -> Result<(), JsonError> {
    r.object()?;
    while let Some(name) = r.name()? {
        let value = match r.peek()? {
            Kind::String => Value::Text(r.string()?),
            Kind::Number => Value::Number(r.number()?),
            _ => Value::Other(r.raw()?),
        };
        each(name, value);
    }
    Ok(())
}

fn shorten(text: &str, most: usize) -> String {
    let text = visible(text);
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}.. ({} characters)", &text[..at], text.chars().count()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(token: &str) -> String {
        let mut out = Vec::new();
        tell(token, Some("1700000000"), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn segment(text: &str) -> String {
        base64::encode(text.as_bytes(), &mut vec![0; base64::encoded_len(text.len())]).unwrap().to_owned()
    }

    /// What may stand in a header or in claims, and what may not.
    fn json() -> impl Strategy<Value = String> {
        let member = (
            "(alg|typ|kid|exp|nbf|cnf|aud|scope|.{0,6})",
            "(\"[^\"]{0,12}\"|-?[0-9]{0,25}(\\.[0-9]{0,3})?|\\{\\}|\\[|.{0,6})",
        );
        let members = prop::collection::vec(member.prop_map(|(name, value)| format!("\"{name}\":{value}")), 0..6);
        prop_oneof![members.prop_map(|members| format!("{{{}}}", members.join(","))), ".{0,40}"]
    }

    proptest! {
        #[test]
        fn whatever_it_is_given_it_tells_something_that_steers_no_terminal(
            header in json(), claims in json(), any in ".{1,60}", dots in "[A-Za-z0-9_.=-]{1,80}",
        ) {
            for token in [format!("{}.{}.AAAA", segment(&header), segment(&claims)), any, dots] {
                let told = told(&token);
                prop_assert!(told.to_lowercase().contains("verified"), "{}", told);
                prop_assert!(told.chars().all(|c| c == '\n' || !c.is_control()), "{:?}", told);
            }
        }
    }
}
