//! What the flows send.

use crate::{
    CALLBACK, CODE, SECRET, STATE, TOKEN, basic, config, every_auth, exchange, flow, pairs, query, seeded, values,
};
use valetkey::client::{Authorize, ClientAuth, ClientCredentials, Config, Duties, Refresh, Retry};
use valetkey::secret::{Entropy, SecretText};
use valetkey::text::{base64, grammar::is_code_verifier};

const GENUINE: &str = "code=SplxlOBeZQQYbYS6WxSbIA&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";

fn url(flow: &Authorize<'_>) -> String {
    flow.url(&mut [0; 2048]).unwrap().to_owned()
}

/// Authorization and body of every kind of request.
fn posts(cfg: &Config<'_>) -> Vec<(Option<String>, String)> {
    let own = |post: valetkey::client::Post<'_>| {
        assert_eq!(post.url, TOKEN);
        assert_eq!(post.duties.body_cap, Duties::BODY_CAP);
        (post.authorization.map(str::to_owned), post.body.to_owned())
    };
    let mut posts = Vec::new();
    let refresh = Refresh::new(cfg, SecretText::new("old-refresh"), "read").unwrap();
    posts.push(own(exchange(cfg, GENUINE).request(&mut [0; 2048]).unwrap()));
    posts.push(own(refresh.request(&mut [0; 2048]).unwrap()));
    if let Ok(flow) = ClientCredentials::new(cfg) {
        posts.push(own(flow.request(&mut [0; 2048]).unwrap()));
    }
    posts
}

#[test]
fn rfc6749_2_3_01_oauth21_2_4_02_the_client_authenticates_in_exactly_one_place() {
    for auth in every_auth() {
        for (authorization, body) in posts(&config(auth)) {
            let by_header = usize::from(authorization.is_some());
            let by_body = values(&body, "client_secret").len();
            let named = values(&body, "client_id").len();
            match auth {
                ClientAuth::Basic(_) => assert_eq!((by_header, by_body, named), (1, 0, 0)),
                ClientAuth::Body(_) => assert_eq!((by_header, by_body, named), (0, 1, 1)),
                ClientAuth::Public | ClientAuth::PrivateKeyJwt => assert_eq!((by_header, by_body, named), (0, 0, 1)),
            }
        }
    }
}

#[test]
fn rfc6749_3_2_1_02_a_public_client_names_itself_once() {
    for (_, body) in posts(&config(ClientAuth::Public)) {
        assert_eq!(values(&body, "client_id"), ["demo-web"]);
    }
}

#[test]
fn rfc6749_2_3_1_05_rfc6750_2_3_01_rfc9700_4_3_2_01_oauth21_5_1_01_no_secret_and_no_token_is_in_a_url() {
    for auth in every_auth() {
        let cfg = config(auth);
        let url = url(&flow(&cfg));
        for hidden in [SECRET, "MARK", "client_secret", "old-refresh", "token=", "code_verifier"] {
            assert!(!url.contains(hidden) && !TOKEN.contains(hidden), "{hidden}");
        }
    }
}

#[test]
fn rfc6749_3_2_01_a_token_request_is_a_form_in_the_body_of_a_post() {
    let grants = |cfg: &Config<'_>| -> Vec<String> {
        posts(cfg).iter().map(|(_, body)| values(body, "grant_type").concat()).collect()
    };
    assert_eq!(grants(&basic()), ["authorization_code", "refresh_token", "client_credentials"]);
}

#[test]
fn rfc6749_4_1_1_01_oauth21_2_3_2_01_the_url_says_once_what_is_asked_for() {
    let cfg = basic();
    let url = url(&flow(&cfg));
    assert!(url.starts_with("https://as.example/authorize?ui=1&response_type=code&"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "demo-web"),
        ("redirect_uri", CALLBACK),
        ("scope", "read write"),
        ("state", STATE),
        ("code_challenge_method", "S256"),
        ("audience", "urn:example:api"),
    ] {
        assert_eq!(values(query(&url), name), [value]);
    }
    assert_eq!(values(query(&url), "resource"), ["https://api.example/a", "https://api.example/b"]);
}

