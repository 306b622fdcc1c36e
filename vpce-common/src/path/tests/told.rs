//! What senders are told: TTL, MTU, refusals, segment sizes, and the RST when a flow is over.

use super::{udp::dns, *};
use crate::{
    checksum,
    layout::{DROP, ICMP},
    reason::DropReason,
};

/// Type, code, MTU, source and destination of an ICMP error, which must quote `about` and be right.
fn error(frame: &[u8], about: &[u8]) -> (u8, u8, u16, [u8; 4], [u8; 4]) {
    assert_eq!(checksum::sum(&frame[14..34]), 0xffff, "IP checksum");
    assert_eq!(checksum::sum(&frame[34..]), 0xffff, "ICMP checksum");
    let quoted = usize::from(about[14] & 0xf) * 4 + 8;
    assert_eq!(frame[42..], about[14..14 + quoted], "the packet as it came");
    let address = |at: usize| frame[at..at + 4].try_into().unwrap();
    (frame[34], frame[35], u16::from_be_bytes([frame[40], frame[41]]), address(26), address(30))
}

fn rechecked(mut frame: Vec<u8>) -> Vec<u8> {
    frame[24..26].fill(0);
    let header = 14 + usize::from(frame[14] & 0xf) * 4;
    let check = checksum::full(&frame[14..header]);
    frame[24..26].copy_from_slice(&check);
    frame
}

fn with_ttl(mut frame: Vec<u8>, ttl: u8) -> Vec<u8> {
    frame[22] = ttl;
    rechecked(frame)
}

#[test]
fn the_last_hop_is_told_by_the_gateway_on_both_sides_and_opens_nothing() {
    let plane = plane();
    for ttl in [0, 1] {
        let mut frame = with_ttl(from_client(4000, SYN, &[]), ttl);
        let about = frame.clone();
        let told = plane.run(&mut frame, CLIENT_SIDE);
        assert_eq!(told, Verdict::Refuse(DropReason::TtlExpired, CLIENT_SIDE));
        assert_eq!(error(&frame, &about), (11, 0, 0, OWN, CLIENT));
    }
    assert_eq!(open(&plane), 0);
    let transit_port = connect(&plane, 4000);
    let answer = from_backend(transit_port, Tcp { flags: "A", seq: 5001, ack: 1001 }, b"x");
    let mut frame = with_ttl(answer, 1);
    let about = frame.clone();
    assert_eq!(plane.run(&mut frame, BACKEND_SIDE), Verdict::Refuse(DropReason::TtlExpired, BACKEND_SIDE));
    assert_eq!(error(&frame, &about), (11, 0, 0, OWN, BACKEND));
    assert_eq!(&frame[..6], &BACKEND_MAC.0);
}

#[test]
fn a_large_packet_passes_whole_where_what_it_will_be_cut_into_fits() {
    let mut plane = plane();
    connect(&plane, 4000);
    plane.links[1].mtu = 1280;
    let data = Tcp { flags: "A", seq: 1001, ack: 5001 };
    for (payload, fits) in [(1240, true), (1241, false)] {
        let mut frame = from_client(4000, data, &vec![1; 60_000]);
        let about = frame.clone();
        let verdict = plane.run_large(&mut frame, CLIENT_SIDE, payload);
        if fits {
            assert_eq!((verdict, frame.len()), (Verdict::Forward(BACKEND_SIDE), about.len()));
        } else {
            assert_eq!(verdict, Verdict::Refuse(DropReason::TooBig, CLIENT_SIDE));
            assert_eq!(error(&frame, &about), (3, 4, 1280, ENDPOINT, CLIENT));
        }
    }
}

