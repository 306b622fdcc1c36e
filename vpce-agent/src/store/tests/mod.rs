//! The store on a directory of the test's own.

mod audit;
mod backup;
mod directory;
mod leases;
mod rows;
mod seal;

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

/// A store in a directory that goes with it.
fn fresh() -> (TempDir, Sqlite) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).unwrap();
    (dir, store)
}

fn put(table: Table, key: &str, value: &str) -> Write {
    Write { table, key: key.to_owned(), value: Some(value.into()) }
}

fn remove(table: Table, key: &str) -> Write {
    Write { table, key: key.to_owned(), value: None }
}

/// The rows of a table, as text.
fn rows(store: &Sqlite, table: Table) -> Vec<(String, String)> {
    let text = |row: Row| (row.key, String::from_utf8(row.value).unwrap());
    store.load(table).unwrap().into_iter().map(text).collect()
}

/// A record of somebody who does something.
fn record(user: &str, action: &str) -> Record {
    Record {
        at: 1_700_000_000,
        domain: "red".to_owned(),
        project: "p".to_owned(),
        user: user.to_owned(),
        action: action.to_owned(),
        target: "web".to_owned(),
        result: "ok".to_owned(),
        request_id: "r".to_owned(),
    }
}

/// The database of a directory, by a way around the store.
fn raw(dir: &Path) -> Connection {
    Connection::open(dir.join("vpce.db")).unwrap()
}

/// Takes the guards off the audit log, and does something to it.
fn tamper(dir: &Path, with: &str) {
    let guards = "DROP TRIGGER audit_update; DROP TRIGGER audit_delete; DROP TRIGGER audit_insert;";
    raw(dir).execute_batch(&format!("{guards} {with}")).unwrap();
}
