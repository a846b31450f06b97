//! Every length of every lent slice: the exact answer, and nothing left behind.

use crate::{config, every_auth, exchange, flow};
use valetkey::client::{ClientCredentials, EXPORTED, Post, Refresh, Rejected};
use valetkey::error::TooSmall;
use valetkey::secret::SecretText;

/// `write` gives the number of bytes that it used.
#[track_caller]
fn exact(write: impl Fn(&mut [u8]) -> Result<usize, TooSmall>) {
    let Err(TooSmall { needed }) = write(&mut []) else { panic!("nothing was written") };
    for len in 0..needed {
        let mut buf = vec![0xaa; len];
        assert_eq!(write(&mut buf), Err(TooSmall { needed }));
        assert!(buf.iter().all(|b| *b == 0), "{len} of {needed}");
    }
    for more in [0, 1, 50] {
        assert_eq!(write(&mut vec![0xaa; needed + more]), Ok(needed));
    }
}

fn used(post: Post<'_>) -> usize {
    post.authorization.map_or(0, str::len) + post.body.len()
}

#[test]
fn too_small_is_exact_and_leaves_nothing() {
    const QUERY: &str = "code=a%2Fb+c&state=BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    for auth in every_auth() {
        let cfg = config(auth);
        let (authorize, exchange) = (flow(&cfg), exchange(&cfg, QUERY));
        let refresh = Refresh::new(&cfg, SecretText::new("r"), "read").unwrap();
        exact(|buf| authorize.url(buf).map(str::len));
        exact(|buf| exchange.request(buf).map(used));
        exact(|buf| refresh.request(buf).map(used));
        if let Ok(flow) = ClientCredentials::new(&cfg) {
            exact(|buf| flow.request(buf).map(used));
        }
        let query = format!("error=a+b&error_description=%41&state={}", crate::STATE);
        let Err(Rejected::Denied(denied)) = flow(&cfg).callback(&query) else { panic!() };
        exact(|buf| denied.error(buf).map(str::len));
        exact(|buf| denied.description(buf).map(str::len));
    }
}

#[test]
fn an_export_says_its_size() {
    let cfg = config(every_auth()[2]);
    for len in 0..EXPORTED {
        let mut buf = vec![0; len];
        assert_eq!(flow(&cfg).export(&mut buf).unwrap_err(), TooSmall { needed: EXPORTED });
        assert!(buf.iter().all(|b| *b == 0));
    }
    assert_eq!(flow(&cfg).export(&mut [0; EXPORTED]).unwrap().len(), EXPORTED);
}
