//! The very program that a rig's agent loaded, run on made frames by `BPF_PROG_TEST_RUN`.
//!
//! Its maps are the agent's, so whatever a frame does to them is done. A verdict to redirect is
//! told and not carried out: no frame leaves.

use aya::{
    Pod,
    maps::{Array, HashMap, Map, MapData, MapInfo},
    programs::{TestRun as _, TestRunOptions, Xdp, loaded_programs},
};
use aya_obj::programs::XdpAttachType;
use vpce_common::{host::HostPlane, layout::Admission};

use crate::Rig;

/// `XDP_DROP`, `XDP_PASS` and `XDP_REDIRECT` of `linux/bpf.h`.
pub mod action {
    /// Ended here.
    pub const DROP: u32 = 1;
    /// Left to the kernel.
    pub const PASS: u32 = 2;
    /// Sent out of an interface.
    pub const REDIRECT: u32 = 4;
}

/// The loaded program.
pub struct Object {
    program: Xdp,
    maps: std::path::PathBuf,
}

impl Object {
    /// The program of a rig's agent.
    #[must_use]
    pub fn of(rig: &Rig) -> Self {
        let maps = rig.bpf_dir().join("maps");
        let settings = MapInfo::from_pin(maps.join("SETTINGS")).expect("the pinned SETTINGS").id();
        let ours = |info: &aya::programs::ProgramInfo| {
            let maps = info.map_ids().ok().flatten().unwrap_or_default();
            info.name_as_str() == Some("vpce") && maps.contains(&settings)
        };
        let info = loaded_programs().filter_map(Result::ok).find(ours).expect("the program in the kernel");
        let program = Xdp::from_program_info(info, "vpce".into(), XdpAttachType::Interface);
        Self { program: program.expect("a descriptor of the program"), maps }
    }

    /// Runs the program on a frame that came in by an interface of this thread's namespace; answers
    /// its verdict and what became of the frame.
    #[must_use]
    pub fn run(&self, frame: &[u8], ifindex: u32) -> (u32, Vec<u8>) {
        // `struct xdp_md`: data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex.
        let length = u32::try_from(frame.len()).expect("a short frame");
        let context: Vec<u8> = [0, length, 0, ifindex, 0, 0].iter().flat_map(|word: &u32| word.to_ne_bytes()).collect();
        let mut out = vec![0; frame.len() + 256];
        let ran = self.program.test_run(TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            ctx_in: Some(&context),
            ..TestRunOptions::default()
        });
        let ran = ran.unwrap_or_else(|error| panic!("{error}: {frame:02x?}"));
        out.truncate(ran.data_size_out as usize);
        (ran.return_value, out)
    }

    /// Open connections of the first endpoint.
    #[must_use]
    pub fn open(&self) -> u32 {
        self.array::<[u32; size_of::<Admission>() / 4]>("ADMISSIONS").get(&0, 0).expect("an admission")[0]
    }

    /// The same gateway on the host: what the agent wrote into the maps, and no flow yet.
    #[must_use]
    pub fn model(&self) -> HostPlane {
        fn all<V: Pod>(array: &Array<MapData, V>, most: u32) -> Vec<V> {
            (0..most).map(|number| array.get(&number, 0).expect("an entry")).collect()
        }
        let mut model = HostPlane {
            settings: Some(self.array("SETTINGS").get(&0, 0).expect("settings")),
            ingress: self.hash("INGRESS"),
            links: all(&self.array("LINKS"), 16),
            addresses: self.hash("ADDRESSES"),
            mappings: self.hash("MAPPINGS"),
            backends: all(&self.array("BACKENDS"), 16),
            ..HostPlane::default()
        };
        let endpoints: Vec<vpce_common::layout::Endpoint> = all(&self.array("ENDPOINTS"), 16);
        endpoints
            .into_iter()
            .take_while(|endpoint| endpoint.slots != 0)
            .for_each(|endpoint| model.open_block(endpoint));
        model
    }

    fn map(&self, name: &str) -> MapData {
        MapData::from_pin(self.maps.join(name)).unwrap_or_else(|error| panic!("the pinned {name}: {error}"))
    }

    fn array<V: Pod>(&self, name: &str) -> Array<MapData, V> {
        Map::Array(self.map(name)).try_into().unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn hash<K: Pod + Eq + std::hash::Hash, V: Pod>(&self, name: &str) -> std::collections::HashMap<K, V> {
        let map = Map::HashMap(self.map(name)).try_into();
        let map: HashMap<MapData, K, V> = map.unwrap_or_else(|error| panic!("{name}: {error}"));
        map.iter().collect::<Result<_, _>>().unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}
