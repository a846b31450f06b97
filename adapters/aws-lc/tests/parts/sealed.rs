//! Keys at rest.

use crate::{ALGORITHMS, KEYS};
use proptest::prelude::*;
use valetkey::jose::Algorithm;
use valetkey::secret::Secret;
use valetkey::text::base64;
use valetkey_aws_lc::{KeyError, SigningKey};

fn server_key() -> Secret<32> {
    Secret::new([7; 32])
}

fn opened(server_key: &Secret<32>, algorithm: Algorithm, kid: &str, text: &str) -> Result<String, KeyError> {
    SigningKey::open(server_key, algorithm, kid, text).map(|key| key.kid().to_owned())
}

#[test]
fn what_was_sealed_opens_as_the_same_key() {
    for signing in KEYS.iter() {
        let text = signing.seal(&server_key()).unwrap();
        assert_eq!(opened(&server_key(), signing.algorithm(), signing.kid(), &text).as_deref(), Ok(signing.kid()));
        assert_ne!(text, signing.seal(&server_key()).unwrap(), "a nonce is used once");
    }
}

#[test]
fn it_opens_under_no_other_server_key_id_or_algorithm() {
    let signing = KEYS.iter().find(|key| key.algorithm() == Algorithm::Rs256).unwrap();
    let text = signing.seal(&server_key()).unwrap();
    let other = Secret::new([8; 32]);
    assert_eq!(opened(&other, Algorithm::Rs256, signing.kid(), &text), Err(KeyError::Sealed));
    assert_eq!(opened(&server_key(), Algorithm::Rs256, KEYS[0].kid(), &text), Err(KeyError::Sealed));
    for algorithm in ALGORITHMS.into_iter().filter(|algorithm| *algorithm != Algorithm::Rs256) {
        assert_eq!(opened(&server_key(), algorithm, signing.kid(), &text), Err(KeyError::Sealed));
    }
}

#[test]
fn nothing_of_the_key_is_in_what_is_sealed() {
    for signing in KEYS.iter() {
        let text = signing.seal(&server_key()).unwrap();
        let mut bytes = vec![0; text.len()];
        let bytes = base64::decode(&text, &mut bytes).unwrap();
        let der = signing.to_pkcs8().unwrap();
        assert_eq!(bytes.len(), 1 + 12 + der.len() + 16);
        assert!(der.windows(8).all(|part| bytes.windows(8).all(|sealed| sealed != part)));
    }
}

proptest! {
    #[test]
    fn any_change_is_noticed(at in any::<prop::sample::Index>(), bit in 0..8_u8, cut in any::<prop::sample::Index>()) {
        let signing = &KEYS[0];
        let text = signing.seal(&server_key()).unwrap();
        let mut buffer = vec![0; text.len()];
        let mut bytes = base64::decode(&text, &mut buffer).unwrap().to_vec();
        let open = |bytes: &[u8]| {
            let mut text = vec![0; base64::encoded_len(bytes.len())];
            opened(&server_key(), signing.algorithm(), signing.kid(), base64::encode(bytes, &mut text).unwrap())
        };
        prop_assert_eq!(open(&bytes[..cut.index(bytes.len())]), Err(KeyError::Sealed));
        let at = at.index(bytes.len());
        bytes[at] ^= 1_u8 << bit;
        prop_assert_eq!(open(&bytes), Err(KeyError::Sealed));
    }

    #[test]
    fn what_is_no_base64url_is_refused(text in ".{0,60}") {
        prop_assert_eq!(opened(&server_key(), Algorithm::Es256, KEYS[0].kid(), &text), Err(KeyError::Sealed));
    }
}
