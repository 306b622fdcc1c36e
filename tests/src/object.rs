//! The very program that a rig's agent loaded, run on made frames by `BPF_PROG_TEST_RUN`.
//!
//! Its maps are the agent's, so whatever a frame does to them is done. A verdict to redirect is
//! told and not carried out: no frame leaves.

mod apart;
mod connection;
mod hook;
mod sys;

use std::{
    collections::{HashMap as HashMapOf, HashSet},
    mem::offset_of,
    net::Ipv4Addr,
    os::fd::{AsFd, BorrowedFd},
    path::PathBuf,
};

use aya::{
    Pod,
    maps::{Array, HashMap, Map, MapData, MapInfo},
    programs::{ProgramFd, loaded_programs},
};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use vpce_common::{
    host::HostPlane,
    index,
    layout::{
        Admission, Backend, Bucket, Dialled as MapDialled, Endpoint, Flow, FlowKey, Ingress, Link, Local, Mapping,
        Settings, Transit,
    },
    state,
};

use self::sys::{Plain, Ran};
pub use self::{
    apart::RECORDS,
    connection::{CLIENT_MACS, Connection, Dialled, Place, Random, SEGMENT, Segment, places, sound},
};
use crate::{
    Hook, Rig,
    address::ENDPOINT,
    frames::{Envelope, Mac},
};

/// How a program ends: at the XDP hook `XDP_DROP`, `XDP_PASS` and `XDP_REDIRECT` of `linux/bpf.h`, at the
/// other one `TCX_DROP`, `TCX_NEXT` and `TCX_REDIRECT`, told by these too.
pub mod action {
    /// Ended here.
    pub const DROP: u32 = 1;
    /// Left to the kernel.
    pub const PASS: u32 = 2;
    /// Sent out of an interface.
    pub const REDIRECT: u32 = 4;
}

/// The longest frame that a program may make of a shorter one.
const ROOM: usize = 2048;
/// More endpoints, links and backends than a test writes that looks at all of them.
const FEW: u32 = 128;

/// The loaded program.
pub struct Object {
    program: ProgramFd,
    hook: Hook,
    maps: PathBuf,
}

/// One that runs the program on frame after frame, with no buffer made for each.
pub struct Runner<'o> {
    program: &'o ProgramFd,
    hook: Hook,
    sum: bool,
    out: [u8; ROOM],
}

/// Where the gateway meets a tenant pair of a rig.
#[derive(Clone, Copy, Debug)]
pub struct Sides {
    /// The interface towards the client, and the gateway's Ethernet address there.
    pub client: (u32, Mac),
    /// The same towards the backend.
    pub backend: (u32, Mac),
    /// The backend's Ethernet address.
    pub backend_mac: Mac,
    /// Number of the endpoint.
    pub endpoint: u32,
    /// The source that its backend sees.
    pub transit: Ipv4Addr,
}

/// All that connections hold, and give back when they are over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Open connections of each endpoint.
    pub open: Vec<u32>,
    /// Those of them whose handshake is not complete.
    pub half_open: Vec<u32>,
    /// Different records that each endpoint's ring can give.
    pub free: Vec<usize>,
    /// Records with a flow.
    pub flows: usize,
    /// Keys that lead to a record.
    pub keys: usize,
}

/// What the agent wrote into the maps for few endpoints: the first entries of those that are arrays.
#[derive(Debug, PartialEq)]
pub struct Configured {
    settings: Settings,
    ingress: HashMapOf<Ingress, u32>,
    links: Vec<Link>,
    addresses: HashMapOf<Local, u32>,
    mappings: HashMapOf<MapDialled, Mapping>,
    endpoints: Vec<Endpoint>,
    backends: Vec<Backend>,
    transit: Vec<Transit>,
}

/// Keeps this thread on one CPU.
///
/// # Panics
/// Where there is no such CPU.
pub fn on_cpu(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu).expect("a CPU number");
    sched_setaffinity(Pid::from_raw(0), &set).expect("a machine of two CPUs or more");
}

impl Sides {
    /// Of tenant pair `n`.
    #[must_use]
    pub fn of(rig: &Rig, n: usize) -> Self {
        let object = Object::of(rig);
        let links: Vec<Link> = all(&object.array("LINKS"), 16);
        let link = |name: &str| {
            let ifindex = rig.gateway().run(|| nix::net::if_::if_nametoindex(name)).expect("the attachment");
            *links.iter().find(|link| link.ifindex == ifindex).expect("its link")
        };
        let (client, backend) = (link(rig.client_link(n).interface()), link(rig.backend_link(n).interface()));
        let at = Local { vpc: client.vpc.into(), address: ENDPOINT.into() };
        let number = *object.hash::<Local, u32>("ADDRESSES").get(&at).expect("the endpoint");
        let endpoint = object.array::<Endpoint>("ENDPOINTS").get(&number, 0).expect("an endpoint");
        let known = object.array::<Backend>("BACKENDS").get(&endpoint.backend, 0).expect("a backend");
        Self {
            client: (client.ifindex, client.mac.0),
            backend: (backend.ifindex, backend.mac.0),
            backend_mac: known.station.mac.0,
            endpoint: number,
            transit: endpoint.transit.into(),
        }
    }

