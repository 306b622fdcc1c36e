//! VLAN and VXLAN: what is around a packet comes off where it comes in, and goes on where it leaves.

use super::*;
use crate::{checksum, reason::DropReason};

const VLAN_LINK: u32 = 2;
const VXLAN_LINK: u32 = 3;
const TRUNK: u32 = 13;
const UNDERLAY: u32 = 14;
const LOCAL: [u8; 4] = [192, 0, 2, 1];
const VTEP: [u8; 4] = [192, 0, 2, 2];
const HOP: Mac = Mac([2, 0, 0, 0, 0, 0xe]);
const UNDERLAY_MAC: Mac = Mac([2, 0, 0, 0, 1, 4]);
const VNI: u32 = 0x12_3456;

/// A gateway whose client's VPC is on a VLAN and in a VXLAN too.
fn mixed() -> HostPlane {
    let mut plane = plane();
    let link = plane.links[0];
    plane.links.push(Link { ifindex: TRUNK, segment: Segment::vlan(100), ..link });
    let segment = Segment::vxlan(VNI);
    plane.links.push(Link { ifindex: UNDERLAY, segment, local: be(LOCAL), mac: UNDERLAY_MAC, mtu: 1450, ..link });
    plane.ingress.insert(Ingress { ifindex: TRUNK, segment: Segment::vlan(100) }, VLAN_LINK);
    plane.ingress.insert(Ingress { ifindex: UNDERLAY, segment }, VXLAN_LINK);
    plane
}

fn tagged(frame: &[u8], id: u16) -> Vec<u8> {
    let tci = (0b101 << 13 | id).to_be_bytes();
    [&frame[..12], &[0x81, 0], &tci, &frame[12..]].concat()
}

fn wrapped(frame: &[u8], vni: u32, to: [u8; 4]) -> Vec<u8> {
    let mut outer = Vec::new();
    let builder = PacketBuilder::ethernet2(HOP.0, UNDERLAY_MAC.0).ipv4(VTEP, to, 64).udp(50000, 4789);
    let inner = [&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes(), frame].concat();
    builder.write(&mut outer, &inner).unwrap();
    outer
}

/// A client's segment, addressed to the gateway's MAC in the VXLAN.
fn inner(tcp: Tcp) -> Vec<u8> {
    let mut frame = from_client(4000, tcp, &[]);
    frame[..6].copy_from_slice(&UNDERLAY_MAC.0);
    frame
}

#[test]
fn a_tag_comes_off_on_the_way_in_and_goes_on_on_the_way_back() {
    let plane = mixed();
    let mut syn = tagged(&from_client(4000, SYN, &[]), 100);
    assert_eq!(plane.run(&mut syn, TRUNK), Verdict::Forward(BACKEND_SIDE));
    let at_backend = seen(&syn);
    assert_eq!((at_backend.macs, at_backend.to), ((GATEWAY_MACS[1], BACKEND_MAC), (BACKEND, 8080)));
    let mut answer = from_backend(at_backend.from.1, Tcp { flags: "SA", seq: 5000, ack: 1001 }, &[]);
    assert_eq!(plane.run(&mut answer, BACKEND_SIDE), Verdict::Reply(TRUNK));
    assert_eq!(answer[12..18], [0x81, 0, 0, 100, 8, 0]);
    answer.drain(12..16);
    assert_eq!(seen(&answer).to, (CLIENT, 4000));
}

