//! Steps of a client, by Valetkey and by the crate `oauth2`: configured beforehand, with the same settings and the same answer.

use oauth2::basic::{BasicClient, BasicTokenType};
use oauth2::{
    AuthUrl, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, StandardTokenResponse, TokenResponse as _, TokenUrl,
};
use std::cell::RefCell;
use std::convert::Infallible;
use std::hint::black_box;
use valetkey::client::{Authorize, ClientAuth, ClientCredentials, Config, Outcome, Response, authorize};
use valetkey::secret::{Entropy, SecretText};

/// A step of one library.
pub struct Step {
    /// The library.
    pub library: &'static str,
    /// What is done.
    pub step: &'static str,
    /// Does it, and says whether it came out well.
    pub call: Box<dyn Fn() -> bool>,
    /// Most instructions, if they are held against a number; then it must not allocate either.
    pub most: Option<u64>,
}

/// An answer of 704 bytes with a token as long as a signed one.
pub const ANSWER: &[u8] = include_bytes!("answer.json");

const AUTHORIZE: &str = "https://login.example.com/authorize";
const TOKEN: &str = "https://login.example.com/token";
const REDIRECT: &str = "https://shop.example/callback";
const CLIENT: &str = "s6BhdRkqt3-orders-web";
const SECRET: &str = "7Fjfp0ZBr1KtDRbnfVdmIw";
const SCOPE: &str = "telemetry:write";

/// All that is measured, in the order in which it is printed.
pub fn steps() -> [Step; 4] {
    let credentials = "client credentials: request, answer of 704 bytes";
    let url = "authorize URL with PKCE and state";
    // What they take now and a twentieth more. Half of the URL is one block of SHA-256.
    [
        Step { library: "valetkey", step: credentials, call: our_credentials(), most: Some(7_400) },
        Step { library: "oauth2", step: credentials, call: their_credentials(), most: None },
        Step { library: "valetkey", step: url, call: our_url(), most: Some(6_800) },
        Step { library: "oauth2", step: url, call: their_url(), most: None },
    ]
}

fn config() -> &'static Config<'static> {
    let auth = ClientAuth::Basic(SecretText::new(SECRET));
    let config = Config::new("https://login.example.com", TOKEN, CLIENT, auth)
        .and_then(|config| config.with_scope(SCOPE))
        .and_then(|config| config.with_redirect(AUTHORIZE, REDIRECT))
        .expect("good settings");
    Box::leak(Box::new(config))
}

fn our_credentials() -> Box<dyn Fn() -> bool> {
    let config = config();
    // The caller's, and the same for each step.
    let lent = RefCell::new(([0; 512], [0; 64]));
    Box::new(move || {
        let (request, scratch) = &mut *lent.borrow_mut();
        let Ok(flow) = ClientCredentials::new(config) else { return false };
        let Ok(post) = flow.request(request) else { return false };
        black_box(&post);
        let response = Response {
            status: 200,
            content_type: Some("application/json"),
            retry_after: None,
            date: None,
            body: black_box(ANSWER),
        };
        matches!(flow.response(response, scratch), Ok(Outcome::Tokens(tokens)) if tokens.expires_in == Some(3600))
    })
}

fn their_credentials() -> Box<dyn Fn() -> bool> {
    let client = BasicClient::new(ClientId::new(CLIENT.into()))
        .set_client_secret(ClientSecret::new(SECRET.into()))
        .set_token_uri(TokenUrl::new(TOKEN.into()).expect("a URL"));
    let send = |request: HttpRequest| -> Result<HttpResponse, Infallible> {
        black_box(&request);
        let mut response = HttpResponse::new(black_box(ANSWER).to_vec());
        response.headers_mut().insert("content-type", oauth2::http::HeaderValue::from_static("application/json"));
        Ok(response)
    };
    Box::new(move || {
        let answer: Result<StandardTokenResponse<EmptyExtraTokenFields, BasicTokenType>, _> =
            client.exchange_client_credentials().add_scope(Scope::new(SCOPE.into())).request(&send);
        answer.is_ok_and(|tokens| tokens.expires_in().is_some_and(|lifetime| lifetime.as_secs() == 3600))
    })
}

fn our_url() -> Box<dyn Fn() -> bool> {
    let config = config();
    let lent = RefCell::new([0; 512]);
    Box::new(move || {
        let buf = &mut *lent.borrow_mut();
        let Ok(flow) = Authorize::new(config, Entropy::new(black_box([7; authorize::ENTROPY]))) else { return false };
        flow.url(buf).is_ok_and(|url| url.ends_with("&code_challenge_method=S256"))
    })
}

/// From bytes that were drawn beforehand, as ours.
fn their_url() -> Box<dyn Fn() -> bool> {
    let client = BasicClient::new(ClientId::new(CLIENT.into()))
        .set_auth_uri(AuthUrl::new(AUTHORIZE.into()).expect("a URL"))
        .set_redirect_uri(RedirectUrl::new(REDIRECT.into()).expect("a URL"));
    Box::new(move || {
        let state = || CsrfToken::new("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc".into());
        let verifier = PkceCodeVerifier::new("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc".into());
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&verifier);
        let (url, state) =
            client.authorize_url(state).add_scope(Scope::new(SCOPE.into())).set_pkce_challenge(challenge).url();
        black_box(&state);
        url.as_str().contains("code_challenge_method=S256")
    })
}
