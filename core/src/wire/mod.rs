//! Messages as values, shared by the roles: what is read and written here has one form, whoever sends it.

pub mod basic;
pub mod challenge;
pub mod header;
pub mod introspection;
pub mod resource_metadata;
pub mod server_metadata;
pub mod token_response;
