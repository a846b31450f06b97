//! What the fuzz targets share: a store that holds the core to its contract, a small world of clients and people, and
//! the model that judges interleaved requests.

pub mod model;
pub mod store;
pub mod world;
