//! The endpoints that take a form: token, revocation, introspection. The first line of the input is the `Authorization`
//! header (empty: there is none), the rest is the body; each endpoint gets both. Asserts: never a panic; tokens come
//! only with a client's own credentials and its own code, verifier and redirect URI, or its own refresh token, or for
//! itself; nothing is changed without credentials; a token is called active only to who may ask; an error is one of the RFC's.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use std::collections::BTreeMap;
use valetkey::server::{FormRequest, Reply, Response, SCRATCH, Step, introspect, revoke, token};
use valetkey::text::base64;
use valetkey::wire::header::Header;
use valetkey_fuzz::store::Store;
use valetkey_fuzz::world::{CLIENTS, FORM, NOW, SERVER, VERIFIER, WORLD, answer, entropy};

fuzz_target!(|input: &[u8]| {
    let at = input.iter().position(|b| *b == b'\n');
    let (header, body) = at.map_or((&[][..], input), |at| (&input[..at], &input[at + 1..]));
    let authorization = match std::str::from_utf8(header) {
        Ok("") => Header::Absent,
        Ok(header) => Header::One(header),
        Err(_) => Header::Many,
    };
    let pairs: BTreeMap<String, String> =
        form_urlencoded::parse(body).into_owned().filter(|p| !p.1.is_empty()).collect();
    let get = |name: &str| pairs.get(name).map_or("", String::as_str);
    let client = caller(authorization, &pairs);
    let (mut scratch, mut out) = (vec![0; SCRATCH], [0; 2048]);

    let request = FormRequest { authorization, content_type: FORM, body };
    let (reply, changed) = run(token(&SERVER, &request, NOW, entropy(99), &mut scratch));
    let response = reply.write(&mut out).expect("there is room");
    assert!(!changed || client.is_some(), "nothing changes without credentials");
    if response.status() == 200 {
        let client = client.expect("tokens only with credentials");
        let said: Value = serde_json::from_str(response.body()).expect("it is JSON");
        assert_eq!(said["token_type"], "Bearer");
        let right = match get("grant_type") {
            "client_credentials" => client == "device" && said.get("refresh_token").is_none(),
            "refresh_token" => client == "web" && get("refresh_token") == WORLD.refresh,
            "authorization_code" => {
                let uri = get("redirect_uri") == "https://web.example/cb";
                client == "web" && get("code") == WORLD.code && get("code_verifier") == VERIFIER && uri
            }
            _ => false,
        };
        assert!(right, "tokens only for what was issued to this client");
    } else {
        refused(&response);
    }
    drop(reply);

    let request = FormRequest { authorization, content_type: FORM, body };
    let (reply, changed) = run(revoke(&SERVER, &request, NOW, entropy(98), &mut scratch));
    let response = reply.write(&mut out).expect("there is room");
    if changed {
        let tokens: &[&str] = match client {
            Some("web") => &[&WORLD.access, &WORLD.refresh],
            Some("device") => &[&WORLD.device],
            _ => &[],
        };
        assert!(tokens.contains(&get("token")), "only its own tokens");
    }
    if response.status() != 200 {
        refused(&response);
    }
    drop(reply);

    let request = FormRequest { authorization, content_type: FORM, body };
    let (reply, changed) = run(introspect(&SERVER, &request, NOW, entropy(97), &mut scratch));
    assert!(!changed, "looking changes nothing");
    let response = reply.write(&mut out).expect("there is room");
    if response.status() == 200 {
        assert_eq!(client, Some("api"), "only who may");
        let active = [&WORLD.access, &WORLD.device].iter().any(|token| *token == get("token"));
        let said: Value = serde_json::from_str(response.body()).expect("it is JSON");
        assert_eq!(said["active"], active);
    } else {
        refused(&response);
    }
});

/// To the end; whether anything was changed.
fn run(mut step: Step<'_>) -> (Reply<'_>, bool) {
    let mut store: Option<Store> = None;
    let mut changed = false;
    loop {
        changed |= matches!(step, Step::Commit(_));
        step = match step {
            Step::Reply(reply) => return (reply, changed),
            step => answer(step, store.get_or_insert_with(|| WORLD.store.clone())),
        };
    }
}

/// Which client the request proves to be, read in another way than the server does.
fn caller(authorization: Header<'_>, pairs: &BTreeMap<String, String>) -> Option<&'static str> {
    let decoded =
        |text: &str| form_urlencoded::parse(format!("x={text}").as_bytes()).next().map(|(_, v)| v.into_owned());
    let (id, secret) = match authorization {
        Header::One(header) => {
            let mut room = vec![0; header.len()];
            let credentials = header.split_once(' ')?.1.trim_start();
            let text = str::from_utf8(base64::decode_standard(credentials, &mut room).ok()?).ok()?;
            let (id, secret) = text.split_once(':')?;
            (decoded(id)?, decoded(secret)?)
        }
        _ => {
            let get = |name: &str| pairs.get(name).cloned().unwrap_or_default();
            (get("client_id"), get("client_secret"))
        }
    };
    CLIENTS.iter().find(|client| client.0 == id && client.1 == secret).map(|client| client.0)
}

fn refused(response: &Response<'_>) {
    let said: Value = serde_json::from_str(response.body()).expect("it is JSON");
    let error = said["error"].as_str().expect("an error has a code");
    let known = ["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"];
    assert!(known.contains(&error) || ["invalid_scope", "invalid_target"].contains(&error), "{error}");
    assert!(matches!(response.status(), 400 | 401), "{}", response.status());
    assert_eq!(response.headers().any(|(name, _)| name == "WWW-Authenticate"), response.status() == 401);
    assert!(response.headers().all(|(_, value)| value.bytes().all(|b| (0x20..0x7f).contains(&b))));
}
