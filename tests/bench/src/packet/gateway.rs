//! The gateway under test: the program as shipped, on maps filled as an agent would, and its flows.

use std::net::Ipv4Addr;

use vpce_common::{
    checksum,
    host::{HostPlane, SEED},
    layout::{
        ADDRESS_SLOTS, Backend, Dialables, Dialled, Endpoint, Epoch, FIRST_PORT, Index, Ingress, LAYOUT, Link, Local,
        Mapping, RESET, Segment, Settings, Station,
    },
    wire::{Be16, Be32, Mac},
};
use vpce_tests::{
    Hook, Rig,
    frames::flag::{ACK, RST, SYN},
    object::{Object, action},
};
use vpce_tests_ebpf::harness::{BACKEND, CLIENT, Flows, Run, Side};

use super::harness::{Harness, Took};

/// Timers that never end here.
const LONG: u32 = u32::MAX / 4;
/// The gateway's Ethernet address towards clients and towards backends.
pub const OWN_MACS: [[u8; 6]; 2] = [[2, 0xa, 0, 0, 0, 1], [2, 0xa, 0, 0, 0, 2]];
/// The Ethernet address of clients, and of the backend.
pub const STATIONS: [[u8; 6]; 2] = [[2, 0xc, 0, 0, 0, 1], [2, 0xb, 0, 0, 0, 1]];
const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
const FIRST_ENDPOINT: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);
const FIRST_TRANSIT: Ipv4Addr = Ipv4Addr::new(198, 19, 128, 1);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);
const ENDPOINT_PORT: u16 = 80;
const SERVER_PORT: u16 = 8080;
/// First sequence numbers of clients, and of backends.
pub const FIRST_NUMBERS: [u32; 2] = [0x1234_5678, 0x9abc_def0];
/// Bytes of data in each segment of an established flow.
pub const PAYLOAD: u32 = 64;

/// How a gateway is filled.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Endpoints, each of the same block.
    pub endpoints: u32,
    /// Flow records of each: a power of two.
    pub slots: u32,
}

/// The gateway, its interfaces, and how far its flows are.
pub struct Gateway {
    /// The program.
    pub object: Object,
    /// Interfaces towards clients and towards backends.
    pub interfaces: [u32; 2],
    size: Size,
    plane: HostPlane,
    flows: Flows,
    /// Data segments that each flow has had from each side.
    sent: [u64; 2],
}

/// Where in the program's counters a packet is found that was …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// … passed on.
    Passed = 1,
    /// … translated towards the backend.
    Forwarded = 2,
    /// … translated towards the client.
    Replied = 3,
}

impl Size {
    fn records(self) -> u32 {
        self.endpoints * self.slots
    }

    fn share(self) -> u32 {
        self.slots.min(ADDRESS_SLOTS)
    }

    /// Of 2 to the power of `bits` flows, spread over all endpoints.
    pub fn flows(self, bits: u32) -> Flows {
        Flows {
            bits,
            endpoints: self.endpoints,
            reciprocal: (1u64 << 32).div_ceil(self.endpoints.into()),
            client: FIRST_CLIENT.into(),
            endpoint: FIRST_ENDPOINT.into(),
            endpoint_port: ENDPOINT_PORT.into(),
            transit: FIRST_TRANSIT.into(),
            stride: self.slots / self.share(),
            share_bits: self.share().ilog2(),
            // The first use of a record has the second of its ports.
            transit_port: FIRST_PORT + self.share(),
            server: SERVER.into(),
            server_port: SERVER_PORT.into(),
            ordered: 0,
        }
    }
}

impl Gateway {
    /// Loads the program on maps of its own; clients and backends are one VPC where `interfaces` are one.
    pub fn load(rig: &Rig, hook: Hook, name: &str, size: Size, interfaces: [u32; 2]) -> Self {
        let object = Object::beside(rig, hook, name, size.records());
        let plane = plane(size, interfaces);
        object.fill(&plane);
        Self { object, interfaces, size, plane, flows: size.flows(0), sent: [0; 2] }
    }

    /// Forgets all flows.
    pub fn renew(&mut self) {
        self.object.fill(&self.plane);
    }

