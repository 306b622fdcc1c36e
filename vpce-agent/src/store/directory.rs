//! The state directory, and the lock that keeps a second agent off.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use super::StoreError;

/// The database.
const DATABASE: &str = "vpce.db";

/// A state directory that this process alone has.
pub(super) struct Directory {
    path: PathBuf,
    /// Held for as long as the agent lives.
    _lock: Flock<File>,
}

impl Directory {
    /// Takes a directory; it is made where it is not there.
    pub(super) fn take(path: &Path) -> Result<Self, StoreError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| StoreError::io(path, error))?;
        let file = path.join("lock");
        let failed = |error| StoreError::io(&file, error);
        let lock = private().truncate(true).open(&file).map_err(failed)?;
        let lock = Flock::lock(lock, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            Errno::EWOULDBLOCK => StoreError::InUse { path: path.to_owned() },
            errno => failed(errno.into()),
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    pub(super) fn database(&self) -> PathBuf {
        database(&self.path)
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// The database of a state directory.
pub(super) fn database(dir: &Path) -> PathBuf {
    dir.join(DATABASE)
}

/// How to make a file that only its owner reads.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

/// Renames a file within its directory; on return that lasts.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    let lasting = || {
        fs::rename(from, to)?;
        // The rename itself lasts only with its directory.
        File::open(parent(to))?.sync_all()
    };
    lasting().map_err(|error| StoreError::io(to, error))
}

fn parent(path: &Path) -> &Path {
    let parent = path.parent().unwrap_or(Path::new("/"));
    if parent.as_os_str().is_empty() { Path::new(".") } else { parent }
}
