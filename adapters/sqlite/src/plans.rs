//! Every statement goes by an index: none walks a table or sorts.

use crate::{events, read, schema, write};
use rusqlite::Connection;

#[test]
fn no_statement_walks_a_table_or_sorts() {
    let mut conn = Connection::open_in_memory().unwrap();
    schema::migrate(&mut conn).unwrap();
    let statements = [
        write::VERSION,
        write::REPLACE,
        write::UPDATE,
        write::FORGET_RECORDS,
        write::FORGET_EVENTS,
        read::LOAD,
        read::SCAN_KIND,
    ]
    .into_iter()
    .chain([read::SCAN_INDEX, events::SELECT]);
    for sql in statements {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
        let plan: Vec<String> = statement
            .query_map(rusqlite::params_from_iter(nothing), |row| row.get(3))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert!(!plan.is_empty());
        for step in &plan {
            let bad = step.starts_with("SCAN ") || step.contains("TEMP B-TREE");
            assert!(!bad, "{sql}\n{plan:#?}");
        }
    }
}

#[test]
fn a_fresh_database_has_the_present_schema() {
    let mut conn = Connection::open_in_memory().unwrap();
    assert_eq!(schema::look(&conn).unwrap(), schema::Found::Empty);
    schema::migrate(&mut conn).unwrap();
    assert_eq!(schema::look(&conn).unwrap(), schema::Found::Version(schema::VERSION));
    schema::migrate(&mut conn).unwrap();
}

#[test]
fn a_database_of_the_first_schema_is_brought_to_the_present_and_keeps_its_events() {
    let mut conn = Connection::open_in_memory().unwrap();
    conn.execute_batch(schema::STEPS[0]).unwrap();
    conn.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    conn.pragma_update(None, "user_version", 1).unwrap();
    let old = "INSERT INTO events (at, what, client_id, subject) VALUES (1, 'signing_key_added', '', '')";
    conn.execute(old, []).unwrap();
    schema::migrate(&mut conn).unwrap();
    let mut statement = conn.prepare(events::SELECT).unwrap();
    let found = events::select(&mut statement, &Default::default(), None, 9).unwrap();
    let found: Vec<_> = found.into_iter().map(|row| row.decode("db".as_ref()).unwrap().1).collect();
    assert_eq!(
        found.iter().map(|event| (event.what.name(), &*event.kid)).collect::<Vec<_>>(),
        [("signing_key_added", "")]
    );
}
