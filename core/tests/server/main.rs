//! The authorization server's machines, driven in memory: what each endpoint answers and what it writes.

mod assertions;
mod assertions_once;
mod authorize;
mod clients;
mod code;
mod garbage;
mod grace;
mod introspect;
mod jwt;
mod jwt_shown;
mod metadata;
mod needs;
mod operate;
mod pending;
mod races;
mod refresh;
mod replies;
mod resource;
mod revoke;
mod step_up;
mod world;
