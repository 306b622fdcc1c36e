//! Loads the object, and pins its maps.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
};

use aya::EbpfLoader;
use aya_log::{EbpfLogger, Level};
use nix::fcntl::Flock;

use super::{
    DataplaneError,
    attach::{Attached, pinned},
    pins::{PARTS, check_bpffs, lock, make_dir},
    programs::Programs,
};
use crate::maps::{MAPS, Maps, check_layout, check_pins, pinned_maps};

/// The eBPF object of this build; empty where it was built without.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/vpce.o"));

/// The loaded dataplane.
pub struct Dataplane {
    /// Its maps.
    pub maps: Maps,
    pub(super) programs: Programs,
    pub(super) links_dir: PathBuf,
    /// By interface.
    pub(super) attached: BTreeMap<u32, Attached>,
    log: Option<EbpfLogger<&'static dyn log::Log>>,
    /// Keeps a second agent, and `unload`, off.
    _lock: Flock<File>,
}

impl Dataplane {
    /// Loads the object on the maps pinned under `dir`, which are made where they are not there. The
    /// packet path itself is loaded for the hook that first asks for it.
    ///
    /// Nothing is attached yet, and what an earlier agent attached runs on unchanged. With `log`
    /// the programs tell of every packet that they drop, to the `log` crate.
    ///
    /// # Errors
    /// Whatever keeps the programs from being loaded; nothing was changed then but pins that no packet meets.
    pub fn load(dir: &Path, max_flows: u32, log: bool) -> Result<Self, DataplaneError> {
        if OBJECT.is_empty() {
            return Err(DataplaneError::NoObject);
        }
        let [links_dir, programs_dir, maps_dir] = PARTS.map(|part| dir.join(part));
        check_bpffs(dir)?;
        for dir in [dir, &links_dir, &programs_dir, &maps_dir] {
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
        let reader = log.then(|| EbpfLogger::init(&mut object)).transpose()?;
        let mut programs = Programs::new(object, OBJECT, &pinned_maps(&maps_dir)?, programs_dir, log);
        programs.reap()?;
        let attached = pinned(&links_dir)?;
        Ok(Self { maps, programs, links_dir, attached, log: reader, _lock: lock })
    }

    /// Whether the programs log.
    #[must_use]
    pub const fn logs(&self) -> bool {
        self.log.is_some()
    }

    /// Hands what the programs logged since the last time to the `log` crate.
    pub fn flush_log(&mut self) {
        if let Some(log) = &mut self.log {
            log.flush();
        }
    }
}