#[test]
fn rfc6749_8_2_01_every_parameter_is_named_by_the_grammar() {
    let name_char = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    for auth in every_auth() {
        let cfg = config(auth);
        let mut sent = pairs(query(&url(&flow(&cfg))));
        sent.extend(posts(&cfg).iter().flat_map(|(_, body)| pairs(body)));
        assert!(
            sent.len() > 20 && sent.iter().all(|(name, _)| !name.is_empty() && name.bytes().all(name_char)),
            "{sent:?}"
        );
    }
}

#[test]
fn what_is_not_configured_is_not_sent() {
    let bare = Config::new("https://as.example", TOKEN, "c", ClientAuth::Public).unwrap();
    let cfg = bare.with_redirect("https://as.example/authorize", CALLBACK).unwrap();
    let url = url(&flow(&cfg));
    assert!(url.starts_with("https://as.example/authorize?response_type=code&client_id=c&"));
    for name in ["scope", "audience", "resource"] {
        assert!(!url.contains(&format!("{name}=")));
        assert!(posts(&cfg).iter().all(|(_, body)| name == "scope" || values(body, name).is_empty()));
    }
}

#[test]
fn rfc9700_2_1_2_01_no_response_type_puts_tokens_into_the_redirect() {
    for auth in every_auth() {
        assert_eq!(values(query(&url(&flow(&config(auth)))), "response_type"), ["code"]);
    }
}

#[test]
fn rfc6749_4_1_1_02_rfc6749_10_8_02_oauth21_4_1_1_03_state_is_32_random_bytes_of_its_own() {
    let cfg = basic();
    let state = values(query(&url(&flow(&cfg))), "state").concat();
    assert_eq!(base64::decode_array::<32>(&state), Ok([7; 32]));
    assert_ne!(values(query(&url(&seeded(&cfg, 8))), "state"), [state]);
}

#[test]
fn rfc7636_4_2_02_the_challenge_is_sha256_of_the_verifier() {
    let v: serde_json::Value =
        serde_json::from_str(include_str!("../../../conformance/vectors/pkce_rfc7636.json")).unwrap();
    let vector = &v["vectors"][0];
    let octets = vector["random_octets"].as_array().unwrap().iter().map(|n| u8::try_from(n.as_u64().unwrap()).unwrap());
    let mut seed = [7; 64];
    for (to, from) in seed.iter_mut().skip(32).zip(octets) {
        *to = from;
    }
    let cfg = basic();
    let flow = Authorize::new(&cfg, Entropy::new(seed)).unwrap();
    assert_eq!(values(query(&url(&flow)), "code_challenge"), [vector["code_challenge"].as_str().unwrap()]);
    let exchange = flow.callback(GENUINE).unwrap();
    let mut buf = [0; 2048];
    let body = exchange.request(&mut buf).unwrap().body;
    assert_eq!(values(body, "code_verifier"), [vector["code_verifier"].as_str().unwrap()]);
}

#[test]
fn rfc7636_4_1_01_rfc7636_4_1_02_rfc7636_7_1_01_the_verifier_is_43_characters_of_32_random_bytes() {
    let cfg = basic();
    let body = &posts(&cfg)[0].1;
    let verifier = values(body, "code_verifier").concat();
    assert!(is_code_verifier(&verifier) && verifier.len() == 43);
    assert_eq!(base64::decode_array::<32>(&verifier), Ok([7; 32]));
}

#[test]
fn rfc7636_4_1_03_rfc9700_2_1_1_03_each_flow_has_a_verifier_and_challenge_of_its_own() {
    let cfg = basic();
    let challenges: std::collections::BTreeSet<_> =
        (0..=255).map(|seed| values(query(&url(&seeded(&cfg, seed))), "code_challenge").concat()).collect();
    assert_eq!(challenges.len(), 256);
}