#[test]
fn what_is_too_big_for_the_way_out_is_told_what_would_fit() {
    let mut plane = plane();
    let transit_port = connect(&plane, 4000);
    let data = Tcp { flags: "A", seq: 1001, ack: 5001 };
    plane.links[1].mtu = 1280;
    for size in [1240, 1241] {
        let mut frame = from_client(4000, data, &vec![1; size]);
        let about = frame.clone();
        let verdict = plane.run(&mut frame, CLIENT_SIDE);
        if size == 1240 {
            assert_eq!(verdict, Verdict::Forward(BACKEND_SIDE));
        } else {
            assert_eq!(verdict, Verdict::Refuse(DropReason::TooBig, CLIENT_SIDE));
            assert_eq!(error(&frame, &about), (3, 4, 1280, ENDPOINT, CLIENT));
        }
    }
    plane.links[0].mtu = 1000;
    plane.begin_epoch();
    let mut frame = from_backend(transit_port, Tcp { flags: "A", seq: 5001, ack: 1001 }, &[1; 961]);
    let about = frame.clone();
    assert_eq!(plane.run(&mut frame, BACKEND_SIDE), Verdict::Refuse(DropReason::TooBig, BACKEND_SIDE));
    assert_eq!(error(&frame, &about), (3, 4, 1000, TRANSIT, BACKEND));
}

#[test]
fn a_flow_outlives_a_backend_that_is_silent_for_a_while() {
    let mut plane = plane();
    connect(&plane, 4000);
    plane.backends[0].reachable = 0;
    let data = Tcp { flags: "A", seq: 1001, ack: 5001 };
    assert_eq!(forward(&plane, 4000, data, b"x"), Err(Verdict::Drop(DropReason::BackendUnreachable)));
    plane.backends[0].reachable = 1;
    assert!(forward(&plane, 4000, data, b"x").is_ok());
}

#[test]
fn nobody_is_told_who_is_no_single_host() {
    let plane = plane();
    for source in [[0, 0, 0, 1], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4]] {
        let syn = frame((source, 1), (ENDPOINT, 80), (CLIENT_MAC, GATEWAY_MACS[0]), SYN, &[]);
        assert_eq!(plane.run(&mut with_ttl(syn, 1), CLIENT_SIDE), Verdict::Drop(DropReason::TtlExpired));
    }
}

#[test]
fn options_are_quoted_whole() {
    let plane = plane();
    let syn = with_ttl(from_client(4000, SYN, &[]), 1);
    let mut frame = [&syn[..34], &[1; 40], &syn[34..]].concat();
    frame[14] = 0x4f;
    frame[16..18].copy_from_slice(&80u16.to_be_bytes());
    let mut frame = rechecked(frame);
    let about = frame.clone();
    assert_eq!(plane.run(&mut frame, CLIENT_SIDE), Verdict::Refuse(DropReason::TtlExpired, CLIENT_SIDE));
    assert_eq!(error(&frame, &about).0, 11);
}

#[test]
fn no_more_errors_than_allowed_leave_in_a_second() {
    let plane = plane();
    let told = |plane: &HostPlane| {
        let sent = (0..25).map(|_| plane.run(&mut with_ttl(from_client(4000, SYN, &[]), 1), CLIENT_SIDE));
        sent.filter(|verdict| matches!(verdict, Verdict::Refuse(..))).count()
    };
    plane.jiffies.set(100);
    assert_eq!((told(&plane), told(&plane)), (10, 0));
    plane.jiffies.set(199);
    assert_eq!(told(&plane), 0);
    plane.jiffies.set(200);
    assert_eq!(told(&plane), 10);
}

#[test]
fn a_refused_datagram_is_told_by_icmp_unless_that_is_not_wanted() {
    let mut plane = dns();
    let ask = |plane: &HostPlane, port: u16| {
        let mut frame = udp::udp((CLIENT, 4000), (ENDPOINT, port), (CLIENT_MAC, GATEWAY_MACS[0]), b"who?");
        let about = frame.clone();
        let verdict = plane.run(&mut frame, CLIENT_SIDE);
        (verdict, matches!(verdict, Verdict::Refuse(..)).then(|| error(&frame, &about)))
    };
    let refused = |reason| Verdict::Refuse(reason, CLIENT_SIDE);
    let by_endpoint = |code| Some((3, code, 0, ENDPOINT, CLIENT));
    assert_eq!(ask(&plane, 54), (refused(DropReason::NoMapping), by_endpoint(3)));
    plane.backends[0].reachable = 0;
    assert_eq!(ask(&plane, 53), (refused(DropReason::BackendUnreachable), by_endpoint(1)));
    plane.endpoints[0].accepted = 0;
    assert_eq!(ask(&plane, 53), (refused(DropReason::NotAccepted), by_endpoint(13)));
    plane.settings.as_mut().unwrap().refuse = DROP;
    assert_eq!(ask(&plane, 53), (Verdict::Drop(DropReason::NotAccepted), None));
}

