//! The fast lane beside the stages: what it takes, and that it does the same.

use proptest::prelude::*;

use super::*;
use crate::{
    atomic::Counter,
    layout::{Epoch, Flow},
};

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

/// Lets a flow learn where its packets leave.
fn learn(plane: &HostPlane, port: u16) {
    assert_eq!(plane.by_stages(&mut from_client(port, ACK, &[]), CLIENT_SIDE, 0), Verdict::Forward(BACKEND_SIDE));
}

#[test]
fn what_is_in_the_midst_of_a_connection_goes_by_the_fast_lane() {
    let plane = plane();
    let transit_port = connect(&plane, 4000);
    learn(&plane, 4000);
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
    let to = |address, mac| frame((CLIENT, 4000), (address, 22), (CLIENT_MAC, mac), ACK, &[]);
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
fn what_is_for_an_address_that_no_flow_can_be_to_passes_by_the_fast_lane_whatever_it_is() {
    let mut plane = plane();
    plane.links[0].dialables = Dialables::NONE.with(be(ENDPOINT));
    connect(&plane, 4000);
    // Of the same group as the endpoint's.
    let alike = [10, 0, ENDPOINT[2] ^ 1, ENDPOINT[3] ^ 1];
    for (address, flags, expected) in [
        ([10, 0, 0, 101], "S", Some(Verdict::Pass)),
        ([10, 0, 0, 101], ACK.flags, Some(Verdict::Pass)),
        (alike, "S", None),
        (alike, ACK.flags, Some(Verdict::Pass)),
        (ENDPOINT, "S", None),
    ] {
        let segment = Tcp { flags, ..ACK };
        let sent = frame((CLIENT, 4000), (address, 22), (CLIENT_MAC, GATEWAY_MACS[0]), segment, &[]);
        let mut frame = sent.clone();
        assert_eq!(plane.by_fast_lane(&mut frame, CLIENT_SIDE, 0), expected, "{address:?} {flags}");
        assert_eq!(frame, sent);
    }
    plane.links[1].dialables = Dialables::NONE;
    let mut stray = from_backend(2000, ANSWER, b"to the transit range");
    assert_eq!(plane.by_fast_lane(&mut stray, BACKEND_SIDE, 0), None);
    let broken = |address| {
        let mut frame = frame((CLIENT, 4000), (address, 22), (CLIENT_MAC, GATEWAY_MACS[0]), ACK, &[]);
        frame.truncate(40);
        plane.by_fast_lane(&mut frame, CLIENT_SIDE, 0)
    };
    assert_eq!((broken([10, 0, 0, 101]), broken(ENDPOINT)), (Some(Verdict::Pass), None));
}

#[test]
fn what_changes_a_flow_or_may_go_nowhere_is_left_to_the_stages_untouched() {
    let mut plane = plane();
    let transit_port = connect(&plane, 4000);
    learn(&plane, 4000);
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
    plane.begin_epoch();
    left_alone(&plane, &client(ACK));
    plane.endpoints[0].generation -= 1;
    plane.backends[0].reachable = 0;
    plane.begin_epoch();
    left_alone(&plane, &client(ACK));
}

#[test]
fn a_flow_learns_its_way_anew_in_each_epoch_and_when_its_client_moves_to_another_link() {
    let mut plane = plane();
    let transit_port = connect(&plane, 4000);
    learn(&plane, 4000);
    let data = |plane: &HostPlane| plane.by_fast_lane(&mut from_client(4000, ACK, b"data"), CLIENT_SIDE, 0);
    let forward = Some(Verdict::Forward(BACKEND_SIDE));
    assert_eq!(data(&plane), forward);
    plane.begin_epoch();
    assert_eq!(data(&plane), None);
    learn(&plane, 4000);
    assert_eq!(data(&plane), forward);
    // The same VPC has another link.
    let other = 13;
    let link = u32::try_from(plane.links.len()).unwrap();
    plane.links.push(Link { ifindex: other, ..plane.links[0] });
    plane.ingress.insert(Ingress { ifindex: other, segment: Segment::UNTAGGED }, link);
    let moved = |plane: &HostPlane| plane.run(&mut from_client(4000, ACK, &[]), other);
    let answer = |plane: &HostPlane| plane.run(&mut from_backend(transit_port, ANSWER, &[]), BACKEND_SIDE);
    assert_eq!(answer(&plane), Verdict::Reply(CLIENT_SIDE));
    for _ in 0..2 {
        assert_eq!(moved(&plane), Verdict::Forward(BACKEND_SIDE));
        assert_eq!(answer(&plane), Verdict::Reply(other));
    }
}

#[test]
fn what_is_being_learnt_is_not_taken_for_known_when_it_holds_no_longer() {
    let epoch = Epoch::default();
    assert!(epoch.lock() && !epoch.lock());
    epoch.publish(Epoch::FIRST);
    assert!(epoch.is(Epoch::FIRST) && epoch.lock());
    epoch.forget();
    assert!(!epoch.lock(), "the one who writes has not ended");
    epoch.publish(Epoch::FIRST);
    assert!(!epoch.is(Epoch::FIRST));
    assert!(epoch.lock());
}

/// Everything that packets change.
fn state(plane: &HostPlane) -> Vec<u64> {
    let flow = |flow: &Flow| {
        let numbers =
            [&flow.state, &flow.touched, &flow.client_end, &flow.client_ack, &flow.backend_end, &flow.backend_ack];
        numbers.map(|number| u64::from(number.load()))
    };
    let traffic = plane
        .traffic
        .iter()
        .flat_map(|is| [&is.forward_packets, &is.forward_bytes, &is.reply_packets, &is.reply_bytes].map(Counter::get));
    let totals = &plane.totals;
    let totals = [&totals.packets_in, &totals.passed, &totals.forwarded, &totals.replied].map(Counter::get);
    plane.flows.iter().flat_map(flow).chain(traffic).chain(totals).collect()
}

/// What one step of the property does.
#[derive(Debug, Clone)]
struct Step {
    from_client: bool,
    connection: u16,
    udp: bool,
    ends: bool,
    seq: i32,
    ack: i32,
    payload: usize,
    cut_into: u32,
    /// 0: the endpoint loses its name; 1: its backend; 2: it becomes another.
    change: u8,
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = (-5i32..2000, -5i32..2000, 0..1600usize, prop_oneof![Just(0u32), Just(100), Just(3000)]);
    let kind = (any::<bool>(), 0..20u16, any::<bool>(), prop::bool::weighted(0.05));
    (kind, numbers, 0..200u8).prop_map(
        |((from_client, connection, udp, ends), (seq, ack, payload, cut_into), change)| Step {
            from_client,
            connection,
            udp,
            ends,
            seq,
            ack,
            payload,
            cut_into,
            change,
        },
    )
}

/// Both planes have one bucket for twenty connections: some are not found at first sight.
fn crowded() -> HostPlane {
    let mut plane = plane();
    publish(&mut plane, 53, 17, 5353);
    plane.endpoints[0].limit = 60;
    plane.settings.as_mut().unwrap().index.mask = 1;
    plane.buckets.truncate(2);
    plane
}

fn datagram(step: &Step, transit_port: u16) -> (Vec<u8>, u32) {
    let (from, to, macs, ifindex) = if step.from_client {
        ((CLIENT, 6000 + step.connection), (ENDPOINT, 53), (CLIENT_MAC, GATEWAY_MACS[0]), CLIENT_SIDE)
    } else {
        ((BACKEND, 5353), (TRANSIT, transit_port), (BACKEND_MAC, GATEWAY_MACS[1]), BACKEND_SIDE)
    };
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(macs.0.0, macs.1.0).ipv4(from.0, to.0, 64).udp(from.1, to.1);
    builder.write(&mut frame, &vec![7; step.payload]).unwrap();
    if step.seq < 0 {
        // No checksum (RFC 768).
        frame[40..42].fill(0);
    }
    (frame, ifindex)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn both_ways_come_to_the_same(steps in prop::collection::vec(step(), 1..40)) {
        let (mut fast, mut stages) = (crowded(), crowded());
        let connect = |n: u16| { connect(&fast, 4000 + n); connect(&stages, 4000 + n) };
        let ports: Vec<u16> = (0..20).map(connect).collect();
        let mut transit_port = 2000;
        for (jiffy, step) in (1..).zip(steps) {
            for plane in [&mut fast, &mut stages] {
                plane.jiffies.set(jiffy);
                match step.change {
                    0 => plane.addresses.clear(),
                    1 => plane.backends[0].reachable = 0,
                    2 => plane.endpoints[0].generation += 1,
                    3..9 => plane.backends[0].station = Station { mac: Mac([step.change; 6]), ..Station::default() },
                    _ => continue,
                }
                plane.begin_epoch();
            }
            let payload = vec![7; step.payload];
            let flags = if step.ends { "FA" } else { "A" };
            let at = |base: u32, by: i32| base.wrapping_add_signed(by);
            let (mut frame, ifindex) = if step.udp {
                datagram(&step, transit_port)
            } else if step.from_client {
                let tcp = Tcp { flags, seq: at(1001, step.seq), ack: at(5001, step.ack) };
                (from_client(4000 + step.connection, tcp, &payload), CLIENT_SIDE)
            } else {
                let tcp = Tcp { flags, seq: at(5001, step.seq), ack: at(1001, step.ack) };
                (from_backend(ports[usize::from(step.connection)], tcp, &payload), BACKEND_SIDE)
            };
            let mut same = frame.clone();
            let end = fast.run_large(&mut frame, ifindex, step.cut_into);
            prop_assert_eq!(end, stages.by_stages(&mut same, ifindex, step.cut_into));
            prop_assert_eq!(&frame, &same);
            prop_assert_eq!(state(&fast), state(&stages));
            if step.udp && step.from_client && end == Verdict::Forward(BACKEND_SIDE) {
                transit_port = u16::from_be_bytes([frame[34], frame[35]]);
            }
        }
    }
}
