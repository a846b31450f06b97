//! What is measured and how; the benches `tokens` and `client` print it and hold it against the goals.
//!
//! A workspace of its own, as the other libraries bring other versions of the same packages.

pub mod client;
pub mod measure;
pub mod ours;
pub mod peers;
pub mod token;

/// One library and one algorithm: the two calls whose difference is what the library costs above the signature.
pub struct Case {
    /// The library, and what checks its signatures.
    pub library: &'static str,
    /// As `alg` names it.
    pub algorithm: &'static str,
    /// Characters of the token.
    pub token: usize,
    /// Takes the token, says whether it is good.
    pub validate: Box<dyn Fn() -> bool>,
    /// Only checks the signature: by the same part, with a key and a signature that are ready.
    pub signature: Box<dyn Fn() -> bool>,
}
