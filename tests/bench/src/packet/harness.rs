//! The harness in the kernel, and how long a program takes behind it.

use std::path::PathBuf;

use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, MapData, ProgramArray},
    programs::{Program, ProgramFd},
};
use vpce_tests::{
    Hook, binary,
    object::{Repeated, action, repeat},
};
use vpce_tests_ebpf::harness::Run;

/// What an Ethernet interface hands on of its shortest frame.
const SHORTEST: usize = 60;
/// Ethernet, IPv4 and TCP headers.
const HEADERS: usize = 54;
/// Enough for any frame of this.
const ROOM: usize = 256;

/// `TC_ACT_REDIRECT` of `linux/pkt_cls.h`.
const TC_ACT_REDIRECT: i32 = 7;

/// The loaded harness.
pub struct Harness {
    /// A segment of an established flow for each run.
    pub segments: ProgramFd,
    /// A step of a flow's script for each run.
    pub scripts: ProgramFd,
    /// The program that costs nothing.
    pub nothing: ProgramFd,
    /// The floors: without state, with state.
    pub floors: [ProgramFd; 2],
    pub object: Ebpf,
    hook: Hook,
    run: Array<MapData, Run>,
    under_test: ProgramArray<MapData>,
}

/// What a program took, and what it left.
#[derive(Clone, Debug)]
pub struct Took {
    /// Nanoseconds of one run in the mean, the harness included.
    pub nanoseconds: f64,
    /// The last verdict.
    pub verdict: u32,
    /// The last frame.
    pub frame: Vec<u8>,
}

impl Harness {
    /// Loads it for programs of a hook, with room for so many entries in each floor; these and scripts are
    /// of XDP.
    pub fn load(hook: Hook, floor_entries: u32) -> Self {
        // Built beside the product's.
        let path = PathBuf::from(binary("VPCE_EBPF_OBJECT")).with_file_name("bench");
        let mut loader = EbpfLoader::new();
        for map in ["TRANSLATIONS", "TRACKED"] {
            loader.map_max_entries(map, floor_entries);
        }
        let mut object = loader.load_file(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let [segments, nothing, under_test] = match hook {
            Hook::Xdp => ["segments", "nothing", "UNDER_TEST"],
            Hook::Tc => ["segments_tc", "nothing_tc", "UNDER_TEST_TC"],
        };
        let under_test = object.take_map(under_test).expect("a place").try_into().expect("a program array");
        let [segments, scripts, nothing, floor, floor_state] =
            [segments, "scripts", nothing, "floor", "floor_state"].map(|name| program(&mut object, name));
        let run = object.take_map("RUN").expect("RUN").try_into().expect("an array");
        Self { segments, scripts, nothing, floors: [floor, floor_state], object, hook, run, under_test }
    }

    /// Lays `times` packets as `run` says, by one of the harness's programs, for a program under test.
    pub fn measure(&mut self, lay: &ProgramFd, test: &ProgramFd, run: &Run, ifindex: u32, times: u32) -> Took {
        self.under_test.set(0, test, 0).expect("a program of the harness's kind");
        self.run.set(0, run, 0).expect("the harness's orders");
        let frame = vec![0; (HEADERS + run.payload as usize).max(SHORTEST)];
        let mut out = [0; ROOM];
        let Repeated { verdict, frame, mean_ns } = repeat(self.hook, lay, &frame, ifindex, times, &mut out);
        Took { nanoseconds: mean_ns.into(), verdict: self.verdict(verdict), frame: frame.to_vec() }
    }

    /// A verdict as one of XDP.
    fn verdict(&self, verdict: u32) -> u32 {
        match self.hook {
            Hook::Tc if verdict.cast_signed() == TC_ACT_REDIRECT => action::REDIRECT,
            _ => verdict,
        }
    }

    /// How far the harness came.
    pub fn now(&self) -> Run {
        self.run.get(&0, 0).expect("the harness's orders")
    }
}

fn program(object: &mut Ebpf, name: &str) -> ProgramFd {
    let program = object.program_mut(name).expect("the object's program");
    let taken = match program {
        Program::Xdp(program) => program.load(),
        Program::SchedClassifier(program) => program.load(),
        other => panic!("{name}: {other:?}"),
    };
    taken.unwrap_or_else(|error| panic!("{name}: {error}"));
    program.fd().expect("a loaded program").try_clone().expect("another descriptor")
}
