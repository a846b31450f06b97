//! The client's callback: the input is the query on which the browser came back. Asserts, for a server that sends `iss`
//! and for one that need not: a code is accepted only with the exact `state` and `iss`, each once, and without an error; the
//! code is the one that is sent on; a rejected callback hands back the same flow, which still takes the right callback.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valetkey::client::{Authorize, ClientAuth, Config, Rejected, authorize};
use valetkey::secret::Entropy;

const STATE: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
const ISSUER: &str = "https://as.example";

fuzz_target!(|query: &str| {
    let cfg = Config::new(ISSUER, "https://as.example/token", "app", ClientAuth::Public)
        .and_then(|cfg| cfg.with_redirect("https://as.example/authorize", "com.example.app:/cb"))
        .expect("the configuration is good");
    one(query, &cfg, false);
    one(query, &cfg.expecting_iss(), true);
});

fn one(query: &str, cfg: &Config<'_>, iss_expected: bool) {
    let (mut before, mut after) = ([0; 512], [0; 512]);
    let flow = Authorize::new(cfg, Entropy::<{ authorize::ENTROPY }>::new([7; 64])).expect("there is an endpoint");
    let url = flow.url(&mut before).expect("there is room").to_owned();
    let ours = |name: &str| -> Vec<String> {
        let pairs = form_urlencoded::parse(query.as_bytes()).filter(|(n, value)| n == name && !value.is_empty());
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    let exact = || {
        assert_eq!(ours("state"), [STATE], "the state is ours, and there is one");
        let iss = ours("iss");
        assert!(iss == [ISSUER] || iss.is_empty() && !iss_expected, "the issuer is ours");
    };
    match flow.callback(query) {
        Ok(exchange) => {
            exact();
            assert!(ours("error").is_empty());
            let mut room = vec![0; query.len() * 3 + 512];
            let post = exchange.request(&mut room).expect("there is room");
            let sent = form_urlencoded::parse(post.body.as_bytes()).find(|(name, _)| name == "code");
            assert_eq!(ours("code"), [sent.expect("a code is sent").1.into_owned()]);
        }
        Err(Rejected::Denied(denied)) => {
            exact();
            let mut room = vec![0; query.len()];
            let error = denied.error(&mut room).expect("there is room").to_owned();
            assert_eq!(ours("error"), [error.as_str()]);
            assert!(ours("code").is_empty() && error.bytes().all(|b| (0x20..0x7f).contains(&b)));
            let description = denied.description(&mut room).expect("there is room");
            assert!(description.bytes().all(|b| (0x20..0x7f).contains(&b)));
            assert!(denied.code().is_none_or(|code| code.as_str() == error));
        }
        Err(Rejected::NotOurs { flow, .. }) => {
            assert_eq!(flow.url(&mut after).expect("there is room"), url, "the flow is as it was");
            let right = format!("code=SplxlOBe&state={STATE}&iss=https%3A%2F%2Fas.example");
            assert!(flow.callback(&right).is_ok(), "the right callback can still come");
        }
    }
}
