//! No public type shows a secret: not in `{:?}`, not in `{:#?}`, not in `{}`.
//!
//! Values hold secrets wherever one can stand; whole flows run, and each need, step and reply is shown at every stage.
//! What they show is searched for every secret, as text, in base64, in hexadecimal and as an array of numbers.
//!
//! Hidden are codes, tokens, client secrets and what is kept of them, passwords, verifiers, `state`, entropy, server keys,
//! sealed requests, `Authorization` headers and bodies. Shown are a server's keys of records, which are SHA-256 of
//! secrets with 256 bits of entropy and say nothing of them; a grant's salt, which gives nothing without a server key;
//! `code_challenge`, which went through the browser; identifiers of changes and of answered requests; and what a server
//! says in `error_description`, which is written for people.

mod flows;
#[path = "redaction/hidden.rs"]
mod hidden;
#[path = "redaction/values.rs"]
mod values;

use hidden::Hidden;
use std::collections::HashMap;

type Row = (&'static str, fn(&mut Hidden));

/// Every public type, as its documentation names it, and what shows it. `.ci/run redaction` tells which is missing.
#[rustfmt::skip] // one line each
const TYPES: &[Row] = &[
    // public types: begin
    ("client::Assertion", flows::signed_requests),
    ("client::ClientAuth", flows::code),
    ("client::ClientCredentials", flows::client_credentials),
    ("client::Config", flows::code),
    ("client::ConfigError", values::client_errors),
    ("client::Duties", values::client_errors),
    ("client::Error", values::client_errors),
    ("client::Exchange", flows::code),
    ("client::ImportError", values::client_errors),
    ("client::NeedSign", flows::signed_requests),
    ("client::Outcome", flows::code),
    ("client::Post", flows::code),
    ("client::Refresh", flows::refresh),
    ("client::Response", flows::code),
    ("client::Retry", values::client_errors),
    ("client::RetryAfter", values::client_errors),
    ("client::SignatureError", flows::signed_requests),
    ("client::Tokens", flows::code),
    ("client::authorize::Authorize", flows::code),
    ("client::authorize::Denied", flows::denied),
    ("client::authorize::Rejected", flows::code),
    ("client::authorize::CallbackError", values::client_errors),
    ("client::keeper::FlashError", values::client_errors),
    ("client::keeper::Keeper", flows::keeper),
    ("client::keeper::Now", flows::keeper),
    ("client::keeper::Refused", flows::keeper),
    ("client::keeper::Renewal", flows::keeper),
    ("client::keeper::State", flows::keeper),
    ("client::keeper::StoreError", values::client_errors),
    ("client::keeper::Ticket", flows::keeper),
    ("client::keeper::Timing", flows::keeper),
    ("client::keeper::TokenId", flows::keeper),
    ("client::keeper::TokenSlot", flows::keeper),
    ("client::keeper::TokenStore", flows::keeper),
    ("client::keeper::Trouble", flows::keeper),
    ("client::keeper::Usable", flows::keeper),
    ("client::keeper::WallClock", flows::keeper),
    ("error::ErrorCode", values::facts),
    ("error::TooSmall", values::facts),
    ("jose::Algorithm", values::signed_tokens),
    ("jose::Algorithms", flows::signed_tokens),
    ("jose::Claims", flows::signed_tokens),
    ("jose::ClaimsError", flows::signed_tokens),
    ("jose::Header", flows::signed_tokens),
    ("jose::Jwk", flows::keys),
    ("jose::JwkError", flows::keys),
    ("jose::JwsError", flows::signed_tokens),
    ("jose::Key", flows::signed_tokens),
    ("jose::Limits", flows::signed_tokens),
    ("jose::Material", flows::keys),
    ("jose::PublicJwk", flows::keys),
    ("jose::SymmetricJwk", flows::keys),
    ("jose::Unverified", flows::signed_tokens),
    ("jose::Verified", flows::signed_tokens),
    ("jose::parts::MacKey", flows::keys),
    ("jose::parts::PartError", flows::keys),
    ("jose::parts::PublicKey", flows::keys),
    ("resource::Access", flows::code),
    ("resource::Advice", values::metadata),
    ("resource::Audience", flows::code),
    ("resource::Check", flows::code),
    ("resource::Issuer", flows::signed_tokens),
    ("resource::IssuerKeys", flows::signed_tokens),
    ("resource::Jwt", flows::signed_tokens),
    ("resource::KeySet", values::metadata),
    ("resource::NeedIntrospect", flows::code),
    ("resource::NeedKey", flows::signed_tokens),
    ("resource::Policy", flows::code),
    ("resource::Refusal", values::signed_tokens),
    ("resource::Refused", flows::signed_tokens),
    ("resource::StepUp", flows::signed_tokens),
    ("resource::Tokens", flows::signed_tokens),
    ("resource::Timing", values::metadata),
    ("secret::Entropy", values::secrets),
    ("secret::Secret", values::secrets),
    ("secret::SecretText", values::secrets),
    ("server::AssertionAudience", values::servers),
    ("server::AuthorizeRequest", flows::code),
    ("server::BadServer", values::servers),
    ("server::Endpoint", values::servers),
    ("server::FormRequest", flows::revoke),
    ("server::Issuer", values::servers),
    ("server::NeedClient", flows::code),
    ("server::NeedCommit", flows::code),
    ("server::NeedLoad", flows::code),
    ("server::NeedOwner", flows::code),
    ("server::NeedSign", flows::code),
    ("server::NeedVerify", flows::client_credentials),
    ("server::OperateError", values::servers),
    ("server::OwnedIssuer", values::servers),
    ("server::Owner", flows::code),
    ("server::Policy", values::servers),
    ("server::RegisterError", values::servers),
    ("server::Reply", flows::code),
    ("server::Response", flows::code),
    ("server::Server", flows::metadata),
    ("server::ServerKey", values::servers),
    ("server::Step", flows::code),
    ("server::change::Change", flows::code),
    ("server::change::Committed", flows::code),
    ("server::change::Event", flows::refusals),
    ("server::change::Expect", flows::code),
    ("server::change::Key", flows::code),
    ("server::change::Kind", flows::code),
    ("server::change::Put", flows::code),
    ("server::change::Version", flows::code),
    ("server::change::EventKind", flows::code),
    ("server::fault::Fault", values::servers),
    ("server::record::Access", flows::code),
    ("server::record::AccessTokenFormat", values::records),
    ("server::record::Account", values::records),
    ("server::record::Client", values::records),
    ("server::record::ClientAuth", values::records),
    ("server::record::Code", flows::code),
    ("server::record::Digest", values::records),
    ("server::record::Grant", flows::code),
    ("server::record::GrantState", values::records),
    ("server::record::GrantTypes", values::records),
    ("server::record::OwnedAccess", flows::code),
    ("server::record::OwnedAccount", values::records),
    ("server::record::OwnedClient", values::records),
    ("server::record::OwnedCode", flows::code),
    ("server::record::OwnedGrant", flows::code),
    ("server::record::OwnedRecord", flows::code),
    ("server::record::OwnedSigningKey", values::records),
    ("server::record::Record", flows::code),
    ("server::record::SigningKey", values::records),
    ("text::base64::Base64Error", values::text),
    ("text::buf::Writer", values::text),
    ("text::form::Encoded", values::text),
    ("text::form::Form", values::text),
    ("text::form::FormError", values::text),
    ("text::json::DeserializeError", values::json),
    ("text::json::Fault", values::json),
    ("text::json::JsonError", values::json),
    ("text::json::Kind", values::json),
    ("text::json::Limits", values::json),
    ("text::json::Object", values::text),
    ("text::json::Reader", values::json),
    ("text::uri::Uri", values::text),
    ("time::UnixTime", values::facts),
    ("time::Uptime", values::facts),
    ("wire::challenge::Challenge", flows::client_credentials),
    ("wire::header::Header", flows::client_credentials),
    ("wire::introspection::Fault", values::introspections),
    ("wire::introspection::Introspection", flows::client_credentials),
    ("wire::resource_metadata::BadResource", values::metadata),
    ("wire::resource_metadata::ResourceMetadata", values::metadata),
    ("wire::server_metadata::Fault", values::metadata),
    ("wire::server_metadata::Place", values::metadata),
    ("wire::server_metadata::ServerMetadata", values::metadata),
    ("wire::token_response::Answer", values::token_responses),
    ("wire::token_response::ErrorResponse", flows::refusals),
    ("wire::token_response::Fault", values::token_responses),
    ("wire::token_response::Forms", values::token_responses),
    ("wire::token_response::Leniency", values::token_responses),
    ("wire::token_response::Member", values::token_responses),
    ("wire::token_response::TokenResponse", values::token_responses),
    // public types: end
];

#[test]
fn no_public_type_shows_a_secret() {
    let (mut watched, mut missing) = (HashMap::<usize, Hidden>::new(), Vec::new());
    for (path, show) in TYPES {
        let hidden = watched.entry(*show as usize).or_insert_with(|| {
            let mut hidden = Hidden::new();
            show(&mut hidden);
            hidden
        });
        if !hidden.has_shown(path) {
            missing.push(path);
        }
    }
    assert!(missing.is_empty(), "not shown by what the table names for it: {missing:?}");
    for hidden in watched.values() {
        hidden.check();
    }
}

#[test]
fn a_secret_that_is_shown_is_found_however_it_is_written() {
    let secret = flows::hush::<20>();
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut buf = [0; 64];
    let base64 = valetkey::text::base64::encode(&secret[1..], &mut buf).unwrap();
    for shown in [
        format!("<{}>", &flows::HUSH[3..20]),
        format!("{:?}", &secret[2..]),
        format!("{secret:#?}"),
        hex.to_uppercase(),
        hex,
        base64.into(),
    ] {
        let mut hidden = Hidden::new();
        hidden.watch::<()>(&shown);
        assert!(hidden.leak().is_some(), "{shown}");
    }
    let mut hidden = Hidden::new();
    hidden.watch::<()>("Token(c29tZS1vdGhlci10b2tlbg)");
    assert!(hidden.leak().is_none());
    flows::Watch::hide(&mut hidden, b"some-other-token");
    assert!(hidden.leak().is_some());
}
