//! What an agent keeps in its state directory.

use std::{fs, path::Path};

use rusqlite::{Connection, Row};

/// All rows of the store, a line each, as a crash at this moment would leave them. The agent that has
/// the directory, if one does, is not asked.
///
/// # Panics
/// When there is no store.
#[must_use]
pub fn committed(dir: &Path) -> String {
    let left = tempfile::tempdir().expect("a temporary directory");
    let copy = |name: &str| fs::copy(dir.join(name), left.path().join(name));
    copy("vpce.db").expect("the database");
    // An agent that ended in order leaves no log.
    let _ = copy("vpce.db-wal");
    let store = Connection::open(left.path().join("vpce.db")).expect("the database opened");
    let mut rows = store.prepare("SELECT kind, key, value FROM entry ORDER BY kind, key").expect("its rows");
    let line = |row: &Row<'_>| {
        let [kind, key]: [String; 2] = [row.get(0)?, row.get(1)?];
        let value: Vec<u8> = row.get(2)?;
        Ok(format!("{kind} {key} {}\n", String::from_utf8_lossy(&value)))
    };
    let lines: Result<String, _> = rows.query_map([], line).expect("its rows").collect();
    lines.expect("rows of text")
}
