//! Records to try a store with.

use valetkey::jose::Algorithm;
use valetkey::server::change::{Kind, Version};
use valetkey::server::record::{
    AccessTokenFormat, ClientAuth, Digest, GrantState, GrantTypes, OwnedAccess, OwnedAccount, OwnedClient, OwnedCode,
    OwnedGrant, OwnedRecord, OwnedSigningKey,
};
use valetkey::time::UnixTime;

/// What text fields are tried with, besides being empty or long.
const TEXTS: [&str; 5] = [
    "read write",
    "\"quoted\" back\\slash 'single' %_; -- null NULL",
    "line\r\nfeed\ttab\u{0}nul\u{7f}\u{2028}",
    "Zoë Łódź Ελλάδα עברית 日本語 e\u{301} 👩\u{200d}🚀",
    " white space at both ends ",
];

/// A record of that kind that tells `text`, but for `Used`, which tells nothing.
pub(super) fn record(kind: Kind, text: &str) -> OwnedRecord {
    build(kind, 0, |field| if field == 1 { text.into() } else { String::new() })
}

/// Records of every kind whose fields take every shape: empty and full, `None` and `Some`, least and greatest, long.
pub(super) fn every_shape() -> Vec<OwnedRecord> {
    let mut all = Vec::new();
    for kind in Kind::ALL {
        for bits in 0..12 {
            all.push(build(kind, bits, |_| String::new()));
            for text in TEXTS {
                all.push(build(kind, bits, |field| format!("{text}{field}")));
            }
        }
        for long in 0..8 {
            all.push(build(kind, 7, |field| if field == long { "x".repeat(15_000) } else { String::new() }));
            all.push(build(kind, 7, |field| if field == long { "€".repeat(5_000) } else { String::new() }));
        }
    }
    all
}

/// A record of that kind: texts by the number of their field, everything else by `bits`.
fn build(kind: Kind, bits: u32, text: impl Fn(usize) -> String) -> OwnedRecord {
    let bit = |n: u32| bits >> n & 1 == 1;
    let time = |n: u32| UnixTime(if bit(n) { u64::MAX - u64::from(n) } else { u64::from(n) });
    let digest = |n: u8| Digest(if bit(n.into()) { [255 - n; 32] } else { [n; 32] });
    match kind {
        Kind::Client => OwnedRecord::Client(OwnedClient {
            client_id: text(0),
            name: text(1),
            auth: [ClientAuth::Public, ClientAuth::Drawn, ClientAuth::Chosen, ClientAuth::PrivateKeyJwt]
                [bits as usize % 4],
            secret: text(2),
            jwks: text(6),
            redirect_uris: text(3),
            grant_types: GrantTypes { authorization_code: bit(0), client_credentials: bit(1), refresh_token: bit(2) },
            scope: text(4),
            resource: text(5),
            access_token: [
                AccessTokenFormat::Opaque,
                AccessTokenFormat::Jwt(Algorithm::Es256),
                AccessTokenFormat::Jwt(Algorithm::EdDsa),
            ][bits as usize / 3 % 3],
            may_introspect: bit(1),
            live: bit(0),
        }),
        Kind::Account => OwnedRecord::Account(OwnedAccount {
            subject: text(0),
            name: text(1),
            password: text(2),
            live: bit(0),
            logins: if bit(1) { u32::MAX } else { 0 },
        }),
        Kind::Grant => OwnedRecord::Grant(OwnedGrant {
            client_id: text(0),
            subject: text(1),
            scope: text(2),
            resource: text(3),
            state: [GrantState::Pending, GrantState::Live, GrantState::Ended][bits as usize % 3],
            issued_at: time(0),
            expires_at: time(1),
            auth_time: time(2),
            acr: text(4),
            amr: text(5),
            account: if bit(0) { Version::new(if bit(1) { i64::MAX.unsigned_abs() } else { 1 }) } else { None },
            access: bit(1).then(|| digest(3)),
            salt: digest(0),
            server_key: if bit(1) { u8::MAX } else { 0 },
            generation: if bit(2) { u32::MAX } else { bits },
            rotated_at: time(3),
            rotated_by: bit(2).then(|| digest(1)),
            seen_at: bit(3).then(|| time(1)),
            signed: bit(0),
        }),
        Kind::Code => OwnedRecord::Code(OwnedCode {
            grant: digest(0),
            redirect_uri: text(1),
            redirect_uri_named: bit(0),
            challenge: digest(1),
            expires_at: time(2),
            spent: bit(1),
        }),
        Kind::Access => OwnedRecord::Access(OwnedAccess {
            grant: digest(0),
            scope: text(1),
            resource: text(2),
            issued_at: time(1),
            expires_at: time(2),
        }),
        Kind::Used => OwnedRecord::Used,
        Kind::SigningKey => OwnedRecord::SigningKey(OwnedSigningKey {
            kid: text(0),
            algorithm: Algorithm::ALL[bits as usize % Algorithm::ALL.len()],
            public: text(1),
            sealed: text(2),
            created_at: time(0),
            signs_from: time(1),
            retired_at: bit(1).then(|| time(2)),
        }),
        other => unreachable!("records of kind {other:?} are new; the laws need samples of them"),
    }
}
