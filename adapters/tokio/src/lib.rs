//! valetkey-tokio