#[test]
fn rfc7636_4_2_01_rfc7636_4_2_03_rfc7636_4_3_01_rfc7636_5_02_rfc8252_6_01_rfc9700_2_1_1_01_oauth21_4_1_1_01_every_url_has_an_s256_challenge()
 {
    for auth in every_auth() {
        let cfg = config(auth);
        let (url, body) = (url(&flow(&cfg)), &posts(&cfg)[0].1);
        assert_eq!(values(query(&url), "code_challenge_method"), ["S256"]);
        assert_eq!(values(query(&url), "code_challenge").concat().len(), 43);
        assert_eq!(values(body, "code_verifier").len(), 1);
    }
}

#[test]
fn rfc9700_2_1_1_02_rfc9700_2_1_1_05_the_verifier_is_not_in_the_url() {
    let cfg = basic();
    let mut seed = [7; 64];
    seed[63] = 9;
    let flow = Authorize::new(&cfg, Entropy::new(seed)).unwrap();
    let url = url(&flow);
    let exchange = flow.callback(GENUINE).unwrap();
    let mut buf = [0; 2048];
    let verifier = values(exchange.request(&mut buf).unwrap().body, "code_verifier").concat();
    assert!(verifier.len() == 43 && !url.contains(&verifier));
}

#[test]
fn rfc6749_4_1_3_01_rfc7636_4_5_01_the_code_is_sent_with_redirect_uri_and_verifier() {
    let cfg = config(ClientAuth::Public);
    let names: Vec<String> = pairs(&posts(&cfg)[0].1).into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["grant_type", "client_id", "code", "redirect_uri", "code_verifier", "resource", "resource", "audience"]
    );
    let body = &posts(&cfg)[0].1;
    assert_eq!(values(body, "code"), [CODE]);
    assert_eq!(values(body, "redirect_uri"), values(query(&url(&flow(&cfg))), "redirect_uri"));
}

#[test]
fn rfc6749_4_1_2_03_a_code_is_never_sent_twice() {
    let cfg = basic();
    let mut buf = [0; 2048];
    assert_eq!(exchange(&cfg, GENUINE).request(&mut buf).unwrap().duties.retry, Retry::Never);
    assert_eq!(ClientCredentials::new(&cfg).unwrap().request(&mut buf).unwrap().duties.retry, Retry::Safe);
    let refresh = Refresh::new(&cfg, SecretText::new("r"), "").unwrap();
    assert_eq!(refresh.request(&mut buf).unwrap().duties.retry, Retry::OnlyUnderGrace);
}

#[test]
fn resource_and_audience_go_along_on_every_request_and_scope_on_renewal() {
    for auth in every_auth() {
        for (_, body) in posts(&config(auth)) {
            assert_eq!(values(&body, "resource"), ["https://api.example/a", "https://api.example/b"]);
            assert_eq!(values(&body, "audience"), ["urn:example:api"]);
        }
    }
    let posts = posts(&basic());
    assert_eq!(values(&posts[1].1, "refresh_token"), ["old-refresh"]);
    assert_eq!(values(&posts[1].1, "scope"), ["read"]);
    assert_eq!(values(&posts[2].1, "scope"), ["read write"]);
}

#[test]
fn rfc9207_4_02_rfc9700_4_4_2_01_a_code_goes_to_the_server_of_its_flow() {
    let other = Config::new("https://b.example", "https://b.example/token", "demo-web", ClientAuth::Public)
        .and_then(|cfg| cfg.with_redirect("https://b.example/authorize", CALLBACK))
        .unwrap();
    let mut buf = [0; 2048];
    assert_eq!(exchange(&other, GENUINE).request(&mut buf).unwrap().url, "https://b.example/token");
    assert_eq!(exchange(&basic(), GENUINE).request(&mut buf).unwrap().url, TOKEN);
}
