//! The maps, and the packet path's view of them.
//!
//! All are pinned by name. Sizes here are the least: the agent sets those of the config at load.
//! Writers: the agent writes SETTINGS, INGRESS, LINKS, ADDRESSES, PREFIXES, CLIENTS, MAPPINGS,
//! ENDPOINTS, BACKENDS and TRANSIT, and fills FREE and ADMISSIONS once for each new endpoint; the programs write
//! FLOWS, BUCKETS, ADMISSIONS, FREE, FRAGMENTS, HEARD, ENDED, PACE and the counters.

use aya_ebpf::{
    bindings::{BPF_F_MMAPABLE, BPF_F_NO_PREALLOC},
    helpers::bpf_jiffies64,
    macros::map,
    maps::{
        Array, HashMap, LruHashMap, PerCpuArray, RingBuf,
        lpm_trie::{Key, LpmTrie},
    },
};
use vpce_common::{
    atomic::Atomic32,
    dataplane::Dataplane,
    index::{self, Place},
    layout::{
        Admission, Backend, Bucket, Client, Datagram, Dialled, Ended, Endpoint, FirstFragment, Flow, FlowKey, Heard,
        Ingress, Link, Local, Mapping, Pace, Prefix, Settings, Stats, TRANSIT_ADDRESSES, Totals, Traffic, Transit,
    },
    path,
    wire::Be32,
};

#[map]
pub static SETTINGS: Array<Settings> = Array::pinned(1, 0);
#[map]
pub static INGRESS: HashMap<Ingress, u32> = HashMap::pinned(4096, 0);
/// As of ENDPOINTS; and only so does the kernel begin the values on a cache line.
#[map]
pub static LINKS: Array<Link> = Array::pinned(4096, BPF_F_MMAPABLE);
#[map]
pub static ADDRESSES: HashMap<Local, u32> = HashMap::pinned(16384, 0);
#[map]
pub static PREFIXES: LpmTrie<Prefix, u32> = LpmTrie::pinned(16384, BPF_F_NO_PREALLOC);
#[map]
pub static CLIENTS: LpmTrie<Client, u32> = LpmTrie::pinned(65536, BPF_F_NO_PREALLOC);
#[map]
pub static MAPPINGS: HashMap<Dialled, Mapping> = HashMap::pinned(65536, 0);
/// Mapped by the agent, where it looks whether all is as it was written.
#[map]
pub static ENDPOINTS: Array<Endpoint> = Array::pinned(16384, BPF_F_MMAPABLE);
/// As of ENDPOINTS.
#[map]
pub static BACKENDS: Array<Backend> = Array::pinned(16384, BPF_F_MMAPABLE);
/// As of ENDPOINTS.
#[map]
pub static TRANSIT: Array<Transit> = Array::pinned(TRANSIT_ADDRESSES, BPF_F_MMAPABLE);
/// Mapped by the agent.
#[map]
pub static ADMISSIONS: Array<Admission> = Array::pinned(16384, BPF_F_MMAPABLE);
#[map]
pub static FREE: Array<Atomic32> = Array::pinned(4096, 0);
/// Mapped by nobody; as LINKS otherwise.
#[map]
pub static FLOWS: Array<Flow> = Array::pinned(4096, BPF_F_MMAPABLE);
/// As of FLOWS.
#[map]
pub static BUCKETS: Array<Bucket> = Array::pinned(1024, BPF_F_MMAPABLE);
#[map]
pub static TRAFFIC: PerCpuArray<Traffic> = PerCpuArray::pinned(16384, 0);
#[map]
pub static STATS: PerCpuArray<Stats> = PerCpuArray::pinned(16384, 0);
#[map]
pub static TOTALS: PerCpuArray<Totals> = PerCpuArray::pinned(1, 0);
#[map]
pub static PACE: PerCpuArray<Pace> = PerCpuArray::pinned(4096, 0);
/// A datagram in parts is under way for moments: the oldest may go.
#[map]
pub static FRAGMENTS: LruHashMap<Datagram, FirstFragment> = LruHashMap::pinned(16384, 0);
/// Bytes, not entries; a flood of ARP must not wake the agent for each.
#[map]
pub static HEARD: RingBuf = RingBuf::pinned(1 << 16, 0);
/// Bytes, not entries. Read by the agent that runs the reaper.
#[map]
pub static ENDED: RingBuf = RingBuf::pinned(1 << 22, 0);