#[test]
fn another_tag_or_none_is_another_network() {
    let plane = mixed();
    for mut frame in [from_client(4000, SYN, &[]), tagged(&from_client(4000, SYN, &[]), 101)] {
        let before = frame.clone();
        assert_eq!(plane.run(&mut frame, TRUNK), Verdict::Pass);
        assert_eq!(frame, before);
    }
    // A priority tag is no tag (IEEE 802.1Q §6.9.1).
    let mut frame = tagged(&from_client(4000, SYN, &[]), 0);
    assert_eq!(plane.run(&mut frame, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
}

#[test]
fn vxlan_comes_off_on_the_way_in_and_goes_on_on_the_way_back() {
    let plane = mixed();
    let mut syn = wrapped(&inner(SYN), VNI, LOCAL);
    assert_eq!(plane.run(&mut syn, UNDERLAY), Verdict::Forward(BACKEND_SIDE));
    let at_backend = seen(&syn);
    assert_eq!((at_backend.macs, at_backend.to), ((GATEWAY_MACS[1], BACKEND_MAC), (BACKEND, 8080)));

    let mut answer = from_backend(at_backend.from.1, Tcp { flags: "SA", seq: 5000, ack: 1001 }, &[]);
    let length = answer.len();
    assert_eq!(plane.run(&mut answer, BACKEND_SIDE), Verdict::Reply(UNDERLAY));
    assert_eq!(answer.len(), length + 50);
    let outer = SlicedPacket::from_ethernet(&answer).unwrap();
    let Some(etherparse::NetSlice::Ipv4(ip)) = outer.net else { panic!("no IPv4") };
    let Some(TransportSlice::Udp(udp)) = outer.transport else { panic!("no UDP") };
    assert_eq!((ip.header().source(), ip.header().destination()), (LOCAL, VTEP));
    assert_eq!(checksum::sum(&answer[14..34]), 0xffff);
    assert_eq!((udp.destination_port(), udp.checksum(), usize::from(udp.length())), (4789, 0, length + 16));
    assert_eq!((&answer[..6], &answer[6..12]), (&HOP.0[..], &UNDERLAY_MAC.0[..]));
    assert_eq!(answer[42..50], [8, 0, 0, 0, 0x12, 0x34, 0x56, 0]);
    let at_client = seen(&answer[50..]);
    assert_eq!((at_client.macs, at_client.to), ((UNDERLAY_MAC, CLIENT_MAC), (CLIENT, 4000)));
}

#[test]
fn another_network_identifier_or_vtep_is_the_kernels() {
    let plane = mixed();
    let mut no_flag = wrapped(&inner(SYN), VNI, LOCAL);
    no_flag[42] = 0;
    for mut frame in [wrapped(&inner(SYN), VNI + 1, LOCAL), wrapped(&inner(SYN), VNI, VTEP), no_flag] {
        let before = frame.clone();
        assert_eq!(plane.run(&mut frame, UNDERLAY), Verdict::Pass);
        assert_eq!(frame, before);
    }
}

#[test]
fn answers_go_back_the_way_that_the_question_came() {
    let plane = mixed();
    let mut ask = Vec::new();
    let builder = PacketBuilder::ethernet2(CLIENT_MAC.0, UNDERLAY_MAC.0).ipv4(CLIENT, ENDPOINT, 64);
    builder.icmpv4_echo_request(7, 1).write(&mut ask, b"ping").unwrap();
    let mut ask = wrapped(&ask, VNI, LOCAL);
    assert_eq!(plane.run(&mut ask, UNDERLAY), Verdict::Answer(UNDERLAY));
    assert_eq!((&ask[26..34], &ask[50..56]), (&[LOCAL, VTEP].concat()[..], &CLIENT_MAC.0[..]));
    assert_eq!(ask[50 + 34], 0, "echo reply");

    let mut refused = frame((CLIENT, 4000), (ENDPOINT, 81), (CLIENT_MAC, GATEWAY_MACS[0]), SYN, &[]);
    refused = tagged(&refused, 100);
    assert_eq!(plane.run(&mut refused, TRUNK), Verdict::Refuse(DropReason::NoMapping, TRUNK));
    assert_eq!(refused[12..18], [0x81, 0, 0, 100, 8, 0]);
    refused.drain(12..16);
    assert_eq!((seen(&refused).to, seen(&refused).flags), ((CLIENT, 4000), (false, true, true)));
}

#[test]
fn a_backend_behind_vxlan_is_reached_and_answers() {
    let mut plane = mixed();
    plane.links[VXLAN_LINK as usize].vpc = 2;
    plane.backends[0].link = VXLAN_LINK;
    plane.backends[0].station = Station { mac: BACKEND_MAC, hop: HOP, vtep: be(VTEP) };
    let mut syn = from_client(4000, SYN, &[]);
    assert_eq!(plane.run(&mut syn, CLIENT_SIDE), Verdict::Forward(UNDERLAY));
    let at_backend = seen(&syn[50..]);
    assert_eq!((at_backend.macs.1, at_backend.to), (BACKEND_MAC, (BACKEND, 8080)));
    let port = u16::from_be_bytes([syn[34], syn[35]]);
    assert_eq!(port, at_backend.from.1 | 0xc000, "spreads over the underlay by flow");
    let mut answer = from_backend(at_backend.from.1, Tcp { flags: "SA", seq: 5000, ack: 1001 }, &[]);
    answer[..6].copy_from_slice(&UNDERLAY_MAC.0);
    let mut answer = wrapped(&answer, VNI, LOCAL);
    assert_eq!(plane.run(&mut answer, UNDERLAY), Verdict::Reply(CLIENT_SIDE));
    assert_eq!(seen(&answer).to, (CLIENT, 4000));
}
