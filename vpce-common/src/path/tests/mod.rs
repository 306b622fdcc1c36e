//! The path on the host, one promise a test. Frames are made and read by etherparse.

mod attachments;
mod fast;
mod fragments;
mod gateway;
mod icmp;
mod tcp;
mod told;
mod udp;

use etherparse::{PacketBuilder, SlicedPacket, TransportSlice};

use super::Verdict;
use crate::{
    host::{HostPlane, SEED},
    layout::{
        Backend, Dialables, Dialled, Endpoint, Epoch, Index, Ingress, LAYOUT, Link, Local, Mapping, RESET, Segment,
        Settings, Station,
    },
    wire::{Be16, Be32, Mac, TCP},
};

const CLIENT_SIDE: u32 = 11;
const BACKEND_SIDE: u32 = 12;
const CLIENT_MAC: Mac = Mac([2, 0, 0, 0, 0, 0xc]);
const BACKEND_MAC: Mac = Mac([2, 0, 0, 0, 0, 0xb]);
const GATEWAY_MACS: [Mac; 2] = [Mac([2, 0, 0, 0, 1, 1]), Mac([2, 0, 0, 0, 1, 2])];
const CLIENT: [u8; 4] = [10, 0, 0, 5];
const BACKEND: [u8; 4] = [10, 0, 0, 5];
const ENDPOINT: [u8; 4] = [10, 0, 0, 100];
const OWN: [u8; 4] = [10, 0, 0, 254];
const TRANSIT: [u8; 4] = [198, 19, 128, 7];
const LIMIT: u32 = 3;
const SLOTS: u32 = 64;
const MTU: u32 = 1500;

fn be(octets: [u8; 4]) -> Be32 {
    Be32::from_wire(octets)
}

fn plane() -> HostPlane {
    let mut plane = HostPlane {
        settings: Some(Settings {
            layout: LAYOUT,
            transit: be([198, 19, 128, 0]),
            transit_mask: be([255, 255, 128, 0]),
            refuse: RESET,
            errors: 10,
            fragments: 30,
            second: 100,
            epoch: Epoch::FIRST,
            reserved: 0,
            index: Index::new(SLOTS, SEED),
        }),
        ..HostPlane::default()
    };
    for (number, (ifindex, vpc)) in (0..).zip([(CLIENT_SIDE, 1), (BACKEND_SIDE, 2)]) {
        plane.ingress.insert(Ingress { ifindex, segment: Segment::UNTAGGED }, number);
        plane.links.push(Link {
            ifindex,
            address: be(OWN),
            mac: GATEWAY_MACS[number as usize],
            vpc,
            segment: Segment::UNTAGGED,
            local: be([0; 4]),
            mtu: MTU,
            peer: 0,
            dialables: Dialables::ALL,
        });
    }
    plane.addresses.insert(Local { vpc: 1, address: be(ENDPOINT) }, 0);
    publish(&mut plane, 80, TCP, 8080);
    plane.backends.push(Backend { address: be(BACKEND), link: 1, station: at(BACKEND_MAC), vpc: 2, reachable: 1 });
    plane.open_block(ENDPOINT_ENTRY);
    plane
}

const ENDPOINT_ENTRY: Endpoint = Endpoint {
    generation: 1,
    limit: LIMIT,
    backend: 0,
    first_slot: 0,
    slots: SLOTS,
    transit: Be32::from_wire(TRANSIT),
    accepted: 1,
    all_ports: 0,
    listed: 0,
    opening: 100,
    established: 1000,
    closing: 240,
    udp: 300,
};

/// A station on a plain link.
fn at(mac: Mac) -> Station {
    Station { mac, ..Station::default() }
}

fn publish(plane: &mut HostPlane, client: u16, protocol: u8, server: u16) {
    let dialled = Dialled { endpoint: 0, endpoint_port: Be16::new(client), protocol: protocol.into() };
    plane.mappings.insert(dialled, Mapping { server_port: Be16::new(server), reserved: 0 });
}