/// The links that were found last, by interface and network as far as these tell them apart: an entry of
/// INGRESS is a copy of what its link says of itself, so that whoever guesses the link knows it. No map: whoever loads
/// the programs anew begins with none.
static HINTS: [Atomic32; HINTS_LENGTH] = [const { Atomic32::new(0) }; HINTS_LENGTH];
/// Twice as many as there are links.
const HINTS_LENGTH: usize = 8192;
/// Odd, and far from small multiples of the length.
const HINTS_APART: u32 = 5063;

/// The dataplane in the kernel.
pub struct Kernel;

impl Dataplane for Kernel {
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "only differences matter")]
    fn jiffies(&self) -> u32 {
        // SAFETY: a helper without preconditions.
        unsafe { bpf_jiffies64() as u32 }
    }
    #[inline(always)]
    fn settings(&self) -> Option<&Settings> {
        SETTINGS.get(0)
    }
    #[inline(always)]
    fn ingress(&self, at: &Ingress) -> Option<(u32, &Link)> {
        // No two VLANs of an interface have the same one, nor interfaces whose numbers are near.
        let hint = at.ifindex.wrapping_mul(HINTS_APART).wrapping_add(at.segment.id());
        let hint = &HINTS[hint as usize % HINTS_LENGTH];
        let number = hint.load();
        if let Some(link) = LINKS.get(number)
            && link.ifindex == at.ifindex
            && link.segment == at.segment
        {
            return Some((number, link));
        }
        // SAFETY: copied at once; a torn u32 can't be.
        let number = unsafe { INGRESS.get(at) }.copied()?;
        hint.store(number);
        Some((number, LINKS.get(number)?))
    }
    #[inline(always)]
    fn link(&self, number: u32) -> Option<&Link> {
        LINKS.get(number)
    }
    #[inline(always)]
    fn address(&self, local: &Local) -> Option<u32> {
        // SAFETY: copied at once; a torn u32 can't be.
        unsafe { ADDRESSES.get(local) }.copied()
    }
    #[inline(always)]
    fn prefix(&self, local: &Local) -> Option<u32> {
        PREFIXES.get(Key::new(64, Prefix { vpc: local.vpc, network: local.address })).copied()
    }
    #[inline(always)]
    fn lists(&self, client: &Client) -> bool {
        CLIENTS.get(Key::new(64, *client)).is_some()
    }
    #[inline(always)]
    fn bars(&self, endpoint: u32, client: Be32) -> bool {
        bars(endpoint, client.get()) != 0
    }
    #[inline(always)]
    fn mapping(&self, dialled: &Dialled) -> Option<Mapping> {
        // SAFETY: two fields, read at once; the agent replaces entries whole.
        unsafe { MAPPINGS.get(dialled) }.copied()
    }
    #[inline(always)]
    fn endpoint(&self, number: u32) -> Option<&Endpoint> {
        ENDPOINTS.get(number)
    }
    #[inline(always)]
    fn backend(&self, number: u32) -> Option<&Backend> {
        BACKENDS.get(number)
    }
    #[inline(always)]
    fn transit(&self, number: u32) -> Option<&Transit> {
        TRANSIT.get(number)
    }
    #[inline(always)]
    fn admission(&self, endpoint: u32) -> Option<&Admission> {
        ADMISSIONS.get(endpoint)
    }
    #[inline(always)]
    fn free(&self, place: u32) -> Option<&Atomic32> {
        FREE.get(place)
    }
    #[inline(always)]
    fn flow(&self, slot: u32) -> Option<&Flow> {
        FLOWS.get(slot)
    }
    #[inline(always)]
    fn traffic(&self, endpoint: u32) -> Option<&Traffic> {
        TRAFFIC.get(endpoint)
    }
    #[inline(always)]
    fn stats(&self, endpoint: u32) -> Option<&Stats> {
        STATS.get(endpoint)
    }
    #[inline(always)]
    fn pace(&self, link: u32) -> Option<&Pace> {
        PACE.get(link)
    }
    #[inline(always)]
    fn first_fragment(&self, datagram: &Datagram) -> Option<FirstFragment> {
        // SAFETY: copied at once; a torn one fails the check of the record's state.
        unsafe { FRAGMENTS.get(datagram) }.copied()
    }
    #[inline(always)]
    fn note_fragment(&self, datagram: &Datagram, first: &FirstFragment) {
        let _ = FRAGMENTS.insert(datagram, first, 0);
    }
    #[inline(always)]
    fn heard(&self, heard: &Heard) {
        let _ = HEARD.output::<Heard>(heard, 0);
    }
    #[inline(always)]
    fn ended(&self, ended: &Ended) {
        let _ = ENDED.output::<Ended>(ended, 0);
    }
    #[inline(always)]
    fn bucket(&self, number: u32) -> Option<&Bucket> {
        BUCKETS.get(number)
    }
    #[inline(always)]
    fn place(&self, key: &FlowKey) -> Place {
        // SAFETY: a valid key.
        Place::from_raw(unsafe { place(key) })
    }
    #[inline(always)]
    fn find(&self, at: Place, key: &FlowKey) -> Option<u32> {
        // SAFETY: a valid key.
        let found = unsafe { find(at.raw(), key) };
        (found != index::NONE).then_some(found)
    }
    #[inline(always)]
    fn learn(&self, slot: u32, state: u32) {
        learn(slot, state);
    }
    #[inline(always)]
    fn enter(&self, at: Place, key: &FlowKey, slot: u32) -> bool {
        // SAFETY: a valid key.
        unsafe { enter(at.raw(), key, slot) != 0 }
    }
    #[inline(always)]
    fn forget(&self, key: &FlowKey, slot: u32) {
        // SAFETY: a valid key.
        unsafe { forget(key, slot) };
    }
}

