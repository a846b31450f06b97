//! valetkey-memory
