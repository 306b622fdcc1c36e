//! The object loaded by a test itself, on maps that the test fills: no agent, nothing attached.

use std::fs;

use aya::{
    EbpfLoader, Pod,
    maps::{HashMap, Map, PerCpuArray, lpm_trie, lpm_trie::LpmTrie},
    programs::Program,
};
use vpce_common::{
    host::HostPlane,
    layout::{Admission, Client, Datagram, Flow, Index, Prefix, Totals, WAYS},
};

use super::Object;
use crate::{Hook, Rig, binary};

/// Flow records that there is room for, where no test asks for more.
pub const RECORDS: u32 = 1024;

const ADMISSION: usize = size_of::<Admission>() / 4;
const FLOW: usize = size_of::<Flow>() / 4;

impl Object {
    /// Loads the object next to the one of a rig's agent: the rig lends its interfaces.
    #[must_use]
    pub fn apart(rig: &Rig, hook: Hook) -> Self {
        Self::beside(rig, hook, "apart", RECORDS)
    }

    /// The same, with so many flow records; of one rig each has another name.
    #[must_use]
    pub fn beside(rig: &Rig, hook: Hook, name: &str, records: u32) -> Self {
        let maps = rig.bpf_dir().join(name);
        fs::create_dir_all(&maps).expect("a directory for pins");
        let mut loader = EbpfLoader::new();
        loader.default_map_pin_directory(&maps);
        for map in ["FREE", "FLOWS"] {
            loader.map_max_entries(map, records);
        }
        loader.map_max_entries("BUCKETS", Index::buckets(records));
        // As the agent does that is not told to log.
        loader.override_global(aya_log::LEVEL, &0u8, true);
        let mut object = loader.load_file(binary("VPCE_EBPF_OBJECT")).expect("the object");
        let taken = match object.program_mut(hook.program()).expect("the path") {
            Program::Xdp(program) => program.load(),
            Program::SchedClassifier(program) => program.load(),
            other => panic!("{other:?}"),
        };
        taken.expect("a program that the kernel takes");
        Self::on(maps, hook)
    }

    /// Writes what the agent would, and forgets all else.
    ///
    /// # Panics
    /// Where the kernel takes an entry not.
    pub fn fill(&self, plane: &HostPlane) {
        self.put("SETTINGS", [plane.settings.expect("settings")]);
        self.put("LINKS", plane.links.iter().copied());
        self.put("ENDPOINTS", plane.endpoints.iter().copied());
        self.put("BACKENDS", plane.backends.iter().copied());
        self.put("TRANSIT", plane.transit.iter().copied());
        let words = |admission: &Admission| {
            let mut words = [0u32; ADMISSION];
            let Admission { connections, peak, head, tail } = admission;
            let counts = [connections.open(), connections.half_open(), peak.load(), head.load(), tail.load()];
            words.iter_mut().zip(counts).for_each(|(word, count)| *word = count);
            words
        };
        self.put("ADMISSIONS", plane.admissions.iter().map(words));
        self.put("FREE", plane.free.iter().map(vpce_common::atomic::Atomic32::load));
        self.put("FLOWS", plane.flows.iter().map(|_| [0u32; FLOW]));
        self.refill("INGRESS", plane.ingress.iter().map(|(at, link)| (*at, *link)));
        self.refill("ADDRESSES", plane.addresses.iter().map(|(local, endpoint)| (*local, *endpoint)));
        self.refill("MAPPINGS", plane.mappings.iter().map(|(dialled, mapping)| (*dialled, *mapping)));
        self.put("BUCKETS", plane.buckets.iter().map(|_| [0u32; WAYS]));
        self.refill::<Datagram, vpce_common::layout::FirstFragment>("FRAGMENTS", []);
        let mut prefixes: LpmTrie<_, Prefix, u32> = Map::LpmTrie(self.map("PREFIXES")).try_into().expect("PREFIXES");
        for ((bits, prefix), endpoint) in &plane.prefixes {
            // The bits of the VPC come first.
            prefixes.insert(&lpm_trie::Key::new(32 + bits, *prefix), endpoint, 0).expect("a prefix");
        }
        let mut clients: LpmTrie<_, Client, u32> = Map::LpmTrie(self.map("CLIENTS")).try_into().expect("CLIENTS");
        for (bits, client) in &plane.clients {
            // So do those of the endpoint.
            clients.insert(&lpm_trie::Key::new(32 + bits, *client), 1, 0).expect("a client");
        }
    }

    /// Writes one entry of an array.
    ///
    /// # Panics
    /// Where there is no such entry.
    pub fn set<V: Pod>(&self, name: &str, place: usize, value: V) {
        let place = place.try_into().expect("a small number");
        self.array(name).set(place, value, 0).unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// The gateway's counters, of all CPUs together, in their order.
    #[must_use]
    pub fn totals(&self) -> Vec<u64> {
        let totals: PerCpuArray<_, [u64; size_of::<Totals>() / 8]> =
            Map::PerCpuArray(self.map("TOTALS")).try_into().expect("TOTALS");
        let cpus = totals.get(&0, 0).expect("the counters");
        (0..size_of::<Totals>() / 8).map(|place| cpus.iter().map(|cpu| cpu[place]).sum()).collect()
    }

    /// Open and half-open connections of the first endpoints.
    #[must_use]
    pub fn counts(&self, endpoints: u32) -> Vec<(u32, u32)> {
        let admissions = self.array::<[u32; ADMISSION]>("ADMISSIONS");
        let admission = |number| admissions.get(&number, 0).expect("an admission");
        (0..endpoints).map(admission).map(|words| (words[0], words[1])).collect()
    }

    fn put<V: Pod>(&self, name: &str, values: impl IntoIterator<Item = V>) {
        let mut array = self.array(name);
        for (place, value) in (0..).zip(values) {
            array.set(place, value, 0).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }

    fn refill<K: Pod, V: Pod>(&self, name: &str, entries: impl IntoIterator<Item = (K, V)>) {
        let map = self.map(name);
        let lru = map.info().expect("what the kernel knows of a map").map_type().ok();
        let map = if lru == Some(aya::maps::MapType::LruHash) { Map::LruHashMap(map) } else { Map::HashMap(map) };
        let mut map: HashMap<_, K, V> = map.try_into().unwrap_or_else(|error| panic!("{name}: {error}"));
        let old = map.keys().collect::<Result<Vec<_>, _>>().expect("its keys");
        for key in old {
            map.remove(&key).expect("a key that was there");
        }
        for (key, value) in entries {
            map.insert(key, value, 0).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}
