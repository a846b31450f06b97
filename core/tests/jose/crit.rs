//! Headers that ask for what must be understood: nothing that may stand in `crit` is understood here, so each is refused.
//! <https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11>

use crate::keys::with_header;
use proptest::prelude::*;
use valetkey::jose::JwsError;

#[test]
fn rfc7515_4_1_11_01_every_crit_is_refused() {
    for crit in [
        r#""crit":[]"#,
        r#""crit":["alg"]"#,
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["x","x"],"x":1"#,
        r#""crit":["absent"]"#,
        r#""crit":["crit"]"#,
        r#""crit":"exp","exp":1"#,
        r#""crit":null"#,
        r#""crit":[1]"#,
        r#""crit":{}"#,
        r#""crit":[["exp"]]"#,
        r#""\u0063rit":["x"],"x":1"#,
        // RFC 7797: it changes what is signed, so no key of that name is passed over.
        r#""b64":false"#,
        r#""b64":true"#,
    ] {
        assert_eq!(with_header(format!(r#"{{"alg":"HS256",{crit}}}"#)), Err(JwsError::Critical), "{crit}");
        assert_eq!(with_header(format!(r#"{{{crit},"alg":"HS256"}}"#)), Err(JwsError::Critical), "{crit}");
    }
}

#[test]
fn rfc8725_3_6_01_rfc8725_3_15_01_nothing_is_decompressed() {
    for zip in [r#""DEF""#, r#""GZIP""#, "null", "1"] {
        assert_eq!(with_header(format!(r#"{{"alg":"HS256","zip":{zip}}}"#)), Err(JwsError::Critical), "{zip}");
    }
}

proptest! {
    #[test]
    fn rfc7515_4_1_11_01_any_crit_is_refused(names in prop::collection::vec("[a-z0-9]{0,6}", 0..5)) {
        let present: String = names.iter().enumerate().map(|(i, name)| format!(r#","{name}_{i}":1"#)).collect();
        let header = format!(r#"{{"alg":"HS256","crit":{}{present}}}"#, serde_json::to_string(&names).unwrap());
        prop_assert_eq!(with_header(header), Err(JwsError::Critical));
    }
}
