//! The memory store keeps every law.

use valetkey_conformance::laws::{blocking_store_laws, store_laws};
use valetkey_memory::MemoryStore;

#[test]
fn the_memory_store_keeps_every_law() {
    store_laws(MemoryStore::new);
}

#[test]
fn the_memory_store_keeps_every_law_for_threads_that_block() {
    blocking_store_laws(MemoryStore::new);
}
