//! The loaded object.

use std::collections::HashMap;

use nix::net::if_::if_nametoindex;
use vpce_common::{host::HostPlane, layout::Settings, reason::DropReason};
use vpce_tests::{
    Hook, Rig,
    object::{Object, Runner, action},
    oracle::Verdict,
};

use crate::{
    gateway::{End, Gateway, State, flow_state},
    world::{self, Interfaces, Step},
};

/// `BPF_PROG_TEST_RUN` takes no frame without an Ethernet header, nor does any interface.
const ETHERNET: usize = 14;

/// `EtherType` of a VLAN tag.
const TAG: [u8; 2] = [0x81, 0];

pub struct Kernel<'o> {
    object: &'o Object,
    runner: Runner<'o>,
    interfaces: Interfaces,
    plane: HostPlane,
    before: Vec<u64>,
    skipped: u64,
}

impl<'o> Kernel<'o> {
    /// On the interfaces of a rig of two tenant pairs; in its gateway's namespace.
    pub fn new(object: &'o Object, rig: &Rig) -> Self {
        let interfaces = [rig.client_link(1), rig.backend_link(1), rig.client_link(2), rig.backend_link(2)]
            .map(|link| if_nametoindex(link.interface()).expect("an interface"));
        let plane = world::plane(interfaces);
        Self { object, runner: object.runner(), interfaces, plane, before: Vec::new(), skipped: 0 }
    }

    fn begin_epoch(&mut self) {
        self.plane.begin_epoch();
        self.object.set("SETTINGS", 0, self.plane.settings.expect("settings"));
    }

    /// Bytes of the shortest frame that the kernel runs the program on: at TC its IP headers are whole.
    fn shortest(&self, frame: &[u8]) -> usize {
        match (self.object.hook(), frame.get(12..14)) {
            (Hook::Tc, Some([0x08, 0])) => ETHERNET + 20,
            (Hook::Tc, Some([0x86, 0xdd])) => ETHERNET + 40,
            _ => ETHERNET,
        }
    }
}

impl Gateway for Kernel<'_> {
    fn interfaces(&self) -> Interfaces {
        self.interfaces
    }

    fn renew(&mut self) {
        self.plane = world::plane(self.interfaces);
        self.object.fill(&self.plane);
        self.before = self.object.totals();
        self.skipped = 0;
    }

    /// Where to and why is told by the bytes and the counters.
    fn run(&mut self, step: &Step, wanted: Option<&End>) -> Option<End> {
        match step {
            Step::Refuse(how) => {
                self.plane.settings = self.plane.settings.map(|settings| Settings { refuse: *how, ..settings });
                self.object.set("SETTINGS", 0, self.plane.settings.expect("settings"));
            }
            Step::Generation(number) => {
                let endpoint = &mut self.plane.endpoints[*number];
                endpoint.generation += 1;
                self.object.set("ENDPOINTS", *number, *endpoint);
                self.begin_epoch();
            }
            Step::Reach(number, found) => {
                let backend = &mut self.plane.backends[*number];
                backend.reachable = u16::from(*found);
                self.object.set("BACKENDS", *number, *backend);
                self.begin_epoch();
            }
            Step::Frame(_, frame) if frame.len() < self.shortest(frame) => {
                self.skipped += 1;
                return Some((Verdict::Pass, frame.clone()));
            }
            Step::Frame(ifindex, frame) => {
                self.runner.sum(wanted.is_some_and(|end| keeps_sum(frame, end)));
                let (end, out) = self.runner.run(frame, *ifindex);
                let verdict = match end {
                    action::PASS => Verdict::Pass,
                    action::DROP => Verdict::Drop(DropReason::Internal),
                    action::REDIRECT => Verdict::Answer(0),
                    other => panic!("XDP action {other}"),
                };
                return Some((verdict, out.to_vec()));
            }
        }
        None
    }

    fn same(&self, end: Verdict, model: Verdict) -> bool {
        match model {
            Verdict::Pass => end == Verdict::Pass,
            Verdict::Drop(_) => matches!(end, Verdict::Drop(_)),
            _ => matches!(end, Verdict::Answer(_)),
        }
    }

    /// At TC a tag leaves beside the frame, where `BPF_PROG_TEST_RUN` does not tell it.
    fn seen(&self, mut frame: Vec<u8>) -> Vec<u8> {
        if self.object.hook() == Hook::Tc && frame.get(12..14) == Some(&TAG) {
            frame.drain(12..16);
        }
        frame
    }

    fn state(&self) -> State {
        let flows: HashMap<_, _> = self.object.flows().into_iter().collect();
        let flows = self.object.keys().into_iter().map(|(key, slot)| {
            let flow = &flows[&slot];
            flow_state(&key, flow.state.load(), flow.ends())
        });
        let endpoints = u32::try_from(self.plane.endpoints.len()).expect("few endpoints");
        let mut totals: Vec<_> = self.object.totals().iter().zip(&self.before).map(|(now, then)| now - then).collect();
        totals[0] += self.skipped;
        totals[1] += self.skipped;
        State { flows: flows.collect(), counts: self.object.counts(endpoints), totals }
    }
}

/// Whether the kernel has a sum of a frame that ends so still. Of what the gateway makes itself, and of a
/// packet that was cut, it has none, which its test takes for a wrong one.
fn keeps_sum(frame: &[u8], (end, out): &End) -> bool {
    matches!(end, Verdict::Forward(_) | Verdict::Reply(_)) && packet(frame) == packet(out)
}

/// Bytes of the packet in a frame, padding included.
fn packet(frame: &[u8]) -> usize {
    let is_vxlan = frame[12..14] == [8, 0] && frame[23] == 17 && frame[36..38] == 4789u16.to_be_bytes();
    let head = if is_vxlan {
        ETHERNET + 50
    } else if frame[12..14] == TAG {
        ETHERNET + 4
    } else {
        ETHERNET
    };
    frame.len() - head
}
