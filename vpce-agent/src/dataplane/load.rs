//! Loads the object and pins its maps; takes everything off again.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use aya::{Ebpf, EbpfLoader, programs::Xdp};
use aya_log::{EbpfLogger, Level};

use super::{Attached, DataplaneError};
use crate::maps::{MAPS, Maps, check_layout, check_pins};

/// The eBPF object of this build; empty where it was built without.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vpce.o"));

/// Type of the BPF file system, `BPF_FS_MAGIC` of `linux/magic.h`.
const BPF_FS_MAGIC: i64 = 0xcafe_4a11;

/// The loaded dataplane.
pub struct Dataplane {
    /// Its maps.
    pub maps: Maps,
    pub(super) object: Ebpf,
    pub(super) links_dir: PathBuf,
    pub(super) attached: BTreeMap<u32, Attached>,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
}

impl Dataplane {
    /// Loads the programs on the maps pinned under `dir`, which are made where they are not there.
    ///
    /// Nothing is attached yet, and what an earlier agent attached runs on unchanged. With `log`
    /// the programs tell of every packet that they drop, to the `log` crate.
    ///
    /// # Errors
    /// Whatever keeps the programs from being loaded; nothing was changed then but empty pins made.
    pub fn load(dir: &Path, max_flows: u32, log: bool) -> Result<Self, DataplaneError> {
        if OBJECT.is_empty() {
            return Err(DataplaneError::NoObject);
        }
        let (maps_dir, links_dir) = (dir.join("maps"), dir.join("links"));
        for dir in [dir, &maps_dir, &links_dir] {
            make_dir(dir)?;
        }
        check_pins(&maps_dir, max_flows)?;

        let mut loader = EbpfLoader::new();
        loader.default_map_pin_directory(&maps_dir);
        for shape in MAPS {
            loader.map_max_entries(shape.name, shape.entries(max_flows));
        }
        let level = if log { Level::Trace as u8 } else { 0 };
        loader.override_global(aya_log::LEVEL, &level, true);
        let mut object = loader.load(OBJECT).map_err(|source| DataplaneError::Load { source: Box::new(source) })?;

        let maps = Maps::open(&mut object)?;
        check_layout(&maps_dir, &maps.settings.get(0)?)?;
        for name in [PATH, REAP] {
            program(&mut object, name)?.load().map_err(|source| DataplaneError::Program { name, source })?;
        }
        let log = log.then(|| EbpfLogger::init(&mut object)).transpose()?;
        Ok(Self { maps, object, links_dir, attached: BTreeMap::new(), log })
    }

    /// Hands what the programs logged since the last time to the `log` crate.
    pub fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}

/// The packet path.
pub(super) const PATH: &str = "vpce";
/// The walk over the flow records.
pub(super) const REAP: &str = "reap";

/// One program of the object.
pub(super) fn program<'o>(object: &'o mut Ebpf, name: &'static str) -> Result<&'o mut Xdp, DataplaneError> {
    let program = object.program_mut(name).ok_or(DataplaneError::Missing { name })?;
    program.try_into().map_err(|source| DataplaneError::Program { name, source })
}

/// Makes a directory of bpffs, and says which right or mount is missing.
fn make_dir(dir: &Path) -> Result<(), DataplaneError> {
    let failed = |source| DataplaneError::Pin { path: dir.to_owned(), source };
    match fs::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    let statfs = nix::sys::statfs::statfs(dir).map_err(|errno| failed(errno.into()))?;
    if statfs.filesystem_type().0 != BPF_FS_MAGIC {
        let _ = fs::remove_dir(dir);
        return Err(DataplaneError::NoBpffs { path: dir.to_owned() });
    }
    Ok(())
}

/// Takes the dataplane off: detaches every link, then removes every map, flows with it.
///
/// # Errors
/// When a pin can't be removed; what was removed stays removed, so it can be run again.
pub fn unload(dir: &Path) -> Result<usize, DataplaneError> {
    let mut removed = 0;
    // Links first: a program without its maps' pins would be the last to know them.
    for part in ["links", "maps", ""] {
        let path = dir.join(part);
        let failed = |source| DataplaneError::Pin { path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            fs::remove_file(entry.map_err(failed)?.path()).map_err(failed)?;
            removed += 1;
        }
        fs::remove_dir(&path).map_err(failed)?;
    }
    Ok(removed)
}