    /// From a client to the endpoint.
    #[must_use]
    pub fn forward(&self, client_mac: Mac, client: Ipv4Addr) -> Envelope {
        Envelope { from_mac: client_mac, to_mac: self.client.1, from: client, to: ENDPOINT }
    }

    /// From a backend to the transit address.
    #[must_use]
    pub fn reply(&self, backend: Ipv4Addr) -> Envelope {
        Envelope { from_mac: self.backend_mac, to_mac: self.backend.1, from: backend, to: self.transit }
    }
}

impl Runner<'_> {
    /// Whether the kernel has a sum of the packets' bytes, and holds the program to keep it right; at the TC
    /// hook, where cards tell it.
    pub fn sum(&mut self, sum: bool) {
        self.sum = sum;
    }

    /// Runs the program on a frame that came in by an interface of this thread's namespace; answers
    /// its verdict and what became of the frame.
    pub fn run(&mut self, frame: &[u8], ifindex: u32) -> (u32, &[u8]) {
        let (context, flags) = (self.hook.context(frame, ifindex), if self.sum { self.hook.flags(frame) } else { 0 });
        let ran = sys::run(self.program.as_fd(), frame, &context, flags, 1, &mut self.out);
        let Ran { verdict, length, .. } = ran.unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
        (self.hook.action(verdict), &self.out[..length])
    }
}

/// What became of the last of several runs of a program.
#[derive(Clone, Copy, Debug)]
pub struct Repeated<'f> {
    /// Its verdict.
    pub verdict: u32,
    /// The frame that it left.
    pub frame: &'f [u8],
    /// What one run took in the mean, by the kernel's own account: whole nanoseconds.
    pub mean_ns: u32,
}

/// Runs a program `times` over one frame that came in by an interface of this thread's namespace: each
/// run sees what the one before it left.
pub fn repeat<'f>(
    hook: Hook,
    program: &ProgramFd,
    frame: &[u8],
    ifindex: u32,
    times: u32,
    out: &'f mut [u8],
) -> Repeated<'f> {
    let ran = sys::run(program.as_fd(), frame, &hook.context(frame, ifindex), 0, times, out);
    let Ran { verdict, length, mean_ns } = ran.unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
    Repeated { verdict, frame: &out[..length], mean_ns }
}

impl Object {
    /// The program of a rig's agent, where the rig's plan names no hook.
    #[must_use]
    pub fn of(rig: &Rig) -> Self {
        Self::on(rig.bpf_dir().join("maps"), Hook::of_tests())
    }

    /// The program for a hook that uses the maps pinned here.
    fn on(maps: PathBuf, hook: Hook) -> Self {
        let settings = MapInfo::from_pin(maps.join("SETTINGS")).expect("the pinned SETTINGS").id();
        let ours = |info: &aya::programs::ProgramInfo| {
            let maps = info.map_ids().ok().flatten().unwrap_or_default();
            info.name_as_str() == Some(hook.program()) && maps.contains(&settings)
        };
        let info = loaded_programs().filter_map(Result::ok).find(ours).expect("the program in the kernel");
        Self { program: info.fd().expect("a descriptor of the program"), hook, maps }
    }

    /// Where the program sits.
    #[must_use]
    pub fn hook(&self) -> Hook {
        self.hook
    }

    /// The loaded program.
    #[must_use]
    pub fn program(&self) -> &ProgramFd {
        &self.program
    }

