//! Typed views of hash maps, arrays and per-CPU arrays.

use std::{
    collections::BTreeMap,
    hash::Hash,
    io,
    marker::PhantomData,
    ops::Range,
    os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd},
};

use aya::{
    Ebpf, Pod,
    maps::{
        Array, HashMap, Map, MapData, RingBuf,
        lpm_trie::{Key, LpmTrie},
    },
    sys::SyscallError,
};

use super::{MapError, batch, shared::Shared};

/// A hash map.
pub struct Table<K, V> {
    name: &'static str,
    map: HashMap<MapData, K, V>,
    fd: OwnedFd,
}

/// A map of networks, by length of the key in bits; those of a part before the network count too.
pub struct Trie<K, V> {
    name: &'static str,
    map: LpmTrie<MapData, K, V>,
}

/// What the programs tell the agent.
pub struct Messages<T> {
    map: RingBuf<MapData>,
    of: PhantomData<T>,
}

/// An array whose numbers mean something.
pub struct Numbered<V: Pod> {
    name: &'static str,
    map: Array<MapData, V>,
    fd: OwnedFd,
}

/// An array of counters, each summed over all CPUs.
pub struct PerCpu<const N: usize> {
    name: &'static str,
    map: MapData,
    /// Asked for once: aya opens a file for it at every look.
    cpus: usize,
}

fn take(object: &mut Ebpf, name: &'static str) -> Result<Map, MapError> {
    object.take_map(name).ok_or(MapError::Missing { name })
}

/// A descriptor of its own, for what aya has no call for.
fn descriptor(map: &Map, name: &'static str) -> Result<OwnedFd, MapError> {
    let (Map::Array(data) | Map::HashMap(data)) = map else {
        return Err(MapError::Missing { name });
    };
    let cloned = data.fd().as_fd().try_clone_to_owned();
    cloned.map_err(|error| MapError::Kernel { name, source: error.into() })
}

/// What a batch answers when the kernel refuses it.
fn refused(name: &'static str, call: &'static str) -> impl Fn(io::Error) -> MapError {
    move |io_error| MapError::Kernel { name, source: SyscallError { call, io_error }.into() }
}

impl<K: Pod + Ord + Hash, V: Pod> Table<K, V> {
    pub(super) fn open(object: &mut Ebpf, name: &'static str) -> Result<Self, MapError> {
        let map = take(object, name)?;
        let fd = descriptor(&map, name)?;
        let map = map.try_into().map_err(|source| MapError::Kernel { name, source })?;
        Ok(Self { name, map, fd })
    }

    /// Every entry.
    ///
    /// # Errors
    /// When the kernel refuses the read.
    pub fn all(&self) -> Result<BTreeMap<K, V>, MapError> {
        let all = batch::all(self.fd.as_fd()).map_err(refused(self.name, "bpf_map_lookup_batch"))?;
        Ok(all.into_iter().collect())
    }

    /// Writes one entry, new or not.
    ///
    /// # Errors
    /// [`MapError::Full`] when there is no room for a new one.
    pub fn set(&mut self, key: K, value: V) -> Result<(), MapError> {
        let name = self.name;
        self.map.insert(key, value, 0).map_err(|source| not_set(name, source))
    }

    /// Removes one entry. Absent is success: reconcile must be idempotent.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn remove(&mut self, key: &K) -> Result<(), MapError> {
        absent_is_fine(self.name, self.map.remove(key))
    }
}

impl<K: Pod + Ord, V: Pod> Trie<K, V> {
    pub(super) fn open(object: &mut Ebpf, name: &'static str) -> Result<Self, MapError> {
        let map = take(object, name)?.try_into().map_err(|source| MapError::Kernel { name, source })?;
        Ok(Self { name, map })
    }

    /// Every entry.
    ///
    /// # Errors
    /// When the kernel refuses the read.
    pub fn all(&self) -> Result<BTreeMap<(u32, K), V>, MapError> {
        let name = self.name;
        let entry = |entry: Result<(Key<K>, V), _>| entry.map(|(key, value)| ((key.prefix_len(), key.data()), value));
        self.map.iter().map(entry).collect::<Result<_, _>>().map_err(|source| MapError::Kernel { name, source })
    }

    /// Writes one entry, new or not.
    ///
    /// # Errors
    /// [`MapError::Full`] when there is no room for a new one.
    pub fn set(&mut self, (bits, key): (u32, K), value: V) -> Result<(), MapError> {
        let name = self.name;
        self.map.insert(&Key::new(bits, key), value, 0).map_err(|source| not_set(name, source))
    }

    /// Removes one entry. Absent is success: reconcile must be idempotent.
    ///
    /// # Errors
    /// When the kernel refuses it.
    pub fn remove(&mut self, (bits, key): (u32, K)) -> Result<(), MapError> {
        absent_is_fine(self.name, self.map.remove(&Key::new(bits, key)))
    }
}

impl<T: Pod> Messages<T> {
    pub(super) fn open(object: &mut Ebpf, name: &'static str) -> Result<Self, MapError> {
        let map = take(object, name)?.try_into().map_err(|source| MapError::Kernel { name, source })?;
        Ok(Self { map, of: PhantomData })
    }

    /// The next one that waits.
    ///
    /// # Panics
    /// Where the object was built from another layout.
    pub fn take(&mut self) -> Option<T> {
        let message = self.map.next()?;
        assert!(message.len() >= size_of::<T>(), "the programs send whole messages");
        // SAFETY: as many bytes as a `T`, and any bytes are a `Pod`.
        Some(unsafe { message.as_ptr().cast::<T>().read_unaligned() })
    }

