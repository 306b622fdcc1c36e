//! UDP on the host.

use super::*;
use crate::{reason::DropReason, wire::UDP};

pub(super) fn udp(from: ([u8; 4], u16), to: ([u8; 4], u16), macs: (Mac, Mac), payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(macs.0.0, macs.1.0).ipv4(from.0, to.0, 64).udp(from.1, to.1);
    builder.write(&mut frame, payload).unwrap();
    frame
}

/// The ports of a UDP frame whose checksum is right, or absent.
pub(super) fn datagram(frame: &[u8]) -> (u16, u16) {
    let packet = SlicedPacket::from_ethernet(frame).unwrap();
    let Some(etherparse::NetSlice::Ipv4(ip)) = packet.net else { panic!("no IPv4: {frame:?}") };
    let Some(TransportSlice::Udp(udp)) = packet.transport else { panic!("no UDP: {frame:?}") };
    let header = udp.to_header();
    let right = header.calc_checksum_ipv4(&ip.header().to_header(), udp.payload()).unwrap();
    assert!(udp.checksum() == 0 || udp.checksum() == right, "UDP checksum");
    (udp.source_port(), udp.destination_port())
}

/// A gateway that publishes UDP port 53 as 5353 too.
pub(super) fn dns() -> HostPlane {
    let mut plane = plane();
    publish(&mut plane, 53, UDP, 5353);
    plane
}

fn query(plane: &HostPlane, port: u16) -> Result<u16, Verdict> {
    let mut query = udp((CLIENT, port), (ENDPOINT, 53), (CLIENT_MAC, GATEWAY_MACS[0]), b"who?");
    match plane.run(&mut query, CLIENT_SIDE) {
        Verdict::Forward(BACKEND_SIDE) => Ok(datagram(&query).0),
        verdict => Err(verdict),
    }
}

fn answer(plane: &HostPlane, transit_port: u16) -> Verdict {
    let mut answer = udp((BACKEND, 5353), (TRANSIT, transit_port), (BACKEND_MAC, GATEWAY_MACS[1]), b"it");
    let verdict = plane.run(&mut answer, BACKEND_SIDE);
    if verdict == Verdict::Reply(CLIENT_SIDE) {
        assert_eq!((&answer[26..30], datagram(&answer).0), (&ENDPOINT[..], 53));
    }
    verdict
}

#[test]
fn a_query_and_its_answer_are_translated_and_only_the_client_keeps_the_flow() {
    let plane = dns();
    let transit_port = query(&plane, 4000).unwrap();
    plane.jiffies.set(299);
    plane.reap();
    assert_eq!(answer(&plane, transit_port), Verdict::Reply(CLIENT_SIDE));
    assert_eq!(open(&plane), 1);
    plane.jiffies.set(300);
    plane.reap();
    assert_eq!((open(&plane), plane.keys().len()), (0, 0));
    assert_eq!(answer(&plane, transit_port), Verdict::Drop(DropReason::NotAReply));
    let again = query(&plane, 4000).unwrap();
    plane.jiffies.set(599);
    assert_eq!(query(&plane, 4000), Ok(again));
    plane.jiffies.set(898);
    plane.reap();
    assert_eq!(answer(&plane, again), Verdict::Reply(CLIENT_SIDE));
}

#[test]
fn flows_of_both_protocols_count_towards_one_limit_and_never_mix() {
    let plane = dns();
    let transit_port = connect(&plane, 1);
    assert_eq!(answer(&plane, transit_port), Verdict::Drop(DropReason::NotAReply));
    query(&plane, 1).unwrap();
    query(&plane, 2).unwrap();
    assert_eq!(query(&plane, 3), Err(Verdict::Refuse(DropReason::LimitReached, CLIENT_SIDE)));
    assert_eq!(forward(&plane, 2, SYN, &[]), Err(Verdict::Refuse(DropReason::LimitReached, CLIENT_SIDE)));
}

#[test]
fn a_udp_checksum_that_is_absent_stays_absent() {
    let plane = dns();
    let mut query = udp((CLIENT, 9), (ENDPOINT, 53), (CLIENT_MAC, GATEWAY_MACS[0]), b"x");
    query[40..42].fill(0);
    assert_eq!(plane.run(&mut query, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    assert_eq!(query[40..42], [0, 0]);
}

#[test]
fn a_udp_checksum_is_right_whatever_it_comes_out_as() {
    let mut plane = dns();
    plane.endpoints[0].limit = 64;
    query(&plane, 77).unwrap();
    let mut all_ones = 0;
    for word in 0..=u16::MAX {
        let payload = word.to_be_bytes();
        let mut query = udp((CLIENT, 77), (ENDPOINT, 53), (CLIENT_MAC, GATEWAY_MACS[0]), &payload);
        assert_eq!(plane.run(&mut query, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
        datagram(&query);
        assert_ne!(query[40..42], [0, 0]);
        all_ones += u32::from(query[40..42] == [0xff, 0xff]);
    }
    assert!(all_ones > 0);
}

#[test]
fn a_datagram_that_contradicts_its_packet_is_dropped() {
    let plane = dns();
    for length in [0u16, 7, 13, 9000] {
        let mut query = udp((CLIENT, 9), (ENDPOINT, 53), (CLIENT_MAC, GATEWAY_MACS[0]), b"who?");
        query[38..40].copy_from_slice(&length.to_be_bytes());
        assert_eq!(plane.run(&mut query, CLIENT_SIDE), Verdict::Drop(DropReason::MalformedUdp), "{length}");
    }
}
