//! What the pinned maps must look like, checked before anything adopts them.

use std::path::Path;

use aya::maps::{MapInfo, MapType};
use vpce_common::layout::{
    Admission, Backend, Bucket, Client, Datagram, Dialled, Endpoint, FirstFragment, Flow, Index, Ingress, LAYOUT, Link,
    Local, Mapping, Pace, Prefix, Settings, Stats, TRANSIT_ADDRESSES, Totals, Traffic, Transit,
};

use crate::model::{MAX_CLIENTS, MAX_MAPPINGS, MAX_PREFIXES};

/// Why a map can't be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The object and the agent were built from different sources.
    #[error("map {name} is not in the eBPF object; rebuild with `cargo xtask build`")]
    Missing {
        /// The map.
        name: &'static str,
    },
    /// Retrying will not help until something is removed.
    #[error("map {name} is full; remove endpoints or port mappings")]
    Full {
        /// The map.
        name: &'static str,
    },
    /// Something else made it, or another version of the agent did.
    #[error(
        "{path} is not a map of this version ({what}); if no other version of vpce-agent is to use it, \
         take it off with `vpce-agent unload` (flows end) and start again"
    )]
    Foreign {
        /// The pin.
        path: String,
        /// In what it differs.
        what: String,
    },
    /// The kernel refused an operation.
    #[error("map {name}: {source}")]
    Kernel {
        /// The map.
        name: &'static str,
        /// What the kernel said.
        source: aya::maps::MapError,
    },
}

/// What a map must look like.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Name in the object and of the pin.
    pub name: &'static str,
    kind: MapType,
    key: usize,
    value: usize,
    entries: Entries,
    is_mappable: bool,
}

/// `BPF_F_MMAPABLE` of `linux/bpf.h`.
const MAPPABLE: u32 = 1 << 10;

#[derive(Debug, Clone, Copy)]
enum Entries {
    Fixed(u32),
    MaxFlows,
    Buckets,
}

impl Shape {
    const fn new(name: &'static str, kind: MapType, key: usize, value: usize, entries: Entries) -> Self {
        Self { name, kind, key, value, entries, is_mappable: false }
    }

    /// It begins on a page: the agent can read it as it is, and entries of whole cache lines begin on one.
    const fn mappable(self) -> Self {
        Self { is_mappable: true, ..self }
    }

    /// Entries of the map, where the gateway has so many flow records.
    #[must_use]
    pub const fn entries(&self, max_flows: u32) -> u32 {
        match self.entries {
            Entries::Fixed(entries) => entries,
            Entries::MaxFlows => max_flows,
            Entries::Buckets => Index::buckets(max_flows),
        }
    }

    /// Whether its size follows `max_flows`.
    #[must_use]
    pub const fn follows_max_flows(&self) -> bool {
        matches!(self.entries, Entries::MaxFlows | Entries::Buckets)
    }
}

/// Links that one gateway can have.
pub const MAX_LINKS: u32 = 4096;
/// Endpoints that one gateway can have.
pub const MAX_ENDPOINTS: u32 = 16384;

