//! A browser without a screen: it keeps cookies, and sends the forms of the pages that it is shown.

use super::http::{Answer, Request, encode};
use super::{Result, Tour, page};
use reqwest::header::{LOCATION, SET_COOKIE};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Browser {
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Opens an address.
    pub(super) async fn open(&mut self, tour: &mut Tour<'_, '_>, url: &str) -> Result<Answer> {
        self.send(tour, Request { url: url.to_owned(), ..Request::default() }).await
    }

    /// Sends the form that has `wanted` (a field or a button), with what the person typed, and goes on to the page that the
    /// server names instead of an answer.
    pub(super) async fn submit(
        &mut self,
        tour: &mut Tour<'_, '_>,
        issuer: &str,
        page: &Answer,
        wanted: &str,
        typed: &[(&str, &str)],
    ) -> Result<Answer> {
        let form = page::form(&page.body, wanted);
        let form = form.ok_or_else(|| format!("the page has no form with `{wanted}` (status {})", page.status))?;
        let fields = form.fields.iter().map(|(name, value)| (&**name, &**value));
        let body = encode(fields.chain(typed.iter().copied()))?;
        let url = format!("{issuer}{}", form.action);
        let answer = self.send(tour, Request { url, form: Some(body), ..Request::default() }).await?;
        let location = answer.header(LOCATION);
        if !location.starts_with('/') {
            return Ok(answer);
        }
        let path = location.split('?').next().unwrap_or_default();
        tour.scene.message("server", "browser", &format!("{} Location: {path}", answer.status))?;
        self.open(tour, &format!("{issuer}{location}")).await
    }

    async fn send(&mut self, tour: &mut Tour<'_, '_>, request: Request) -> Result<Answer> {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        let request = Request { cookies: cookies.collect::<Vec<_>>().join("; "), ..request };
        tour.scene.request("browser", "server", &request)?;
        let answer = tour.http.send(&request).await?;
        for cookie in answer.headers.get_all(SET_COOKIE) {
            let cookie = cookie.to_str()?;
            let (name, value) = cookie.split(';').next().and_then(|pair| pair.split_once('=')).unwrap_or((cookie, ""));
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}
