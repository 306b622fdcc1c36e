//! Nanoseconds of one packet in the program, by `BPF_PROG_TEST_RUN`'s own clock.
//!
//! A harness in the kernel lays each packet anew, for ever other flows, and calls the program under test
//! (`tests/ebpf/src/bench`); what it costs with a program that does nothing is subtracted. Every run is
//! checked: the program's counters say that each packet ended as it should, the floors leave the very
//! frame that the gateway leaves, and at the end an exact RST closes every flow, which the program
//! believes only where it has followed all of its segments.

mod floor;
mod gateway;
mod harness;

use std::{collections::HashMap, process::Command};

use aya::programs::ProgramFd;
use nix::net::if_::if_nametoindex;
use vpce_tests::{
    Hook, Link, Rig,
    frames::flag::{ACK, FIN, RST, SYN},
    object::on_cpu,
    output,
};
use vpce_tests_ebpf::harness::{BACKEND, CLIENT, FROM_BACKEND, Run, Side};

use self::{
    floor::Floors,
    gateway::{Counted, Gateway, OWN_MACS, STATIONS, Size},
    harness::Harness,
};
use crate::{
    effort::Effort,
    row::{Goal, Row, median},
};

/// The floor with state: what goals are relative to.
const STATE: &str = "floor with state";
/// The floor without.
const STATELESS: &str = "stateless floor";
/// The most flows, as a power of two.
const MOST: u32 = 20;
/// Not the first, which takes the machine's interrupts.
const CPU: usize = 1;

/// Numbers of flows as powers of two, with their goals: forward and reply as a ratio to the floor with
/// state, and in nanoseconds.
const FLOWS: [(u32, [f64; 2], Option<[f64; 2]>); 4] = [
    (0, [0.8, 0.6], Some([50.0, 35.0])),
    (10, [0.8, 0.6], Some([50.0, 35.0])),
    (17, [0.8, 0.45], None),
    (MOST, [0.85, 0.4], None),
];

/// Measures the section.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    let rig = Rig::same_cidr().build();
    rig.gateway().run(|| {
        on_cpu(CPU);
        before_others();
        let mut bench = Bench {
            rig: &rig,
            harness: Harness::load(Hook::Xdp, 2 << MOST),
            rounds: effort.rounds(),
            times: effort.pick(1 << 17, 1 << 19),
            laid: Vec::new(),
        };
        let mut rows = bench.established();
        rows.extend(bench.classifier());
        rows.extend(bench.endpoints());
        rows.extend(bench.openings());
        rows.extend(bench.passed());
        let laid = median(&bench.laid).expect("rounds");
        notes.push(format!(
            "packet: TCP over IPv4, {} bytes of data in order, by BPF_PROG_TEST_RUN on one CPU; \
             the harness, {laid:.0} ns a packet, is subtracted",
            gateway::PAYLOAD,
        ));
        rows
    })
}

struct Bench<'r> {
    rig: &'r Rig,
    harness: Harness,
    rounds: usize,
    /// Packets of one run, at least.
    times: u32,
    /// What the harness took in each round.
    laid: Vec<f64>,
}

