//! A disk of a test's own.

use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

/// A file system in memory, of a given size, until it is dropped.
#[derive(Debug)]
pub struct Disk(PathBuf);

impl Disk {
    /// Mounts one of so many bytes on a directory.
    #[must_use]
    pub fn mount(dir: PathBuf, bytes: usize) -> Self {
        let options = format!("size={bytes},mode=755");
        mount(Some("tmpfs"), &dir, Some("tmpfs"), MsFlags::empty(), Some(options.as_str())).expect("a disk");
        Self(dir)
    }

    /// Where it is mounted.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        unmount(&self.0);
    }
}

/// Takes away what is mounted there, as soon as nobody has a file open on it.
pub fn unmount(place: &Path) {
    umount2(place, MntFlags::MNT_DETACH).unwrap_or_else(|error| eprintln!("{} stays: {error}", place.display()));
}
