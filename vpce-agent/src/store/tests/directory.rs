//! Whose directory it is, and what may lie in it.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

#[test]
fn a_second_agent_is_refused_until_the_first_one_ends() {
    let (dir, store) = fresh();
    assert!(matches!(Sqlite::open(dir.path()), Err(StoreError::InUse { .. })));
    drop(store);
    assert!(Sqlite::open(dir.path()).is_ok());
}

#[test]
fn only_its_owner_reads_a_new_directory_and_what_is_in_it() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("some/state");
    let mut store = Sqlite::open(&dir).unwrap();
    store.commit(&[put(Table::Token, "a", "secret")], &[]).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for file in ["lock", "vpce.db", "vpce.db-wal", "vpce.db-shm"] {
        assert_eq!(mode(&dir.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_database_of_a_newer_agent_is_refused_and_left_as_it_is() {
    let (dir, store) = fresh();
    drop(store);
    raw(dir.path()).pragma_update(None, "user_version", 9).unwrap();
    let before = fs::read(dir.path().join("vpce.db")).unwrap();
    let error = Sqlite::open(dir.path()).err().unwrap();
    assert!(matches!(error, StoreError::Version { found: 9, known: 1, .. }), "{error}");
    assert_eq!(fs::read(dir.path().join("vpce.db")).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    raw(dir.path()).execute_batch("CREATE TABLE theirs (a)").unwrap();
    let before = fs::read(dir.path().join("vpce.db")).unwrap();
    assert!(matches!(Sqlite::open(dir.path()), Err(StoreError::Foreign { .. })));
    assert_eq!(fs::read(dir.path().join("vpce.db")).unwrap(), before);
}

#[test]
fn a_damaged_database_is_refused_with_the_cure() {
    let (dir, mut store) = fresh();
    let large = "x".repeat(100_000);
    store.commit(&[put(Table::Service, "a", &large)], &[]).unwrap();
    drop(store);
    let path = dir.path().join("vpce.db");
    let whole = fs::read(&path).unwrap();

    fs::write(&path, "no database at all, but long enough to have a header of one: it takes a hundred bytes ........")
        .unwrap();
    let error = Sqlite::open(dir.path()).err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("vpce-agent restore --from FILE"), "{error}");

    // Of its tables, some pages are other than they were.
    let mut torn = whole;
    torn[4096..].fill(0xa5);
    fs::write(&path, torn).unwrap();
    let error = Sqlite::open(dir.path()).map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}
