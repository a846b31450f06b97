//! The client before answers that stand here.

use crate::{Verdict, check};
use valetkey::client::{
    Authorize, ClientAuth, ClientCredentials, Config, ConfigError, Outcome, Rejected, Response, authorize,
};
use valetkey::error::ErrorCode;
use valetkey::secret::{Entropy, SecretText};

fn config(client_id: &'static str, auth: ClientAuth<'static>) -> Result<Config<'static>, ConfigError> {
    Config::new("https://as.example", "https://as.example/token", client_id, auth)?
        .with_redirect("https://as.example/authorize", "https://client.example/cb")?
        .with_scope("read write")
}

fn response(status: u16, body: &'static str) -> Response<'static> {
    let body = body.as_bytes();
    Response { status, content_type: Some("application/json"), retry_after: Some("120"), date: None, body }
}

/// The request to the letter, and each thing that an answer may be.
pub(crate) fn client_credentials() -> Verdict {
    let auth = ClientAuth::Basic(SecretText::new("se:cret"));
    let config = config("s6BhdRkqt3", auth).map_err(|_| "the settings")?;
    let flow = ClientCredentials::new(&config).map_err(|_| "the settings")?;
    let (mut buf, mut scratch) = ([0; 256], [0; 64]);
    let post = flow.request(&mut buf).map_err(|_| "the room for the request")?;
    check(post.url == "https://as.example/token", "where the request goes")?;
    check(post.authorization == Some("Basic czZCaGRSa3F0MzpzZSUzQWNyZXQ="), "the header")?;
    check(post.body == "grant_type=client_credentials&scope=read+write", "the body")?;
    check(flow.request(&mut [0; 8]).is_err(), "a request was cut")?;

    let tokens = r#"{"access_token":"2Y\/o","token_type":"bearer","expires_in":3600,"x":[{"y":null}]}"#;
    match flow.response(response(200, tokens), &mut scratch) {
        Ok(Outcome::Tokens(tokens)) => {
            check(tokens.access_token.expose() == "2Y/o", "the token")?;
            check(tokens.expires_in == Some(3600), "its lifetime")?;
            check(tokens.scope == "read write", "its scope")?;
        }
        _ => return Err("tokens were refused"),
    }
    match flow.response(response(401, r#"{"error":"invalid_client"}"#), &mut scratch) {
        Ok(Outcome::Denied { status: 401, error }) => {
            check(error.code() == Some(ErrorCode::InvalidClient), "why it was denied")?;
        }
        _ => return Err("a refusal is none"),
    }
    let busy = flow.response(response(503, "<html>"), &mut scratch);
    check(matches!(busy, Ok(Outcome::After(said)) if said.seconds() == Some(120)), "a busy server")?;
    for body in [
        r#"{"access_token":"a","token_type":"mac"}"#,
        r#"{"access_token":"a","token_type":"bearer","access_token":"b"}"#,
        r#"{"access_token":"a","token_type":"bearer","expires_in":-1}"#,
        r#"{"token_type":"bearer"}"#,
        "<html>",
    ] {
        check(flow.response(response(200, body), &mut scratch).is_err(), "what holds no token was taken")?;
    }
    check(flow.response(response(302, tokens), &mut scratch).is_err(), "a redirect was believed")
}

/// From the URL by way of forged callbacks and the right one to the tokens.
pub(crate) fn authorization_code() -> Verdict {
    const URL: &str = "https://as.example/authorize?response_type=code&client_id=demo-spa\
        &redirect_uri=https%3A%2F%2Fclient.example%2Fcb&scope=read+write\
        &state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\
        &code_challenge=3Ev4DHdHPRMPoN6GukAY_pi7IUAF5qWJHRK6kURvnoE&code_challenge_method=S256";
    let config = config("demo-spa", ClientAuth::Public).map_err(|_| "the settings")?.expecting_iss();
    let flow = Authorize::new(&config, Entropy::new([7; authorize::ENTROPY])).map_err(|_| "the settings")?;
    check(flow.url(&mut [0; 512]) == Ok(URL), "the URL")?;

    const RIGHT: &str = "code=SplxlOBeZQQYbYS6WxSbIA&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\
        &iss=https%3A%2F%2Fas.example";
    let forged = [
        "code=stolen&state=guessed&iss=https%3A%2F%2Fas.example",
        "code=stolen&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc&iss=https%3A%2F%2Fother.example",
        "code=stolen&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc",
        "code=stolen",
        "",
    ];
    let mut flow = flow;
    for query in forged {
        let Err(Rejected::NotOurs { flow: back, .. }) = flow.callback(query) else { return Err("a forged callback") };
        flow = back;
    }
    let exchange = flow.callback(RIGHT).map_err(|_| "the right callback")?;
    let (mut buf, mut scratch) = ([0; 512], [0; 64]);
    let post = exchange.request(&mut buf).map_err(|_| "the room for the request")?;
    let body = "grant_type=authorization_code&client_id=demo-spa&code=SplxlOBeZQQYbYS6WxSbIA\
        &redirect_uri=https%3A%2F%2Fclient.example%2Fcb&code_verifier=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    check(post.body == body && post.authorization.is_none(), "the request")?;

    let tokens = r#"{"access_token":"a","token_type":"Bearer","refresh_token":"r","scope":"read"}"#;
    let Ok(Outcome::Tokens(tokens)) = exchange.response(response(200, tokens), &mut scratch) else {
        return Err("tokens were refused");
    };
    let refresh = tokens.refresh_token.map_or("", SecretText::expose);
    check((tokens.access_token.expose(), refresh, tokens.scope) == ("a", "r", "read"), "the tokens")
}