// Functions of their own, and global: the verifier looks at their loops once, not once for each call.

#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn place(key: *const FlowKey) -> u64 {
    // SAFETY: the kernel checks what global functions are called with; null is left to us.
    let Some(key) = (unsafe { key.as_ref() }) else { return 0 };
    SETTINGS.get(0).map_or(0, |settings| Place::of(&settings.index, key).raw())
}

#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn find(at: u64, key: *const FlowKey) -> u32 {
    // SAFETY: as in `place`.
    let Some(key) = (unsafe { key.as_ref() }) else { return index::NONE };
    index::find(&Kernel, Place::from_raw(at), key).unwrap_or(index::NONE)
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn bars(endpoint: u32, client: u32) -> u32 {
    path::barred(&Kernel, endpoint, Be32::new(client)).into()
}

#[inline(never)]
#[unsafe(no_mangle)]
extern "C" fn learn(slot: u32, state: u32) -> u32 {
    path::relearn(&Kernel, slot, state).is_some().into()
}

#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn enter(at: u64, key: *const FlowKey, slot: u32) -> u32 {
    // SAFETY: as in `place`.
    let Some(key) = (unsafe { key.as_ref() }) else { return 0 };
    index::enter(&Kernel, Place::from_raw(at), key, slot).into()
}

#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn forget(key: *const FlowKey, slot: u32) -> u32 {
    // SAFETY: as in `place`.
    let Some(key) = (unsafe { key.as_ref() }) else { return 0 };
    index::forget(&Kernel, key, slot);
    0
}
