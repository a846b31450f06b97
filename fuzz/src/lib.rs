//! What the fuzz targets share: a store that holds the core to its contract, a small world of clients and people, the
//! model that judges interleaved requests, and JSON as it is judged.

pub mod model;
pub mod store;
pub mod strict;
pub mod world;
