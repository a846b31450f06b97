//! Flows that outlive their process.

use crate::{basic, flow, genuine};
use proptest::prelude::*;
use valetkey::client::{Authorize, ClientAuth, Config, ConfigError, EXPORTED, ImportError};
use valetkey::secret::{Entropy, SecretText};

fn exported(cfg: &Config<'_>) -> [u8; EXPORTED] {
    let mut buf = [0; EXPORTED];
    flow(cfg).export(&mut buf).unwrap();
    buf
}

fn url(flow: &Authorize<'_>) -> String {
    flow.url(&mut [0; 2048]).unwrap().to_owned()
}

#[test]
fn an_imported_flow_goes_on() {
    let cfg = basic();
    let again = Authorize::import(&cfg, &exported(&cfg)).unwrap();
    assert_eq!(url(&again), url(&flow(&cfg)));
    let (query, mut one, mut two) = (genuine(), [0; 1024], [0; 1024]);
    let (a, b) = (again.callback(&query).unwrap(), flow(&cfg).callback(&query).unwrap());
    assert_eq!(a.request(&mut one).unwrap().body, b.request(&mut two).unwrap().body);
}

#[test]
fn every_changed_byte_and_every_cut_is_refused() {
    let cfg = basic();
    let whole = exported(&cfg);
    for at in 0..EXPORTED {
        for flip in 1..=255u8 {
            let mut bytes = whole;
            bytes[at] ^= flip;
            let expected = if at == 0 { ImportError::Version } else { ImportError::Damaged };
            assert_eq!(Authorize::import(&cfg, &bytes).unwrap_err(), expected, "byte {at}");
        }
        assert!(Authorize::import(&cfg, &whole[..at]).is_err());
    }
    let longer = [&whole[..], &[0]].concat();
    assert_eq!(Authorize::import(&cfg, &longer).unwrap_err(), ImportError::Damaged);
}

#[test]
fn a_flow_is_bound_to_its_configuration() {
    let redirect = ("https://as.example/authorize", "https://client.example/cb");
    let base = |issuer, token, id| Config::new(issuer, token, id, ClientAuth::Public).unwrap();
    let whole = |issuer, token, id, (at, back)| base(issuer, token, id).with_redirect(at, back).unwrap();
    let (i, t, c) = ("https://as.example", "https://as.example/token", "client");
    let cfg = whole(i, t, c, redirect);
    let bytes = exported(&cfg);
    let others = [
        whole("https://b.example", t, c, redirect),
        whole(i, "https://b.example/token", c, redirect),
        whole(i, t, "clien", redirect),
        whole(i, t, c, ("https://b.example/authorize", redirect.1)),
        whole(i, t, c, (redirect.0, "https://client.example/other")),
        cfg.with_scope("read").unwrap(),
        cfg.with_resource("https://api.example").unwrap(),
        cfg.with_audience("api").unwrap(),
        base(i, t, c),
    ];
    for other in others {
        assert_eq!(Authorize::import(&other, &bytes).unwrap_err(), ImportError::Damaged, "{other:?}");
    }
    // One text cut in two in another way is another configuration.
    let (one, two) = (cfg.with_scope("aurn:x").unwrap(), cfg.with_scope("a").unwrap().with_resource("urn:x").unwrap());
    assert_eq!(Authorize::import(&two, &exported(&one)).unwrap_err(), ImportError::Damaged);
    // What may change while a person is at the server: the secret.
    let rotated = Config::new(i, t, c, ClientAuth::Basic(SecretText::new("new")))
        .and_then(|cfg| cfg.with_redirect(redirect.0, redirect.1))
        .unwrap();
    assert!(Authorize::import(&rotated, &bytes).is_ok());
    assert_eq!(Authorize::new(&base(i, t, c), Entropy::new([0; 64])).unwrap_err(), ConfigError::AuthorizationEndpoint);
}

proptest! {
    #[test]
    fn export_and_import_are_inverse(seed: [u8; 32], more: [u8; 32]) {
        let cfg = basic();
        let mut both = [0; 64];
        both[..32].copy_from_slice(&seed);
        both[32..].copy_from_slice(&more);
        let flow = Authorize::new(&cfg, Entropy::new(both)).unwrap();
        let mut buf = [0; EXPORTED];
        let again = Authorize::import(&cfg, flow.export(&mut buf).unwrap()).unwrap();
        prop_assert_eq!(url(&again), url(&flow));
        let mut twice = [0; EXPORTED];
        prop_assert_eq!(again.export(&mut twice).unwrap(), &buf[..]);
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        prop_assert!(Authorize::import(&basic(), &bytes).is_err());
    }
}
