//! Copies of the database, made while an agent writes it, and put back while none does.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::{
    StoreError,
    directory::{self, Directory, private},
    schema, sqlite,
};

/// Copies the database of a state directory to a file, also while an agent writes it. A file of
/// that name is replaced.
///
/// # Errors
/// When there is no database, or the file can't be written: then what was there before stays.
pub fn backup(dir: &Path, to: &Path) -> Result<(), StoreError> {
    let path = directory::database(dir);
    check_there(&path, "is --state-dir that of the agent?")?;
    copy(&sqlite::connect(&path)?, &path, to)
}

/// Puts a backup in the place of the database of a state directory, which is made where it is not
/// there; what the database was stays beside it as `vpce.db.replaced`.
///
/// # Errors
/// [`StoreError::InUse`] while an agent runs. When the backup is not whole, not ours or of an
/// unknown version: then the database stays as it is.
pub fn restore(from: &Path, dir: &Path) -> Result<(), StoreError> {
    check_there(from, "name a file that `vpcectl backup` made")?;
    let dir = Directory::take(dir)?;
    let backup = Connection::open_with_flags(from, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let backup = backup.map_err(|error| StoreError::of(from, error))?;
    check(&backup, from)?;
    let path = dir.database();
    let new = fill(&backup, from, &path)?;
    keep(&path, &dir.file("vpce.db.replaced"))?;
    for log in ["vpce.db-wal", "vpce.db-shm"] {
        // They belong to what is replaced, and would be taken for the new one's.
        remove(&dir.file(log))?;
    }
    directory::rename(&new, &path)
}

fn check_there(path: &Path, cure: &'static str) -> Result<(), StoreError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::Absent { path: path.to_owned(), cure })
        }
        found => found.map(drop).map_err(|error| StoreError::io(path, error)),
    }
}

/// Copies an open database to a file that is there under its name only once it is whole.
pub(super) fn copy(from: &Connection, path: &Path, to: &Path) -> Result<(), StoreError> {
    let new = fill(from, path, to)?;
    directory::rename(&new, to)
}

/// Copies a database to a file beside `to`; answers which.
fn fill(from: &Connection, path: &Path, to: &Path) -> Result<PathBuf, StoreError> {
    let new = with_suffix(to, ".new");
    remove(&new)?;
    let filled = fill_file(from, path, &new);
    if filled.is_err() {
        // Half a copy helps nobody, and takes room. That it can't be removed is the lesser evil.
        let _ = remove(&new);
    }
    filled.map(|()| new)
}

fn fill_file(from: &Connection, path: &Path, new: &Path) -> Result<(), StoreError> {
    private().open(new).map_err(|error| StoreError::io(new, error))?;
    let mut to = sqlite::connect(new)?;
    let of = |error| StoreError::of(new, error);
    {
        let copy = Backup::new(from, &mut to).map_err(of)?;
        // All at once: a copy in steps begins anew whenever the agent writes.
        if copy.step(-1).map_err(of)? != StepResult::Done {
            return Err(StoreError::Busy { path: path.to_owned() });
        }
    }
    // One file, with no log beside it: it can be carried away.
    to.pragma_update(None, "journal_mode", "DELETE").map_err(of)?;
    check(&to, path)?;
    to.close().map_err(|(_, error)| of(error))
}

/// Checks that a database is ours, of a version that is known, whole, and its audit log as it was
/// written.
fn check(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    if schema::check(connection, path)? == 0 {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    let found = connection.pragma_query_value(None, "integrity_check", |row| row.get::<_, String>(0));
    match found.map_err(|error| StoreError::of(path, error))?.as_str() {
        "ok" => sqlite::verify(connection, path).map(drop),
        detail => Err(StoreError::Damaged { path: path.to_owned(), detail: detail.to_owned() }),
    }
}

/// Keeps a database by another name, with what its log still holds.
fn keep(path: &Path, kept: &Path) -> Result<(), StoreError> {
    if let Ok(old) = sqlite::connect(path) {
        // One that is damaged is kept as it is.
        let _ = old.pragma_query(None, "wal_checkpoint", |_| Ok(()));
    }
    remove(kept)?;
    match fs::hard_link(path, kept) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(kept, error)),
        _ => Ok(()),
    }
}

fn remove(file: &Path) -> Result<(), StoreError> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io(file, error)),
        _ => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