/// All maps of the object.
pub const MAPS: &[Shape] = {
    use Entries::{Buckets, Fixed, MaxFlows};
    use MapType::{Array, Hash, LpmTrie, LruHash, PerCpuArray, RingBuf};
    const N: usize = size_of::<u32>();
    &[
        Shape::new("SETTINGS", Array, N, size_of::<Settings>(), Fixed(1)),
        Shape::new("INGRESS", Hash, size_of::<Ingress>(), N, Fixed(MAX_LINKS)),
        Shape::new("LINKS", Array, N, size_of::<Link>(), Fixed(MAX_LINKS)).mappable(),
        Shape::new("ADDRESSES", Hash, size_of::<Local>(), N, Fixed(MAX_ENDPOINTS)),
        Shape::new("PREFIXES", LpmTrie, N + size_of::<Prefix>(), N, Fixed(MAX_PREFIXES)),
        Shape::new("CLIENTS", LpmTrie, N + size_of::<Client>(), N, Fixed(MAX_CLIENTS)),
        Shape::new("MAPPINGS", Hash, size_of::<Dialled>(), size_of::<Mapping>(), Fixed(MAX_MAPPINGS)),
        Shape::new("ENDPOINTS", Array, N, size_of::<Endpoint>(), Fixed(MAX_ENDPOINTS)).mappable(),
        Shape::new("BACKENDS", Array, N, size_of::<Backend>(), Fixed(MAX_ENDPOINTS)).mappable(),
        Shape::new("TRANSIT", Array, N, size_of::<Transit>(), Fixed(TRANSIT_ADDRESSES)).mappable(),
        Shape::new("ADMISSIONS", Array, N, size_of::<Admission>(), Fixed(MAX_ENDPOINTS)).mappable(),
        Shape::new("FREE", Array, N, N, MaxFlows),
        Shape::new("FLOWS", Array, N, size_of::<Flow>(), MaxFlows).mappable(),
        Shape::new("BUCKETS", Array, N, size_of::<Bucket>(), Buckets).mappable(),
        Shape::new("TRAFFIC", PerCpuArray, N, size_of::<Traffic>(), Fixed(MAX_ENDPOINTS)),
        Shape::new("STATS", PerCpuArray, N, size_of::<Stats>(), Fixed(MAX_ENDPOINTS)),
        Shape::new("TOTALS", PerCpuArray, N, size_of::<Totals>(), Fixed(1)),
        Shape::new("PACE", PerCpuArray, N, size_of::<Pace>(), Fixed(MAX_LINKS)),
        Shape::new("FRAGMENTS", LruHash, size_of::<Datagram>(), size_of::<FirstFragment>(), Fixed(16384)),
        Shape::new("HEARD", RingBuf, 0, 0, Fixed(1 << 16)),
        Shape::new("ENDED", RingBuf, 0, 0, Fixed(1 << 22)),
    ]
};

/// Checks every map that is pinned already: aya would adopt a foreign one unseen.
///
/// # Errors
/// The first pin that this version can't use.
pub fn check_pins(dir: &Path, max_flows: u32) -> Result<(), MapError> {
    for shape in MAPS {
        let path = dir.join(shape.name);
        if !path.exists() {
            continue;
        }
        let foreign = |what| MapError::Foreign { path: path.display().to_string(), what };
        let info = MapInfo::from_pin(&path).map_err(|error| foreign(format!("it is no map: {error}")))?;
        let kind = info.map_type().map_err(|error| foreign(error.to_string()))?;
        let is_mappable = info.map_flags() & MAPPABLE != 0;
        let found = (kind as u32, info.key_size() as usize, info.value_size() as usize, is_mappable);
        let wanted = (shape.kind as u32, shape.key, shape.value, shape.is_mappable);
        if found != wanted {
            return Err(foreign(format!("type, key size, value size, mappable are {found:?}, must be {wanted:?}")));
        }
        let (found, wanted) = (info.max_entries(), shape.entries(max_flows));
        if found != wanted {
            let why = if shape.follows_max_flows() { "; max_flows was changed" } else { "" };
            return Err(foreign(format!("it has {found} entries, must have {wanted}{why}")));
        }
    }
    Ok(())
}

/// The kernel's numbers of the maps that are pinned, in the order of [`MAPS`]: other maps, other numbers.
///
/// # Errors
/// When a pin can't be read.
pub fn pinned_maps(dir: &Path) -> Result<Vec<u32>, MapError> {
    let number = |shape: &Shape| {
        let kernel = |source| MapError::Kernel { name: shape.name, source };
        Ok(MapInfo::from_pin(dir.join(shape.name)).map_err(kernel)?.id())
    };
    MAPS.iter().map(number).collect()
}

/// Checks the layout that the maps were filled for; 0 before they were filled at all.
///
/// # Errors
/// [`MapError::Foreign`] for any other than ours.
pub fn check_layout(dir: &Path, settings: &Settings) -> Result<(), MapError> {
    if settings.layout == LAYOUT || settings.layout == 0 {
        return Ok(());
    }
    Err(MapError::Foreign {
        path: dir.join("SETTINGS").display().to_string(),
        what: format!("layout {:#x}, must be {LAYOUT:#x}", settings.layout),
    })
}
