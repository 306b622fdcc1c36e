//! TCP: connections, limits, resets, timers.

use proptest::prelude::*;

use super::*;
use crate::{checksum, dataplane::Dataplane as _, layout::DROP, reason::DropReason};

#[test]
fn a_segment_and_its_answer_are_translated_whole() {
    let plane = plane();
    let mut syn = from_client(4000, SYN, &[]);
    assert_eq!(plane.run(&mut syn, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    let at_backend = seen(&syn);
    assert_eq!(at_backend.macs, (GATEWAY_MACS[1], BACKEND_MAC));
    assert_eq!((at_backend.from.0, at_backend.to), (TRANSIT, (BACKEND, 8080)));
    assert_eq!((at_backend.ttl, at_backend.flags), (63, (true, false, false)));

    let mut answer = from_backend(at_backend.from.1, Tcp { flags: "SA", seq: 5000, ack: 1001 }, &[]);
    assert_eq!(plane.run(&mut answer, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE));
    let at_client = seen(&answer);
    assert_eq!(at_client.macs, (GATEWAY_MACS[0], CLIENT_MAC));
    assert_eq!((at_client.from, at_client.to), ((ENDPOINT, 80), (CLIENT, 4000)));
    assert_eq!((at_client.ttl, at_client.ack), (63, 1001));
}

#[test]
fn the_limit_is_exact_and_a_close_lets_exactly_one_in() {
    let plane = plane();
    for port in 1..=3 {
        connect(&plane, port);
    }
    assert_eq!(forward(&plane, 4, SYN, &[]), Err(Verdict::Refuse(DropReason::LimitReached, CLIENT_SIDE)));
    assert_eq!((open(&plane), plane.admissions[0].peak.load()), (3, 3));
    assert!(forward(&plane, 1, Tcp { flags: "R", seq: 1001, ack: 0 }, &[]).is_ok());
    assert_eq!(open(&plane), 2);
    connect(&plane, 5);
    assert_eq!(forward(&plane, 6, SYN, &[]), Err(Verdict::Refuse(DropReason::LimitReached, CLIENT_SIDE)));
    assert_eq!(plane.stats[0].refused.get(), 2);
}

#[test]
fn a_refused_syn_becomes_the_rst_that_answers_it() {
    let plane = plane();
    let mut syn = frame((CLIENT, 4000), (ENDPOINT, 81), (CLIENT_MAC, GATEWAY_MACS[0]), SYN, b"early");
    assert_eq!(plane.run(&mut syn, CLIENT_SIDE), Verdict::Refuse(DropReason::NoMapping, CLIENT_SIDE));
    let rst = seen(&syn);
    assert_eq!((rst.from, rst.to), ((ENDPOINT, 81), (CLIENT, 4000)));
    assert_eq!((rst.flags, rst.ack), ((false, true, true), 1006));
    assert_eq!(rst.macs, (GATEWAY_MACS[0], CLIENT_MAC));
    assert_eq!(syn.len(), 54);
}

#[test]
fn a_refusal_can_be_silence() {
    let mut plane = plane();
    plane.settings.as_mut().unwrap().refuse = DROP;
    plane.endpoints[0].accepted = 0;
    assert_eq!(forward(&plane, 1, SYN, &[]), Err(Verdict::Drop(DropReason::NotAccepted)));
}

#[test]
fn both_fins_give_the_connection_back_once() {
    let plane = plane();
    let transit_port = connect(&plane, 1);
    forward(&plane, 1, Tcp { flags: "FA", seq: 1001, ack: 5001 }, &[]).unwrap();
    assert_eq!(open(&plane), 1);
    reply(&plane, transit_port, Tcp { flags: "FA", seq: 5001, ack: 1002 }, &[]);
    assert_eq!(open(&plane), 0);
    forward(&plane, 1, Tcp { flags: "A", seq: 1002, ack: 5002 }, &[]).unwrap();
    assert_eq!(open(&plane), 0);
}

#[test]
fn nothing_but_a_first_segment_opens_a_flow() {
    let plane = plane();
    for flags in ["A", "SA", "F", "FA", "R", "RA", ""] {
        let tcp = Tcp { flags, seq: 1, ack: 1 };
        let told = if flags.contains('R') {
            Verdict::Drop(DropReason::NoFlow)
        } else {
            Verdict::Refuse(DropReason::NoFlow, CLIENT_SIDE)
        };
        assert_eq!(forward(&plane, 9, tcp, &[]), Err(told), "{flags}");
    }
    assert_eq!(open(&plane), 0);
}

#[test]
fn what_answers_no_flow_is_dropped_and_makes_nothing() {
    let plane = plane();
    let transit_port = connect(&plane, 1);
    let touched = plane.flows[0].touched.load();
    plane.jiffies.set(50);
    let stray = |frame: &mut Vec<u8>, side| plane.run(frame, side);
    let ack = Tcp { flags: "A", seq: 5001, ack: 1001 };
    let macs = (BACKEND_MAC, GATEWAY_MACS[1]);
    for (from, to, side, reason) in [
        ((BACKEND, 8081), (TRANSIT, transit_port), BACKEND_SIDE, DropReason::NotAReply),
        (([10, 0, 0, 6], 8080), (TRANSIT, transit_port), BACKEND_SIDE, DropReason::NotAReply),
        ((BACKEND, 8080), (TRANSIT, transit_port + 1), BACKEND_SIDE, DropReason::NotAReply),
        ((BACKEND, 8080), (TRANSIT, transit_port + 64), BACKEND_SIDE, DropReason::NotAReply),
        ((BACKEND, 8080), (TRANSIT, 80), BACKEND_SIDE, DropReason::NotAReply),
        ((BACKEND, 8080), ([198, 19, 128, 8], transit_port), BACKEND_SIDE, DropReason::NotAReply),
    ] {
        for flags in ["S", "SA", "A", "R", "FA"] {
            let mut packet = frame(from, to, macs, Tcp { flags, ..ack }, &[]);
            assert_eq!(stray(&mut packet, side), Verdict::Drop(reason), "{from:?} {to:?} {flags}");
        }
    }
    let mut crossed = frame((BACKEND, 8080), (TRANSIT, transit_port), (CLIENT_MAC, GATEWAY_MACS[0]), ack, &[]);
    assert_eq!(stray(&mut crossed, CLIENT_SIDE), Verdict::Drop(DropReason::WrongVpc));
    assert_eq!((open(&plane), plane.keys().len(), plane.flows[0].touched.load()), (1, 1, touched));
}

#[test]
fn a_client_that_dials_again_gets_a_new_flow_with_another_port() {
    let plane = plane();
    let first = connect(&plane, 1);
    forward(&plane, 1, Tcp { flags: "R", seq: 1001, ack: 0 }, &[]).unwrap();
    let again = forward(&plane, 1, Tcp { seq: 7_000_000, ..SYN }, &[]).unwrap();
    assert_ne!(first, again);
    assert_eq!(open(&plane), 1);
    let late = Tcp { flags: "A", seq: 5001, ack: 1001 };
    assert_eq!(reply(&plane, first, late, &[]), Verdict::Drop(DropReason::NotAReply));
    assert_eq!(reply(&plane, again, Tcp { flags: "SA", seq: 1, ack: 7_000_001 }, &[]), Verdict::Reply(CLIENT_SIDE));
}

#[test]
fn dialling_again_over_the_limit_is_refused_like_dialling_anew() {
    let plane = plane();
    for port in 1..=3 {
        connect(&plane, port);
    }
    forward(&plane, 1, Tcp { flags: "R", seq: 1001, ack: 0 }, &[]).unwrap();
    connect(&plane, 4);
    assert_eq!(forward(&plane, 1, SYN, &[]), Err(Verdict::Refuse(DropReason::LimitReached, CLIENT_SIDE)));
    assert_eq!((open(&plane), plane.stats[0].refused.get()), (3, 1));
}

#[test]
fn a_syn_on_a_live_flow_passes_and_changes_nothing() {
    let plane = plane();
    let transit_port = connect(&plane, 1);
    assert_eq!(forward(&plane, 1, Tcp { seq: 99, ..SYN }, &[]), Ok(transit_port));
    assert_eq!(open(&plane), 1);
    assert_eq!(reply(&plane, transit_port, Tcp { flags: "A", seq: 5001, ack: 1001 }, &[]), Verdict::Reply(CLIENT_SIDE));
}

#[test]
fn another_generation_makes_flows_stale_at_once() {
    let mut plane = plane();
    let transit_port = connect(&plane, 1);
    plane.endpoints[0].generation = 2;
    let ack = Tcp { flags: "A", seq: 1001, ack: 5001 };
    assert_eq!(forward(&plane, 1, ack, &[]), Err(Verdict::Refuse(DropReason::StaleFlow, CLIENT_SIDE)));
    assert_eq!(reply(&plane, transit_port, ack, &[]), Verdict::Drop(DropReason::StaleFlow));
    plane.reap();
    assert_eq!((open(&plane), plane.keys().len()), (0, 0));
}

#[test]
fn idle_flows_are_freed_by_their_own_timer_and_everything_is_as_before() {
    let plane = plane();
    connect(&plane, 1);
    forward(&plane, 2, SYN, &[]).unwrap();
    let states = |at| {
        plane.jiffies.set(at);
        plane.reap();
        open(&plane)
    };
    assert_eq!(states(99), 2);
    assert_eq!(states(100), 1);
    assert_eq!(states(999), 1);
    assert_eq!(states(1000), 0);
    let admission = &plane.admissions[0];
    assert_eq!(admission.tail.load().wrapping_sub(admission.head.load()), SLOTS);
    assert!(plane.keys().is_empty());
    assert!(plane.flows.iter().all(|flow| flow.state.load() & crate::state::BITS == 0));
}

#[test]
fn a_record_walks_through_its_ports_before_one_comes_back() {
    let plane = plane();
    let mut ports = std::collections::BTreeSet::new();
    for port in 0..64_512 {
        let transit_port = forward(&plane, 1, SYN, &[]).unwrap_or_else(|verdict| panic!("{port}: {verdict:?}"));
        assert!(ports.insert(transit_port), "{transit_port} again after {port}");
        forward(&plane, 1, Tcp { flags: "R", seq: 1001, ack: 0 }, &[]).unwrap();
    }
}

#[test]
fn closed_flows_give_way_to_new_ones_the_oldest_first() {
    let plane = plane();
    let mut transit_ports = Vec::new();
    for port in 1..=500 {
        transit_ports.push(connect(&plane, port));
        forward(&plane, port, Tcp { flags: "R", seq: 1001, ack: 0 }, &[]).unwrap();
        assert_eq!(open(&plane), 0);
    }
    let late = Tcp { flags: "A", seq: 5001, ack: 1001 };
    for (age, transit_port) in transit_ports.iter().rev().enumerate() {
        let kept = age < SLOTS as usize;
        let verdict = reply(&plane, *transit_port, late, &[]);
        assert_eq!(verdict == Verdict::Reply(CLIENT_SIDE), kept, "{age} connections later: {verdict:?}");
    }
    assert_eq!(plane.keys().len(), SLOTS as usize);
}

#[test]
fn open_connections_never_give_way() {
    let mut plane = plane();
    plane.endpoints[0].limit = 1000;
    let transit_ports: Vec<u16> = (1..=64).map(|port| connect(&plane, port)).collect();
    assert_eq!(forward(&plane, 65, SYN, &[]), Err(Verdict::Refuse(DropReason::NoFreeSlot, CLIENT_SIDE)));
    assert_eq!(open(&plane), 64);
    for transit_port in transit_ports {
        let data = Tcp { flags: "A", seq: 5001, ack: 1001 };
        assert_eq!(reply(&plane, transit_port, data, b"data"), Verdict::Reply(CLIENT_SIDE));
    }
}

#[test]
fn an_unreachable_backend_is_a_fast_refusal() {
    let mut plane = plane();
    plane.backends[0].reachable = 0;
    assert_eq!(forward(&plane, 1, SYN, &[]), Err(Verdict::Refuse(DropReason::BackendUnreachable, CLIENT_SIDE)));
    assert_eq!(open(&plane), 0);
}

#[test]
fn sources_that_no_client_has_are_dropped() {
    let plane = plane();
    for client in [TRANSIT, [0, 1, 2, 3], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4], ENDPOINT] {
        let mut syn = frame((client, 1), (ENDPOINT, 80), (CLIENT_MAC, GATEWAY_MACS[0]), SYN, &[]);
        let verdict = plane.run(&mut syn, CLIENT_SIDE);
        assert_eq!(verdict, Verdict::Drop(DropReason::MartianSource), "{client:?}");
    }
}

#[test]
fn an_echo_to_the_endpoint_and_to_the_gateway_is_answered() {
    let plane = plane();
    for address in [ENDPOINT, OWN] {
        let mut ping = Vec::new();
        PacketBuilder::ethernet2(CLIENT_MAC.0, GATEWAY_MACS[0].0)
            .ipv4(CLIENT, address, 3)
            .icmpv4_echo_request(7, 1)
            .write(&mut ping, b"odd")
            .unwrap();
        assert_eq!(plane.run(&mut ping, CLIENT_SIDE), Verdict::Answer(CLIENT_SIDE));
        assert_eq!((&ping[26..30], &ping[30..34], ping[34]), (&address[..], &CLIENT[..], 0));
        assert_eq!((checksum::sum(&ping[14..34]), checksum::sum(&ping[34..])), (0xffff, 0xffff));
    }
}

fn arp(wanted: [u8; 4], side: u32, plane: &HostPlane) -> (Verdict, Vec<u8>) {
    let mut frame = vec![0xff; 6];
    frame.extend(CLIENT_MAC.0);
    frame.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(CLIENT_MAC.0);
    frame.extend(CLIENT);
    frame.extend([0; 6]);
    frame.extend(wanted);
    let verdict = plane.run(&mut frame, side);
    (verdict, frame)
}

#[test]
fn arp_is_answered_for_what_is_ours_in_that_vpc_and_for_nothing_else() {
    let plane = plane();
    for (wanted, side, ours) in [
        (ENDPOINT, CLIENT_SIDE, true),
        (OWN, CLIENT_SIDE, true),
        (TRANSIT, CLIENT_SIDE, false),
        (CLIENT, CLIENT_SIDE, false),
        (ENDPOINT, BACKEND_SIDE, false),
        (OWN, BACKEND_SIDE, true),
        (TRANSIT, BACKEND_SIDE, true),
        ([198, 19, 128, 8], BACKEND_SIDE, false),
        ([198, 19, 128, 6], BACKEND_SIDE, false),
    ] {
        let (verdict, frame) = arp(wanted, side, &plane);
        assert_eq!(verdict, if ours { Verdict::Answer(side) } else { Verdict::Pass }, "{wanted:?} at {side}");
        if ours {
            let mac = GATEWAY_MACS[(side - CLIENT_SIDE) as usize];
            assert_eq!((&frame[..6], &frame[6..12], frame[21]), (&CLIENT_MAC.0[..], &mac.0[..], 2));
            assert_eq!((&frame[22..28], &frame[28..32]), (&mac.0[..], &wanted[..]));
        }
    }
}

#[test]
fn what_is_not_ours_passes_untouched() {
    let plane = plane();
    for (to, macs, side) in [
        ([10, 0, 0, 99], (CLIENT_MAC, GATEWAY_MACS[0]), CLIENT_SIDE),
        (ENDPOINT, (CLIENT_MAC, BACKEND_MAC), CLIENT_SIDE),
        (ENDPOINT, (CLIENT_MAC, GATEWAY_MACS[1]), BACKEND_SIDE),
        (ENDPOINT, (CLIENT_MAC, GATEWAY_MACS[0]), 99),
    ] {
        let before = frame((CLIENT, 1), (to, 80), macs, SYN, &[]);
        let mut after = before.clone();
        assert_eq!(plane.run(&mut after, side), Verdict::Pass, "{to:?} {side}");
        assert_eq!(before, after);
    }
}

#[test]
fn other_protocols_to_the_endpoint_are_dropped_with_their_reason() {
    let plane = plane();
    let mut other = from_client(1, SYN, &[]);
    other[23] = 47;
    assert_eq!(plane.run(&mut other, CLIENT_SIDE), Verdict::Drop(DropReason::Protocol));
}

#[test]
fn who_forged_the_syn_establishes_nothing_and_keeps_nothing() {
    let plane = plane();
    let transit_port = forward(&plane, 1, SYN, &[]).unwrap();
    let answer = Tcp { flags: "SA", seq: 0x1234_5678, ack: 1001 };
    assert_eq!(reply(&plane, transit_port, answer, &[]), Verdict::Reply(CLIENT_SIDE));
    // Near, and all around.
    for ack in (0..256).map(|step| step << 24).chain([0x1234_5678, 0x1234_567a]) {
        plane.jiffies.set(50);
        assert!(forward(&plane, 1, Tcp { flags: "A", seq: 1001, ack }, b"x").is_ok());
        assert!(forward(&plane, 1, Tcp { flags: "", seq: 1001, ack }, b"x").is_ok());
    }
    assert_eq!(plane.admissions[0].connections.half_open(), 1);
    plane.jiffies.set(100);
    plane.reap();
    assert_eq!((open(&plane), plane.admissions[0].connections.half_open()), (0, 0));
}

#[test]
fn answers_go_on_to_the_client_when_somebody_forges_its_segments() {
    let plane = plane();
    let transit_port = connect(&plane, 1);
    let data = Tcp { flags: "A", seq: 0x7000_0000, ack: 0x7000_0000 };
    let mut forged = from_client(1, data, b"x");
    forged[6..12].copy_from_slice(&[2, 9, 9, 9, 9, 9]);
    assert_eq!(plane.run(&mut forged, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    let mut answer = from_backend(transit_port, Tcp { flags: "A", seq: 5001, ack: 1001 }, b"y");
    assert_eq!(plane.run(&mut answer, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE));
    assert_eq!(seen(&answer).macs.1, CLIENT_MAC);
}

#[test]
fn a_record_that_lost_its_key_takes_nobody_elses() {
    let plane = plane();
    connect(&plane, 1);
    let (key, slot) = plane.keys()[0];
    // As where two CPUs opened a flow for one packet: the other's record has the key.
    plane.forget(&key, slot);
    // SAFETY: nobody else is here.
    unsafe { plane.flows[5].set_ends(*plane.flows[slot as usize].ends()) };
    assert!(plane.enter(plane.place(&key), &key, 5));
    plane.jiffies.set(1000);
    plane.reap();
    assert_eq!(plane.keys(), [(key, 5)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// Whatever is broken in a frame: it passes untouched, is dropped, or leaves translated, and
    /// the packets that came in are those that left and those that were dropped.
    #[test]
    fn a_broken_frame_is_never_forwarded_untranslated(
        changes in prop::collection::vec((0usize..80, any::<u8>()), 0..6),
        length in 0usize..80,
        cut in any::<bool>(),
        backend_side in any::<bool>(),
    ) {
        let plane = plane();
        let transit_port = connect(&plane, 1);
        let tcp = Tcp { flags: "A", seq: 1001, ack: 5001 };
        let (mut packet, side) = if backend_side {
            (from_backend(transit_port, tcp, b"payload"), BACKEND_SIDE)
        } else {
            (from_client(1, tcp, b"payload"), CLIENT_SIDE)
        };
        for (at, value) in changes {
            let length = packet.len();
            packet[at % length] = value;
        }
        if cut {
            packet.truncate(length);
        }
        let before = packet.clone();
        match plane.run(&mut packet, side) {
            Verdict::Pass => prop_assert_eq!(before, packet),
            Verdict::Forward(out) => {
                prop_assert_eq!(out, BACKEND_SIDE);
                prop_assert_eq!((&packet[..6], &packet[26..34]), (&BACKEND_MAC.0[..], &[TRANSIT, BACKEND].concat()[..]));
            }
            Verdict::Reply(out) => {
                prop_assert_eq!(out, CLIENT_SIDE);
                prop_assert_eq!((&packet[..6], &packet[26..34]), (&CLIENT_MAC.0[..], &[ENDPOINT, CLIENT].concat()[..]));
            }
            Verdict::Answer(_) | Verdict::Refuse(..) => prop_assert_eq!(&packet[..6], &before[6..12]),
            Verdict::Drop(_) => {}
        }
        let totals = &plane.totals;
        let out = totals.passed.get() + totals.forwarded.get() + totals.replied.get() + totals.answered.get();
        let dropped: u64 = totals.dropped.iter().map(crate::atomic::Counter::get).sum();
        prop_assert_eq!(totals.packets_in.get(), out + dropped);
    }
}
