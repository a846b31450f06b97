//! The store that the example brings keeps the laws.

#[path = "../examples/custom_server/store.rs"]
mod store;

#[test]
fn the_store_of_the_example_keeps_every_law() {
    valetkey_conformance::laws::store_laws(store::MyStore::default);
}
