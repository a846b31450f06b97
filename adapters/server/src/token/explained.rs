//! What the members of a token's header, and its claims, mean. <https://www.iana.org/assignments/jwt/jwt.xhtml>

use crate::operator::clock::shown;
use valetkey::jose::Algorithm;
use valetkey::time::UnixTime;

/// A value in a token.
pub(super) enum Value<'a> {
    /// A string, unescaped.
    Text(&'a str),
    /// A number as it is written.
    Number(&'a str),
    /// Anything else, as it is written.
    Other(&'a str),
}

impl Value<'_> {
    /// As it is shown: dates by [`claim`].
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Other(text) => (*text).to_owned(),
        }
    }

    const fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Other(_) => None,
        }
    }

    /// As a `NumericDate`; fractions are left out.
    fn time(&self) -> Option<UnixTime> {
        let Self::Number(text) = self else { return None };
        text.split(['.']).next()?.parse().ok().map(UnixTime)
    }
}

/// What a member of the header means; empty for one that is not known.
pub(super) fn header(name: &str, value: &Value<'_>) -> String {
    let wrong = "of a wrong type: a string is due".to_owned();
    match (name, value.text()) {
        ("alg" | "typ" | "kid", None) => wrong,
        ("alg", Some(name)) => algorithm(name),
        ("typ", Some(typ)) => kind(typ),
        ("kid", Some(_)) => "names the key, to be looked up among those of the issuer".to_owned(),
        ("cty", _) => "what is inside; `JWT` for a token in a token".to_owned(),
        ("jwk" | "jku" | "x5u" | "x5c", _) => {
            "a key that the token brings itself: proof of nothing, never used here".to_owned()
        }
        ("x5t" | "x5t#S256", _) => "a fingerprint of the key's certificate; not used here".to_owned(),
        ("crit" | "b64" | "zip", _) => "asks for an extension: refused by `token verify`".to_owned(),
        ("enc", _) => "how the content is encrypted".to_owned(),
        _ => String::new(),
    }
}

fn algorithm(name: &str) -> String {
    let known = Algorithm::from_name(name);
    let how = match known {
        Some(Algorithm::Es256) => "ECDSA on P-256",
        Some(Algorithm::Es384) => "ECDSA on P-384",
        Some(Algorithm::EdDsa) => "Ed25519",
        Some(Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512) => "RSA, PKCS #1 v1.5",
        Some(Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512) => "RSA, PSS",
        Some(Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512) => {
            return "claims to be signed by HMAC: who can check it can make it".to_owned();
        }
        None if name.eq_ignore_ascii_case("none") => return "NOT signed: nobody should take it".to_owned(),
        None => return "an algorithm that is not known here".to_owned(),
    };
    format!("claims to be signed by {how}")
}

fn kind(typ: &str) -> String {
    let short = typ.to_ascii_lowercase();
    match short.strip_prefix("application/").unwrap_or(&short) {
        "at+jwt" => "an access token (RFC 9068)",
        "jwt" => "a JWT of a kind that it does not tell; an ID token, perhaps",
        "dpop+jwt" => "a proof of possession (DPoP, RFC 9449), and no token",
        "logout+jwt" => "a logout token (OpenID Connect)",
        "oauth-authz-req+jwt" => "an authorization request (RFC 9101)",
        "token-introspection+jwt" => "an answer of introspection (RFC 9701)",
        "secevent+jwt" => "a security event (RFC 8417)",
        _ => "",
    }
    .to_owned()
}

