//! The maps, and the packet path's view of them.
//!
//! All are pinned by name. Sizes here are the least: the agent sets those of the config at load.
//! Writers: the agent writes SETTINGS, INGRESS, LINKS, ADDRESSES, PREFIXES, MAPPINGS, ENDPOINTS,
//! BACKENDS and TRANSIT, and fills FREE and ADMISSIONS once for each new endpoint; the programs write
//! FLOWS, `FLOW_KEYS`, ADMISSIONS, FREE, FRAGMENTS, HEARD, ENDED, PACE and the counters.

use aya_ebpf::{
    bindings::{BPF_F_NO_PREALLOC, BPF_NOEXIST},
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
    layout::{
        Admission, Backend, Datagram, Dialled, Ended, Endpoint, FirstFragment, Flow, FlowKey, Heard, Ingress, Link,
        Local, Mapping, Pace, Prefix, Settings, Stats, TRANSIT_ADDRESSES, Totals, Transit,
    },
};

#[map]
pub static SETTINGS: Array<Settings> = Array::pinned(1, 0);
#[map]
pub static INGRESS: HashMap<Ingress, u32> = HashMap::pinned(4096, 0);
#[map]
pub static LINKS: Array<Link> = Array::pinned(4096, 0);
#[map]
pub static ADDRESSES: HashMap<Local, u32> = HashMap::pinned(16384, 0);
#[map]
pub static PREFIXES: LpmTrie<Prefix, u32> = LpmTrie::pinned(16384, BPF_F_NO_PREALLOC);
#[map]
pub static MAPPINGS: HashMap<Dialled, Mapping> = HashMap::pinned(65536, 0);
#[map]
pub static ENDPOINTS: Array<Endpoint> = Array::pinned(16384, 0);
#[map]
pub static BACKENDS: Array<Backend> = Array::pinned(16384, 0);
#[map]
pub static TRANSIT: Array<Transit> = Array::pinned(TRANSIT_ADDRESSES, 0);
#[map]
pub static ADMISSIONS: Array<Admission> = Array::pinned(16384, 0);
#[map]
pub static FREE: Array<Atomic32> = Array::pinned(4096, 0);
#[map]
pub static FLOWS: Array<Flow> = Array::pinned(4096, 0);
#[map]
pub static FLOW_KEYS: HashMap<FlowKey, u32> = HashMap::pinned(4096, 0);
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
    fn ingress(&self, at: &Ingress) -> Option<u32> {
        // SAFETY: copied at once; a torn u32 can't be.
        unsafe { INGRESS.get(at) }.copied()
    }
    #[inline(always)]
    fn link(&self, number: u32) -> Option<&Link> {
        LINKS.get(number)
    }
    #[inline(always)]
    fn address(&self, local: &Local) -> Option<u32> {
        // SAFETY: as in `ingress`.
        unsafe { ADDRESSES.get(local) }.copied()
    }
    #[inline(always)]
    fn prefix(&self, local: &Local) -> Option<u32> {
        PREFIXES.get(Key::new(64, Prefix { vpc: local.vpc, network: local.address })).copied()
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
    fn find(&self, key: &FlowKey) -> Option<u32> {
        // SAFETY: as in `ingress`.
        unsafe { FLOW_KEYS.get(key) }.copied()
    }
    #[inline(always)]
    fn enter(&self, key: &FlowKey, slot: u32) -> bool {
        FLOW_KEYS.insert(key, slot, BPF_NOEXIST.into()).is_ok()
    }
    #[inline(always)]
    fn forget(&self, key: &FlowKey) {
        let _ = FLOW_KEYS.remove(key);
    }
}
