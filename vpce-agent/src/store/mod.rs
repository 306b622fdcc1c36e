//! The state that outlives the agent: tables of rows, the audit log, and the leases.
//!
//! One of the ports: only this names the database, and only this touches the file system for state.
//! Everything else goes through the trait [`Store`], so that a store which many hosts share can
//! stand in for [`Sqlite`].
//!
//! The state directory holds `vpce.db` (of `SQLite`, with its write-ahead log `vpce.db-wal`), `seal.key` and
//! `lock`.

mod audit;
mod backup;
mod directory;
mod error;
mod import;
mod leases;
mod schema;
mod seal;
mod sqlite;
mod table;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

pub use audit::{Audit, Filter, Record, Recorded};
pub use backup::{backup, restore};
pub use error::StoreError;
pub use leases::LeaseDelta;
pub use seal::seal_key;
pub use sqlite::Sqlite;
pub use table::{Row, Table, Write};
use tokio::sync::watch;

use crate::model::leases::Leases;

/// Counts commits: every one has a higher revision than all before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

/// Tables of rows, and an append-only log of who changed them. It has one writer.
pub trait Store: Send {
    /// All rows of a table, in the order of their keys.
    ///
    /// # Errors
    /// When the store can't be read.
    fn load(&self, table: Table) -> Result<Vec<Row>, StoreError>;

    /// Writes rows and appends records, all or none: on return they survive a crash and a loss of
    /// power. With neither it does nothing.
    ///
    /// # Errors
    /// When the disk is full or fails: the state before stands, and the next commit may succeed.
    fn commit(&mut self, writes: &[Write], records: &[Record]) -> Result<Revision, StoreError>;

    /// The revision of the last commit, now and whenever there is another.
    fn watch(&self) -> watch::Receiver<Revision>;

    /// Records of the audit log that pass a filter, the newest first, so many at most.
    ///
    /// # Errors
    /// When the store can't be read.
    fn records(&self, filter: &Filter, limit: usize) -> Result<Vec<Recorded>, StoreError>;

    /// Reads the audit log beside the writer, from any thread.
    fn audit(&self) -> Arc<dyn Audit>;

    /// Walks the audit log from its first record to its last; answers how many there are.
    ///
    /// # Errors
    /// [`StoreError::Chain`] with the first record that is not as it was written.
    fn verify(&self) -> Result<u64, StoreError>;

    /// Writes a copy of everything to a file, while the agent goes on. A file of that name is replaced.
    ///
    /// # Errors
    /// When the file can't be written: then what was there before stays.
    fn backup(&self, to: &Path) -> Result<(), StoreError>;

    /// The leases; `None` where none were ever saved.
    ///
    /// # Errors
    /// When the store can't be read, or a row of it is no lease.
    fn leases(&self) -> Result<Option<Leases>, StoreError> {
        leases::load(self)
    }

    /// Saves what changed among the leases, and costs only that.
    ///
    /// # Errors
    /// As [`Store::commit`].
    fn save_leases(&mut self, changed: &LeaseDelta) -> Result<Revision, StoreError> {
        self.commit(&changed.writes(), &[])
    }

    /// Makes the saved leases exactly these, whatever they were.
    ///
    /// # Errors
    /// As [`Store::leases`] and [`Store::commit`].
    fn replace_leases(&mut self, leases: &Leases) -> Result<Revision, StoreError> {
        let saved = self.leases()?;
        let mut changed = LeaseDelta::between(saved.as_ref().unwrap_or(&Leases::default()), leases);
        // Also of leases that are all empty it is noted that there are some.
        changed.next_generation = Some(leases.next_generation);
        self.save_leases(&changed)
    }
}
