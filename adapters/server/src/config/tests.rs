//! Settings from files and options, good and bad.

use super::*;

fn load(options: &Options, file: &str) -> Result<Config, String> {
    let file = parse(Path::new("valetkey.toml"), file).map_err(|error| error.to_string())?;
    Config::merge(options, file).map_err(|error| error.to_string())
}

fn from_file(file: &str) -> Result<Config, String> {
    load(&Options::default(), file)
}

fn issuer(text: &str) -> Result<Config, String> {
    load(&Options { issuer: Some(text.to_owned()), ..Options::default() }, "")
}

#[test]
fn nothing_said_serves_on_loopback() {
    let config = from_file("").unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.issuer(config.listen), "http://127.0.0.1:8080");
    assert_eq!(config.issuer("[::1]:4711".parse().unwrap()), "http://[::1]:4711");
    assert!(config.is_local() && config.proxies.is_empty() && config.tls.is_none() && config.metrics_listen.is_none());
    assert_eq!((config.db, config.server_key_file), (Db::File("valetkey.db".into()), None));
    let Lifetimes { access_seconds, code_seconds, refresh_idle_seconds, grant_seconds } = config.lifetimes;
    assert_eq!((access_seconds.get(), code_seconds.get()), (600, 60));
    assert_eq!(config.clients.assertion_audience, AssertionAudience::Issuer);
    assert_eq!((refresh_idle_seconds.get(), grant_seconds.get()), (30 * 86_400, 90 * 86_400));
}

#[test]
fn everything_can_be_said_in_the_file() {
    let config = from_file(
        r#"
        listen = "0.0.0.0:80"
        issuer = "https://id.example/tenant"
        trusted_proxies = ["10.0.0.5", "10.1.0.0/16"]
        db = "/var/lib/valetkey/valetkey.db"
        server_key_file = "/run/secrets/valetkey.key"
        metrics_listen = "127.0.0.1:9100"
        [lifetimes]
        access_seconds = 300
        [signing]
        publish_ahead_seconds = 86400
        [login]
        acr = "urn:example:password"
        [clients]
        assertion_audience = "issuer_or_token_endpoint"
        [scopes]
        read = "Read your data"
        "urn:x:y" = "Do x"
        "#,
    )
    .unwrap();
    assert_eq!(config.issuer(config.listen), "https://id.example/tenant");
    assert!(config.proxies.trusts("10.1.2.3".parse().unwrap()) && !config.is_local());
    assert_eq!(config.db, Db::File("/var/lib/valetkey/valetkey.db".into()));
    assert_eq!(config.server_key_file, Some("/run/secrets/valetkey.key".into()));
    assert_eq!(config.metrics_listen.unwrap().port(), 9100);
    assert_eq!((config.lifetimes.access_seconds.get(), config.lifetimes.code_seconds.get()), (300, 60));
    assert_eq!(config.signing.publish_ahead_seconds, 86_400);
    assert_eq!(config.login.acr, "urn:example:password");
    assert_eq!(config.clients.assertion_audience, AssertionAudience::IssuerOrTokenEndpoint);
    assert_eq!(config.scopes.get("urn:x:y").map(String::as_str), Some("Do x"));
}