    /// Opens 2 to the power of `bits` flows by their handshakes.
    pub fn open(&mut self, harness: &mut Harness, bits: u32) {
        self.flows = self.size.flows(bits);
        self.sent = [0; 2];
        let [client, backend] = FIRST_NUMBERS;
        self.all(harness, CLIENT, SYN, (client, 0));
        self.all(harness, BACKEND, SYN | ACK, (backend, client.wrapping_add(1)));
        self.all(harness, CLIENT, ACK, (client.wrapping_add(1), backend.wrapping_add(1)));
    }

    /// Ends all flows by the one RST that is exact, which is believed only where the program followed
    /// every segment of every flow.
    pub fn reset(&mut self, harness: &mut Harness) {
        self.all(harness, CLIENT, RST, (self.next(CLIENT), 0));
        let open: u32 = (0..self.size.endpoints).map(|endpoint| self.object.open(endpoint)).sum();
        assert_eq!(open, 0, "connections that an exact RST did not end");
    }

    /// Data of all flows, without a pattern, from one side: what each sends next. A multiple of the
    /// flows' number of times.
    pub fn data(&self, side: usize) -> Run {
        let run = Run { payload: PAYLOAD, count: self.sent[side] << self.flows.bits, ..self.run(side, ACK) };
        let mut run = self.numbered(run, side, (FIRST_NUMBERS[side].wrapping_add(1), self.next(1 - side)));
        run.flows.ordered = 0;
        run
    }

    /// Notes that the gateway has seen data.
    pub fn saw(&mut self, side: usize, times: u32) {
        self.sent[side] += u64::from(times >> self.flows.bits);
    }

    /// Lays packets for the program and counts them: each must have ended so.
    pub fn measure(&self, harness: &mut Harness, run: &Run, times: u32, from: u32, ends: &[(Counted, u32)]) -> Took {
        let lay = if run.steps == 0 { &harness.segments } else { &harness.scripts };
        let lay = lay.try_clone().expect("another descriptor");
        let before = self.object.totals();
        let took = harness.measure(&lay, self.object.program(), run, from, times);
        let counted = self.object.totals().into_iter().zip(before).map(|(now, then)| now - then);
        for (place, count) in counted.enumerate().skip(1) {
            let expected = ends.iter().find(|(end, _)| *end as usize == place).map_or(0, |(_, times)| *times);
            assert_eq!(count, u64::from(expected), "packets of counter {place}, of {times} from {from}: {ends:?}");
        }
        let passed = ends.iter().any(|(end, _)| *end == Counted::Passed);
        assert_eq!(took.verdict, if passed { action::PASS } else { action::REDIRECT }, "the last verdict");
        took
    }

    /// One segment of each flow, in order.
    fn all(&self, harness: &mut Harness, side: usize, flags: u8, numbers: (u32, u32)) {
        let run = self.numbered(self.run(side, flags), side, numbers);
        let times = 1 << self.flows.bits;
        let end = if side == CLIENT { Counted::Forwarded } else { Counted::Replied };
        self.measure(harness, &run, times, self.interfaces[side], &[(end, times)]);
    }

    /// The next number that a side would send.
    #[expect(clippy::cast_possible_truncation, reason = "sequence numbers go round")]
    fn next(&self, side: usize) -> u32 {
        FIRST_NUMBERS[side].wrapping_add(1).wrapping_add((self.sent[side] as u32).wrapping_mul(PAYLOAD))
    }

    fn run(&self, side: usize, flags: u8) -> Run {
        let script = [flags.into(), 0, 0, 0, 0, 0, 0, 0];
        let side = side.try_into().expect("one of two");
        Run { flows: Flows { ordered: 1, ..self.flows }, side, script, ..Run::default() }
    }

    fn numbered(&self, mut run: Run, side: usize, (begins, acknowledges): (u32, u32)) -> Run {
        run.sides[side] = Side { begins, acknowledges, ..self.side(side, run.payload) };
        run
    }

    /// The headers of one side's packets.
    pub fn side(&self, side: usize, payload: u32) -> Side {
        let own = if self.interfaces[0] == self.interfaces[1] { OWN_MACS[0] } else { OWN_MACS[side] };
        headers(own, STATIONS[side], payload)
    }

