//! The configuration file on this host.

use std::{
    collections::BTreeSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::{
    api::{CertificateError, check_certificate},
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
    /// The API's certificate can't be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The host can't be asked.
    #[error(transparent)]
    Net(#[from] NetError),
}

/// Reads the file; attachments must be to interfaces of `present`, where that is given.
pub(super) fn read(path: &Path, present: Option<&BTreeSet<String>>) -> Result<Desired, InputError> {
    let bytes = fs::read(path).map_err(|source| InputError::Read { path: path.to_owned(), source })?;
    let desired = config::text(bytes).and_then(|text| match present {
        Some(present) => config::parse_on(&text, present),
        None => config::parse(&text),
    });
    desired.map_err(|errors| InputError::Config { path: path.to_owned(), errors })
}

/// Checks a file as `run` would take it; `here` also asks whether its interfaces and its certificate are on this host.
///
/// # Errors
/// Every error of the file at once.
pub async fn check(path: &Path, here: bool) -> Result<(), InputError> {
    let present = if here { Some(Interfaces::new()?.all().await?.into_keys().collect()) } else { None };
    let desired = read(path, present.as_ref())?;
    if let (true, Some(api)) = (here, &desired.api) {
        check_certificate(api)?;
    }
    Ok(())
}

/// Tells when a file was changed.
pub(super) struct Watched {
    path: PathBuf,
    taken: Option<Mark>,
    seen: Option<Mark>,
}

/// Inode, seconds and nanoseconds of the last change, size.
type Mark = (u64, i64, i64, u64);

impl Watched {
    /// The file as it is now counts as taken.
    pub(super) fn new(path: &Path) -> Self {
        let mut watched = Self { path: path.to_owned(), taken: None, seen: None };
        watched.take();
        watched
    }

    /// The file is about to be read: what it is now is no longer a change.
    pub(super) fn take(&mut self) {
        self.taken = self.mark();
        self.seen = self.taken;
    }

    /// Whether the file is another than the one taken, and nobody has written to it since the last
    /// look: half a file must not be taken for a whole one. A file that is gone is no change.
    pub(super) fn changed(&mut self) -> bool {
        let now = self.mark();
        let still = now == self.seen;
        self.seen = now;
        still && now.is_some() && now != self.taken
    }

    fn mark(&self) -> Option<Mark> {
        let is = fs::metadata(&self.path).ok()?;
        Some((is.ino(), is.mtime(), is.mtime_nsec(), is.size()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_changed_once_it_is_other_and_still() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vpce.toml");
        fs::write(&path, "a").unwrap();
        let mut file = Watched::new(&path);
        assert!(!file.changed());
        fs::write(&path, "half").unwrap();
        assert!(!file.changed());
        fs::write(&path, "half and half").unwrap();
        assert!(!file.changed());
        assert!(file.changed());
        file.take();
        assert!(!file.changed());
        fs::remove_file(&path).unwrap();
        assert!(!file.changed());
        assert!(!file.changed());
    }
}