#[test]
fn options_win_over_the_file() {
    let options = Options {
        listen: Some("127.0.0.2:1".to_owned()),
        issuer: Some("https://options.example".to_owned()),
        trusted_proxies: Some(Vec::new()),
        db: Some(":memory:".into()),
        ..Options::default()
    };
    let file = "listen = '127.0.0.3:2'\nissuer = 'https://file.example'\ntrusted_proxies = ['::1']\ndb = 'x.db'";
    let config = load(&options, file).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.2:1");
    assert_eq!(config.issuer(config.listen), "https://options.example");
    assert!(config.proxies.is_empty());
    assert_eq!(config.db, Db::Memory);
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_line() {
    for (file, said) in [
        ("\nlisten = '127.0.0.1:1'\nisuer = 'x'", ["line 3", "isuer"]),
        ("[lifetimes]\naccess = 3", ["line 2", "access"]),
        ("[lifetimes]\naccess_seconds = 0", ["line 2", "nonzero"]),
        ("[lifetimes]\naccess_seconds = '1h'", ["line 2", "string"]),
        ("[scopes]\nread = 1", ["line 2", "string"]),
        ("[clients]\nassertion_audience = 'any'", ["line 2", "issuer_or_token_endpoint"]),
        ("listen = ", ["line 1", "valetkey.toml"]),
    ] {
        let error = from_file(file).unwrap_err();
        assert!(said.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let options = Options { config: Some("no/such/file.toml".into()), ..Options::default() };
    let error = Config::load(&options).unwrap_err().to_string();
    assert!(error.contains("no/such/file.toml"), "{error}");
}

#[test]
fn rfc6749_3_1_08_rfc6749_3_2_05_rfc7009_2_01_plain_http_stays_on_this_machine_unless_a_proxy_has_tls() {
    for listen in ["0.0.0.0:8080", "[::]:8080", "192.0.2.1:8080"] {
        let error = from_file(&format!("listen = '{listen}'")).unwrap_err();
        assert!(
            error.contains("--trusted-proxies") && error.contains("--tls-cert") && error.contains(listen),
            "{error}"
        );
        let named = format!("listen = '{listen}'\nissuer = 'https://id.example'\n");
        assert!(from_file(&(named.clone() + "trusted_proxies = ['10.0.0.5']")).is_ok());
        assert!(from_file(&(named + "tls_cert = 'cert.pem'\ntls_key = 'key.pem'")).is_ok());
    }
    for listen in ["127.0.0.1:0", "[::1]:8080"] {
        assert!(from_file(&format!("listen = '{listen}'")).is_ok());
    }
    assert!(from_file("listen = 'localhost'").unwrap_err().contains("127.0.0.1:8080"));
}

#[test]
fn an_address_that_cannot_be_the_issuer_needs_one() {
    for listen in ["127.8.9.1:80", "127.0.0.2:0", "[::1%1]:8080"] {
        let listen = format!("listen = '{listen}'");
        let error = from_file(&listen).unwrap_err();
        assert!(["127.0.0.1 or [::1]", "--issuer"].iter().all(|way| error.contains(way)), "{error}");
        for issuer in ["http://localhost:80", "https://id.example"] {
            assert!(from_file(&format!("{listen}\nissuer = '{issuer}'")).is_ok());
        }
    }
}

#[test]
fn a_server_whose_name_cannot_be_known_must_be_told_it() {
    for file in ["trusted_proxies = ['::1']", "listen = '0.0.0.0:443'\ntls_cert = 'c'\ntls_key = 'k'"] {
        assert!(from_file(file).unwrap_err().contains("--issuer"), "{file}");
    }
}

#[test]
fn with_a_certificate_the_server_is_called_by_https() {
    let config = from_file("listen = '127.0.0.1:8443'\ntls_cert = 'cert.pem'\ntls_key = 'key.pem'").unwrap();
    assert_eq!(config.issuer(config.listen), "https://127.0.0.1:8443");
    assert_eq!(config.tls, Some(TlsFiles { cert: "cert.pem".into(), key: "key.pem".into() }));
    assert!(config.is_local());
    assert!(from_file("tls_cert = 'cert.pem'").unwrap_err().contains("--tls-key"));
    assert!(from_file("tls_key = 'key.pem'").unwrap_err().contains("--tls-cert"));
}

#[test]
fn a_proxy_is_named_by_its_address() {
    let error = from_file("trusted_proxies = ['10.0.0.5', 'proxy.local']").unwrap_err();
    assert!(error.contains("`proxy.local`") && error.contains("10.1.0.0/16"), "{error}");
}

#[test]
fn rfc8414_2_01_an_issuer_is_https_without_query_and_fragment() {
    for good in [
        "https://id.example",
        "https://id.example:8443/a/b",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://localhost",
    ] {
        assert!(issuer(good).is_ok(), "{good}");
    }
    for (bad, said) in [
        ("http://id.example", "must be https"),
        ("http://localhost.evil.example", "must be https"),
        ("http://127.0.0.1.evil.example", "must be https"),
        ("http://127.0.0.1:x", "must be https"),
        ("https://id.example?x", "no query"),
        ("https://id.example#x", "no fragment"),
        ("https://id.example/", "slash"),
        ("https://", "host"),
        ("https://user@id.example", "no user"),
        ("id.example", "must be a URL"),
        ("ftp://id.example", "https://"),
        ("https://id.example/a b", "character"),
        ("https://id.example/{a}", "character"),
        ("", "must be a URL"),
    ] {
        let error = issuer(bad).unwrap_err();
        assert!(error.contains(said), "{bad}: {error}");
    }
}

#[test]
fn known_passwords_are_for_a_server_that_only_this_machine_reaches() {
    assert!(issuer("http://localhost:8080").unwrap().is_local());
    assert!(!issuer("https://id.example").unwrap().is_local());
    assert!(!from_file("trusted_proxies = ['::1']\nissuer = 'http://localhost'").unwrap().is_local());
}

#[test]
fn limits_can_be_said_one_by_one() {
    let config = from_file("[limits]\nconnections = 50\nheader_bytes = 8192").unwrap();
    let number = |n: u32| n.try_into().unwrap();
    let expected = Limits { connections: number(50), header_bytes: number(8192), ..Limits::default() };
    assert_eq!(config.limits, expected);
    for (limits, said) in
        [("header_bytes = 8191", "8192"), ("idle_seconds = 0", "nonzero"), ("bodies = 1", "unknown field")]
    {
        let error = from_file(&format!("[limits]\n{limits}")).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn lifetimes_must_fit_together() {
    for (lifetimes, said) in [
        ("code_seconds = 601", "600"),
        ("grant_seconds = 60", "access_seconds"),
        ("refresh_idle_seconds = 86401\ngrant_seconds = 86400", "refresh_idle_seconds"),
    ] {
        let error = from_file(&format!("[lifetimes]\n{lifetimes}")).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn lifetimes_in_which_a_copied_refresh_token_stays_hidden_are_advised_against() {
    for (profile, enough) in [("oauth21", 100), ("embedded", 600)] {
        let advice = |seconds: u32| {
            from_file(&format!("profile = '{profile}'\n[lifetimes]\naccess_seconds = {seconds}")).unwrap().advice()
        };
        assert_eq!((advice(enough), from_file(&format!("profile = '{profile}'")).unwrap().advice()), (None, None));
        let told = advice(enough - 1).unwrap();
        assert!(told.contains(&format!("access_seconds is {}", enough - 1)), "{told}");
        assert!(told.contains(&format!("{enough} or more")), "{told}");
    }
}

#[test]
fn the_profile_says_what_the_file_does_not() {
    let policy = |file: &str| from_file(file).unwrap().policy();
    assert_eq!((policy(""), policy("profile = 'oauth21'")), (Policy::OAUTH21, Policy::OAUTH21));
    assert_eq!(policy("profile = 'embedded'"), Policy::EMBEDDED);
    let changed = policy("profile = 'embedded'\n[lifetimes]\naccess_seconds = 3600\nrefresh_idle_seconds = 86400");
    assert_eq!(changed, Policy { access_lifetime: 3_600, refresh_idle: 86_400, ..Policy::EMBEDDED });
    let error = from_file("profile = 'embedded'\n[lifetimes]\ngrant_seconds = 86400").unwrap_err();
    assert!(error.contains("refresh_idle_seconds"), "{error}");
    let error = from_file("profile = 'fapi2'").unwrap_err();
    assert!(error.contains("`oauth21` or `embedded`"), "{error}");
}

#[test]
fn a_scope_must_be_one_and_be_described() {
    for scopes in ["'a b' = 'x'", "'' = 'x'", "'a\"' = 'x'", "'é' = 'x'", "read = ' '"] {
        assert!(from_file(&format!("[scopes]\n{scopes}")).unwrap_err().contains("[scopes]"), "{scopes}");
    }
}

#[test]
fn the_class_of_a_login_is_one_word() {
    assert_eq!(from_file("[login]\nacr = ''").unwrap().login.acr, "");
    for acr in ["'a b'", "' '", "'a\"'", "'é'"] {
        assert!(from_file(&format!("[login]\nacr = {acr}")).unwrap_err().contains("[login]"), "{acr}");
    }
}

#[test]
fn the_well_known_part_comes_before_the_path() {
    let well_known = "/.well-known/oauth-authorization-server";
    assert_eq!(metadata_url("https://id.example"), format!("https://id.example{well_known}"));
    assert_eq!(metadata_url("https://id.example/a/b"), format!("https://id.example{well_known}/a/b"));
}

const SAMPLE: &str = include_str!("../../valetkey.toml");

#[test]
fn the_sample_file_says_nothing_that_is_not_the_default() {
    assert_eq!(from_file(SAMPLE).unwrap(), from_file("").unwrap());
}

#[test]
fn the_sample_file_has_every_key_with_its_default() {
    let keys: Vec<&str> =
        SAMPLE.lines().filter_map(|line| line.strip_prefix('#')).filter(|key| !key.starts_with(' ')).collect();
    let shown = SAMPLE
        .lines()
        .map(|line| if keys.contains(&line.trim_start_matches('#')) { line.trim_start_matches('#') } else { line });
    let shown = shown.collect::<Vec<_>>().join("\n");
    let (config, default) = (from_file(&shown).unwrap(), from_file("").unwrap());
    assert_eq!((config.listen, config.lifetimes, config.audit), (default.listen, default.lifetimes, default.audit));
    assert_eq!(config.db, default.db);
    assert!(config.tls.is_some() && config.server_key_file.is_some() && config.metrics_listen.is_some());
    assert!(!config.proxies.is_empty() && config.scopes.len() == 2);
    // What reads a table names, when it meets another key, each that it would take.
    for table in ["", "[lifetimes]", "[signing]", "[login]", "[clients]", "[limits]", "[audit]"] {
        let error = from_file(&format!("{table}\nnonsense = 1")).unwrap_err().to_string();
        let (_, expected) = error.rsplit_once("expected").unwrap();
        for key in expected.split('`').skip(1).step_by(2) {
            assert!(SAMPLE.contains(&format!("#{key} = ")) || SAMPLE.contains(&format!("[{key}]")), "{table} {key}");
        }
    }
}
