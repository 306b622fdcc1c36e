//! Takes over the leases that agents before the database kept in a file.

use std::{fs, io, path::Path};

use super::{Store, StoreError, directory, leases};
use crate::model::leases::Leases;

/// The file.
pub(super) const LEASES: &str = "leases.json";

/// Takes the leases of an older agent over, once: the file has another name afterwards.
pub(super) fn take_over(store: &mut impl Store, file: &Path) -> Result<(), StoreError> {
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StoreError::io(file, error)),
    };
    let path = || file.to_owned();
    let older: Leases = serde_json::from_slice(&text).map_err(|source| StoreError::Leases { path: path(), source })?;
    if older.version != leases::VERSION {
        return Err(StoreError::Version { path: path(), found: older.version, known: leases::VERSION });
    }
    match store.leases()? {
        None => drop(store.replace_leases(&older)?),
        // The agent that took them over ended before it could say so.
        Some(ours) if ours == older => {}
        Some(_) => return Err(StoreError::TwoLeases { path: path() }),
    }
    directory::rename(file, &file.with_extension("json.imported"))?;
    tracing::info!(file = %file.display(), "leases of an older agent taken over");
    Ok(())
}
