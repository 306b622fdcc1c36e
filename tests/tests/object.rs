//! The loaded program itself, on frames that no kernel would send.

use std::{
    net::Ipv4Addr,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
};

use etherparse::PacketBuilder;
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use vpce_common::path::Verdict;
use vpce_tests::{
    Rig,
    address::{BACKEND, CLIENT, ENDPOINT},
    object::{Object, action},
    port,
};

const LIMIT: u32 = 3000;
const RACES: u32 = 10_000;
const MALFORMED: u32 = 1_000_000;
const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 0xc];
const RST: u8 = 4;

/// Where the gateway meets the two VPCs of a rig with one tenant.
#[derive(Clone, Copy)]
struct Sides {
    client: (u32, [u8; 6]),
    backend: (u32, [u8; 6]),
}

fn sides(rig: &Rig) -> Sides {
    let model = Object::of(rig).model();
    let side = |name: &str| {
        let ifindex = rig.gateway().run(|| nix::net::if_::if_nametoindex(name)).expect("the attachment");
        let link = model.links.iter().find(|link| link.ifindex == ifindex).expect("its link");
        (ifindex, link.mac.0)
    };
    Sides { client: side(rig.client_link(1).interface()), backend: side(rig.backend_link(1).interface()) }
}

/// A segment of the client at `source`: its address and port differ with every number.
fn segment(sides: Sides, source: u32, flags: &str, seq: u32) -> Vec<u8> {
    let client = Ipv4Addr::from(u32::from(CLIENT) + source / 60_000);
    let client_port = u16::try_from(source % 60_000).expect("a port") + 1;
    let tcp = PacketBuilder::ethernet2(CLIENT_MAC, sides.client.1).ipv4(client.octets(), ENDPOINT.octets(), 64).tcp(
        client_port,
        port::WEB,
        seq,
        1000,
    );
    let tcp = match flags {
        "S" => tcp.syn(),
        "R" => tcp.rst(),
        other => panic!("no flags {other}"),
    };
    let mut frame = Vec::new();
    tcp.write(&mut frame, &[]).expect("a frame");
    frame
}

/// Sends a SYN; answers whether it went to the backend. Anything else must be the RST.
fn dial(object: &Object, sides: Sides, source: u32) -> bool {
    let (verdict, out) = object.run(&segment(sides, source, "S", 7), sides.client.0);
    assert_eq!(verdict, action::REDIRECT, "a SYN is forwarded or refused");
    let refused = out[47] & RST != 0;
    assert_eq!(refused, out[..6] == CLIENT_MAC, "a RST goes to the client, a SYN to the backend");
    !refused
}

fn reset(object: &Object, sides: Sides, source: u32) {
    let (verdict, _) = object.run(&segment(sides, source, "R", 8), sides.client.0);
    assert_eq!(verdict, action::REDIRECT);
}

fn on_cpu(cpu: usize) {
    let mut set = CpuSet::new();
    set.set(cpu).expect("a CPU number");
    sched_setaffinity(Pid::from_raw(0), &set).expect("two CPUs: a race needs them");
}

#[test]
fn two_cpus_that_race_for_the_last_place_never_make_2999_or_3001_of_it() {
    let rig = Rig::pair().start();
    let (object, sides) = (Object::of(&rig), sides(&rig));
    rig.gateway().run(|| {
        for source in 0..LIMIT - 1 {
            assert!(dial(&object, sides, source));
        }
    });
    let barrier = Barrier::new(2);
    let winners = [const { AtomicU32::new(0) }; 2];
    let race = |cpu: u32| {
        on_cpu(cpu as usize);
        for round in 0..RACES {
            let source = LIMIT + 2 * round + cpu;
            barrier.wait();
            let won = dial(&object, sides, source);
            winners[cpu as usize].fetch_add(won.into(), SeqCst);
            barrier.wait();
            assert_eq!(object.open(), LIMIT, "round {round}");
            assert_eq!(winners.iter().map(|won| won.load(SeqCst)).sum::<u32>(), round + 1, "one wins each round");
            barrier.wait();
            if won {
                reset(&object, sides, source);
            }
        }
    };
    let racer = |cpu| rig.gateway().run(|| race(cpu));
    thread::scope(|scope| {
        [0, 1].map(|cpu| scope.spawn(move || racer(cpu))).map(|racer| racer.join().expect("a racer"))
    });
    assert!(winners.iter().all(|won| won.load(SeqCst) > 0), "there was no race: {winners:?}");

    assert_eq!(object.open(), LIMIT - 1);
    rig.gateway().run(|| (0..LIMIT - 1).for_each(|source| reset(&object, sides, source)));
    assert_eq!(object.open(), 0);
}

