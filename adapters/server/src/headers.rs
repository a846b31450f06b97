//! The headers that every page carries, so that no other site can frame it, run script in it or learn its address.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Nobody may keep the answer.
pub const NO_STORE: (HeaderName, HeaderValue) = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// Where a page's forms may lead.
#[derive(Clone, Copy, Debug)]
pub enum FormTarget<'a> {
    /// The page has no form.
    None,
    /// This server only: a page that takes a password.
    Own,
    /// This server, which then redirects to the client.
    ///
    /// Chromium holds `form-action` against every redirect that follows a post, also against those of the client
    /// itself, whose callback may well send the browser on to another host. So the policy names the schemes, not the
    /// host: `https:` and that of the redirect URI.
    Client {
        /// The client's redirect URI, already checked against its registration.
        redirect_uri: &'a str,
    },
}

/// The headers of a page.
///
/// `Referrer-Policy` is `same-origin` and not `no-referrer`, as under the latter a browser sends `Origin: null` with a
/// form, and the check of where a form came from would be blind. Other sites learn nothing either way. There is no
/// `Cross-Origin-Opener-Policy`: it would cut off the window that opened a login as a popup.
pub fn of_page(target: FormTarget<'_>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(header::CACHE_CONTROL, "no-store");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "same-origin");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(target));
    headers
}

fn policy(target: FormTarget<'_>) -> HeaderValue {
    let form_action = match target {
        FormTarget::None => "'none'".to_owned(),
        FormTarget::Own => "'self'".to_owned(),
        FormTarget::Client { redirect_uri } => match scheme(redirect_uri).as_deref() {
            None | Some("https") => "'self' https:".to_owned(),
            Some(scheme) => format!("'self' https: {scheme}:"),
        },
    };
    let text = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action {form_action}; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    // A scheme has no character that a header may not have; if it had, the strictest policy would stand.
    HeaderValue::from_str(&text)
        .unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; base-uri 'none'"))
}

/// The scheme by RFC 3986 section 3.1, in lower case. Nothing that could add a word to the policy passes.
fn scheme(uri: &str) -> Option<String> {
    let (scheme, _) = uri.split_once(':')?;
    let first = scheme.bytes().next()?;
    let rest = scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    (first.is_ascii_alphabetic() && rest).then(|| scheme.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form_action(target: FormTarget<'_>) -> String {
        let text = policy(target).to_str().unwrap().to_owned();
        text.split("; ").find_map(|part| part.strip_prefix("form-action ")).unwrap().to_owned()
    }

    fn client(redirect_uri: &str) -> String {
        form_action(FormTarget::Client { redirect_uri })
    }

    #[test]
    fn a_page_with_a_password_posts_to_this_server_only() {
        assert_eq!(form_action(FormTarget::Own), "'self'");
        assert_eq!(form_action(FormTarget::None), "'none'");
    }

    #[test]
    fn the_consent_page_may_lead_to_the_client() {
        assert_eq!(client("https://app.example/cb"), "'self' https:");
        assert_eq!(client("http://[::1]:9099/cb"), "'self' https: http:");
        assert_eq!(client("com.example.App:/cb"), "'self' https: com.example.app:");
    }

    #[test]
    fn a_redirect_uri_cannot_add_to_the_policy() {
        assert_eq!(client("x; script-src *:/cb"), "'self' https:");
        assert_eq!(client("a\r\nb:/cb"), "'self' https:");
        assert_eq!(client("'unsafe-inline':/cb"), "'self' https:");
        assert_eq!(client("*:/cb"), "'self' https:");
    }
}
