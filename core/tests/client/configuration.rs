//! What a configuration lets pass.

use crate::{CALLBACK, ISSUER, SECRET, TOKEN, basic};
use proptest::prelude::*;
use valetkey::client::{Authorize, ClientAuth, ClientCredentials, Config, ConfigError, Leniency, Refresh};
use valetkey::secret::{Entropy, SecretText};

#[test]
fn rfc6749_10_8_01_oauth21_1_5_01_endpoints_are_https_or_on_loopback() {
    let auth = ClientAuth::Public;
    for bad in ["http://as.example/token", "ftp://as.example/token", "as.example/token", "https://as.example/#t", ""] {
        assert_eq!(Config::new(ISSUER, bad, "c", auth).unwrap_err(), ConfigError::TokenEndpoint, "{bad}");
        assert_eq!(Config::new(bad, TOKEN, "c", auth).unwrap_err(), ConfigError::Issuer, "{bad}");
        assert_eq!(basic().with_redirect(bad, CALLBACK).unwrap_err(), ConfigError::AuthorizationEndpoint, "{bad}");
    }
    for loopback in ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"] {
        assert!(Config::new(loopback, loopback, "c", auth).unwrap().with_redirect(loopback, CALLBACK).is_ok());
    }
}

#[test]
fn rfc6749_10_5_02_rfc8252_7_1_01_a_redirect_uri_is_https_loopback_or_of_a_scheme_with_a_period() {
    let endpoint = "https://as.example/authorize";
    for good in [CALLBACK, "http://127.0.0.1:9099/cb", "http://[::1]/cb", "com.example.app:/cb"] {
        assert!(basic().with_redirect(endpoint, good).is_ok(), "{good}");
    }
    for bad in ["http://client.example/cb", "app:/cb", "myapp://cb", "/cb", "https://client.example/cb#f", ""] {
        assert_eq!(basic().with_redirect(endpoint, bad).unwrap_err(), ConfigError::RedirectUri, "{bad}");
    }
}

#[test]
fn rfc8707_2_01_a_resource_is_an_absolute_uri_without_fragment() {
    for bad in
        ["", "/api", "api", "https://api.example/#f", "https://a.example  https://b.example", "https://a.example "]
    {
        assert_eq!(basic().with_resource(bad).unwrap_err(), ConfigError::Resource, "{bad}");
    }
    assert!(basic().with_resource("urn:example:api").is_ok());
}

#[test]
fn malformed_names_secrets_scopes_and_tokens_are_refused() {
    let secret = |text| ClientAuth::Basic(SecretText::new(text));
    for bad in ["", "a\nb", "é", "a\u{7f}"] {
        assert_eq!(Config::new(ISSUER, TOKEN, bad, ClientAuth::Public).unwrap_err(), ConfigError::ClientId);
        assert_eq!(Config::new(ISSUER, TOKEN, "c", secret(bad)).unwrap_err(), ConfigError::ClientSecret);
        assert_eq!(basic().with_scope(bad).unwrap_err(), ConfigError::Scope);
        assert_eq!(basic().with_audience(bad).unwrap_err(), ConfigError::Audience);
        assert_eq!(Refresh::new(&basic(), SecretText::new(bad), "").unwrap_err(), ConfigError::RefreshToken);
    }
    assert_eq!(Refresh::new(&basic(), SecretText::new("r"), "a  b").unwrap_err(), ConfigError::Scope);
}

#[test]
fn an_endpoint_must_not_bring_parameters_of_its_own_for_ours() {
    for taken in ["state=1", "x=1&client_id=evil", "%73tate=1", "resource=https%3A%2F%2Fx.example", "a=1&a=2"] {
        let endpoint = format!("https://as.example/authorize?{taken}");
        assert_eq!(basic().with_redirect(&endpoint, CALLBACK).unwrap_err(), ConfigError::AuthorizationEndpoint);
    }
}

#[test]
fn a_flow_refuses_a_configuration_that_lacks_what_it_needs() {
    let cfg = Config::new(ISSUER, TOKEN, "demo-spa", ClientAuth::Public).unwrap();
    assert_eq!(ClientCredentials::new(&cfg).unwrap_err(), ConfigError::ClientSecret);
    assert_eq!(Authorize::new(&cfg, Entropy::new([1; 64])).unwrap_err(), ConfigError::AuthorizationEndpoint);
}

#[test]
fn rfc9207_4_01_no_two_servers_of_a_client_have_one_issuer() {
    let of = |issuer| Config::new(issuer, TOKEN, "c", ClientAuth::Public).unwrap();
    let (a, b, again) = (of("https://a.example"), of("https://b.example"), of("https://a.example"));
    assert_eq!(Config::distinct([&a, &b].into_iter()), Ok(()));
    assert_eq!(Config::distinct([&a, &b, &again].into_iter()), Err(ConfigError::Issuer));
}

#[test]
fn nothing_is_forgiven_unless_named() {
    assert_eq!(Leniency::default(), Leniency::NONE);
    let shown = format!("{:?}", Leniency::NONE);
    assert!(!shown.contains("true") && !shown.contains("Some"));
}

#[test]
fn rfc6749_10_3_01_no_secret_is_shown_by_debug() {
    use crate::{CODE, STATE, exchange, flow, json};
    let cfg = basic();
    let (mut one, mut two) = ([0; 1024], [0; 1024]);
    let refresh = Refresh::new(&cfg, SecretText::new("refresh~MARK"), "").unwrap();
    let spa = crate::config(ClientAuth::Body(SecretText::new(SECRET)));
    let query = "code=MARK&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let body = r#"{"access_token":"MARK","token_type":"bearer","refresh_token":"MARK"}"#;
    let mut shown = format!("{cfg:?} {refresh:?} {spa:?}");
    shown += &format!("{:?} {:?}", refresh.request(&mut one), ClientCredentials::new(&spa).unwrap().request(&mut two));
    shown += &format!("{:?} {:?}", flow(&cfg), exchange(&cfg, query));
    shown += &format!("{:?} {:?}", json(200, body), refresh.response(json(200, body), &mut []));
    shown += &format!("{:?}", flow(&cfg).callback(&format!("error=MARK&state={STATE}")));
    for hidden in ["MARK", CODE, STATE, "Basic "] {
        assert!(!shown.contains(hidden), "{hidden} in {shown}");
    }
}

proptest! {
    #[test]
    fn rfc6749_10_14_01_oauth21_7_12_01_what_is_written_has_no_line_breaks(id in ".{1,12}", secret in ".{1,12}", scope in ".{1,12}") {
        let auth = ClientAuth::Basic(SecretText::new(&secret));
        if let Ok(cfg) = Config::new(ISSUER, TOKEN, &id, auth) {
            let cfg = cfg.with_scope(&scope).unwrap_or(cfg);
            let mut buf = [0; 1024];
            let post = ClientCredentials::new(&cfg).unwrap().request(&mut buf).unwrap();
            let visible = |text: &str| text.bytes().all(|b| matches!(b, 0x20..=0x7e));
            prop_assert!(visible(post.authorization.unwrap()) && visible(post.body));
        }
    }
}