    /// One that runs the program on many frames.
    #[must_use]
    pub fn runner(&self) -> Runner<'_> {
        Runner { program: self.program(), hook: self.hook, sum: false, out: [0; ROOM] }
    }

    /// Runs the program on one frame; as [`Runner::run`].
    #[must_use]
    pub fn run(&self, frame: &[u8], ifindex: u32) -> (u32, Vec<u8>) {
        let mut runner = self.runner();
        let (verdict, out) = runner.run(frame, ifindex);
        (verdict, out.to_vec())
    }

    /// Open connections of an endpoint.
    #[must_use]
    pub fn open(&self, endpoint: u32) -> u32 {
        self.array::<[u32; size_of::<Admission>() / 4]>("ADMISSIONS").get(&endpoint, 0).expect("an admission")[0]
    }

    /// What the agent wrote.
    ///
    /// # Panics
    /// Where the maps can't be read.
    #[must_use]
    pub fn configured(&self) -> Configured {
        Configured {
            // Epochs come and go with every write.
            settings: Settings { epoch: 0, ..self.array("SETTINGS").get(&0, 0).expect("settings") },
            ingress: self.hash("INGRESS"),
            links: all(&self.array("LINKS"), FEW),
            addresses: self.hash("ADDRESSES"),
            mappings: self.hash("MAPPINGS"),
            endpoints: all(&self.array("ENDPOINTS"), FEW),
            backends: all(&self.array("BACKENDS"), FEW),
            transit: all(&self.array("TRANSIT"), FEW),
        }
    }

    /// Empties an endpoint's ring of free records, as no agent and no packet ever does.
    ///
    /// # Panics
    /// Where there is no such endpoint.
    pub fn lose_free_records(&self, endpoint: u32) {
        let mut admissions = self.array::<[u32; size_of::<Admission>() / 4]>("ADMISSIONS");
        let mut admission = admissions.get(&endpoint, 0).expect("an admission");
        // The head, where records are taken, at the tail, where they are put.
        admission[offset_of!(Admission, head) / 4] = admission[offset_of!(Admission, tail) / 4];
        admissions.set(endpoint, admission, 0).expect("an admission written");
    }

    /// All records with a flow, by number.
    #[must_use]
    pub fn flows(&self) -> Vec<(u32, Flow)> {
        let mut flows = self.entries::<u32, Flow>("FLOWS");
        flows.retain(|(_, flow)| flow.state.load() & state::BITS != 0);
        flows
    }

    /// Where flows are found: keys, and the numbers of their records.
    #[must_use]
    pub fn keys(&self) -> Vec<(FlowKey, u32)> {
        let flows = self.entries::<u32, Flow>("FLOWS");
        let buckets = self.entries::<u32, Bucket>("BUCKETS");
        let records = buckets.iter().flat_map(|(_, bucket)| index::records(bucket));
        records.map(|slot| (flows[slot as usize].1.ends().key, slot)).collect()
    }

    /// What connections hold.
    #[must_use]
    pub fn held(&self) -> Held {
        let endpoints = self.entries::<u32, Endpoint>("ENDPOINTS");
        let admissions = self.entries::<u32, Admission>("ADMISSIONS");
        let places = self.entries::<u32, u32>("FREE");
        let known = || endpoints.iter().zip(&admissions).take_while(|((_, endpoint), _)| endpoint.slots != 0);
        let free = |((_, endpoint), (_, admission)): (&(u32, Endpoint), &(u32, Admission))| {
            let (head, tail) = (admission.head.load(), admission.tail.load());
            let count = tail.wrapping_sub(head).min(endpoint.slots);
            let records = (0..count).map(|n| places[endpoint.ring(head.wrapping_add(n)) as usize].1);
            records.filter(|entry| *entry != 0).collect::<HashSet<_>>().len()
        };
        Held {
            open: known().map(|(_, (_, admission))| admission.connections.open()).collect(),
            half_open: known().map(|(_, (_, admission))| admission.connections.half_open()).collect(),
            free: known().map(free).collect(),
            flows: self.flows().len(),
            keys: self.keys().len(),
        }
    }

    /// The same gateway on the host: what the agent wrote into the maps, and no flow yet.
    #[must_use]
    pub fn model(&self) -> HostPlane {
        let mut model = HostPlane {
            // It has no clock, so no pace of errors either.
            settings: Some(Settings { errors: u32::MAX, ..self.array("SETTINGS").get(&0, 0).expect("settings") }),
            ingress: self.hash("INGRESS"),
            links: all(&self.array("LINKS"), 16),
            addresses: self.hash("ADDRESSES"),
            mappings: self.hash("MAPPINGS"),
            backends: all(&self.array("BACKENDS"), 16),
            ..HostPlane::default()
        };
        let endpoints: Vec<Endpoint> = all(&self.array("ENDPOINTS"), 16);
        endpoints
            .into_iter()
            .take_while(|endpoint| endpoint.slots != 0)
            .for_each(|endpoint| model.open_block(endpoint));
        model
    }

    /// All entries of a map; of an array that is as many as it has places.
    fn entries<K: Plain, V: Plain>(&self, name: &str) -> Vec<(K, V)> {
        let map = self.map(name);
        let most = map.info().expect("what the kernel knows of a map").max_entries() as usize;
        let fd: BorrowedFd<'_> = map.fd().as_fd();
        sys::read(fd, most).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn map(&self, name: &str) -> MapData {
        MapData::from_pin(self.maps.join(name)).unwrap_or_else(|error| panic!("the pinned {name}: {error}"))
    }

    fn array<V: Pod>(&self, name: &str) -> Array<MapData, V> {
        Map::Array(self.map(name)).try_into().unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn hash<K: Pod + Eq + std::hash::Hash, V: Pod>(&self, name: &str) -> HashMapOf<K, V> {
        let map = Map::HashMap(self.map(name)).try_into();
        let map: HashMap<MapData, K, V> = map.unwrap_or_else(|error| panic!("{name}: {error}"));
        map.iter().collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

/// The first entries of an array.
fn all<V: Pod>(array: &Array<MapData, V>, most: u32) -> Vec<V> {
    (0..most).map(|number| array.get(&number, 0).expect("an entry")).collect()
}