#[test]
fn a_refused_connection_can_be_told_by_icmp() {
    let mut plane = plane();
    plane.settings.as_mut().unwrap().refuse = ICMP;
    let mut frame = frame((CLIENT, 4000), (ENDPOINT, 81), (CLIENT_MAC, GATEWAY_MACS[0]), SYN, &[]);
    let about = frame.clone();
    assert_eq!(plane.run(&mut frame, CLIENT_SIDE), Verdict::Refuse(DropReason::NoMapping, CLIENT_SIDE));
    assert_eq!(error(&frame, &about), (3, 3, 0, ENDPOINT, CLIENT));
}

#[test]
fn a_segment_of_no_flow_or_of_a_stale_one_gets_a_rst_and_a_rst_gets_nothing() {
    let mut plane = plane();
    let data = Tcp { flags: "A", seq: 1001, ack: 5001 };
    let rst = |plane: &HostPlane, reason| {
        let mut frame = from_client(4000, data, b"hello");
        assert_eq!(plane.run(&mut frame, CLIENT_SIDE), Verdict::Refuse(reason, CLIENT_SIDE));
        assert_eq!((seen(&frame).flags, &frame[38..42]), ((false, false, true), &5001u32.to_be_bytes()[..]));
    };
    rst(&plane, DropReason::NoFlow);
    connect(&plane, 4000);
    plane.endpoints[0].generation += 1;
    rst(&plane, DropReason::StaleFlow);
    let stray = plane.run(&mut from_client(4001, Tcp { flags: "R", seq: 1, ack: 0 }, &[]), CLIENT_SIDE);
    assert_eq!(stray, Verdict::Drop(DropReason::NoFlow));
}

/// A SYN with these bytes of options.
fn with_options(options: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(CLIENT_MAC.0, GATEWAY_MACS[0].0).ipv4(CLIENT, ENDPOINT, 64);
    let builder = builder.tcp(4000, 80, 1000, 9000).syn().options_raw(options).unwrap();
    builder.write(&mut frame, &[]).unwrap();
    frame
}

