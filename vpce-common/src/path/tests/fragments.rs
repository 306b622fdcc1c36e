//! Fragments on the host.

use super::{udp::dns, *};
use crate::{
    checksum,
    dataplane::Dataplane as _,
    layout::{Datagram, FirstFragment},
    reason::DropReason,
};

/// The parts of an IPv4 frame, of so many bytes of payload each.
fn parts(frame: &[u8], size: usize, id: u16) -> Vec<Vec<u8>> {
    let (head, payload) = frame.split_at(34);
    let chunks: Vec<&[u8]> = payload.chunks(size).collect();
    let part = |(number, chunk): (usize, &&[u8])| {
        let mut head = head.to_vec();
        let more = u16::from(number + 1 < chunks.len()) << 13;
        let offset = u16::try_from(number * size / 8).unwrap();
        head[16..18].copy_from_slice(&u16::try_from(20 + chunk.len()).unwrap().to_be_bytes());
        head[18..20].copy_from_slice(&id.to_be_bytes());
        head[20..22].copy_from_slice(&(more | offset).to_be_bytes());
        head[24..26].fill(0);
        let check = checksum::full(&head[14..34]);
        head[24..26].copy_from_slice(&check);
        [head, chunk.to_vec()].concat()
    };
    chunks.iter().enumerate().map(part).collect()
}

/// The frame that parts in any order are of; its checksums are checked.
fn whole(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort_by_key(|part| u16::from_be_bytes([part[20] & 0x1f, part[21]]));
    let mut frame = parts[0][..34].to_vec();
    for part in &parts {
        assert_eq!(checksum::sum(&part[14..34]), 0xffff, "IP checksum");
        frame.extend(&part[34..]);
    }
    let total = u16::try_from(frame.len() - 14).unwrap();
    frame[16..18].copy_from_slice(&total.to_be_bytes());
    frame[20..22].fill(0);
    frame[24..26].fill(0);
    let check = checksum::full(&frame[14..34]);
    frame[24..26].copy_from_slice(&check);
    frame
}

fn long_query(id: u16) -> Vec<Vec<u8>> {
    parts(&udp::udp((CLIENT, 4000), (ENDPOINT, 53), (CLIENT_MAC, GATEWAY_MACS[0]), &[7; 3000]), 1000, id)
}

#[test]
fn later_fragments_follow_the_first_in_any_order_both_ways() {
    let plane = dns();
    let mut sent = long_query(77);
    sent[1..].reverse();
    for part in &mut sent {
        assert_eq!(plane.run(part, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    }
    let (transit_port, server_port) = udp::datagram(&whole(sent));
    assert_eq!(server_port, 5353);
    let answer = udp::udp((BACKEND, 5353), (TRANSIT, transit_port), (BACKEND_MAC, GATEWAY_MACS[1]), &[8; 3000]);
    let mut back = parts(&answer, 1000, 78);
    for part in &mut back {
        assert_eq!(plane.run(part, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE));
    }
    assert_eq!(udp::datagram(&whole(back)), (53, 4000));
}

#[test]
fn orphans_are_dropped_and_nothing_is_kept_of_them() {
    let plane = dns();
    let sent = long_query(77);
    for side in [CLIENT_SIDE, BACKEND_SIDE] {
        let orphan = plane.run(&mut sent[1].clone(), side);
        let expected = if side == CLIENT_SIDE { Verdict::Drop(DropReason::Fragment) } else { Verdict::Pass };
        assert_eq!(orphan, expected);
    }
    assert!(plane.fragments.borrow().is_empty());
    assert_eq!(plane.run(&mut sent[0].clone(), CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    // Another datagram, another sender's, and one of long ago.
    assert_eq!(plane.run(&mut long_query(78)[1].clone(), CLIENT_SIDE), Verdict::Drop(DropReason::Fragment));
    let mut other = sent[1].clone();
    other[29] += 1;
    assert_eq!(plane.run(&mut other, CLIENT_SIDE), Verdict::Drop(DropReason::Fragment));
    plane.jiffies.set(31);
    assert_eq!(plane.run(&mut sent[1].clone(), CLIENT_SIDE), Verdict::Drop(DropReason::Fragment));
}

#[test]
fn a_fragment_of_a_flow_that_is_over_is_an_orphan() {
    let plane = dns();
    let sent = long_query(77);
    assert_eq!(plane.run(&mut sent[0].clone(), CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    plane.jiffies.set(300);
    plane.reap();
    plane.jiffies.set(0);
    assert_eq!(plane.run(&mut sent[1].clone(), CLIENT_SIDE), Verdict::Drop(DropReason::Fragment));
}

#[test]
fn an_entry_that_is_another_datagrams_by_now_leads_nowhere() {
    let plane = dns();
    connect(&plane, 1);
    let state = plane.flows[0].state.load();
    let datagram = Datagram { sender: be(CLIENT), receiver: be(ENDPOINT), vpc: 1, id: Be16::new(77), protocol: 17 };
    plane.note_fragment(&datagram, &FirstFragment { slot: 0, state, at: 0 });
    let dropped = plane.run(&mut long_query(77)[1].clone(), CLIENT_SIDE);
    assert_eq!(dropped, Verdict::Drop(DropReason::Fragment), "it is of UDP, the flow is of TCP");
}
