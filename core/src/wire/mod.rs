//! Messages as values, shared by the roles.

pub mod introspection;
