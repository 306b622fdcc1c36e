//! The fast lane beside the stages: what it takes, and that it does the same.

use proptest::prelude::*;

use super::*;
use crate::{atomic::Counter, layout::Flow};

const ACK: Tcp = Tcp { flags: "A", seq: 1001, ack: 5001 };
const ANSWER: Tcp = Tcp { flags: "A", seq: 5001, ack: 1001 };

/// A connection; answers its transit port.
fn connect(plane: &HostPlane, port: u16) -> u16 {
    let mut syn = from_client(port, SYN, &[]);
    assert_eq!(plane.by_stages(&mut syn, CLIENT_SIDE, 0), Verdict::Forward(BACKEND_SIDE));
    let transit_port = seen(&syn).from.1;
    let mut answer = from_backend(transit_port, Tcp { flags: "SA", seq: 5000, ack: 1001 }, &[]);
    assert_eq!(plane.by_stages(&mut answer, BACKEND_SIDE, 0), Verdict::Reply(CLIENT_SIDE));
    assert_eq!(plane.by_stages(&mut from_client(port, ACK, &[]), CLIENT_SIDE, 0), Verdict::Forward(BACKEND_SIDE));
    transit_port
}

#[test]
fn what_is_in_the_midst_of_a_connection_goes_by_the_fast_lane() {
    let plane = plane();
    let transit_port = connect(&plane, 4000);
    let mut data = from_client(4000, ACK, b"data");
    assert_eq!(plane.by_fast_lane(&mut data, CLIENT_SIDE, 0), Some(Verdict::Forward(BACKEND_SIDE)));
    assert_eq!((seen(&data).from, seen(&data).ttl), ((TRANSIT, transit_port), 63));
    let mut answer = from_backend(transit_port, ANSWER, b"answer");
    assert_eq!(plane.by_fast_lane(&mut answer, BACKEND_SIDE, 0), Some(Verdict::Reply(CLIENT_SIDE)));
    assert_eq!((seen(&answer).from, seen(&answer).macs.1), ((ENDPOINT, 80), CLIENT_MAC));
}

#[test]
fn what_is_not_ours_passes_by_the_fast_lane() {
    let plane = plane();
    let to = |address, mac| frame((CLIENT, 4000), (address, 22), (CLIENT_MAC, mac), SYN, &[]);
    let others = Mac([2, 9, 9, 9, 9, 9]);
    for (mut frame, ifindex) in [
        (to(ENDPOINT, others), CLIENT_SIDE),
        (to(OWN, GATEWAY_MACS[0]), CLIENT_SIDE),
        (to(ENDPOINT, GATEWAY_MACS[0]), 99),
    ] {
        let sent = frame.clone();
        assert_eq!(plane.by_fast_lane(&mut frame, ifindex, 0), Some(Verdict::Pass));
        assert_eq!(frame, sent);
    }
    assert_eq!((plane.totals.packets_in.get(), plane.totals.passed.get()), (3, 3));
}

#[test]
fn what_changes_a_flow_or_may_go_nowhere_is_left_to_the_stages_untouched() {
    let mut plane = plane();
    let transit_port = connect(&plane, 4000);
    let client = |tcp| (from_client(4000, tcp, b"x"), CLIENT_SIDE);
    let moved = frame((CLIENT, 4000), (ENDPOINT, 80), (BACKEND_MAC, GATEWAY_MACS[0]), ACK, b"x");
    let mut last_hop = from_client(4000, ACK, b"x");
    last_hop[22] = 1;
    let frames = [
        client(Tcp { flags: "S", ..ACK }),
        client(Tcp { flags: "FA", ..ACK }),
        client(Tcp { flags: "RA", ..ACK }),
        // Far beyond any window.
        client(Tcp { seq: ACK.seq + (1 << 30), ..ACK }),
        (moved, CLIENT_SIDE),
        (last_hop, CLIENT_SIDE),
        (from_client(4001, ACK, b"x"), CLIENT_SIDE),
        (from_client(4000, ACK, &[0; 1500]), CLIENT_SIDE),
        (from_backend(transit_port + 1, ANSWER, b"x"), BACKEND_SIDE),
        (from_backend(transit_port, Tcp { flags: "FA", ..ANSWER }, b"x"), BACKEND_SIDE),
        // A transit address is reached from the backend's VPC alone.
        (frame((BACKEND, 8080), (TRANSIT, transit_port), (CLIENT_MAC, GATEWAY_MACS[0]), ANSWER, b"x"), CLIENT_SIDE),
    ];
    let left_alone = |plane: &HostPlane, (sent, ifindex): &(Vec<u8>, u32)| {
        let (before, mut frame) = (state(plane), sent.clone());
        assert_eq!(plane.by_fast_lane(&mut frame, *ifindex, 0), None, "{sent:02x?}");
        assert_eq!(&frame, sent);
        assert_eq!(state(plane), before);
    };
    for frame in &frames {
        left_alone(&plane, frame);
    }
    // Nor does it send what may no longer go there.
    plane.endpoints[0].generation += 1;
    left_alone(&plane, &client(ACK));
    plane.endpoints[0].generation -= 1;
    plane.backends[0].reachable = 0;
    left_alone(&plane, &client(ACK));
}

/// Everything that packets change.
fn state(plane: &HostPlane) -> Vec<u64> {
    let flow = |flow: &Flow| {
        let numbers =
            [&flow.state, &flow.touched, &flow.client_end, &flow.client_ack, &flow.backend_end, &flow.backend_ack];
        numbers.map(|number| u64::from(number.load()))
    };
    let stats = plane.stats.iter().flat_map(|stats| {
        [&stats.forward_packets, &stats.forward_bytes, &stats.reply_packets, &stats.reply_bytes].map(Counter::get)
    });
    let totals = &plane.totals;
    let totals = [&totals.packets_in, &totals.passed, &totals.forwarded, &totals.replied].map(Counter::get);
    plane.flows.iter().flat_map(flow).chain(stats).chain(totals).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn both_ways_come_to_the_same(
        packets in prop::collection::vec(
            (any::<bool>(), 0..3usize, -5i32..2000, -5i32..2000, 0..200usize, 0..3u16), 1..30)
    ) {
        let (fast, stages) = (plane(), plane());
        let ports: Vec<u16> = (0..3).map(|n| { connect(&fast, 4000 + n); connect(&stages, 4000 + n) }).collect();
        for (jiffy, (from_the_client, flags, seq, ack, length, number)) in (1..).zip(packets) {
            let flags = ["A", "PA", "FA"][flags].trim_start_matches('P');
            let at = |base: u32, by: i32| base.wrapping_add_signed(by);
            let payload = vec![7; length];
            let (mut frame, ifindex) = if from_the_client {
                let tcp = Tcp { flags, seq: at(1001, seq), ack: at(5001, ack) };
                (from_client(4000 + number, tcp, &payload), CLIENT_SIDE)
            } else {
                let tcp = Tcp { flags, seq: at(5001, seq), ack: at(1001, ack) };
                (from_backend(ports[usize::from(number)], tcp, &payload), BACKEND_SIDE)
            };
            let mut same = frame.clone();
            fast.jiffies.set(jiffy);
            stages.jiffies.set(jiffy);
            prop_assert_eq!(fast.run(&mut frame, ifindex), stages.by_stages(&mut same, ifindex, 0));
            prop_assert_eq!(frame, same);
            prop_assert_eq!(state(&fast), state(&stages));
        }
    }
}