/// What each round gave, by what was measured, the harness subtracted.
type Samples = HashMap<(usize, &'static str), Vec<f64>>;

impl Bench<'_> {
    /// Packets of established flows, beside the floors.
    fn established(&mut self) -> Vec<Row> {
        let [client, backend] = [interface(self.rig.client_link(1)), interface(self.rig.backend_link(1))];
        let size = Size { endpoints: 1, slots: 1 << MOST };
        let mut floors = Floors::of(&mut self.harness);
        let mut gateway = Gateway::load(self.rig, Hook::Xdp, "flows", size, [client, backend]);
        let mut rows = Vec::new();
        for (bits, ratios, nanoseconds) in FLOWS {
            gateway.renew();
            gateway.open(&mut self.harness, bits);
            floors.grow(&size.flows(bits), [client, backend]);
            let mut samples = Samples::new();
            // The first round warms up.
            for round in 0..=self.rounds {
                for side in [CLIENT, BACKEND] {
                    self.compare(&mut gateway, bits, side, (round > 0).then_some(&mut samples));
                }
            }
            gateway.reset(&mut self.harness);
            for side in [CLIENT, BACKEND] {
                let mut of = |name| samples.remove(&(side, name)).expect("rounds");
                let mut row = Row::new(format!("{}, {}", DIRECTIONS[side], flows(bits)), "ns");
                row = row.measured(of("vpce")).beside(STATE, of(STATE)).beside(STATELESS, of(STATELESS));
                if let Some(nanoseconds) = nanoseconds {
                    row = row.goal(Goal::at_most(nanoseconds[side]));
                }
                row = row.goal(Goal::at_most(ratios[side]).of(STATE));
                rows.push(if [0, MOST].contains(&bits) { row.headline() } else { row });
            }
        }
        rows
    }

    /// One round of one direction: the harness, the gateway, the floors.
    fn compare(&mut self, gateway: &mut Gateway, bits: u32, side: usize, samples: Option<&mut Samples>) {
        let times = self.times(bits);
        let run = gateway.data(side);
        let from = gateway.interfaces[side];
        let lay = copy(&self.harness.segments);
        let nothing = copy(&self.harness.nothing);
        let harness = self.harness.measure(&lay, &nothing, &run, from, times).nanoseconds;
        let end = if side == CLIENT { Counted::Forwarded } else { Counted::Replied };
        let ours = gateway.measure(&mut self.harness, &run, times, from, &[(end, times)]);
        gateway.saw(side, times);
        let [stateless, state] = [0, 1].map(|floor| {
            let program = copy(&self.harness.floors[floor]);
            let took = self.harness.measure(&lay, &program, &run, from, times);
            assert_eq!(took.frame, ours.frame, "a floor leaves what the gateway leaves");
            took.nanoseconds
        });
        if let Some(samples) = samples {
            self.laid.push(harness);
            for (name, took) in [("vpce", ours.nanoseconds), (STATE, state), (STATELESS, stateless)] {
                samples.entry((side, name)).or_default().push(took - harness);
            }
        }
    }

    /// One flow's packets at the TC hook, where checksums are changed by the kernel's helpers; the floors are
    /// those of XDP.
    fn classifier(&mut self) -> Vec<Row> {
        let interfaces = [interface(self.rig.client_link(1)), interface(self.rig.backend_link(1))];
        let size = Size { endpoints: 1, slots: 4096 };
        let (mut ours, mut others) = (Harness::load(Hook::Tc, 2), Harness::load(Hook::Xdp, 2));
        let mut floors = Floors::of(&mut others);
        let mut gateway = Gateway::load(self.rig, Hook::Tc, "classifier", size, interfaces);
        gateway.open(&mut ours, 0);
        floors.grow(&size.flows(0), interfaces);
        let mut samples: [[Vec<f64>; 3]; 2] = Default::default();
        for round in 0..=self.rounds {
            for (side, samples) in samples.iter_mut().enumerate() {
                let (run, from) = (gateway.data(side), interfaces[side]);
                let end = if side == CLIENT { Counted::Forwarded } else { Counted::Replied };
                let nothing = copy(&ours.nothing);
                let lay = copy(&ours.segments);
                let harness = ours.measure(&lay, &nothing, &run, from, self.times).nanoseconds;
                let took = gateway.measure(&mut ours, &run, self.times, from, &[(end, self.times)]);
                gateway.saw(side, self.times);
                let (nothing, lay) = (copy(&others.nothing), copy(&others.segments));
                let bare = others.measure(&lay, &nothing, &run, from, self.times).nanoseconds;
                let floors = [1, 0].map(|floor| {
                    let program = copy(&others.floors[floor]);
                    others.measure(&lay, &program, &run, from, self.times).nanoseconds - bare
                });
                if round > 0 {
                    let figures = [took.nanoseconds - harness, floors[0], floors[1]];
                    samples.iter_mut().zip(figures).for_each(|(samples, figure)| samples.push(figure));
                }
            }
        }
        gateway.reset(&mut ours);
        let rows = samples.into_iter().zip(DIRECTIONS).map(|([took, state, stateless], direction)| {
            let row = Row::new(format!("{direction}, 1 flow, at TC"), "ns").measured(took);
            row.beside(STATE, state).beside(STATELESS, stateless)
        });
        rows.collect()
    }

    /// The same flows on one endpoint, and spread over very many.
    fn endpoints(&mut self) -> Vec<Row> {
        const BITS: u32 = 17;
        const MANY: u32 = 10_000;
        let interfaces = [interface(self.rig.client_link(1)), interface(self.rig.backend_link(1))];
        let sizes = [Size { endpoints: 1, slots: 1 << BITS }, Size { endpoints: MANY, slots: 16 }];
        let mut gateways: Vec<_> = (1..)
            .zip(sizes)
            .map(|(n, size)| Gateway::load(self.rig, Hook::Xdp, &format!("endpoints-{n}"), size, interfaces))
            .collect();
        for gateway in &mut gateways {
            gateway.open(&mut self.harness, BITS);
        }
        let lay = copy(&self.harness.segments);
        let nothing = copy(&self.harness.nothing);
        let times = self.times(BITS);
        let mut samples: [[Vec<f64>; 2]; 2] = Default::default();
        for round in 0..=self.rounds {
            for side in [CLIENT, BACKEND] {
                for (gateway, samples) in gateways.iter_mut().zip(&mut samples) {
                    let (run, from) = (gateway.data(side), interfaces[side]);
                    let harness = self.harness.measure(&lay, &nothing, &run, from, times).nanoseconds;
                    let end = if side == CLIENT { Counted::Forwarded } else { Counted::Replied };
                    let took = gateway.measure(&mut self.harness, &run, times, from, &[(end, times)]);
                    gateway.saw(side, times);
                    if round > 0 {
                        samples[side].push(took.nanoseconds - harness);
                    }
                }
            }
        }
        for gateway in &mut gateways {
            gateway.reset(&mut self.harness);
        }
        let [one, many] = samples;
        let rows = one.into_iter().zip(many).zip(DIRECTIONS).map(|((one, many), direction)| {
            Row::new(format!("{direction}, {}, on 10,000 endpoints", flows(BITS)), "ns")
                .measured(many)
                .beside("one endpoint", one)
                .goal(Goal::at_most(1.1).of("one endpoint"))
        });
        rows.collect()
    }

    /// Flows that begin and end, of ever other clients, on one endpoint of the usual size.
    fn openings(&mut self) -> Vec<Row> {
        const B: u16 = FROM_BACKEND;
        let [syn, ack, fin, rst] = [SYN, ACK, FIN, RST].map(u16::from);
        let client = interface(self.rig.client_link(1));
        let gateway = Gateway::load(self.rig, Hook::Xdp, "openings", Size { endpoints: 1, slots: 4096 }, [client; 2]);
        let short = [syn, rst];
        let whole = [syn, B | syn | ack, ack, fin | ack, B | fin | ack, ack];
        let mut samples: [Vec<f64>; 2] = Default::default();
        let scripts: [(&[u16], u32); 2] = [(&short, 0), (&whole, 2)];
        let mut runs = scripts.map(|(script, _)| gateway.script(16, script));
        let lay = copy(&self.harness.scripts);
        let nothing = copy(&self.harness.nothing);
        for round in 0..=self.rounds {
            for (place, (script, replies)) in scripts.iter().enumerate() {
                let steps = u32::try_from(script.len()).expect("few steps");
                let flows = self.times / 4;
                let (times, replied) = (flows * steps, flows * replies);
                let run = &mut runs[place];
                let harness = self.harness.measure(&lay, &nothing, run, client, times).nanoseconds;
                let ends = [(Counted::Forwarded, times - replied), (Counted::Replied, replied)];
                let took = gateway.measure(&mut self.harness, run, times, client, &ends);
                *run = self.harness.now();
                if round > 0 {
                    samples[place].push((took.nanoseconds - harness) * f64::from(steps));
                }
            }
        }
        assert_eq!(gateway.object.open(0), 0, "every connection that began has ended");
        let [short, whole] = samples;
        vec![
            Row::new("a flow's SYN and RST", "ns").measured(short).goal(Goal::at_most(500.0)),
            Row::new("a flow's six packets, SYN to last ACK", "ns").measured(whole),
        ]
    }

    /// What is not for the gateway.
    fn passed(&mut self) -> Vec<Row> {
        const BITS: u32 = 10;
        let attached = interface(self.rig.client_link(1));
        let other = interface(self.rig.client_link(2));
        let gateway = Gateway::load(self.rig, Hook::Xdp, "passed", Size { endpoints: 1, slots: 4096 }, [attached; 2]);
        let flows = Size { endpoints: 1, slots: 4096 }.flows(BITS);
        let elsewhere = vpce_tests_ebpf::harness::Flows { endpoint: flows.endpoint + 1, ..flows };
        let run = |to, flows| {
            let headers: Side = gateway::headers(to, STATIONS[CLIENT], 0);
            let script = [u16::from(ACK), 0, 0, 0, 0, 0, 0, 0];
            Run { flows, script, sides: [headers; 2], ..Run::default() }
        };
        let cases = [
            ("to another's MAC", attached, run(STATIONS[BACKEND], flows)),
            ("to an address that is no endpoint's", attached, run(OWN_MACS[CLIENT], elsewhere)),
            ("by an interface without an attachment", other, run(OWN_MACS[CLIENT], flows)),
        ];
        let lay = copy(&self.harness.segments);
        let nothing = copy(&self.harness.nothing);
        let mut samples: [Vec<f64>; 3] = Default::default();
        for round in 0..=self.rounds {
            for ((_, from, run), samples) in cases.iter().zip(&mut samples) {
                let harness = self.harness.measure(&lay, &nothing, run, *from, self.times).nanoseconds;
                let ends = [(Counted::Passed, self.times)];
                let took = gateway.measure(&mut self.harness, run, self.times, *from, &ends);
                if round > 0 {
                    samples.push(took.nanoseconds - harness);
                }
            }
        }
        let rows = cases.iter().zip(samples).map(|((name, ..), samples)| {
            Row::new(format!("passed on: {name}"), "ns").measured(samples).goal(Goal::at_most(25.0))
        });
        rows.collect()
    }

    /// Packets of one run: so many of each flow that it matters little how cold the first ones found the
    /// caches; of the most flows, which no cache holds, one each.
    fn times(&self, bits: u32) -> u32 {
        (8 << bits).clamp(self.times, 1 << MOST)
    }
}

/// Lets this thread go before others on its CPU: the kernel's clock runs on while others are there.
fn before_others() {
    let thread = nix::unistd::gettid().to_string();
    output(Command::new("renice").args(["--priority", "-20", "--pid", &thread]));
}

fn interface(link: &Link) -> u32 {
    if_nametoindex(link.interface()).expect("an interface of the rig")
}

const DIRECTIONS: [&str; 2] = ["forward", "reply"];

/// `1 flow`, `131,072 flows`.
fn flows(bits: u32) -> String {
    match 1u32 << bits {
        1 => "1 flow".to_owned(),
        count if count < 10_000 => format!("{count} flows"),
        count if count < 1_000_000 => format!("{},{:03} flows", count / 1000, count % 1000),
        count => format!("{},{:03},{:03} flows", count / 1_000_000, count / 1000 % 1000, count % 1000),
    }
}

fn copy(program: &ProgramFd) -> ProgramFd {
    program.try_clone().expect("another descriptor")
}
