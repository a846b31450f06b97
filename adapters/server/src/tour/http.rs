//! HTTP for those who are not the app: the browser, the API and the thief. Bounded in time and length; follows nothing.

use super::Result;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, HeaderMap};
use reqwest::redirect;
use valetkey::text::buf::Writer;
use valetkey::text::form::{self, Encoded};
use valetkey::wire::basic;
use valetkey_tokio::client::TIMEOUT;

/// Most bytes of a body that are read.
const BODY_CAP: usize = 64 * 1024;

pub(super) struct Http(reqwest::Client);

/// A request to be sent; without a form it is a GET.
#[derive(Default)]
pub(super) struct Request {
    pub(super) url: String,
    pub(super) authorization: Option<String>,
    pub(super) cookies: String,
    pub(super) form: Option<String>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Answer {
    /// The first value of a header; empty if there is none.
    pub(super) fn header(&self, name: impl reqwest::header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Http {
    pub(super) fn new() -> Result<Self> {
        // Everyone here is on loopback, but with TLS built in a client wants to know by whom.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder().redirect(redirect::Policy::none()).no_proxy().timeout(TIMEOUT);
        Ok(Self(client.build()?))
    }

    pub(super) async fn send(&self, request: &Request) -> Result<Answer> {
        let mut sent = match &request.form {
            Some(form) => {
                let post = self.0.post(&request.url).body(form.clone());
                post.header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            }
            None => self.0.get(&request.url),
        };
        if let Some(authorization) = &request.authorization {
            sent = sent.header(AUTHORIZATION, authorization);
        }
        if !request.cookies.is_empty() {
            sent = sent.header(COOKIE, &request.cookies);
        }
        // The URL may hold a secret, and is no part of an error.
        let mut response = sent.send().await.map_err(reqwest::Error::without_url)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_CAP {
                return Err("the answer is longer than 64 KiB".into());
            }
        }
        Ok(Answer { status, headers, body: String::from_utf8(body)? })
    }
}

/// The `Authorization` header of a client with a secret.
pub(super) fn basic(id: &str, secret: &str) -> Result<String> {
    let mut buf = vec![0; 4 * (id.len() + secret.len()) + 64];
    let mut writer = Writer::new(&mut buf);
    basic::push(&mut writer, id, secret);
    Ok(writer.finish()?.to_owned())
}

/// The body of a form.
pub(super) fn encode<'p>(pairs: impl IntoIterator<Item = (&'p str, &'p str)>) -> Result<String> {
    let mut buf = vec![0; BODY_CAP];
    let (mut writer, mut first) = (Writer::new(&mut buf), true);
    for (name, value) in pairs {
        form::pair(&mut writer, &mut first, name, value);
    }
    Ok(writer.finish()?.to_owned())
}

/// The pairs of a form or query.
pub(super) fn decode(text: &str) -> Result<Vec<(String, String)>> {
    let decoded = |text: &str| -> Result<String> {
        let mut buf = vec![0; text.len()];
        let mut writer = Writer::new(&mut buf);
        Encoded::new(text).decode(&mut writer)?;
        Ok(writer.finish()?.to_owned())
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| Ok((decoded(name)?, decoded(value)?))).collect()
}