#[derive(Clone, Copy)]
struct Tcp {
    flags: &'static str,
    seq: u32,
    ack: u32,
}

const SYN: Tcp = Tcp { flags: "S", seq: 1000, ack: 0 };

fn frame(from: ([u8; 4], u16), to: ([u8; 4], u16), macs: (Mac, Mac), tcp: Tcp, payload: &[u8]) -> Vec<u8> {
    let mut builder =
        PacketBuilder::ethernet2(macs.0.0, macs.1.0).ipv4(from.0, to.0, 64).tcp(from.1, to.1, tcp.seq, 9000);
    for flag in tcp.flags.chars() {
        builder = match flag {
            'S' => builder.syn(),
            'A' => builder.ack(tcp.ack),
            'F' => builder.fin(),
            'R' => builder.rst(),
            other => panic!("no flag {other}"),
        };
    }
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    frame
}

fn from_client(port: u16, tcp: Tcp, payload: &[u8]) -> Vec<u8> {
    frame((CLIENT, port), (ENDPOINT, 80), (CLIENT_MAC, GATEWAY_MACS[0]), tcp, payload)
}

fn from_backend(transit_port: u16, tcp: Tcp, payload: &[u8]) -> Vec<u8> {
    frame((BACKEND, 8080), (TRANSIT, transit_port), (BACKEND_MAC, GATEWAY_MACS[1]), tcp, payload)
}

/// Addresses, ports, flags, MACs of a frame whose checksums are right.
struct Seen {
    macs: (Mac, Mac),
    from: ([u8; 4], u16),
    to: ([u8; 4], u16),
    ttl: u8,
    flags: (bool, bool, bool),
    ack: u32,
}

fn seen(frame: &[u8]) -> Seen {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(etherparse::NetSlice::Ipv4(ip)) = packet.net else { panic!("no IPv4: {frame:?}") };
    let Some(TransportSlice::Tcp(tcp)) = packet.transport else { panic!("no TCP: {frame:?}") };
    assert_eq!(ip.header().to_header().calc_header_checksum(), ip.header().header_checksum(), "IP checksum");
    let right = tcp.calc_checksum_ipv4(ip.header().source(), ip.header().destination()).unwrap();
    assert_eq!(right, tcp.checksum(), "TCP checksum");
    let mac = |at: usize| Mac(frame[at..at + 6].try_into().unwrap());
    Seen {
        macs: (mac(6), mac(0)),
        from: (ip.header().source(), tcp.source_port()),
        to: (ip.header().destination(), tcp.destination_port()),
        ttl: ip.header().ttl(),
        flags: (tcp.syn(), tcp.ack(), tcp.rst()),
        ack: tcp.acknowledgment_number(),
    }
}

/// Sends a segment from the client; answers the transit port where it went through.
fn forward(plane: &HostPlane, port: u16, tcp: Tcp, payload: &[u8]) -> Result<u16, Verdict> {
    let mut frame = from_client(port, tcp, payload);
    match plane.run(&mut frame, CLIENT_SIDE) {
        Verdict::Forward(BACKEND_SIDE) => Ok(seen(&frame).from.1),
        verdict => Err(verdict),
    }
}

fn reply(plane: &HostPlane, transit_port: u16, tcp: Tcp, payload: &[u8]) -> Verdict {
    plane.run(&mut from_backend(transit_port, tcp, payload), BACKEND_SIDE)
}

/// Opens a connection; answers its transit port.
fn connect(plane: &HostPlane, port: u16) -> u16 {
    let transit_port = forward(plane, port, SYN, &[]).unwrap();
    let syn_ack = Tcp { flags: "SA", seq: 5000, ack: 1001 };
    assert_eq!(reply(plane, transit_port, syn_ack, &[]), Verdict::Reply(CLIENT_SIDE));
    assert_eq!(forward(plane, port, Tcp { flags: "A", seq: 1001, ack: 5001 }, &[]), Ok(transit_port));
    transit_port
}

fn open(plane: &HostPlane) -> u32 {
    plane.admissions[0].connections.open()
}
