use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::store::{StoreError, seal_key};

#[test]
fn the_key_is_made_once_and_only_its_owner_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let key = seal_key(dir.path()).unwrap();
    assert_ne!(key, [0; 32]);
    assert_eq!(seal_key(dir.path()).unwrap(), key);
    let mode = fs::metadata(dir.path().join("seal.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_file_that_is_no_key_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("seal.key"), "short").unwrap();
    assert!(matches!(seal_key(dir.path()), Err(StoreError::Seal { .. })));
    assert_eq!(fs::read(dir.path().join("seal.key")).unwrap(), b"short");
}
