//! Why state can't be read or kept.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::{Error, ErrorCode, ffi};

/// Why state can't be read or kept. Whatever it is, what was committed last stands.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("{path}: {source}", path = .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// There is no file of that name.
    #[error("{path} is not there; {cure}", path = .path.display())]
    Absent {
        /// The file.
        path: PathBuf,
        /// What to do.
        cure: &'static str,
    },
    /// Another agent holds the lock.
    #[error("{path} is in use by another vpce-agent; stop it, or give this one its own --state-dir, --bpf-dir and --socket", path = .path.display())]
    InUse {
        /// The state directory.
        path: PathBuf,
    },
    /// Somebody else writes to it, who is not the agent.
    #[error("{path} is locked by another program; end that program, then try again", path = .path.display())]
    Busy {
        /// The database.
        path: PathBuf,
    },
    /// There is no room. The next commit succeeds when there is.
    #[error("{path}: no room on the disk; the last committed state stands. Make room, then try again", path = .path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Nothing can be written there.
    #[error("{path} is read-only; give the agent a state directory that it may write to", path = .path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The database is not whole.
    #[error("{path} is damaged ({detail}); stop the agent and restore a backup: `vpce-agent restore --from FILE`", path = .path.display())]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A row is not what its table is for.
    #[error(
        "{table} {key:?} in the store is not understood: {source}; restore a backup: `vpce-agent restore --from FILE`"
    )]
    Row {
        /// The table.
        table: &'static str,
        /// The key.
        key: String,
        /// Where.
        source: serde_json::Error,
    },
    /// A record of the audit log was changed, removed or put in after it was written.
    #[error("{path}: the audit log is not as it was written, from record {seq} on; keep the file, and restore a backup", path = .path.display())]
    Chain {
        /// The database.
        path: PathBuf,
        /// The first record that is wrong, or the place of the first that is missing.
        seq: u64,
    },
    /// The file is a database, and not one of ours.
    #[error("{path} is no database of vpce-agent", path = .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file is of a version that this agent does not know.
    #[error("{path} is of version {found}, this agent knows version {known}; run the agent that wrote it", path = .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest that is known here.
        known: u32,
    },
    /// The key that secrets are sealed with is none.
    #[error("{path} is no key of 32 bytes; bring it back from where this state came from, or remove it and make new access keys", path = .path.display())]
    Seal {
        /// The file.
        path: PathBuf,
    },
    /// The leases of an older agent can't be taken over.
    #[error("{path} can't be read: {source}; restore it from a backup, or remove it and run `vpce-agent unload` (flows end)", path = .path.display())]
    Leases {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// An older agent ran after its leases were taken over.
    #[error("{path} and vpce.db beside it hold different leases; remove the one that is older, and run `vpce-agent unload` (flows end) if unsure", path = .path.display())]
    TwoLeases {
        /// The leases of the older agent.
        path: PathBuf,
    },
    /// The database refused.
    #[error("{path}: {source}", path = .path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: Error,
    },
}

impl StoreError {
    /// What the database said, in our words.
    pub(super) fn of(path: &Path, error: Error) -> Self {
        let path = path.to_owned();
        match error.sqlite_error().map(|is| (is.code, is.extended_code)) {
            // The index of the write-ahead log lies on the same disk.
            Some((ErrorCode::DiskFull, _) | (_, ffi::SQLITE_IOERR_SHMSIZE)) => Self::Full { path },
            Some((ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _)) => Self::Busy { path },
            Some((ErrorCode::ReadOnly, _)) => Self::ReadOnly { path },
            Some((ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _)) => {
                Self::Damaged { path, detail: error.to_string() }
            }
            _ => Self::Database { path, source: error },
        }
    }

    /// What the kernel said of a file.
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly { path },
            _ => Self::Io { path, source },
        }
    }
}
