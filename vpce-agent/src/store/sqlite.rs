//! The store of one host: a database of `SQLite`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use tokio::sync::watch;

use super::{
    Audit, Filter, Record, Recorded, Revision, Row, Store, StoreError, Table, Write,
    audit::{self, End},
    backup,
    directory::{Directory, private},
    import, schema,
};

/// A reader may hold the end of a write up so long: a backup that begins, or somebody's shell.
const PATIENCE: Duration = Duration::from_secs(1);

/// What makes a commit last: the write-ahead log is synchronised before it returns.
const SETTINGS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA trusted_schema = OFF;
    -- After it was copied into the database, the log gives back what it took above this.
    PRAGMA journal_size_limit = 4194304;
";

/// The store in a state directory.
pub struct Sqlite {
    pub(super) connection: Connection,
    path: PathBuf,
    revision: watch::Sender<Revision>,
    /// Let go after the connection.
    _dir: Directory,
}

/// What the database says of itself.
struct Head {
    revision: Revision,
    end: End,
}

impl Sqlite {
    /// Takes a state directory for this process alone; it is made where it is not there. The leases
    /// that an older agent left there in a file are taken over.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another agent has it, and what its database can't be used for.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let dir = Directory::take(dir)?;
        let path = dir.database();
        private().truncate(false).open(&path).map_err(|error| StoreError::io(&path, error))?;
        let mut connection = connect(&path)?;
        // Before anything is set: a foreign database is left as it is.
        schema::check(&connection, &path)?;
        connection.execute_batch(SETTINGS).map_err(|error| StoreError::of(&path, error))?;
        schema::migrate(&mut connection, &path)?;
        let Head { revision, .. } = head(&connection).map_err(|error| StoreError::of(&path, error))?;
        let left = dir.file(import::LEASES);
        let mut store = Self { connection, path, revision: watch::Sender::new(revision), _dir: dir };
        import::take_over(&mut store, &left)?;
        Ok(store)
    }

    fn write(&mut self, writes: &[Write], records: &[Record]) -> rusqlite::Result<Revision> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let head = head(&transaction)?;
        {
            let mut put = transaction.prepare_cached("INSERT OR REPLACE INTO entry VALUES (?1, ?2, ?3)")?;
            let mut remove = transaction.prepare_cached("DELETE FROM entry WHERE kind = ?1 AND key = ?2")?;
            for Write { table, key, value } in writes {
                match value {
                    Some(value) => put.execute(params![table.name(), key, value])?,
                    None => remove.execute(params![table.name(), key])?,
                };
            }
        }
        let revision = Revision(head.revision.0 + 1);
        let end = audit::append(&transaction, head.end, records)?;
        transaction.prepare_cached("UPDATE head SET revision = ?1, seq = ?2, hash = ?3")?.execute(params![
            revision.0.cast_signed(),
            end.seq.cast_signed(),
            end.hash
        ])?;
        transaction.commit()?;
        Ok(revision)
    }

    fn rows(&self, table: Table) -> rusqlite::Result<Vec<Row>> {
        let mut select = self.connection.prepare_cached("SELECT key, value FROM entry WHERE kind = ?1 ORDER BY key")?;
        select.query_map([table.name()], |row| Ok(Row { key: row.get(0)?, value: row.get(1)? }))?.collect()
    }

    fn failed(&self) -> impl FnOnce(rusqlite::Error) -> StoreError {
        |error| StoreError::of(&self.path, error)
    }
}

impl Store for Sqlite {
    fn load(&self, table: Table) -> Result<Vec<Row>, StoreError> {
        self.rows(table).map_err(self.failed())
    }

    fn commit(&mut self, writes: &[Write], records: &[Record]) -> Result<Revision, StoreError> {
        if writes.is_empty() && records.is_empty() {
            return Ok(*self.revision.borrow());
        }
        // Not committed, a transaction is undone when it is dropped.
        let revision = self.write(writes, records).map_err(|error| StoreError::of(&self.path, error))?;
        self.revision.send_replace(revision);
        Ok(revision)
    }

    fn watch(&self) -> watch::Receiver<Revision> {
        self.revision.subscribe()
    }

    fn records(&self, filter: &Filter, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        audit::read(&self.connection, filter, limit).map_err(self.failed())
    }

    fn audit(&self) -> Arc<dyn Audit> {
        Arc::new(Reader(self.path.clone()))
    }

    fn verify(&self) -> Result<u64, StoreError> {
        verify(&self.connection, &self.path)
    }

    fn backup(&self, to: &Path) -> Result<(), StoreError> {
        backup::copy(&self.connection, &self.path, to)
    }
}

/// Opens the database anew for each question: there are few.
struct Reader(PathBuf);

impl Audit for Reader {
    fn records(&self, filter: &Filter, limit: usize) -> Result<Vec<Recorded>, StoreError> {
        let connection = connect(&self.0)?;
        audit::read(&connection, filter, limit).map_err(|error| StoreError::of(&self.0, error))
    }
}

/// Opens a database that is there.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let of = |error| StoreError::of(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(of)?;
    connection.busy_timeout(PATIENCE).map_err(of)?;
    Ok(connection)
}

/// Walks the audit log of a database.
pub(super) fn verify(connection: &Connection, path: &Path) -> Result<u64, StoreError> {
    let head = head(connection).map_err(|error| StoreError::of(path, error))?;
    audit::verify(connection, path, head.end)
}

fn head(connection: &Connection) -> rusqlite::Result<Head> {
    connection.prepare_cached("SELECT revision, seq, hash FROM head")?.query_row([], |row| {
        let [revision, seq] = [row.get::<_, i64>(0)?, row.get(1)?].map(i64::cast_unsigned);
        Ok(Head { revision: Revision(revision), end: End { seq, hash: row.get(2)? } })
    })
}
