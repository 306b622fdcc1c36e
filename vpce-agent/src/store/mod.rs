//! The state directory: leases, and the lock that keeps a second agent off.
//!
//! One of the ports: only this touches the file system for state.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use nix::fcntl::{Flock, FlockArg};

use crate::model::leases::Leases;

/// Version of the form that leases are saved in.
const VERSION: u32 = 1;

/// Why state can't be read or kept.
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
    /// Another agent holds the lock.
    #[error("{path} is in use by another vpce-agent; stop it, or give this one its own --state-dir, --bpf-dir and --socket", path = .path.display())]
    InUse {
        /// The state directory.
        path: PathBuf,
    },
    /// The file is no leases.
    #[error("{path} can't be read: {source}; restore it from a backup, or remove it and run `vpce-agent unload` (flows end)", path = .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// The file is of another version.
    #[error("{path} is of version {found}, this agent knows version {VERSION}; run the agent that wrote it", path = .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

/// The state directory of one agent.
pub struct Store {
    leases: PathBuf,
    /// Held for as long as the agent lives.
    _lock: Flock<File>,
}

impl Store {
    /// Takes a state directory for this process alone; it is made where it is not there.
    ///
    /// # Errors
    /// [`StoreError::InUse`] while another agent has it.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let failed = |path: &Path, source| StoreError::Io { path: path.to_owned(), source };
        fs::create_dir_all(dir).map_err(|error| failed(dir, error))?;
        let path = dir.join("lock");
        let file = File::create(&path).map_err(|error| failed(&path, error))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            nix::errno::Errno::EWOULDBLOCK => StoreError::InUse { path: dir.to_owned() },
            errno => failed(&path, errno.into()),
        })?;
        Ok(Self { leases: dir.join("leases.json"), _lock: lock })
    }

    /// The leases saved last; `None` where there are none yet.
    ///
    /// # Errors
    /// When the file is there and is not ours to read.
    pub fn load(&self) -> Result<Option<Leases>, StoreError> {
        let path = || self.leases.clone();
        let text = match fs::read(&self.leases) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(StoreError::Io { path: path(), source }),
        };
        let leases: Leases =
            serde_json::from_slice(&text).map_err(|source| StoreError::Damaged { path: path(), source })?;
        if leases.version != VERSION {
            return Err(StoreError::Version { path: path(), found: leases.version });
        }
        Ok(Some(leases))
    }

    /// Saves leases: on return they survive a crash and a loss of power; on an error the old ones
    /// stand.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn save(&self, leases: &Leases) -> Result<(), StoreError> {
        let new = self.leases.with_extension("new");
        let write = || {
            // Whole, then written at once: of ten thousand endpoints each word would be a system call.
            let mut text = serde_json::to_vec_pretty(leases)?;
            text.push(b'\n');
            let mut file = File::create(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &self.leases)?;
            // The rename itself lasts only with its directory.
            File::open(self.leases.parent().unwrap_or(Path::new("/")))?.sync_all()
        };
        write().map_err(|source| StoreError::Io { path: self.leases.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_loaded_and_a_second_agent_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.load().unwrap(), None);
        let mut leases = Leases { version: VERSION, ..Leases::default() };
        leases.vpcs.insert("a".to_owned(), 1);
        store.save(&leases).unwrap();
        assert_eq!(store.load().unwrap(), Some(leases));
        assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse { .. })));
        drop(store);
        assert!(Store::open(dir.path()).is_ok());
    }

    #[test]
    fn a_damaged_file_and_a_newer_one_are_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        fs::write(&store.leases, "{").unwrap();
        assert!(matches!(store.load(), Err(StoreError::Damaged { .. })));
        store.save(&Leases { version: 9, ..Leases::default() }).unwrap();
        assert!(matches!(store.load(), Err(StoreError::Version { found: 9, .. })));
    }
}
