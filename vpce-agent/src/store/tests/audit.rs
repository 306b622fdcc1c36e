//! The audit log and its chain.

use super::*;

/// A log of four records.
fn log() -> (TempDir, Sqlite) {
    let (dir, mut store) = fresh();
    store.commit(&[], &[record("ann", "create"), record("bob", "create")]).unwrap();
    store.commit(&[], &[record("ann", "delete"), record("bob", "delete")]).unwrap();
    (dir, store)
}

fn numbers(store: &Sqlite, filter: &Filter, limit: usize) -> Vec<u64> {
    store.records(filter, limit).unwrap().iter().map(|found| found.seq).collect()
}

#[test]
fn records_are_read_newest_first_by_filter_and_by_page() {
    let (_dir, store) = log();
    let all = Filter::default();
    assert_eq!(numbers(&store, &all, 10), [4, 3, 2, 1]);
    assert_eq!(numbers(&store, &all, 2), [4, 3]);
    assert_eq!(numbers(&store, &Filter { before: Some(3), ..all.clone() }, 10), [2, 1]);
    let ann = Filter { user: Some("ann".to_owned()), ..all.clone() };
    assert_eq!(numbers(&store, &ann, 10), [3, 1]);
    let both = Filter { action: Some("create".to_owned()), ..ann };
    assert_eq!(store.records(&both, 10).unwrap()[0].record, record("ann", "create"));
    let others = [
        Filter { domain: Some("blue".to_owned()), ..all.clone() },
        Filter { project: Some("q".to_owned()), ..all.clone() },
        Filter { target: Some("db".to_owned()), ..all.clone() },
        Filter { result: Some("failed".to_owned()), ..all.clone() },
        Filter { request_id: Some("s".to_owned()), ..all },
    ];
    for other in others {
        assert_eq!(numbers(&store, &other, 10), [0; 0], "{other:?}");
    }
}

#[test]
fn the_hash_of_a_record_is_that_of_the_hash_before_and_of_its_json() {
    let (_dir, store) = log();
    let found = store.records(&Filter::default(), 10).unwrap();
    let [second, first] = [&found[2], &found[3]].map(|found| hex::encode(found.hash));
    // printf '%064d' 0 | xxd -r -p | cat - record.json | sha256sum
    assert_eq!(
        [first, second],
        [
            "e204fcabd01c065bdf6bedfed9872b10ccda79a20345962bc2780719a948d483",
            "372c1cd6403b3a3ca44d273fad21a12ad5298fcd1275cbbc75b15d8ade44c839"
        ]
    );
    assert_eq!(store.verify().unwrap(), 4);
}

#[test]
fn a_record_can_neither_be_changed_nor_removed_nor_replaced_nor_put_between() {
    let (dir, store) = log();
    let raw = raw(dir.path());
    let again = "audit SELECT 2, at, domain, project, user, action, target, result, request_id, hash FROM audit";
    for change in [
        "UPDATE audit SET user = 'eve' WHERE seq = 2".to_owned(),
        "DELETE FROM audit WHERE seq = 4".to_owned(),
        format!("INSERT OR REPLACE INTO {again} WHERE seq = 3"),
        format!("INSERT INTO {} WHERE seq = 3", again.replace("SELECT 2", "SELECT 9")),
    ] {
        let refused = raw.execute_batch(&change).unwrap_err().to_string();
        assert!(refused.contains("the audit log is append-only"), "{change}: {refused}");
    }
    assert_eq!(store.verify().unwrap(), 4);
}

#[test]
fn the_first_record_that_is_not_as_it_was_written_is_found() {
    for (change, seq) in [
        ("UPDATE audit SET at = at + 1 WHERE seq = 2", 2),
        ("UPDATE audit SET user = 'eve' WHERE seq = 2", 2),
        ("UPDATE audit SET result = 'failed' WHERE seq = 2", 2),
        ("UPDATE audit SET hash = zeroblob(32) WHERE seq = 2", 2),
        ("UPDATE audit SET seq = 9 WHERE seq = 4", 4),
        ("DELETE FROM audit WHERE seq = 1", 1),
        ("DELETE FROM audit WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit", 1),
    ] {
        let (dir, store) = log();
        tamper(dir.path(), change);
        let error = store.verify().unwrap_err();
        assert!(matches!(error, StoreError::Chain { seq: found, .. } if found == seq), "{change}: {error}");
    }
}
