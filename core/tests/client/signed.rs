//! Clients that sign: what an assertion says, where it stands, and what is asked of the signature.

use crate::{CALLBACK, CODE, ISSUER, SECRET, TOKEN, basic, config, every_auth, exchange, genuine, pairs, values};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use valetkey::client::{
    Assertion, ClientAuth, ClientCredentials, Config, ConfigError, NeedSign, Refresh, Retry, SignatureError, TooSmall,
};
use valetkey::jose::Algorithm;
use valetkey::secret::{Entropy, SecretText};
use valetkey::text::base64;
use valetkey::time::UnixTime;

const NOW: UnixTime = UnixTime(1_800_000_000);
const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn drawn(byte: u8) -> Assertion<'static> {
    Assertion::new(Algorithm::Es256, "key-1", NOW, Entropy::new([byte; Assertion::ENTROPY])).unwrap()
}

/// Header and claims of a message.
fn read(message: &[u8]) -> [Value; 2] {
    let (header, claims) = std::str::from_utf8(message).unwrap().split_once('.').unwrap();
    [header, claims].map(|part| {
        let mut room = [0; 1024];
        serde_json::from_slice(base64::decode(part, &mut room).unwrap()).unwrap()
    })
}

type Write = fn(&Config<'_>, &Assertion<'_>, &mut [u8], &mut dyn FnMut(NeedSign<'_>)) -> Result<(), TooSmall>;

/// Each grant's request.
const GRANTS: [(&str, Write); 3] = [
    ("client_credentials", |cfg, assertion, buf, see| {
        ClientCredentials::new(cfg).unwrap().sign(assertion, buf).map(see)
    }),
    ("refresh_token", |cfg, assertion, buf, see| {
        Refresh::new(cfg, SecretText::new("old-refresh"), "read").unwrap().sign(assertion, buf).map(see)
    }),
    ("authorization_code", |cfg, assertion, buf, see| exchange(cfg, genuine().leak()).sign(assertion, buf).map(see)),
];

/// Body of every grant's request.
fn bodies(cfg: &Config<'_>, assertion: &Assertion<'_>) -> Vec<String> {
    let write = |(_, write): &(_, Write)| {
        let mut body = String::new();
        write(cfg, assertion, &mut [0; 4096], &mut |need| {
            let post = need.resume(&[7; 64]).unwrap();
            assert_eq!((post.url, post.authorization, post.duties.retry), (TOKEN, None, Retry::Never));
            body = post.body.to_owned();
        })
        .unwrap();
        body
    };
    GRANTS.iter().map(write).collect()
}

#[test]
fn rfc7521_4_2_01_rfc7523_2_2_01_every_grant_is_sent_with_one_assertion_and_its_type() {
    let cfg = config(ClientAuth::PrivateKeyJwt);
    for (body, (grant, _)) in bodies(&cfg, &drawn(1)).iter().zip(GRANTS) {
        let one = |name| match &values(body, name)[..] {
            [value] => value.clone(),
            others => panic!("{name}: {others:?}"),
        };
        assert_eq!((one("grant_type").as_str(), one("client_assertion_type").as_str()), (grant, KIND));
        assert_eq!(one("client_id"), "demo-web", "which is the subject");
        let assertion = one("client_assertion");
        let (message, signature) = assertion.rsplit_once('.').unwrap();
        assert_eq!(read(message.as_bytes())[1]["sub"], "demo-web");
        let mut room = [0; 64];
        assert_eq!(base64::decode(signature, &mut room).unwrap(), [7; 64]);
    }
    let code = &bodies(&cfg, &drawn(1))[2];
    assert_eq!(
        (values(code, "code"), values(code, "redirect_uri")),
        (vec![CODE.to_owned()], vec![CALLBACK.to_owned()])
    );
}

#[test]
fn rfc7521_4_2_03_oauth21_2_4_02_no_secret_goes_along_whatever_is_configured() {
    for auth in every_auth().into_iter().filter(|auth| !matches!(auth, ClientAuth::Public)) {
        for body in bodies(&config(auth), &drawn(1)) {
            assert!(values(&body, "client_secret").is_empty() && !body.contains(SECRET), "{body}");
            assert_eq!(values(&body, "client_assertion").len(), 1);
        }
    }
}

#[test]
fn rfc7521_5_1_01_rfc7523_3_10_oauth21_2_4_03_it_says_who_for_whom_and_how_long() {
    let cfg = config(ClientAuth::PrivateKeyJwt);
    let flow = ClientCredentials::new(&cfg).unwrap();
    let mut buf = [0; 2048];
    let need = flow.sign(&drawn(1), &mut buf).unwrap();
    let [header, claims] = read(need.message());
    assert_eq!(header, json!({"alg": "ES256", "typ": "client-authentication+jwt", "kid": "key-1"}));
    let id = "0016843009".repeat(3);
    assert_eq!(
        claims,
        json!({"iss": "demo-web", "sub": "demo-web", "aud": ISSUER, "iat": NOW.0, "exp": NOW.0 + 60, "jti": id})
    );
    let nameless = Assertion::new(Algorithm::EdDsa, "", NOW, Entropy::new([1; Assertion::ENTROPY])).unwrap();
    let need = flow.sign(&nameless, &mut buf).unwrap();
    assert_eq!(read(need.message())[0], json!({"alg": "EdDSA", "typ": "client-authentication+jwt"}));
}

#[test]
fn rfc7523_3_12_each_assertion_has_an_id_of_its_own() {
    let cfg = config(ClientAuth::PrivateKeyJwt);
    let ids: HashSet<String> = (0..=255)
        .map(|byte| {
            let body = bodies(&cfg, &drawn(byte)).remove(0);
            let assertion = values(&body, "client_assertion").remove(0);
            read(assertion.rsplit_once('.').unwrap().0.as_bytes())[1]["jti"].to_string()
        })
        .collect();
    assert_eq!(ids.len(), 256);
}

#[test]
fn what_is_hashed_is_what_is_signed() {
    let cfg = config(ClientAuth::PrivateKeyJwt);
    let flow = ClientCredentials::new(&cfg).unwrap();
    let mut buf = [0; 2048];
    let need = flow.sign(&drawn(1), &mut buf).unwrap();
    let message = std::str::from_utf8(need.message()).unwrap();
    assert_eq!(need.digest(), valetkey::server::secret_digest(message).0);
}

#[test]
fn nothing_is_signed_by_a_clock_that_was_never_set_or_by_a_shared_secret() {
    let new = |algorithm, now| {
        Assertion::new(algorithm, "", UnixTime(now), Entropy::new([1; Assertion::ENTROPY])).map(|_| ())
    };
    for now in [0, 86_400, 946_684_800, 1_672_531_199] {
        assert_eq!(new(Algorithm::Es256, now), Err(ConfigError::Clock), "{now}");
    }
    let last = u64::from(u32::MAX) - 60;
    for now in [last + 1, u64::from(u32::MAX) + 1, u64::MAX] {
        assert_eq!(new(Algorithm::Es256, now), Err(ConfigError::Clock), "{now}");
    }
    assert_eq!((new(Algorithm::Es256, 1_672_531_200), new(Algorithm::Es256, last)), (Ok(()), Ok(())));
    for algorithm in Algorithm::ALL {
        let expected = if algorithm.is_symmetric() { Err(ConfigError::Algorithm) } else { Ok(()) };
        assert_eq!(new(algorithm, NOW.0), expected, "{algorithm}");
    }
}

#[test]
fn a_key_is_not_named_by_control_characters() {
    let new = |kid| Assertion::new(Algorithm::Es256, kid, NOW, Entropy::new([1; Assertion::ENTROPY])).map(|_| ());
    for kid in ["\n", "key\u{1f}", "\0"] {
        assert_eq!(new(kid), Err(ConfigError::Kid), "{kid:?}");
    }
    for kid in ["", " ", "\u{7f}", "schlüssel \\\"1\""] {
        assert_eq!(new(kid), Ok(()), "{kid:?}");
    }
}

#[test]
fn a_slice_that_is_too_small_gets_the_exact_size_and_keeps_nothing() {
    let cfg = config(ClientAuth::PrivateKeyJwt);
    let lengths: Vec<usize> = bodies(&cfg, &drawn(1)).iter().map(String::len).collect();
    for ((grant, write), needed) in GRANTS.iter().zip(lengths) {
        for size in 0..needed {
            let mut buf = vec![0; size];
            let told = write(&cfg, &drawn(1), &mut buf, &mut |_| panic!("{size} suffices"));
            assert_eq!(told, Err(TooSmall { needed }), "{grant} {size}");
            assert!(buf.iter().all(|byte| *byte == 0), "{grant} {size}");
        }
        let mut buf = vec![0; needed];
        write(&cfg, &drawn(1), &mut buf, &mut |need| assert_eq!(need.resume(&[7; 64]).unwrap().body.len(), needed))
            .unwrap();
    }
}

#[test]
fn a_signature_of_another_length_is_refused_and_a_long_one_of_rsa_asks_for_room() {
    let cfg = config(ClientAuth::PrivateKeyJwt);
    let flow = ClientCredentials::new(&cfg).unwrap();
    let by = |algorithm| Assertion::new(algorithm, "", NOW, Entropy::new([1; Assertion::ENTROPY])).unwrap();
    let cases = [(Algorithm::Es256, 64), (Algorithm::EdDsa, 64), (Algorithm::Es384, 96), (Algorithm::Ps256, 256)];
    for (algorithm, good) in cases {
        // DER of ECDSA has 70 to 72 bytes.
        for len in [0, 32, 63, 65, 70, 71, 72, 95, 97, 255, 1025] {
            let mut buf = [0; 4096];
            let told = flow.sign(&by(algorithm), &mut buf).unwrap().resume(&vec![7; len]).unwrap_err();
            assert_eq!(told, SignatureError::Length, "{algorithm} {len}");
        }
        let mut buf = [0; 4096];
        assert!(flow.sign(&by(algorithm), &mut buf).unwrap().resume(&vec![7; good]).is_ok());
    }
    let mut buf = [0; 4096];
    let needed = flow.sign(&by(Algorithm::Rs256), &mut buf).unwrap().resume(&[7; 512]).unwrap().body.len();
    let mut short = vec![0; needed - 1];
    let told = flow.sign(&by(Algorithm::Rs256), &mut short).unwrap().resume(&[7; 512]).unwrap_err();
    assert_eq!(told, SignatureError::TooSmall(TooSmall { needed }));
    assert!(short.iter().all(|byte| *byte == 0));
    assert!(format!("{told}").contains(&needed.to_string()));
}

#[test]
fn neither_assertion_nor_message_is_shown() {
    let cfg = basic();
    let flow = ClientCredentials::new(&cfg).unwrap();
    let (assertion, mut buf) = (drawn(1), [0; 2048]);
    let need = flow.sign(&assertion, &mut buf).unwrap();
    let message = std::str::from_utf8(need.message()).unwrap().to_owned();
    let shown = format!("{need:?} {assertion:?}");
    assert!(!shown.contains(&message[..20]) && !shown.contains("16843009"), "{shown}");
}

proptest! {
    #[test]
    fn any_client_and_key_is_said_so_that_json_and_form_hold(
        id in "[ -~]{1,40}", kid in "[^\\x00-\\x1f]{0,40}", drawn in any::<[u32; 3]>(), later in 0..1_000_000_000_u64,
    ) {
        let cfg = Config::new(ISSUER, TOKEN, &id, ClientAuth::PrivateKeyJwt).unwrap();
        let flow = ClientCredentials::new(&cfg).unwrap();
        let now = UnixTime(NOW.0 + later);
        let bytes = drawn.map(u32::to_be_bytes).concat().try_into().unwrap();
        let assertion = Assertion::new(Algorithm::EdDsa, &kid, now, Entropy::new(bytes)).unwrap();
        let mut buf = [0; 4096];
        let need = flow.sign(&assertion, &mut buf).unwrap();
        let [header, claims] = read(need.message());
        let mut said = json!({"alg": "EdDSA", "typ": "client-authentication+jwt"});
        if !kid.is_empty() {
            said["kid"] = json!(kid);
        }
        prop_assert_eq!(header, said);
        let jti: String = drawn.iter().map(|number| format!("{number:010}")).collect();
        let said = json!({"iss": id, "sub": id, "aud": ISSUER, "iat": now.0, "exp": now.0 + 60, "jti": jti});
        prop_assert_eq!(claims, said, "all that was drawn is in the jti");
        let body = need.resume(&[7; 64]).unwrap().body;
        prop_assert_eq!(values(body, "client_id"), [id.as_str()]);
        prop_assert_eq!(pairs(body).len(), 4);
    }
}
