//! One page with two buttons. There is no login here: whoever sees it is alice.

use super::http::{Request, text};
use super::random;
use super::store::MyStore;
use std::time::{SystemTime, UNIX_EPOCH};
use valetkey::server::NeedOwner;
use valetkey::text::buf::Writer;
use valetkey::text::form::Form;
use valetkey::time::UnixTime;
use valetkey::wire::header::Header;
use valetkey_blocking::server::{Answer, AuthorizationServer, Fault, Owner, Response};

/// `GET /authorize`
pub(crate) fn ask(server: &AuthorizationServer<MyStore>, request: &Request) -> Response {
    let drawn = || random().map(|bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    let Ok(browser) = cookie(request).map_or_else(drawn, Ok) else { return refuse(Fault::Unavailable) };
    match server.begin(request.query(), &browser, consent) {
        Ok(page) => {
            let headers = vec![
                ("Content-Type", "text/html; charset=utf-8".to_owned()),
                ("Set-Cookie", format!("browser={browser}; HttpOnly; SameSite=Lax; Path=/")),
                ("Content-Security-Policy", "frame-ancestors 'none'".to_owned()),
                ("Cache-Control", "no-store".to_owned()),
            ];
            Response { status: 200, headers, body: page, fault: None }
        }
        Err(answer) => finish(answer),
    }
}

fn consent(need: &NeedOwner<'_>, sealed: &str) -> String {
    let [name, scope, sealed] = [need.client_name(), need.scope(), sealed].map(escape);
    format!(
        "<!doctype html><title>Consent</title><p>May {name} have <b>{scope}</b>?<form method=post action=/answer>\
         <input type=hidden name=sealed value=\"{sealed}\"><input type=hidden name=scope value=\"{scope}\">\
         <button name=say value=yes>Yes</button> <button name=say value=no>No</button></form>"
    )
}

/// `POST /answer`. The form comes from our own page, as its `sealed` is bound to this browser's cookie.
pub(crate) fn answer(server: &AuthorizationServer<MyStore>, request: &Request) -> Response {
    let field = |name| field(&request.body, name).unwrap_or_default();
    let scope = field("scope");
    let approved = Owner::Approved { subject: "alice", auth_time: now(), acr: "", amr: "", scope: &scope };
    let owner = if field("say") == "yes" { approved } else { Owner::Denied };
    finish(server.answer(&field("sealed"), &cookie(request).unwrap_or_default(), owner))
}

fn finish(answer: Answer) -> Response {
    match answer {
        Answer::Redirect(response) => response,
        Answer::Page(fault) => refuse(fault),
    }
}

fn refuse(fault: Fault) -> Response {
    text(fault.page_status(), fault.description())
}

fn cookie(request: &Request) -> Option<String> {
    let Header::One(cookies) = request.header("cookie") else { return None };
    cookies.split("; ").find_map(|cookie| cookie.strip_prefix("browser=")).map(str::to_owned)
}

fn field(body: &[u8], name: &str) -> Option<String> {
    let form = Form::new(std::str::from_utf8(body).ok()?, &[]).ok()?;
    let mut buf = vec![0; body.len()];
    let mut w = Writer::new(&mut buf);
    form.get(name)?.decode(&mut w).ok()?;
    w.finish().ok().map(str::to_owned)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

pub(crate) fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
