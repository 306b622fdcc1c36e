//! The configuration file on this host.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    config::{self, ConfigErrors},
    model::Desired,
    net::{Interfaces, NetError},
};

/// Why there is no desired state.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file can't be read.
    #[error("{path}: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file is not right.
    #[error("{errors}\n{path}: {count} error(s); nothing was changed", path = .path.display(), count = .errors.errors.len())]
    Config {
        /// The file.
        path: PathBuf,
        /// All errors.
        errors: ConfigErrors,
    },
    /// The host can't be asked.
    #[error(transparent)]
    Net(#[from] NetError),
}

/// Reads the file; attachments must be to interfaces of `present`, where that is given.
pub(super) fn read(path: &Path, present: Option<&BTreeSet<String>>) -> Result<Desired, InputError> {
    let text = fs::read_to_string(path).map_err(|source| InputError::Read { path: path.to_owned(), source })?;
    let desired = match present {
        Some(present) => config::parse_on(&text, present),
        None => config::parse(&text),
    };
    desired.map_err(|errors| InputError::Config { path: path.to_owned(), errors })
}

/// Checks a file as `run` would take it; `here` also asks whether its interfaces are on this host.
///
/// # Errors
/// Every error of the file at once.
pub async fn check(path: &Path, here: bool) -> Result<(), InputError> {
    let present = if here { Some(Interfaces::new()?.all().await?.into_keys().collect()) } else { None };
    read(path, present.as_ref()).map(drop)
}

/// Tells whether a file was changed since it was looked at last.
pub(super) struct Watched {
    path: PathBuf,
    seen: Option<(u64, i64, i64, u64)>,
}

impl Watched {
    pub(super) fn new(path: &Path) -> Self {
        let mut watched = Self { path: path.to_owned(), seen: None };
        watched.changed();
        watched
    }

    /// Also true when the file came back; not when it went.
    pub(super) fn changed(&mut self) -> bool {
        let now = fs::metadata(&self.path).ok().map(|is| (is.ino(), is.mtime(), is.mtime_nsec(), is.size()));
        let changed = now.is_some() && now != self.seen;
        self.seen = now;
        changed
    }
}
