//! Requests as the chart shows them: decoded, secrets shortened. As all that comes of one login begins alike, codes and
//! tokens get a short name as well, such as `(R2)` for the second refresh token.

use super::Result;
use super::http::decode;
use crate::chart::{parameters, shorten};
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// The names given so far, with what they stand for.
#[derive(Default)]
pub(super) struct Names(Vec<(String, Zeroizing<String>)>);

impl Names {
    /// Gives a secret the next name of its kind, unless it has one.
    pub(super) fn give(&mut self, kind: char, secret: &str) {
        if !secret.is_empty() && self.of(secret).is_empty() {
            let count = self.0.iter().filter(|(name, _)| name.starts_with(kind)).count();
            self.0.push((format!("{kind}{}", count + 1), Zeroizing::new(secret.to_owned())));
        }
    }

    /// The name in parentheses; empty if it has none.
    fn of(&self, secret: &str) -> String {
        let found = self.0.iter().find(|(_, known)| **known == secret);
        found.map_or_else(String::new, |(name, _)| format!("({name})"))
    }

    /// Names and values, decoded already. Spaces in a value do not break, so that it is not taken for two.
    pub(super) fn pairs<'p>(&self, pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> String {
        let shown = pairs.into_iter().map(|pair| parameters([pair]).replace(' ', "\u{a0}") + &self.of(pair.1));
        shown.collect::<Vec<_>>().join(" ")
    }

    /// The names and values of a form or query.
    pub(super) fn form(&self, text: &str) -> Result<String> {
        let pairs = decode(text)?;
        Ok(self.pairs(pairs.iter().map(|(name, value)| (&**name, &**value))))
    }

    /// A request; without a body it is a GET.
    pub(super) fn request(&self, url: &str, authorization: Option<&str>, body: Option<&str>) -> Result<String> {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let target = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut lines = vec![format!("{} {path}", if body.is_some() { "POST" } else { "GET" })];
        if let Some(authorization) = authorization {
            lines.push(format!("Authorization: {}", self.credentials(authorization)));
        }
        for pairs in [query, body.unwrap_or_default()] {
            lines.push(self.form(pairs)?);
        }
        lines.retain(|line| !line.is_empty());
        Ok(lines.join("\n"))
    }

    /// The scheme and, of Basic, the client's name.
    fn credentials(&self, authorization: &str) -> String {
        match authorization.split_once(' ') {
            Some(("Basic", pair)) => {
                let pair = Base64::decode_vec(pair).ok().and_then(|pair| String::from_utf8(pair).ok());
                format!("Basic {}:…", pair.unwrap_or_default().split(':').next().unwrap_or_default())
            }
            Some((scheme, token)) => format!("{scheme} {}{}", shorten(token), self.of(token)),
            None => shorten(authorization),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_shortened_and_told_apart() {
        let mut names = Names::default();
        for token in ["abcdef-one-one", "abcdef-two-two", "abcdef-one-one", ""] {
            names.give('R', token);
        }
        let body = "scope=read%20write&refresh_token=abcdef-two-two&code=abcdef-unknown";
        let shown =
            names.request("http://127.0.0.1:1/token?state=ghijklmnopqrst", Some("Bearer abcdef-one-one"), Some(body));
        let expected = "POST /token\nAuthorization: Bearer abcdef…(R1)\nstate=ghijkl…\n\
                        scope=read\u{a0}write refresh_token=abcdef…(R2) code=abcdef…";
        assert_eq!(shown.unwrap(), expected);
        let basic = names.request("http://127.0.0.1:1", Some("Basic YTpzZWNyZXQ="), None).unwrap();
        assert_eq!(basic, "GET /\nAuthorization: Basic a:…");
    }
}
