//! The shape of the database, and how it became so.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;

/// Says in the file's header whose database it is: "vpce".
const APPLICATION: i32 = 0x7670_6365;

/// The newest version.
pub(super) const VERSION: u32 = 1;

/// What makes each version of the one before it. Only ever added to: old databases have gone
/// through the first of them.
const MIGRATIONS: [&str; VERSION as usize] = [
    // 1. The head says where the audit log ends, so that a record taken off its end is missed.
    "CREATE TABLE entry (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE head (
        id INTEGER PRIMARY KEY CHECK (id = 0),
        revision INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    INSERT INTO head VALUES (0, 0, 0, zeroblob(32));
    CREATE TABLE audit (
        seq INTEGER PRIMARY KEY,
        at INTEGER NOT NULL,
        domain TEXT NOT NULL,
        project TEXT NOT NULL,
        user TEXT NOT NULL,
        action TEXT NOT NULL,
        target TEXT NOT NULL,
        result TEXT NOT NULL,
        request_id TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TRIGGER audit_update BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    CREATE TRIGGER audit_delete BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
    -- Not by the way of a replacement either.
    CREATE TRIGGER audit_insert BEFORE INSERT ON audit
        WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM audit)
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;",
];

/// Checks that a database is ours and of a version that is known; answers the version, 0 for an
/// empty file.
pub(super) fn check(connection: &Connection, path: &Path) -> Result<u32, StoreError> {
    let of = |error| StoreError::of(path, error);
    let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get::<_, i32>(0)).map_err(of);
    let (application, found) = (number("application_id")?, number("user_version")?.cast_unsigned());
    let objects: u32 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(of)?;
    match (application, found) {
        (0, 0) if objects == 0 => Ok(0),
        (APPLICATION, found) if found > VERSION => {
            Err(StoreError::Version { path: path.to_owned(), found, known: VERSION })
        }
        (APPLICATION, 1..) => Ok(found),
        _ => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}

/// Brings a database to the newest version, all steps or none.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = check(connection, path)?;
    if found == VERSION {
        return Ok(());
    }
    let mut steps = || {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for step in &MIGRATIONS[found as usize..] {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    };
    steps().map_err(|error| StoreError::of(path, error))
}
