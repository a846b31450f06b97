//! The memory store keeps every law.

use valetkey_conformance::laws::store_laws;
use valetkey_memory::MemoryStore;

#[test]
fn the_memory_store_keeps_every_law() {
    store_laws(MemoryStore::new);
}
