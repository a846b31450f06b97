//! How bytes are read and written, once for all roles: forms, URIs, scopes, base64url, JSON.

pub mod base64;
pub mod buf;
pub mod date;
pub mod form;
pub mod grammar;
pub mod json;
pub mod scope;
pub mod uri;
