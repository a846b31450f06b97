//! OAuth 2.x as pure state machines.
//!
//! The core decides; it never does. Time, entropy, storage, slow cryptography and a person's consent reach it as
//! values and leave it as values, so the same compiled logic serves a microcontroller, a blocking program, a tokio
//! server, a fuzzer and a model checker. It has no `unsafe`, allocates nothing, and no input makes it panic.
//!
//! | module | for whom | begin with |
//! |---|---|---|
//! | [`client`] | who asks for tokens: firmware, a web application, a service | [`client::Config`], [`client::ClientCredentials`], [`client::Authorize`] |
//! | [`server`] | who issues them | [`server::Server`], [`server::token`], [`server::Step`] |
//! | [`resource`] | who is shown them: an API | [`resource::check`] |
//! | [`jose`] | signed tokens and the keys that check them | [`jose::Jwk`], [`jose::Key`], [`jose::parts`] |
//! | [`wire`], [`text`] | the messages, and how their bytes are read and written, once for all roles | [`text::json::Reader`] |
//! | [`secret`], [`time`], [`error`] | what comes from outside, and what goes wrong | [`secret::Entropy`], [`time::UnixTime`] |
//!
//! Each role's page has a picture of its states and a whole exchange that runs. Nothing here sends or stores anything: an
//! adapter does, in a loop of some dozen lines. Those for tokio, axum and reqwest are in the crate `valetkey-tokio`.
//!
//! ```
//! use valetkey::client::{ClientAuth, ClientCredentials, Config};
//! use valetkey::secret::SecretText;
//!
//! let auth = ClientAuth::Basic(SecretText::new("device-secret"));
//! let config = Config::new("https://as.example", "https://as.example/token", "demo-device", auth)?;
//! let flow = ClientCredentials::new(&config)?;
//! let mut buf = [0; 256];
//! let post = flow.request(&mut buf)?; // the parts of a request, to be sent by your HTTP
//! assert_eq!((post.url, post.body), ("https://as.example/token", "grant_type=client_credentials"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None is on by default, and none changes what the core decides: they only add.
//!
//! - `p256`, `p384`, `ed25519`: [`jose::parts`] that check ES256, ES384 and EdDSA, without a heap.
//! - `rsa`: the same for RS256 to PS512; it turns on `alloc`.
//! - `alloc`: owned twins of the records, for stores and drivers, such as [`server::record`]'s `OwnedRecord`.
//! - `std`: `alloc`, and the same in dependencies.
//! - `serde`: `Serialize` and `Deserialize` for records, and `text::json::from_slice` for a user's own claims.
//! - `rand_core`: [`secret::Entropy`] drawn from a generator of `rand_core` 0.10.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        clippy::std_instead_of_core,
        clippy::std_instead_of_alloc,
        clippy::alloc_instead_of_core
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod client;
pub mod error;
pub mod jose;
pub mod resource;
pub mod secret;
pub mod server;
pub mod text;
pub mod time;
pub mod wire;
