//! What lies under the pin directory, which is one agent's: making it, locking it, taking it all off.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use nix::fcntl::{Flock, FlockArg};

use super::{DataplaneError, attach::NEXT, programs::is_program};
use crate::maps::MAPS;

/// Type of the BPF file system, `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// What a pin directory is divided into; `Dataplane::load` names them in this order.
pub(super) const PARTS: [&str; 3] = ["links", "programs", "maps"];

/// Checks that a pin directory is, or would be, on a BPF file system.
pub(super) fn check_bpffs(dir: &Path) -> Result<(), DataplaneError> {
    let there = dir.ancestors().find(|path| path.exists()).unwrap_or(dir);
    let failed = |errno: nix::errno::Errno| DataplaneError::Pin { path: there.to_owned(), source: errno.into() };
    let kind = nix::sys::statfs::statfs(there).map_err(failed)?.filesystem_type();
    if kind.0 == BPF_FS_MAGIC { Ok(()) } else { Err(DataplaneError::NoBpffs { path: dir.to_owned() }) }
}

pub(super) fn make_dir(dir: &Path) -> Result<(), DataplaneError> {
    match fs::create_dir(dir) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(DataplaneError::Pin { path: dir.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Takes a pin directory for this process alone, for as long as the lock is held.
pub(super) fn lock(dir: &Path) -> Result<Flock<File>, DataplaneError> {
    let failed = |source| DataplaneError::Pin { path: dir.to_owned(), source };
    let opened = File::open(dir).map_err(failed)?;
    Flock::lock(opened, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EWOULDBLOCK => DataplaneError::InUse { path: dir.to_owned() },
        errno => failed(errno.into()),
    })
}

/// Takes the dataplane off: detaches every link, then removes every program and every map, flows with it. Answers how
/// many pins there were.
///
/// # Errors
/// While an agent runs on it, or where something lies that is not ours: then nothing is touched.
pub fn unload(dir: &Path) -> Result<usize, DataplaneError> {
    check_bpffs(dir)?;
    if !dir.exists() {
        return Ok(0);
    }
    let _lock = lock(dir)?;
    // Links first: a program without its maps' pins would be the last to know them.
    let mut pins = Vec::new();
    for part in PARTS.into_iter().chain([""]) {
        let path = dir.join(part);
        for name in names(&path)? {
            let pin = path.join(&name);
            if !is_ours(part, &name) {
                return Err(DataplaneError::NotOurs { path: pin });
            }
            pins.extend((!part.is_empty()).then_some(pin));
        }
    }
    let failed = |path: &Path, source| DataplaneError::Pin { path: path.to_owned(), source };
    for pin in &pins {
        fs::remove_file(pin).map_err(|error| failed(pin, error))?;
    }
    for path in PARTS.map(|part| dir.join(part)).into_iter().chain([dir.to_owned()]) {
        if path.exists() {
            fs::remove_dir(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(pins.len())
}

/// Maps that earlier versions pinned.
const FORMER_MAPS: [&str; 1] = ["HINTS"];

/// Whether an agent pins something by this name in a part, or in the directory itself.
fn is_ours(part: &str, name: &str) -> bool {
    match part {
        "links" => is_link(name),
        "programs" => is_program(name).is_some(),
        "maps" => MAPS.iter().map(|shape| shape.name).chain(FORMER_MAPS).any(|known| known == name),
        _ => PARTS.contains(&name),
    }
}

/// `IFINDEX`, or one that was to take its place; with the number of an attachment before it where an
/// earlier version left it.
fn is_link(name: &str) -> bool {
    let name = name.strip_suffix(NEXT).unwrap_or(name);
    name.split('-').count() <= 2 && name.split('-').all(|number| number.parse::<u32>().is_ok())
}

/// What a directory holds; nothing where it is not there.
pub(super) fn names(dir: &Path) -> Result<Vec<String>, DataplaneError> {
    let failed = |source| DataplaneError::Pin { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
}

/// Removes a pin, if it is there.
pub(super) fn remove(pin: &Path) -> Result<(), DataplaneError> {
    match fs::remove_file(pin) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(DataplaneError::Pin { path: pin.to_owned(), source })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_earlier_versions_pinned_is_ours_too_and_nothing_of_others_is() {
        assert!(["LINKS", "HINTS"].iter().all(|name| is_ours("maps", name)));
        assert!(["7", "7-next", "3-7"].iter().all(|name| is_ours("links", name)));
        assert!(!is_ours("maps", "hints") && !is_ours("links", "eth0") && !is_ours("programs", "LINKS"));
    }
}
