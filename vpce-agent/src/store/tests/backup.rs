//! Backups, and what of them is put back.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::*;

/// A store with a row and a record, and a backup of it.
fn backed_up() -> (TempDir, Sqlite, std::path::PathBuf) {
    let (dir, mut store) = fresh();
    store.commit(&[put(Table::Service, "a", "old")], &[record("ann", "create")]).unwrap();
    let file = dir.path().join("backup");
    super::backup(dir.path(), &file).unwrap();
    (dir, store, file)
}

#[test]
fn a_backup_of_a_store_in_use_holds_what_was_committed_and_is_one_private_file() {
    let (dir, mut store, file) = backed_up();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    store.commit(&[put(Table::Service, "a", "new")], &[record("ann", "update")]).unwrap();
    let other = tempfile::tempdir().unwrap();
    restore(&file, other.path()).unwrap();
    let restored = Sqlite::open(other.path()).unwrap();
    assert_eq!(rows(&restored, Table::Service), [("a".into(), "old".into())]);
    assert_eq!(restored.verify().unwrap(), 1);

    // Another takes its place, by the owner's way too.
    store.backup(&file).unwrap();
    drop(restored);
    restore(&file, other.path()).unwrap();
    assert_eq!(rows(&Sqlite::open(other.path()).unwrap(), Table::Service), [("a".into(), "new".into())]);
    let mut names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|is| is.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["backup", "lock", "vpce.db", "vpce.db-shm", "vpce.db-wal"]);
}

#[test]
fn what_is_replaced_is_kept_whole_beside_and_its_log_is_not_taken_for_the_new_ones() {
    let (dir, mut store, file) = backed_up();
    store.commit(&[put(Table::Service, "a", "new"), put(Table::Service, "b", "new")], &[]).unwrap();
    // An agent that was killed leaves its log.
    let killed = tempfile::tempdir().unwrap();
    for name in ["vpce.db", "vpce.db-wal"] {
        fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }
    restore(&file, killed.path()).unwrap();
    assert_eq!(rows(&Sqlite::open(killed.path()).unwrap(), Table::Service), [("a".into(), "old".into())]);
    restore(&killed.path().join("vpce.db.replaced"), killed.path()).unwrap();
    let before = [("a".into(), "new".into()), ("b".into(), "new".into())];
    assert_eq!(rows(&Sqlite::open(killed.path()).unwrap(), Table::Service), before);
}

#[test]
fn nothing_is_put_back_under_a_running_agent() {
    let (dir, store, file) = backed_up();
    assert!(matches!(restore(&file, dir.path()), Err(StoreError::InUse { .. })));
    drop(store);
    restore(&file, dir.path()).unwrap();
}

#[test]
fn a_backup_that_is_not_as_it_was_written_is_refused_and_the_database_stays() {
    type Case = (fn(&Path), fn(&StoreError) -> bool);
    let spoils: [Case; 6] = [
        (|file| fs::remove_file(file).unwrap(), |error| error.to_string().contains("backup")),
        (|file| fs::write(file, "").unwrap(), |error| matches!(error, StoreError::Foreign { .. })),
        (|file| fs::write(file, "x".repeat(9000)).unwrap(), |error| matches!(error, StoreError::Damaged { .. })),
        (
            |file| {
                let mut torn = fs::read(file).unwrap();
                torn[4096..].fill(0xa5);
                fs::write(file, torn).unwrap();
            },
            |error| matches!(error, StoreError::Damaged { .. }),
        ),
        (
            |file| Connection::open(file).unwrap().pragma_update(None, "user_version", 9).unwrap(),
            |error| matches!(error, StoreError::Version { found: 9, .. }),
        ),
        (
            |file| {
                let change = "DROP TRIGGER audit_update; UPDATE audit SET user = 'eve'";
                Connection::open(file).unwrap().execute_batch(change).unwrap();
            },
            |error| matches!(error, StoreError::Chain { seq: 1, .. }),
        ),
    ];
    for (spoil, is_right) in spoils {
        let (dir, mut store, file) = backed_up();
        store.commit(&[put(Table::Service, "a", "new")], &[]).unwrap();
        drop(store);
        spoil(&file);
        let error = restore(&file, dir.path()).unwrap_err();
        assert!(is_right(&error), "{error}");
        assert_eq!(rows(&Sqlite::open(dir.path()).unwrap(), Table::Service), [("a".into(), "new".into())]);
    }
}

#[test]
fn a_directory_without_a_database_has_no_backup() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    assert!(matches!(super::backup(dir.path(), &file), Err(StoreError::Absent { .. })));
    assert!(!file.exists());
}

#[test]
fn a_backup_that_is_not_there_makes_no_state() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    assert!(matches!(restore(&dir.path().join("backup"), &state), Err(StoreError::Absent { .. })));
    assert!(!state.exists());
}
