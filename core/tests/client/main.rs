//! The client role, as its users and the RFCs see it. Tests bear the ids of the requirements that they show.

mod callback;
mod configuration;
mod mutation;
mod pending;
mod requests;
mod responses;
mod room;
mod signed;

use valetkey::client::{Authorize, ClientAuth, Config, Exchange, Response, authorize};
use valetkey::secret::{Entropy, SecretText};
use valetkey::text::{buf::Writer, form::Form};

const ISSUER: &str = "https://as.example";
const TOKEN: &str = "https://as.example/token";
const SECRET: &str = "web-secret~MARK";
const CALLBACK: &str = "https://client.example/cb?tenant=1";
const CODE: &str = "SplxlOBeZQQYbYS6WxSbIA";
/// What 32 bytes of 7 are in base64url.
const STATE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

fn config(auth: ClientAuth<'_>) -> Config<'_> {
    Config::new(ISSUER, TOKEN, "demo-web", auth)
        .and_then(|cfg| cfg.with_redirect("https://as.example/authorize?ui=1", CALLBACK))
        .and_then(|cfg| cfg.with_scope("read write"))
        .and_then(|cfg| cfg.with_resource("https://api.example/a https://api.example/b"))
        .and_then(|cfg| cfg.with_audience("urn:example:api"))
        .unwrap()
}

fn basic() -> Config<'static> {
    config(ClientAuth::Basic(SecretText::new(SECRET)))
}

fn every_auth() -> [ClientAuth<'static>; 3] {
    [ClientAuth::Basic(SecretText::new(SECRET)), ClientAuth::Body(SecretText::new(SECRET)), ClientAuth::Public]
}

fn flow<'c>(cfg: &'c Config<'c>) -> Authorize<'c> {
    seeded(cfg, 7)
}

fn seeded<'c>(cfg: &'c Config<'c>, byte: u8) -> Authorize<'c> {
    Authorize::new(cfg, Entropy::<{ authorize::ENTROPY }>::new([byte; 64])).unwrap()
}

fn genuine() -> String {
    format!("code={CODE}&state={STATE}&iss=https://as.example")
}

fn exchange<'c>(cfg: &'c Config<'c>, query: &'static str) -> Exchange<'c, 'static> {
    flow(cfg).callback(query).unwrap()
}

fn json(status: u16, body: &str) -> Response<'_> {
    Response { status, content_type: Some("application/json"), retry_after: None, date: None, body: body.as_bytes() }
}

/// All parameters of a form, decoded.
fn pairs(form: &str) -> Vec<(String, String)> {
    let decoded = |encoded: valetkey::text::form::Encoded<'_>| {
        let mut buf = vec![0; form.len()];
        let mut w = Writer::new(&mut buf);
        encoded.decode(&mut w).unwrap();
        w.finish().unwrap().to_owned()
    };
    Form::new(form, &["resource"]).unwrap().pairs().map(|(n, v)| (decoded(n), decoded(v))).collect()
}

fn values(form: &str, name: &str) -> Vec<String> {
    pairs(form).into_iter().filter(|(n, _)| n == name).map(|(_, value)| value).collect()
}

fn query(url: &str) -> &str {
    url.split_once('?').unwrap().1
}
