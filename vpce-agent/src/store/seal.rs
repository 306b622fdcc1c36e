//! The key that secrets in the store are sealed with. It is beside the database, not in it: a backup alone
//! reveals none of them.

use std::{fs, io, io::Write as _, path::Path};

use super::{
    StoreError,
    directory::{private, rename},
};

const KEY: &str = "seal.key";

/// The key of a state directory; made where it is not there.
///
/// # Errors
/// When it can't be read or made, or is none.
pub fn seal_key(dir: &Path) -> Result<[u8; 32], StoreError> {
    let path = dir.join(KEY);
    let failed = |error| StoreError::io(&path, error);
    match fs::read(&path) {
        Ok(bytes) => bytes.try_into().map_err(|_| StoreError::Seal { path }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let mut key = [0; 32];
            getrandom::fill(&mut key).map_err(|error| failed(io::Error::other(error)))?;
            let new = path.with_extension("new");
            let mut file = private().truncate(true).open(&new).map_err(failed)?;
            file.write_all(&key).and_then(|()| file.sync_all()).map_err(failed)?;
            rename(&new, &path)?;
            Ok(key)
        }
        Err(error) => Err(failed(error)),
    }
}
