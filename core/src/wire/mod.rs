//! Messages as values, shared by the roles.

pub mod basic;
pub mod challenge;
pub mod header;
pub mod introspection;
pub mod token_response;
