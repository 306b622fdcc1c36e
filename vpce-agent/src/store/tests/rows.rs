//! Rows, and commits of them.

use std::fs;

use super::*;

#[test]
fn rows_are_loaded_in_the_order_of_their_keys_and_tables_are_apart() {
    let (_dir, mut store) = fresh();
    let writes = [put(Table::Service, "b", "2"), put(Table::Service, "a", "1"), put(Table::Endpoint, "a", "3")];
    store.commit(&writes, &[]).unwrap();
    assert_eq!(rows(&store, Table::Service), [("a".into(), "1".into()), ("b".into(), "2".into())]);
    assert_eq!(rows(&store, Table::Endpoint), [("a".into(), "3".into())]);
    assert_eq!(rows(&store, Table::User), []);
}

#[test]
fn of_two_writes_to_a_row_the_later_one_holds_and_removing_an_absent_row_is_no_error() {
    let (_dir, mut store) = fresh();
    let writes = [put(Table::User, "a", "1"), put(Table::User, "a", "2"), put(Table::User, "b", "3")];
    store.commit(&writes, &[]).unwrap();
    store.commit(&[remove(Table::User, "b"), remove(Table::User, "c")], &[]).unwrap();
    assert_eq!(rows(&store, Table::User), [("a".into(), "2".into())]);
}

#[test]
fn every_commit_is_told_with_a_higher_revision_also_after_a_restart_and_an_empty_one_is_none() {
    let (dir, mut store) = fresh();
    let mut watch = store.watch();
    let before = *watch.borrow_and_update();
    let first = store.commit(&[put(Table::Meta, "a", "1")], &[]).unwrap();
    assert!(first > before && watch.has_changed().unwrap());
    assert_eq!(*watch.borrow_and_update(), first);
    assert_eq!(store.commit(&[], &[]).unwrap(), first);
    assert!(!watch.has_changed().unwrap());
    drop(store);
    let mut store = Sqlite::open(dir.path()).unwrap();
    assert_eq!(*store.watch().borrow(), first);
    assert!(store.commit(&[], &[record("ann", "create")]).unwrap() > first);
}

#[test]
fn what_was_committed_is_on_the_disk_when_the_commit_returns() {
    let (dir, mut store) = fresh();
    store.commit(&[put(Table::Endpoint, "a", "1")], &[record("ann", "create")]).unwrap();
    // What a crash leaves: the files as they are now.
    let after = tempfile::tempdir().unwrap();
    for file in ["vpce.db", "vpce.db-wal"] {
        fs::copy(dir.path().join(file), after.path().join(file)).unwrap();
    }
    let after = Sqlite::open(after.path()).unwrap();
    assert_eq!(rows(&after, Table::Endpoint), [("a".into(), "1".into())]);
    assert_eq!(after.verify().unwrap(), 1);
}

#[test]
fn a_commit_that_finds_no_room_changes_nothing_and_the_next_one_succeeds_when_there_is_room() {
    let (_dir, mut store) = fresh();
    let pages = |store: &Sqlite, most: u32| {
        store.connection.pragma_update_and_check(None, "max_page_count", most, |_| Ok(())).unwrap();
    };
    let before = store.commit(&[put(Table::Service, "a", "1")], &[record("ann", "create")]).unwrap();
    let large = "x".repeat(1 << 20);
    pages(&store, 1);
    let more = [remove(Table::Service, "a"), put(Table::Service, "b", &large)];
    let error = store.commit(&more, &[record("ann", "delete")]).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("vpce.db: no room on the disk"), "{error}");
    assert_eq!(rows(&store, Table::Service), [("a".into(), "1".into())]);
    assert_eq!((store.verify().unwrap(), *store.watch().borrow()), (1, before));
    pages(&store, 1 << 20);
    assert!(store.commit(&more, &[record("ann", "delete")]).unwrap() > before);
    assert_eq!(rows(&store, Table::Service), [("b".into(), large)]);
    assert_eq!(store.verify().unwrap(), 2);
}

#[test]
fn a_commit_while_another_program_writes_is_refused_and_taken_afterwards() {
    let (dir, mut store) = fresh();
    let other = raw(dir.path());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let write = [put(Table::Service, "a", "1")];
    assert!(matches!(store.commit(&write, &[]), Err(StoreError::Busy { .. })));
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(&write, &[]).unwrap();
    assert_eq!(rows(&store, Table::Service), [("a".into(), "1".into())]);
}
