//! Loads the object and pins its maps; takes everything off again.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use aya::{
    Ebpf, EbpfLoader,
    programs::{Program, ProgramError, SchedClassifier, Xdp},
};
use aya_log::{EbpfLogger, Level};
use nix::fcntl::{Flock, FlockArg};

use super::{
    DataplaneError,
    attach::{Attached, NEXT, pinned},
};
use crate::{
    maps::{MAPS, Maps, check_layout, check_pins},
    model::Hook,
};

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
    /// By interface.
    pub(super) attached: BTreeMap<u32, Attached>,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
    /// Keeps a second agent, and `unload`, off.
    _lock: Flock<File>,
}

impl Dataplane {
    /// Loads the object on the maps pinned under `dir`, which are made where they are not there. The
    /// packet path itself is loaded for the hook that first asks for it: the kernel takes its time to
    /// verify it.
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
        check_bpffs(dir)?;
        for dir in [dir, &maps_dir, &links_dir] {
            make_dir(dir)?;
        }
        let lock = lock(dir)?;
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
        let reap: &mut Xdp = program(&mut object, REAP)?;
        reap.load().map_err(|source| DataplaneError::Program { name: REAP, source })?;
        let log = log.then(|| EbpfLogger::init(&mut object)).transpose()?;
        let attached = pinned(&links_dir)?;
        Ok(Self { maps, object, links_dir, attached, log, _lock: lock })
    }

    /// Loads the packet path for a hook, where that was not done yet.
    pub(super) fn load_path(&mut self, hook: Hook) -> Result<(), DataplaneError> {
        let name = if hook.is_xdp() { PATH } else { PATH_TC };
        let loaded = if hook.is_xdp() {
            let xdp: &mut Xdp = program(&mut self.object, name)?;
            if xdp.fd().is_ok() { Ok(()) } else { xdp.load() }
        } else {
            let tc: &mut SchedClassifier = program(&mut self.object, name)?;
            if tc.fd().is_ok() { Ok(()) } else { tc.load() }
        };
        loaded.map_err(|source| DataplaneError::Program { name, source })
    }

    /// Hands what the programs logged since the last time to the `log` crate.
    pub fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}

/// The packet path, as XDP.
pub(super) const PATH: &str = "vpce";
/// The packet path at TC.
pub(super) const PATH_TC: &str = "vpce_tc";
/// The walk over the flow records.
pub(super) const REAP: &str = "reap";

/// One program of the object.
pub(super) fn program<'o, P>(object: &'o mut Ebpf, name: &'static str) -> Result<&'o mut P, DataplaneError>
where
    &'o mut P: TryFrom<&'o mut Program, Error = ProgramError>,
{
    let program = object.program_mut(name).ok_or(DataplaneError::Missing { name })?;
    program.try_into().map_err(|source| DataplaneError::Program { name, source })
}

/// Checks that a pin directory is, or would be, on a BPF file system.
fn check_bpffs(dir: &Path) -> Result<(), DataplaneError> {
    let there = dir.ancestors().find(|path| path.exists()).unwrap_or(dir);
    let failed = |errno: nix::errno::Errno| DataplaneError::Pin { path: there.to_owned(), source: errno.into() };
    let kind = nix::sys::statfs::statfs(there).map_err(failed)?.filesystem_type();
    if kind.0 == BPF_FS_MAGIC { Ok(()) } else { Err(DataplaneError::NoBpffs { path: dir.to_owned() }) }
}

fn make_dir(dir: &Path) -> Result<(), DataplaneError> {
    match fs::create_dir(dir) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(DataplaneError::Pin { path: dir.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Takes a pin directory for this process alone, for as long as the lock is held.
fn lock(dir: &Path) -> Result<Flock<File>, DataplaneError> {
    let failed = |source| DataplaneError::Pin { path: dir.to_owned(), source };
    let opened = File::open(dir).map_err(failed)?;
    Flock::lock(opened, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EWOULDBLOCK => DataplaneError::InUse { path: dir.to_owned() },
        errno => failed(errno.into()),
    })
}

/// Takes the dataplane off: detaches every link, then removes every map, flows with it. Answers how
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
    let parts =
        [("links", is_link as fn(&str) -> bool), ("maps", is_map), ("", |name| name == "links" || name == "maps")];
    let mut pins = Vec::new();
    for (part, ours) in parts {
        let path = dir.join(part);
        for name in names(&path)? {
            let pin = path.join(&name);
            if !ours(&name) {
                return Err(DataplaneError::NotOurs { path: pin });
            }
            pins.extend((!part.is_empty()).then_some(pin));
        }
    }
    let failed = |path: &Path, source| DataplaneError::Pin { path: path.to_owned(), source };
    for pin in &pins {
        fs::remove_file(pin).map_err(|error| failed(pin, error))?;
    }
    for path in [dir.join("links"), dir.join("maps"), dir.to_owned()] {
        if path.exists() {
            fs::remove_dir(&path).map_err(|error| failed(&path, error))?;
        }
    }
    Ok(pins.len())
}

fn is_map(name: &str) -> bool {
    MAPS.iter().any(|shape| shape.name == name)
}

/// `IFINDEX`, or one that was to take its place; with the number of an attachment before it where an
/// earlier version left it.
fn is_link(name: &str) -> bool {
    let name = name.strip_suffix(NEXT).unwrap_or(name);
    name.split('-').count() <= 2 && name.split('-').all(|number| number.parse::<u32>().is_ok())
}

/// What a directory holds; nothing where it is not there.
fn names(dir: &Path) -> Result<Vec<String>, DataplaneError> {
    let failed = |source| DataplaneError::Pin { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
}