    /// Readable while one waits.
    ///
    /// # Errors
    /// When the process may have no more descriptors.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        // SAFETY: the map holds its descriptor open.
        unsafe { BorrowedFd::borrow_raw(self.map.as_raw_fd()) }.try_clone_to_owned()
    }
}

/// Why an entry was not written: a full hash map says E2BIG, a full trie ENOSPC.
fn not_set(name: &'static str, source: aya::maps::MapError) -> MapError {
    match &source {
        aya::maps::MapError::SyscallError(error)
            if matches!(error.io_error.raw_os_error(), Some(libc::E2BIG | libc::ENOSPC)) =>
        {
            MapError::Full { name }
        }
        _ => MapError::Kernel { name, source },
    }
}

/// What a removal answers: absent is success.
fn absent_is_fine(name: &'static str, removed: Result<(), aya::maps::MapError>) -> Result<(), MapError> {
    match removed {
        Ok(()) | Err(aya::maps::MapError::KeyNotFound) => Ok(()),
        Err(aya::maps::MapError::SyscallError(error)) if error.io_error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
        Err(source) => Err(MapError::Kernel { name, source }),
    }
}

impl<V: Pod> Numbered<V> {
    pub(super) fn open(object: &mut Ebpf, name: &'static str) -> Result<Self, MapError> {
        let map = take(object, name)?;
        let fd = descriptor(&map, name)?;
        let map = map.try_into().map_err(|source| MapError::Kernel { name, source })?;
        Ok(Self { name, map, fd })
    }

    /// The value with this number.
    ///
    /// # Errors
    /// When the number is beyond the array.
    pub fn get(&self, number: u32) -> Result<V, MapError> {
        let name = self.name;
        self.map.get(&number, 0).map_err(|source| MapError::Kernel { name, source })
    }

    /// Its first entries, as the programs have them; it must have been made with `BPF_F_MMAPABLE`.
    pub(super) fn shared(&self, entries: u32) -> Result<Shared<V>, MapError> {
        Shared::of(self.fd.as_fd(), entries).map_err(|errno| refused(self.name, "mmap")(errno.into()))
    }

    /// The values with numbers below `count`; as [`Self::shared`].
    ///
    /// # Errors
    /// When the kernel refuses the read.
    pub fn up_to(&self, count: u32) -> Result<Vec<V>, MapError> {
        if count == 0 {
            return Ok(Vec::new());
        }
        let shared = self.shared(count)?;
        Ok((0..count).map(|number| shared.get(number)).collect())
    }

    /// Writes the value with this number.
    ///
    /// # Errors
    /// When the number is beyond the array.
    pub fn set(&mut self, number: u32, value: V) -> Result<(), MapError> {
        let name = self.name;
        self.map.set(number, value, 0).map_err(|source| MapError::Kernel { name, source })
    }

    /// Writes values from this number on, in one go.
    ///
    /// # Errors
    /// When one would be beyond the array; those before it may be written then.
    pub fn set_run(&mut self, first: u32, values: &[V]) -> Result<(), MapError> {
        batch::set_run(self.fd.as_fd(), first, values, 1).map_err(refused(self.name, "bpf_map_update_batch"))
    }
}

impl<const N: usize> PerCpu<N> {
    pub(super) fn open(object: &mut Ebpf, name: &'static str) -> Result<Self, MapError> {
        let Map::PerCpuArray(map) = take(object, name)? else { return Err(MapError::Missing { name }) };
        let cpus = aya::util::nr_cpus().map_err(|(_, error)| MapError::Kernel { name, source: error.into() })?;
        Ok(Self { name, map, cpus })
    }

    /// Sets the counters with this number to zero on every CPU.
    ///
    /// # Errors
    /// When the number is beyond the array.
    pub fn zero(&mut self, number: u32) -> Result<(), MapError> {
        let zeros = vec![[0_u64; N]; self.cpus];
        batch::set_run(self.map.fd().as_fd(), number, &zeros, self.cpus)
            .map_err(refused(self.name, "bpf_map_update_batch"))
    }

    /// The counters with this number, summed.
    ///
    /// # Errors
    /// When the number is beyond the array.
    pub fn sum(&self, number: u32) -> Result<[u64; N], MapError> {
        Ok(self.sums(number..number + 1)?.first().copied().unwrap_or([0; N]))
    }

    /// The counters with these numbers, each summed, in one look.
    ///
    /// # Errors
    /// When the kernel refuses the read.
    pub fn sums(&self, numbers: Range<u32>) -> Result<Vec<[u64; N]>, MapError> {
        let parts = batch::run::<[u64; N]>(self.map.fd().as_fd(), numbers.start, numbers.len(), self.cpus);
        let parts = parts.map_err(refused(self.name, "bpf_map_lookup_batch"))?;
        let sum = |cpus: &[[u64; N]]| {
            let mut sum = [0_u64; N];
            for cpu in cpus {
                for (total, value) in sum.iter_mut().zip(cpu) {
                    *total = total.wrapping_add(*value);
                }
            }
            sum
        };
        Ok(parts.chunks(self.cpus).map(sum).collect())
    }
}

#[cfg(test)]
mod tests {
    use aya::sys::SyscallError;

    use super::*;

    #[test]
    fn a_full_map_of_either_kind_is_told_from_other_refusals() {
        let not_set = |errno| {
            let io_error = io::Error::from_raw_os_error(errno);
            not_set("PREFIXES", SyscallError { call: "bpf_map_update_elem", io_error }.into())
        };
        for errno in [libc::E2BIG, libc::ENOSPC] {
            assert!(matches!(not_set(errno), MapError::Full { name: "PREFIXES" }));
        }
        assert!(matches!(not_set(libc::EPERM), MapError::Kernel { .. }));
    }
}
