//! The gateway of this test: every kind of link, endpoint and backend, with small limits.

use std::net::Ipv4Addr;

use vpce_common::{
    host::{HostPlane, SEED},
    layout::{
        Backend, Client, Dialables, Dialled, Endpoint, Epoch, Index, Ingress, LAYOUT, Link, Local, Mapping, Prefix,
        RESET, Segment, Settings, Station,
    },
    wire::{Be16, Be32, Mac},
};
use vpce_tests::{
    object::RECORDS,
    oracle::{Config, Oracle},
};

/// How many interfaces the gateway has.
pub const INTERFACES: usize = 4;
/// The interfaces' indices.
pub type Interfaces = [u32; INTERFACES];

/// How many endpoints.
pub const ENDPOINTS: u8 = 10;
/// How many backends.
pub const BACKENDS: u8 = 7;

/// One thing that happens to a gateway.
#[derive(Clone, Debug)]
pub enum Step {
    /// A frame comes in by an interface.
    Frame(u32, Vec<u8>),
    /// What refused clients are told, from now on: `settings.refuse`.
    Refuse(u32),
    /// An endpoint gets a new generation.
    Generation(usize),
    /// A backend is lost, or found again.
    Reach(usize, bool),
}

/// Timers that never end here.
const LONG: u32 = u32::MAX / 4;

fn ip(text: &str) -> Be32 {
    text.parse::<Ipv4Addr>().expect("an address").into()
}

fn mac(kind: u8, number: u8) -> Mac {
    Mac([2, kind, 0, 0, 0, number])
}

/// The model of it.
pub fn model(interfaces: Interfaces) -> Oracle {
    Oracle::new(Config::of(&plane(interfaces)))
}

/// What the agent would write into the maps.
pub fn plane(interfaces: Interfaces) -> HostPlane {
    let settings = Settings {
        layout: LAYOUT,
        transit: ip("198.19.128.0"),
        transit_mask: ip("255.255.128.0"),
        refuse: RESET,
        errors: u32::MAX,
        fragments: LONG,
        second: 1000,
        epoch: Epoch::FIRST,
        reserved: 0,
        index: Index::new(RECORDS, SEED),
    };
    let mut plane = HostPlane { settings: Some(settings), ..HostPlane::default() };
    links(&mut plane, interfaces);
    let backend = |address, link, vpc, reachable| Backend {
        address: ip(address),
        link,
        station: Station { mac: mac(0xb, 1), hop: mac(0xc, 1), vtep: ip("192.0.2.9") },
        vpc,
        reachable,
    };
    plane.backends = vec![
        backend("10.0.0.5", 4, 3, 1),
        backend("10.0.0.5", 5, 4, 1),
        backend("10.0.0.5", 6, 3, 1),
        backend("10.0.0.6", 5, 4, 0),
        backend("0.0.0.0", 4, 3, 1),
        backend("0.0.0.0", 5, 4, 1),
        backend("10.0.0.7", 7, 4, 1),
    ];
    // Backend, limit, records, accepted, every port.
    let endpoints = [
        (0, 12, 16, 1, 0),
        (1, 6, 8, 1, 0),
        (2, 30, 64, 1, 0),
        (0, 10, 16, 0, 0),
        (3, 10, 16, 1, 0),
        (4, 20, 32, 1, 1),
        (5, 20, 32, 1, 0),
        (6, 10, 16, 1, 0),
        (1, 100, 4, 1, 0),
        (2, 20, 32, 0, 1),
    ];
    let mut first_slot = 0;
    for (number, (backend, limit, slots, accepted, all_ports)) in (0..).zip(endpoints) {
        plane.open_block(Endpoint {
            generation: 1,
            limit,
            backend,
            first_slot,
            slots,
            transit: Be32::new(ip("198.19.128.1").get() + number),
            accepted,
            all_ports,
            listed: u8::from(number == LISTED),
            opening: LONG,
            established: LONG,
            closing: LONG,
            udp: LONG,
        });
        first_slot += slots;
    }
    names(&mut plane);
    plane
}

fn links(plane: &mut HostPlane, interfaces: Interfaces) {
    let [first, second, third, fourth] = interfaces;
    let links = [
        (first, 1, Segment::UNTAGGED, 1500),
        (first, 1, Segment::vlan(10), 1400),
        (second, 2, Segment::vlan(7), 1500),
        (third, 2, Segment::vxlan(77), 1450),
        (second, 3, Segment::UNTAGGED, 1500),
        (third, 4, Segment::vxlan(0x00ab_cdef), 1280),
        (fourth, 3, Segment::vlan(4094), 1500),
        (0, 4, Segment::vlan(99), 1500),
        (fourth, 1, Segment::vxlan(77), 1300),
    ];
    let address = ip("10.0.0.254");
    for (number, (ifindex, vpc, segment, mtu)) in (0..).zip(links) {
        // Prefixes of 1 and 2 lead anywhere; in 3 and 4 there is nothing to dial but the gateway itself.
        let dialables = if vpc < 3 { Dialables::ALL } else { Dialables::NONE.with(address) };
        let mac = mac(0xa, u8::try_from(number).expect("few links"));
        let local = if segment.is_vxlan() { ip("192.0.2.1") } else { Be32::default() };
        plane.links.push(Link { ifindex, address, mac, vpc, segment, local, mtu, peer: 0, dialables });
        if ifindex != 0 {
            plane.ingress.insert(Ingress { ifindex, segment }, number);
        }
    }
}

/// The endpoint that lists its clients.
const LISTED: u32 = 2;

fn names(plane: &mut HostPlane) {
    let addresses = [
        (1, "10.0.0.100", 0),
        (2, "10.0.0.100", 1),
        (1, "10.0.0.101", 2),
        (1, "10.0.0.102", 3),
        (2, "10.0.0.103", 4),
        (2, "10.0.0.104", 7),
        (1, "10.0.0.106", 8),
    ];
    for (vpc, address, endpoint) in addresses {
        plane.addresses.insert(Local { vpc, address: ip(address) }, endpoint);
    }
    // 2.4.255.0 looks like the option for the largest segment.
    let prefixes = [
        (1, "203.0.113.0", 24, 5),
        (1, "203.0.113.64", 26, 6),
        (2, "203.0.113.0", 24, 9),
        (1, "2.4.255.0", 24, 5),
        (2, "2.4.0.0", 16, 6),
    ];
    for (vpc, network, bits, endpoint) in prefixes {
        plane.prefixes.insert((bits, Prefix { vpc, network: ip(network) }), endpoint);
    }
    for (bits, network) in [(30, "10.0.0.4"), (8, "11.0.0.0")] {
        plane.clients.insert((bits, Client { endpoint: LISTED, network: ip(network) }));
    }
    for endpoint in [0, 1, 2, 3, 4, 6, 7, 8] {
        for (protocol, endpoint_port, server_port) in [(6, 80, 8080), (17, 53, 5353), (6, 443, 443), (17, 80, 80)] {
            let dialled = Dialled { endpoint, endpoint_port: Be16::new(endpoint_port), protocol };
            plane.mappings.insert(dialled, Mapping { server_port: Be16::new(server_port), reserved: 0 });
        }
    }
}
