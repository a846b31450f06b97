//! Signed access tokens over HTTP: RFC 9068 section 4, several issuers, step-up, claims of the API's own.

use crate::api::{API, Api, FIRST, Pair, SECOND, TestIssuer, now};
use serde_json::{Value, json};
use valetkey::jose::{Algorithm, Algorithms};
use valetkey_tokio::resource::Guard;

async fn started() -> (TestIssuer, Api) {
    let issuer = TestIssuer::start().await;
    let api = Api::of([issuer.found().await]).await;
    (issuer, api)
}

#[tokio::test]
async fn three_lines_guard_an_api() {
    let issuer = TestIssuer::start().await;
    let guard = Guard::discover(&issuer.url, API).await.unwrap();
    let api = Api::behind(guard, axum::Router::new()).await;
    let answer = api.get("/read", &issuer.token()).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "alice web read acme"));
    let answer = api.get("/write", &issuer.token()).await;
    assert_eq!(answer.status, 403);
    assert!(answer.challenge.contains("scope=\"write\""), "{}", answer.challenge);
    assert_eq!(issuer.key_fetches(), 1, "keys are fetched once, not for each token");
}

#[tokio::test]
async fn rfc9068_4_01_rfc8725_3_11_01_typ_is_at_jwt_in_any_case() {
    let (issuer, api) = started().await;
    let typed = |typ: Value| FIRST.sign(&json!({"typ": typ, "alg": "EdDSA", "kid": "first"}), &issuer.claims());
    for typ in ["at+jwt", "at+JWT", "application/at+jwt", "Application/AT+JWT"] {
        assert_eq!(api.status(&typed(typ.into())).await, 200, "{typ}");
    }
    for typ in ["JWT", "jwt", "dpop+jwt", "at+jwt2", "application/jwt", "text/at+jwt", ""] {
        api.refuses(&typed(typ.into()), typ).await;
    }
    api.refuses(&FIRST.sign(&json!({"alg": "EdDSA", "kid": "first"}), &issuer.claims()), "no typ").await;
}

#[tokio::test]
async fn rfc9068_4_02_the_issuer_is_that_of_the_server_to_the_letter() {
    let (issuer, api) = started().await;
    for other in [format!("{}/", issuer.url), issuer.url.to_uppercase(), "https://other.example".into(), String::new()]
    {
        api.refuses(&FIRST.token(&issuer.claims_but(json!({"iss": other}))), &other).await;
    }
}

#[tokio::test]
async fn rfc9068_4_03_rfc8725_3_9_01_the_audience_names_this_api() {
    let (issuer, api) = started().await;
    let audience = |aud: Value| FIRST.token(&issuer.claims_but(json!({"aud": aud})));
    for good in [json!(API), json!([API]), json!(["https://other.example", API])] {
        assert_eq!(api.status(&audience(good.clone())).await, 200, "{good}");
    }
    for bad in [Value::Null, json!([]), json!("https://api.example/"), json!(["https://other.example"]), json!(7)] {
        api.refuses(&audience(bad.clone()), &bad.to_string()).await;
    }
}

#[tokio::test]
async fn rfc9068_4_04_rfc8725_3_1_01_only_a_good_signature_of_an_allowed_algorithm_counts() {
    let (issuer, api) = started().await;
    let token = issuer.token();
    let (input, signature) = token.rsplit_once('.').unwrap();
    let header = |alg: &str| json!({"typ": "at+jwt", "alg": alg, "kid": "first"});
    for alg in ["none", "HS256", "RS256", "eddsa", "EdDSA2"] {
        api.refuses(&FIRST.sign(&header(alg), &issuer.claims()), alg).await;
    }
    api.refuses(&format!("{input}."), "no signature").await;
    api.refuses(&Pair("first", 9).token(&issuer.claims()), "another key of the same kid").await;
    // Each character of the signature counts.
    for at in [0, 43, 85] {
        let mut changed = signature.as_bytes().to_vec();
        changed[at] = if changed[at] == b'A' { b'Q' } else { b'A' };
        api.refuses(&format!("{input}.{}", String::from_utf8(changed).unwrap()), "signature").await;
    }
    let (_, other) = issuer.token().split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    api.refuses(&format!("{}.{other}", "eyJhbGciOiJFZERTQSJ9"), "header").await;

    let narrow = issuer.found().await.with_algorithms(Algorithms::of(&[Algorithm::Es256]));
    Api::of([narrow]).await.refuses(&token, "the API does not take EdDSA").await;
}

#[tokio::test]
async fn rfc9068_4_05_a_token_is_good_until_it_expires() {
    let (issuer, api) = started().await;
    let until = |exp: u64| FIRST.token(&issuer.claims_but(json!({"exp": exp})));
    assert_eq!(api.status(&until(now() + 60)).await, 200);
    api.refuses(&until(now()), "now").await;
    api.refuses(&until(now() - 30), "half a minute ago").await;
    assert_eq!(api.get("/lenient", &until(now() - 30)).await.status, 200, "a minute is forgiven");
    assert_eq!(api.get("/lenient", &until(now() - 61)).await.status, 401);
    api.refuses(&FIRST.token(&issuer.claims_but(json!({"nbf": now() + 30}))), "not yet").await;
}