/// What a claim means, at a time; empty for one that is not known.
pub(super) fn claim(name: &str, value: &Value<'_>, now: UnixTime) -> String {
    let text = match name {
        "exp" | "nbf" | "iat" | "auth_time" | "updated_at" => return moment(name, value, now),
        "cnf" => return bound(value),
        "scope" => return scope(value),
        "iss" => "who issued it",
        "sub" => "on whose behalf: a person, or the client itself",
        "aud" => "for whom it is: nobody else should take it",
        "client_id" => "the client that it was issued to",
        "azp" => "the client that it was issued to (OpenID Connect)",
        "jti" => "its own id",
        "acr" => "the class of the login",
        "amr" => "the means of the login",
        "nonce" => "ties it to one login (OpenID Connect)",
        "sid" => "the login session",
        "at_hash" | "c_hash" | "s_hash" => "ties it to what was issued with it (OpenID Connect)",
        "act" => "who acts for the subject (RFC 8693)",
        "may_act" => "who may act for the subject (RFC 8693)",
        "authorization_details" => "what it is good for, in detail (RFC 9396)",
        "roles" | "groups" | "entitlements" => "of the subject (RFC 9068 section 2.2.3)",
        "htm" => "the method of the request that it proves (RFC 9449)",
        "htu" => "the URL of the request that it proves (RFC 9449)",
        "ath" => "the hash of the access token beside it (RFC 9449)",
        "email" | "email_verified" | "name" | "preferred_username" => "about the person",
        _ => "",
    };
    text.to_owned()
}

fn scope(value: &Value<'_>) -> String {
    match value.text() {
        Some("") => "good for nothing".to_owned(),
        Some(text) => match text.split(' ').count() {
            1 => "what it is good for".to_owned(),
            n => format!("what it is good for: {n} scopes"),
        },
        None => "of a wrong type: a string with spaces is due".to_owned(),
    }
}

fn bound(value: &Value<'_>) -> String {
    let Value::Other(json) = value else { return "of a wrong type: an object is due".to_owned() };
    let to = if json.contains("\"jkt\"") {
        "a key that each request proves (DPoP, RFC 9449)"
    } else if json.contains("\"x5t#S256\"") {
        "a certificate of the client's TLS (RFC 8705)"
    } else if json.contains("\"jwk\"") || json.contains("\"kid\"") {
        "a key (RFC 7800)"
    } else {
        "something that is not known here"
    };
    format!("bound to {to}: worth nothing to who only bears it")
}

fn moment(name: &str, value: &Value<'_>, now: UnixTime) -> String {
    let Some(at) = value.time() else {
        return "of a wrong type or range: seconds since 1970 are due".to_owned();
    };
    let date = shown(at);
    let (past, distance) = (at <= now, span(at.0.abs_diff(now.0)));
    match (name, past) {
        ("exp", true) => format!("{date}: EXPIRED {distance} ago"),
        ("exp", false) => format!("{date}: expires in {distance}"),
        ("nbf", true) => format!("{date}: good since {distance}"),
        ("nbf", false) => format!("{date}: NOT good yet, for {distance}"),
        ("iat", true) => format!("{date}: issued {distance} ago"),
        ("iat", false) => format!("{date}: issued {distance} in the FUTURE"),
        ("auth_time", true) => format!("{date}: logged in {distance} ago"),
        (_, true) => format!("{date}: {distance} ago"),
        (_, false) => format!("{date}: in {distance}"),
    }
}

/// `3 minutes`: the largest unit that fits.
fn span(seconds: u64) -> String {
    let (n, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..31_536_000 => (seconds / 86_400, "day"),
        _ => (seconds / 31_536_000, "year"),
    };
    if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now = UnixTime(1_700_000_000);
        let told = |name, at: &str| claim(name, &Value::Number(at), now);
        assert_eq!(told("exp", "1699999820"), "2023-11-14T22:10:20Z: EXPIRED 3 minutes ago");
        assert_eq!(told("exp", "1700000000"), "2023-11-14T22:13:20Z: EXPIRED 0 seconds ago");
        assert_eq!(told("exp", "1700000001.5"), "2023-11-14T22:13:21Z: expires in 1 second");
        assert_eq!(told("nbf", "1700090000"), "2023-11-15T23:13:20Z: NOT good yet, for 1 day");
        assert_eq!(told("iat", "1699990000"), "2023-11-14T19:26:40Z: issued 2 hours ago");
        assert_eq!(told("exp", "18446744073709551615"), "9999-12-31T23:59:59Z: expires in 584942417301 years");
        for bad in ["-1", "1e9", "99999999999999999999999"] {
            assert!(told("exp", bad).starts_with("of a wrong type"), "{bad}");
        }
        assert!(claim("exp", &Value::Text("1"), now).starts_with("of a wrong type"));
    }
}