    /// A script's flows, each with numbers of its own, from both sides.
    pub fn script(&self, bits: u32, script: &[u16]) -> Run {
        let mut run = Run { flows: self.size.flows(bits), ..Run::default() };
        for (place, step) in script.iter().enumerate() {
            run.script[place] = *step;
        }
        run.steps = u32::try_from(script.len()).expect("few steps");
        run.sides = [CLIENT, BACKEND].map(|side| Side { begins: FIRST_NUMBERS[side], ..self.side(side, 0) });
        run
    }
}

/// Headers without what a flow changes.
pub fn headers(to: [u8; 6], from: [u8; 6], payload: u32) -> Side {
    let length = u16::try_from(40 + payload).expect("a short packet").to_be_bytes();
    let mut frame = [0; 24];
    frame[..6].copy_from_slice(&to);
    frame[6..12].copy_from_slice(&from);
    frame[12..24].copy_from_slice(&[8, 0, 0x45, 0, length[0], length[1], 0, 1, 0x40, 0, 64, 6]);
    let word = |at: usize| u64::from_ne_bytes(frame[at..at + 8].try_into().expect("eight bytes"));
    let segment = u16::try_from(20 + payload).expect("a short packet").to_be_bytes();
    Side {
        ethernet: [word(0), word(6)],
        ip: word(14),
        ip_sum: checksum::sum(&frame[14..24]).into(),
        tcp_sum: checksum::sum(&[0, 6, segment[0], segment[1]]).into(),
        begins: 0,
        acknowledges: 0,
    }
}

/// What the agent would write into the maps.
fn plane(size: Size, interfaces: [u32; 2]) -> HostPlane {
    let settings = Settings {
        layout: LAYOUT,
        transit: Ipv4Addr::new(198, 19, 128, 0).into(),
        transit_mask: Ipv4Addr::new(255, 255, 128, 0).into(),
        refuse: RESET,
        errors: 1000,
        fragments: LONG,
        second: 1000,
        epoch: Epoch::FIRST,
        reserved: 0,
        index: Index::new(size.endpoints * size.slots, SEED),
    };
    let mut plane = HostPlane { settings: Some(settings), ..HostPlane::default() };
    let first = u32::from(FIRST_ENDPOINT);
    let addresses = (first..first + size.endpoints).map(Be32::new);
    let links = if interfaces[0] == interfaces[1] { 1 } else { 2 };
    for (number, ifindex) in (0..links).zip(interfaces) {
        let vpc = u16::try_from(number + 1).expect("few VPCs");
        let address = Be32::from(Ipv4Addr::new(10, 0, 0, 254));
        // The endpoints are in the first.
        let dialled = addresses.clone().filter(|_| number == 0);
        plane.links.push(Link {
            ifindex,
            address,
            mac: Mac(OWN_MACS[number as usize]),
            vpc,
            segment: Segment::UNTAGGED,
            local: Be32::default(),
            mtu: 1500,
            peer: 0,
            dialables: dialled.fold(Dialables::NONE.with(address), Dialables::with),
        });
        plane.ingress.insert(Ingress { ifindex, segment: Segment::UNTAGGED }, number);
    }
    let station = Station { mac: Mac(STATIONS[BACKEND]), ..Station::default() };
    let vpc = u16::try_from(links).expect("few VPCs");
    plane.backends = vec![Backend { address: SERVER.into(), link: links - 1, station, vpc, reachable: 1 }];
    let Flows { transit, stride, .. } = size.flows(0);
    for (number, address) in (0..).zip(addresses) {
        plane.open_block(Endpoint {
            generation: 1,
            limit: size.slots,
            backend: 0,
            first_slot: number * size.slots,
            slots: size.slots,
            transit: Be32::new(transit + number * stride),
            accepted: 1,
            all_ports: 0,
            listed: 0,
            opening: LONG,
            established: LONG,
            closing: LONG,
            udp: LONG,
        });
        plane.addresses.insert(Local { vpc: 1, address }, number);
        let dialled = Dialled { endpoint: number, endpoint_port: Be16::new(ENDPOINT_PORT), protocol: 6 };
        plane.mappings.insert(dialled, Mapping { server_port: Be16::new(SERVER_PORT), reserved: 0 });
    }
    plane
}