#[tokio::test]
async fn rfc9068_4_07_whatever_is_wrong_is_401_invalid_token() {
    let (issuer, api) = started().await;
    for name in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
        api.refuses(&FIRST.token(&issuer.claims_but(json!({name: null}))), name).await;
        let malformed = if matches!(name, "exp" | "iat") { json!("1") } else { json!(1) };
        api.refuses(&FIRST.token(&issuer.claims_but(json!({name: malformed}))), name).await;
    }
    api.refuses(&FIRST.token(&issuer.claims_but(json!({"cnf": {"jkt": "x"}}))), "bound to a key").await;
    for garbage in ["x", "x.y", "x.y.z", "a.b.c.d.e"] {
        api.refuses(garbage, garbage).await;
    }
}

#[tokio::test]
async fn rfc9068_4_08_rfc8725_3_12_01_an_id_token_is_no_access_token() {
    let (issuer, api) = started().await;
    for header in [json!({"alg": "EdDSA", "kid": "first"}), json!({"typ": "JWT", "alg": "EdDSA", "kid": "first"})] {
        api.refuses(&FIRST.sign(&header, &issuer.claims_but(json!({"nonce": "n"}))), "an ID token").await;
    }
}

#[tokio::test]
async fn an_issuer_older_than_rfc_9068_is_taken_only_where_it_says_so() {
    let issuer = TestIssuer::start().await;
    let token = FIRST.sign(&json!({"typ": "JWT", "alg": "EdDSA", "kid": "first"}), &issuer.claims());
    assert_eq!(Api::of([issuer.found().await.with_type("JWT")]).await.status(&token).await, 200);
    assert_eq!(Api::of([issuer.found().await]).await.status(&token).await, 401);
}

#[tokio::test]
async fn rfc8725_3_8_01_a_key_is_good_for_its_issuer_alone() {
    let (one, other) = (TestIssuer::start().await, TestIssuer::start().await);
    other.publish(&[SECOND]);
    let api = Api::of([one.found().await, other.found().await]).await;
    assert_eq!(api.status(&FIRST.token(&one.claims())).await, 200);
    assert_eq!(api.status(&SECOND.token(&other.claims())).await, 200);
    api.refuses(&SECOND.token(&one.claims()), "a key of the other").await;
    api.refuses(&FIRST.token(&other.claims()), "a key of the one").await;
    // Nor where both have a key of that name.
    other.publish(&[Pair("first", 2)]);
    let api = Api::of([one.found().await, other.found().await]).await;
    api.refuses(&Pair("first", 2).token(&one.claims()), "the other's key of the same kid").await;
}

#[tokio::test]
async fn rfc9470_3_01_rfc9470_3_02_a_login_that_will_not_do_is_challenged_with_what_is_needed() {
    let (issuer, api) = started().await;
    let login = |acr: &str, at: u64| FIRST.token(&issuer.claims_but(json!({"acr": acr, "auth_time": at})));
    assert_eq!(api.get("/login", &login("urn:key", now() - 10)).await.status, 200);
    for token in [login("urn:password", now()), login("urn:mfa", now() - 400), issuer.token()] {
        let answer = api.get("/login", &token).await;
        assert_eq!(answer.status, 401);
        for part in ["error=\"insufficient_user_authentication\"", "acr_values=\"urn:mfa urn:key\"", "max_age=\"300\""]
        {
            assert!(answer.challenge.contains(part), "{}", answer.challenge);
        }
        assert_eq!(api.status(&token).await, 200, "it is good for the rest");
    }
    let answer = api.get("/recent", &login("urn:mfa", now() - 60)).await;
    assert!(
        answer.challenge.contains("max_age=\"0\"") && !answer.challenge.contains("acr_values"),
        "{}",
        answer.challenge
    );
}

#[tokio::test]
async fn rfc9470_6_01_the_login_is_compared_before_anything_is_served() {
    let (issuer, api) = started().await;
    for (since, status) in [(0, 200), (290, 200), (310, 401), (1_000_000, 401)] {
        let token = FIRST.token(&issuer.claims_but(json!({"acr": "urn:mfa", "auth_time": now() - since})));
        assert_eq!(api.get("/login", &token).await.status, status, "{since}");
    }
}

#[tokio::test]
async fn claims_of_the_apis_own_come_from_the_validated_token() {
    let (issuer, api) = started().await;
    let other = FIRST.token(&issuer.claims_but(json!({"tenant": "acme"})));
    let answer = api.get("/", &other).await;
    assert_eq!(answer.status, 200, "the token is good, though the API wants other claims");
    assert!(answer.body.contains("not of the type") && !answer.body.contains("acme"), "{}", answer.body);
}