#[test]
fn a_syn_asks_for_no_larger_segments_than_the_smaller_link_carries() {
    let mut plane = plane();
    plane.links[1].mtu = 1280;
    for (options, clamped) in [
        (&[2, 4, 0x05, 0xb4][..], &[2, 4, 0x04, 0xd8][..]),
        (&[2, 4, 0x04, 0xd8], &[2, 4, 0x04, 0xd8]),
        (&[2, 4, 0x02, 0x18], &[2, 4, 0x02, 0x18]),
        // Behind others, at an odd place, too: the checksum is right all the same.
        (&[1, 2, 4, 0x05, 0xb4, 1, 1, 0], &[1, 2, 4, 0x04, 0xd8, 1, 1, 0]),
        (&[3, 3, 7, 2, 4, 0x05, 0xb4, 0], &[3, 3, 7, 2, 4, 0x04, 0xd8, 0]),
        (&[0, 2, 4, 0x05, 0xb4, 0, 0, 0], &[0, 2, 4, 0x05, 0xb4, 0, 0, 0]),
        (&[3, 0, 2, 4, 0x05, 0xb4, 0, 0], &[3, 0, 2, 4, 0x05, 0xb4, 0, 0]),
    ] {
        let mut syn = with_options(options);
        assert_eq!(plane.run(&mut syn, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
        seen(&syn);
        assert_eq!(&syn[54..], clamped);
    }
    let mut segment = from_client(4000, Tcp { flags: "A", seq: 1001, ack: 5001 }, &[2, 4, 0x05, 0xb4]);
    let _ = plane.run(&mut segment, CLIENT_SIDE);
    assert_eq!(segment[54..], [2, 4, 0x05, 0xb4], "no options, and no SYN");
}

#[test]
fn both_ends_are_told_of_an_established_flow_that_expires_with_what_they_expect_next() {
    let plane = plane();
    let transit_port = connect(&plane, 4000);
    let _ = forward(&plane, 4001, SYN, &[]);
    assert!(forward(&plane, 4000, Tcp { flags: "A", seq: 1001, ack: 5001 }, b"12345").is_ok());
    assert_eq!(
        reply(&plane, transit_port, Tcp { flags: "A", seq: 5001, ack: 1006 }, b"123"),
        Verdict::Reply(CLIENT_SIDE)
    );
    assert!(forward(&plane, 4000, Tcp { flags: "A", seq: 1006, ack: 5004 }, b"6").is_ok());
    plane.jiffies.set(1000);
    plane.reap();
    let told = plane.ended.borrow();
    assert_eq!(told.len(), 1, "the one that was never established believes in nothing");
    let next = (told[0].client_next, told[0].backend_next);
    assert_eq!(next, ([5004, 5004], [1006, 1007]), "the last byte to the backend was not acknowledged yet");
    assert_eq!((told[0].client.mac, told[0].ends.transit_port.get()), (CLIENT_MAC, transit_port));
}

#[test]
fn half_open_connections_hurry_only_while_they_hold_more_than_half_of_the_limit() {
    let plane = plane();
    let half_open = |plane: &HostPlane| plane.admissions[0].connections.half_open();
    connect(&plane, 1);
    assert!(forward(&plane, 2, SYN, &[]).is_ok());
    assert_eq!(half_open(&plane), 1);
    plane.jiffies.set(99);
    plane.reap();
    assert_eq!((open(&plane), half_open(&plane)), (2, 1));
    assert!(forward(&plane, 3, SYN, &[]).is_ok());
    assert_eq!(half_open(&plane), 2);
    // 100 / 32 ticks.
    plane.jiffies.set(102);
    plane.reap();
    assert_eq!((open(&plane), half_open(&plane)), (2, 1), "one was enough");
    assert!(forward(&plane, 1, Tcp { flags: "A", seq: 1001, ack: 5001 }, b"lives").is_ok());
    let refusal = Tcp { flags: "RA", seq: 0, ack: 1001 };
    let transit_port = forward(&plane, 4, SYN, &[]).unwrap();
    assert_eq!(reply(&plane, transit_port, refusal, &[]), Verdict::Reply(CLIENT_SIDE));
    assert_eq!((open(&plane), half_open(&plane)), (2, 1));
}

#[test]
fn one_tenants_errors_are_not_anothers() {
    let mut plane = plane();
    plane.ingress.insert(Ingress { ifindex: 13, segment: Segment::UNTAGGED }, 2);
    plane.links.push(Link { ifindex: 13, vpc: 3, ..plane.links[0] });
    plane.addresses.insert(Local { vpc: 3, address: be(ENDPOINT) }, 0);
    for _ in 0..20 {
        plane.run(&mut with_ttl(from_client(9, SYN, &[]), 1), 13);
    }
    let told = plane.run(&mut with_ttl(from_client(9, SYN, &[]), 1), CLIENT_SIDE);
    assert_eq!(told, Verdict::Refuse(DropReason::TtlExpired, CLIENT_SIDE));
}

#[test]
fn a_flood_of_arp_reaches_the_agent_at_a_pace() {
    let plane = plane();
    let mut request = vec![0xff; 6];
    request.extend(CLIENT_MAC.0);
    request.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    request.extend(CLIENT_MAC.0);
    request.extend([CLIENT, [0, 0, 0, 0]].concat());
    request.extend([&[0, 0][..], &OWN].concat());
    for _ in 0..5000 {
        plane.run(&mut request.clone(), CLIENT_SIDE);
    }
    assert_eq!(plane.heard.borrow().len(), 1000);
    plane.jiffies.set(100);
    plane.run(&mut request, CLIENT_SIDE);
    assert_eq!(plane.heard.borrow().len(), 1001);
    assert_eq!(plane.heard.borrow()[0].address, be(CLIENT));
}
