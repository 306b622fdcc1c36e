//! ICMP errors on the host.

use super::*;
use crate::{checksum, reason::DropReason};

const ROUTER: [u8; 4] = [10, 0, 0, 99];

/// An error about a packet, of which it quotes so many bytes.
fn error(to: [u8; 4], macs: (Mac, Mac), kind: u8, code: u8, about: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let message = PacketBuilder::ethernet2(macs.0.0, macs.1.0).ipv4(ROUTER, to, 64);
    message.icmpv4_raw(kind, code, [0, 0, 0x05, 0x00]).write(&mut frame, about).unwrap();
    frame
}

fn right(frame: &[u8]) {
    assert_eq!(checksum::sum(&frame[14..34]), 0xffff, "IP checksum");
    assert_eq!(checksum::sum(&frame[34..]), 0xffff, "ICMP checksum");
    let quoted = usize::from(frame[42] & 0xf) * 4;
    assert_eq!(checksum::sum(&frame[42..42 + quoted]), 0xffff, "checksum of the quoted header");
    assert_eq!(frame[38..42], [0, 0, 0x05, 0x00], "the next hop's MTU");
}

/// An IPv4 packet with four bytes of options.
fn with_options(packet: &[u8]) -> Vec<u8> {
    let mut long = packet[..20].to_vec();
    long.extend([1, 1, 1, 0]);
    long[0] = 0x46;
    long[10..12].fill(0);
    let check = checksum::full(&long);
    long[10..12].copy_from_slice(&check);
    long.extend(&packet[20..]);
    long
}

#[test]
fn an_error_from_the_backends_side_reaches_the_client_as_about_its_own_packet() {
    let plane = plane();
    let mut syn = from_client(4000, SYN, &[]);
    assert_eq!(plane.run(&mut syn, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    for (kind, codes) in [(3, 0..16), (11, 0..2)] {
        for code in codes {
            for about in [&syn[14..42], &syn[14..], &with_options(&syn[14..])[..32]] {
                let mut told = error(TRANSIT, (BACKEND_MAC, GATEWAY_MACS[1]), kind, code, about);
                assert_eq!(plane.run(&mut told, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE), "{kind}/{code}");
                right(&told);
                assert_eq!((&told[..6], &told[26..34]), (&CLIENT_MAC.0[..], &[ENDPOINT, CLIENT].concat()[..]));
                let at = 42 + usize::from(told[42] & 0xf) * 4;
                assert_eq!(told[54..62], [CLIENT, ENDPOINT].concat());
                assert_eq!(told[at..at + 4], [4000u16.to_be_bytes(), 80u16.to_be_bytes()].concat());
            }
        }
    }
}

#[test]
fn an_error_from_the_clients_side_reaches_the_backend_as_about_its_own_packet() {
    let plane = plane();
    let transit_port = connect(&plane, 4000);
    let mut answer = from_backend(transit_port, Tcp { flags: "A", seq: 5001, ack: 1001 }, b"data");
    assert_eq!(plane.run(&mut answer, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE));
    let mut told = error(ENDPOINT, (CLIENT_MAC, GATEWAY_MACS[0]), 3, 4, &answer[14..42]);
    assert_eq!(plane.run(&mut told, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    right(&told);
    assert_eq!((&told[..6], &told[26..34]), (&BACKEND_MAC.0[..], &[TRANSIT, BACKEND].concat()[..]));
    assert_eq!(told[54..62], [BACKEND, TRANSIT].concat());
    assert_eq!(told[62..66], [8080u16.to_be_bytes(), transit_port.to_be_bytes()].concat());
}

#[test]
fn an_error_ends_and_refreshes_nothing() {
    let plane = plane();
    let mut syn = from_client(4000, SYN, &[]);
    plane.run(&mut syn, CLIENT_SIDE);
    let (state, touched) = (plane.flows[0].state.load(), plane.flows[0].touched.load());
    plane.jiffies.set(50);
    for kind in [3, 11] {
        plane.run(&mut error(TRANSIT, (BACKEND_MAC, GATEWAY_MACS[1]), kind, 1, &syn[14..42]), BACKEND_SIDE);
    }
    assert_eq!((plane.flows[0].state.load(), plane.flows[0].touched.load()), (state, touched));
}

#[test]
fn an_error_about_no_flow_is_dropped_on_either_side() {
    let plane = plane();
    let transit_port = connect(&plane, 4000);
    let mut syn = from_client(4000, SYN, &[]);
    plane.run(&mut syn, CLIENT_SIDE);
    let backend = (BACKEND_MAC, GATEWAY_MACS[1]);
    for (at, reason) in [
        (12, DropReason::NotAReply),
        (16, DropReason::NotAReply),
        (20, DropReason::NotAReply),
        (22, DropReason::NotAReply),
        (9, DropReason::Protocol),
        (0, DropReason::MalformedIcmp),
        (7, DropReason::MalformedIcmp),
    ] {
        let mut about = syn[14..42].to_vec();
        about[at] ^= 0x11;
        let verdict = plane.run(&mut error(TRANSIT, backend, 3, 4, &about), BACKEND_SIDE);
        assert_eq!(verdict, Verdict::Drop(reason), "byte {at}");
    }
    let verdict = plane.run(&mut error(TRANSIT, backend, 3, 4, &syn[14..41]), BACKEND_SIDE);
    assert_eq!(verdict, Verdict::Drop(DropReason::MalformedIcmp));

    let client = (CLIENT_MAC, GATEWAY_MACS[0]);
    let verdict = plane.run(&mut error(TRANSIT, client, 3, 4, &syn[14..42]), CLIENT_SIDE);
    assert_eq!(verdict, Verdict::Drop(DropReason::WrongVpc));
    let other = frame((ENDPOINT, 80), (CLIENT, 4001), client, SYN, &[]);
    let verdict = plane.run(&mut error(ENDPOINT, client, 3, 4, &other[14..42]), CLIENT_SIDE);
    assert_eq!(verdict, Verdict::Drop(DropReason::NoFlow));
    let own = frame((BACKEND, 8080), (TRANSIT, transit_port), client, SYN, &[]);
    let verdict = plane.run(&mut error(ENDPOINT, client, 3, 4, &own[14..42]), CLIENT_SIDE);
    assert_eq!(verdict, Verdict::Drop(DropReason::NoFlow));
}

#[test]
fn other_kinds_of_message_are_dropped_with_their_reason() {
    let plane = plane();
    let syn = from_client(4000, SYN, &[]);
    for kind in (0..=255u8).filter(|kind| ![3, 8, 11].contains(kind)) {
        let mut told = error(ENDPOINT, (CLIENT_MAC, GATEWAY_MACS[0]), kind, 0, &syn[14..42]);
        assert_eq!(plane.run(&mut told, CLIENT_SIDE), Verdict::Drop(DropReason::Protocol), "{kind}");
    }
}

#[test]
fn an_error_about_a_datagram_quotes_it_as_its_client_sent_it() {
    let plane = udp::dns();
    let sent = udp::udp((CLIENT, 4000), (ENDPOINT, 53), (CLIENT_MAC, GATEWAY_MACS[0]), b"who?");
    let mut query = sent.clone();
    assert_eq!(plane.run(&mut query, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    let mut told = error(TRANSIT, (BACKEND_MAC, GATEWAY_MACS[1]), 3, 3, &query[14..]);
    assert_eq!(plane.run(&mut told, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE));
    right(&told);
    assert_eq!(told[62..], sent[34..], "the UDP header, its checksum too");
}
