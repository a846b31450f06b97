//! `valetkey token verify --json-lines`: a question a line, an answer a line, for test vectors and scripts.

use super::cli::Verify;
use super::keys::{Source, Sources};
use super::verify::{Asked, algorithms, leeway, time};
use crate::operator::Failed;
use crate::operator::table::object;
use serde::Serialize;
use serde_json::Value;
use std::io::{BufRead, Read as _, Write};
use valetkey::text::json::{JsonError, Kind, Limits, Reader};

/// Most bytes of a line: a key set and a token.
const LONGEST: usize = 1024 * 1024;

/// What a line may say besides its name and token.
const OPTIONS: [&str; 8] = ["jwks", "issuer", "audience", "alg", "typ", "leeway", "now", "signature_only"];

/// An answer, as it stands in its line.
#[derive(Serialize)]
struct Answer {
    name: Value,
    result: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Answers each line as soon as it is there. Members that are not known here are passed over, so that a file of vectors
/// may keep its own remarks.
pub(super) async fn answer(options: &Verify, input: &mut dyn BufRead, out: &mut dyn Write) -> Result<(), Failed> {
    if options.token != "-" {
        return Err(Failed::Usage("--json-lines reads from standard input: say `-` for the token".to_owned()));
    }
    let (asked, mut sources, mut line) = (Asked::typed(options)?, Sources::default(), Vec::new());
    while next(input, &mut line)? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (name, verdict) = match Question::read(&line, &asked, options.tokens_only) {
            Ok(question) => (question.name, question.asked.judge(&question.token, &mut sources).await),
            Err(why) => (name(&line), Err(Failed::Not(why))),
        };
        let (result, reason) = match verdict {
            Ok(_) => ("accept", None),
            Err(why) => ("reject", Some(why.to_string())),
        };
        object(out, &Answer { name, result, reason })?;
        out.flush()?;
    }
    Ok(())
}

/// The next line, cut off where it is too long to be read; whether there was one.
fn next(input: &mut dyn BufRead, line: &mut Vec<u8>) -> Result<bool, Failed> {
    let unread = |error| Failed::Not(format!("standard input cannot be read: {error}"));
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 1;
    line.clear();
    let read = (&mut *input).take(most).read_until(b'\n', line).map_err(unread)?;
    let mut ended = read <= LONGEST || line.ends_with(b"\n");
    while !ended {
        let mut rest = Vec::new();
        let read = (&mut *input).take(most).read_until(b'\n', &mut rest).map_err(unread)?;
        ended = read == 0 || rest.ends_with(b"\n");
    }
    Ok(read > 0)
}

struct Question {
    name: Value,
    token: String,
    asked: Asked,
}

impl Question {
    fn read(line: &[u8], asked: &Asked, tokens_only: bool) -> Result<Self, String> {
        if line.len() > LONGEST {
            return Err("the line is longer than 1 MiB".to_owned());
        }
        let malformed = |error: JsonError| format!("the line is malformed: {error}");
        let mut scratch = vec![0; line.len()];
        let mut r = Reader::new(line, Limits::DEFAULT, &mut scratch);
        let (mut question, mut token) = (Self { name: Value::Null, token: String::new(), asked: asked.clone() }, false);
        let asked = &mut question.asked;
        r.object().map_err(malformed)?;
        while let Some(name) = r.name().map_err(malformed)? {
            let wrong = |what: &str| format!("the line's {name} is not {what}");
            let kind = r.peek().map_err(malformed)?;
            let raw = r.raw().map_err(malformed)?;
            let text = || serde_json::from_str::<String>(raw).map_err(|_| wrong("a string"));
            let number = || match kind {
                Kind::String => text()?.parse().map_err(|_| wrong("a number of seconds")),
                _ => raw.parse().map_err(|_| wrong("a number of seconds")),
            };
            if tokens_only && OPTIONS.contains(&name) {
                return Err(format!("the line has {name}, and --tokens-only takes no option from a line"));
            }
            match name {
                "name" => question.name = serde_json::from_str(raw).unwrap_or_default(),
                "token" => (question.token, token) = (text()?, true),
                "jwks" if kind == Kind::Object => asked.jwks = Some(Source::Inline(raw.as_bytes().to_vec())),
                "jwks" => asked.jwks = Some(Source::Named(text()?)),
                "issuer" => asked.issuer = Some(text()?),
                "audience" => asked.audience = Some(text()?),
                "alg" if kind == Kind::Array => {
                    let names: Vec<String> =
                        serde_json::from_str(raw).map_err(|_| wrong("an array of strings, or a string"))?;
                    asked.algorithms = algorithms(names.iter().map(String::as_str))?;
                }
                "alg" => asked.algorithms = algorithms(text()?.split(','))?,
                "typ" => asked.typ = text()?,
                "leeway" => asked.leeway = leeway(number()?)?,
                "now" if kind == Kind::String => asked.now = Some(time(&text()?)?),
                "now" => asked.now = Some(valetkey::time::UnixTime(number()?)),
                "signature_only" => asked.signature_only = raw.parse().map_err(|_| wrong("true or false"))?,
                _ => {}
            }
        }
        r.end().map_err(malformed)?;
        if token { Ok(question) } else { Err("the line has no token".to_owned()) }
    }
}

/// The name in a line that is wrong otherwise, if it can be made out.
fn name(line: &[u8]) -> Value {
    let read: Option<Value> = serde_json::from_slice(line).ok();
    read.and_then(|mut line| line.get_mut("name").map(Value::take)).unwrap_or_default()
}
