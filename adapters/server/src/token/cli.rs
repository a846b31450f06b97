//! The commands on tokens as they are typed.

use clap::{Args, Subcommand};

/// What can be done with a token.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum TokenCommand {
    /// Explain a token line by line. Nothing of it is verified.
    Inspect {
        /// The token, or `-` for the one on standard input. Others on this machine can see what stands in a command line:
        /// prefer `-` for tokens that are in use.
        token: String,
        /// Tell times as seen from this one: seconds since 1970, or as 2026-01-31T08:00:00Z [default: the clock's].
        #[arg(long, value_name = "TIME")]
        now: Option<String>,
    },
    /// Check a signed access token as an API does (RFC 9068): exit with 0 if it is good, else with 1 and the reason.
    Verify(Verify),
}

/// By what a token is checked.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct Verify {
    /// The token, or `-` for the one on standard input. Others on this machine can see what stands in a command line:
    /// prefer `-` for tokens that are in use.
    pub token: String,
    /// The issuer's keys, a JWK Set or a single JWK: a file, or a URL (https, or http on loopback).
    #[arg(long, value_name = "FILE|URL")]
    pub jwks: Option<String>,
    /// Who must have issued it, letter by letter.
    #[arg(long, value_name = "URL", env = "VALETKEY_ISSUER")]
    pub issuer: Option<String>,
    /// For whom it must be.
    #[arg(long, value_name = "URL")]
    pub audience: Option<String>,
    /// The algorithms that are taken, with commas between [default: all with a public key].
    ///
    /// Shared keys count only if an HS algorithm is named here. An RSA key that does not say its algorithm serves one:
    /// RS256 if that is taken, else the next of RS384, RS512, PS256, PS384, PS512.
    #[arg(long = "alg", value_name = "ALG", value_delimiter = ',')]
    pub algorithms: Vec<String>,
    /// The type that its header must name, `application/` left out.
    #[arg(long, value_name = "TYPE", default_value = "at+jwt")]
    pub typ: String,
    /// Forgive clocks that differ by so many seconds, at most 300.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub leeway: u32,
    /// Check as of this time: seconds since 1970, or as 2026-01-31T08:00:00Z [default: the clock's].
    #[arg(long, value_name = "TIME")]
    pub now: Option<String>,
    /// Check the signature alone: a token of ANY issuer, for ANYONE, of ANY type and age passes, and one that is no JWT.
    ///
    /// For test vectors, never to decide what a token is good for.
    #[arg(long)]
    pub signature_only: bool,
    /// Read JSON objects from standard input (`-`), one a line, and answer each on a line of its own.
    ///
    /// In: `name`, `token`, and any option of this command under its own name, which then overrides it; `jwks` may be the
    /// keys themselves, `alg` an array, and `signature_only` is a boolean. Out: `name`, `result` (`accept` or `reject`),
    /// `reason`. Exits with 0 once all lines are answered.
    ///
    /// So a line decides by itself what is good, and names files and URLs to read: for lines that come from elsewhere,
    /// say --tokens-only.
    #[arg(long)]
    pub json_lines: bool,
    /// Take nothing but `name` and `token` of a line: one with an option of its own is rejected.
    #[arg(long, requires = "json_lines")]
    pub tokens_only: bool,
}
