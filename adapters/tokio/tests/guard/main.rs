//! An API behind a guard that fetches keys and asks elsewhere, with an issuer of the tests' own on loopback, which can be
//! away, turn its keys over and say what is not so.

mod api;
mod asked;
mod discovery;
mod keys;
mod metadata;
mod signed;
