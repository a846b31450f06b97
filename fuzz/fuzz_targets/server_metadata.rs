//! Metadata of an authorization server. The input is a line, the issuer that is asked for, and the document. Asserts: what
//! is accepted is JSON for serde_json too, names that issuer to the letter, and leads nowhere but to https or loopback; as
//! many bytes as the document has are scratch enough.
#![no_main]

use libfuzzer_sys::fuzz_target;
use valetkey::text::uri;
use valetkey::wire::server_metadata::{Fault, ServerMetadata};

/// Other members are passed over, numbers too that fit no type.
#[derive(serde::Deserialize)]
struct Said {
    issuer: String,
    jwks_uri: Option<String>,
    introspection_endpoint: Option<String>,
}

fuzz_target!(|text: &str| {
    let (issuer, body) = text.split_once('\n').unwrap_or(("https://as.example", text));
    let mut scratch = vec![0; body.len()];
    match ServerMetadata::read(body.as_bytes(), issuer, &mut scratch) {
        Ok(read) => {
            let said: Said = serde_json::from_str(body).expect("what is accepted is JSON");
            assert_eq!(said.issuer, issuer);
            for (said, url) in
                [(said.jwks_uri, read.jwks_uri), (said.introspection_endpoint, read.introspection_endpoint)]
            {
                assert_eq!(said.unwrap_or_default(), url);
                assert!(url.is_empty() || uri::is_endpoint(url));
            }
        }
        Err(fault) => assert!(fault != Fault::Scratch, "as many bytes suffice"),
    }
});
