//! Signed tokens, their keys and their claims, as the RFCs and the published vectors have them. Tests bear the ids of the
//! requirements that they show.

mod access_token;
mod algorithms;
mod best_practice;
mod claims;
mod crit;
mod header;
mod jwk;
mod jwk_set;
mod keys;
mod mutation;
mod room;
mod step_up;
mod thumbprint;
mod vectors;