/// Frames worth breaking: each kind that the path knows, on both sides.
fn sound(sides: Sides, transit: Ipv4Addr) -> Vec<(Vec<u8>, u32)> {
    let from_backend = |transit_port: u16, seq| {
        let mut frame = Vec::new();
        PacketBuilder::ethernet2([2, 0, 0, 0, 0, 0xb], sides.backend.1)
            .ipv4(BACKEND.octets(), transit.octets(), 64)
            .tcp(8080, transit_port, seq, 1000)
            .syn()
            .ack(8)
            .write(&mut frame, b"hello")
            .expect("a frame");
        frame
    };
    let mut echo = Vec::new();
    let ping = PacketBuilder::ethernet2(CLIENT_MAC, sides.client.1).ipv4(CLIENT.octets(), ENDPOINT.octets(), 64);
    ping.icmpv4_echo_request(1, 2).write(&mut echo, b"ping").expect("a frame");
    let arp = |wanted: Ipv4Addr| {
        let mut frame = [&[0xff; 6][..], &CLIENT_MAC, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1], &CLIENT_MAC].concat();
        frame.extend([&CLIENT.octets()[..], &[0; 6], &wanted.octets()].concat());
        frame
    };
    let (client, backend) = (sides.client.0, sides.backend.0);
    let mut frames = vec![(echo, client), (arp(ENDPOINT), client), (arp(transit), backend)];
    frames.extend((0..4).map(|source| (segment(sides, source, "S", 7), client)));
    frames.extend((0..4).map(|source| (segment(sides, source, "R", 8), client)));
    let error = |to: (Ipv4Addr, [u8; 6]), about: &[u8]| {
        let mut frame = Vec::new();
        let message = PacketBuilder::ethernet2(CLIENT_MAC, to.1).ipv4([10, 0, 0, 9], to.0.octets(), 64);
        message.icmpv4_raw(3, 4, [0, 0, 5, 0]).write(&mut frame, about).expect("a frame");
        frame
    };
    let quote = |from: (Ipv4Addr, u16), to: (Ipv4Addr, u16)| {
        let mut packet = Vec::new();
        let tcp = PacketBuilder::ipv4(from.0.octets(), to.0.octets(), 63).tcp(from.1, to.1, 1, 1);
        tcp.write(&mut packet, &[]).expect("a packet");
        packet
    };
    frames.push((error((transit, sides.backend.1), &quote((transit, 5120), (BACKEND, 8080))), backend));
    frames.push((error((ENDPOINT, sides.client.1), &quote((ENDPOINT, port::WEB), (CLIENT, 1))), client));
    frames.extend((5120..5124).map(|transit_port| (from_backend(transit_port, 1), backend)));
    frames
}

#[test]
fn a_million_malformed_frames_end_as_the_host_says_and_none_leaves_untranslated() {
    let rig = Rig::pair().start();
    let (object, sides) = (Object::of(&rig), sides(&rig));
    rig.gateway().run(|| break_frames(&object, sides));
}

fn break_frames(object: &Object, sides: Sides) {
    let model = object.model();
    let transit: Ipv4Addr = model.endpoints[0].transit.into();
    let sound = sound(sides, transit);
    let broken = (
        0..sound.len(),
        prop::collection::vec((0usize..70, any::<u8>()), 0..5),
        prop_oneof![3 => Just(usize::MAX), 1 => 14usize..80],
        prop::bool::weighted(0.05),
    );
    // A fixed seed: what it finds, it finds again.
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut ends = [0u32; 6];
    for round in 0..MALFORMED {
        let (which, changes, length, elsewhere) = broken.new_tree(&mut runner).expect("a frame").current();
        let (mut frame, mut ifindex) = sound[which].clone();
        for (at, value) in changes {
            let length = frame.len();
            frame[at % length] = value;
        }
        frame.truncate(length);
        if elsewhere {
            ifindex = sides.client.0 + sides.backend.0 - ifindex;
        }
        let (verdict, out) = object.run(&frame, ifindex);
        let mut expected = frame.clone();
        let wanted = model.run(&mut expected, ifindex);
        let (end, right) = match wanted {
            Verdict::Pass => (0, verdict == action::PASS && out == frame),
            Verdict::Drop(_) => (1, verdict == action::DROP),
            Verdict::Forward(to) => {
                (2, to == sides.backend.0 && out[26..34] == [transit, BACKEND].map(|address| address.octets()).concat())
            }
            Verdict::Reply(to) => (3, to == sides.client.0 && out[26..30] == ENDPOINT.octets()),
            Verdict::Answer => (4, out[..6] == frame[6..12]),
            Verdict::Refuse(_) => (5, out[..6] == frame[6..12] && out[47] & RST != 0),
        };
        let same = end == 1 || (end == 0) != (verdict == action::REDIRECT) && out == expected;
        let story = || {
            format!(
                "round {round}, interface {ifindex}: {frame:02x?}\nbecame {verdict} {out:02x?}, the host says {wanted:?} {expected:02x?}"
            )
        };
        assert!(right && same, "{}", story());
        ends[end] += 1;
    }
    assert_eq!(object.open(), model.admissions[0].open.load());
    assert!(ends.iter().all(|count| *count > 100), "the frames hardly reach every end of the path: {ends:?}");
}
