//! The client over pipes that answer from a script, and over sockets.

mod answers;
mod requests;
mod script;
mod sockets;
mod splits;
