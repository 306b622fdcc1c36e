//! Steps out of bytes, for the fuzzer, and what holds after each whatever they are.
//!
//! A step is a head, and what it needs. Bits 4 to 7 of the head are its kind: 15 changes the configuration,
//! any other is a frame. Of a frame, bits 0 and 1 are the interface, bits 2 and 3 and the next byte the
//! length, and the frame follows. Of a change, bits 0 and 1 tell which, and the next byte of what.

use std::net::Ipv4Addr;

use vpce_common::{atomic::Counter, host::HostPlane};
use vpce_tests::oracle::Verdict;

use crate::{
    corpus,
    gateway::{Counted, End, Gateway, State, compare},
    host::Host,
    world::{self, Interfaces, Step},
};

/// Longer inputs find nothing that a shorter one does not.
const STEPS: usize = 64;
const CHANGE: u8 = 15;
/// After every timer of the world.
const LATER: u32 = u32::MAX / 4 + 1;

/// The steps that these bytes say.
pub fn read(mut bytes: &[u8], interfaces: Interfaces) -> Vec<Step> {
    let mut steps = Vec::new();
    while let [head, of, rest @ ..] = bytes
        && steps.len() < STEPS
    {
        let (kind, high, low) = (head >> 4, head >> 2 & 3, head & 3);
        bytes = rest;
        steps.push(match (kind, low) {
            (CHANGE, 0) => Step::Refuse(u32::from(of % 3)),
            (CHANGE, 1) => Step::Generation(usize::from(of % world::ENDPOINTS)),
            (CHANGE, _) => Step::Reach(usize::from((of & 0x7f) % world::BACKENDS), of >> 7 != 0),
            _ => {
                let length = usize::from(high) << 8 | usize::from(*of);
                let (frame, after) = rest.split_at(length.min(rest.len()));
                bytes = after;
                Step::Frame(interfaces[usize::from(low)], frame.to_vec())
            }
        });
    }
    steps
}

/// The host's path, looked at after every frame.
struct Watched(Host);

impl Gateway for Watched {
    fn interfaces(&self) -> Interfaces {
        self.0.interfaces()
    }

    fn renew(&mut self) {
        self.0.renew();
    }

    fn run(&mut self, step: &Step, wanted: Option<&End>) -> Option<End> {
        let end = self.0.run(step, wanted);
        if let (Step::Frame(ifindex, frame), Some((verdict, out))) = (step, &end) {
            assert_sound(*verdict, *ifindex, frame, out);
        }
        end
    }

    fn same(&self, end: Verdict, model: Verdict) -> bool {
        self.0.same(end, model)
    }

    fn state(&self) -> State {
        self.0.state()
    }
}

/// Runs what the bytes say on the path and on the model.
pub fn check(bytes: &[u8]) {
    let mut path = Watched(Host::new());
    let interfaces = path.interfaces();
    let mut counted = Counted::new(interfaces);
    let steps = read(bytes, interfaces);
    for (place, step) in steps.iter().enumerate() {
        if let Err(told) = compare(&mut path, &mut counted, step, place + 1 == steps.len()) {
            panic!("step {}: {told}\n{}", place + 1, corpus::write(&steps, interfaces));
        }
    }
    assert_whole(&path.0.0);
}

/// What is so whatever the model says.
fn assert_sound(verdict: Verdict, ifindex: u32, frame: &[u8], out: &[u8]) {
    match verdict {
        Verdict::Pass => assert_eq!(out, frame, "a frame that is passed on is untouched"),
        Verdict::Forward(_) => {
            let (from, to) = addresses(out);
            assert!(is_transit(from) && !is_transit(to), "forwarded from {from} to {to}");
        }
        Verdict::Reply(_) => {
            let (from, to) = addresses(out);
            assert!(!is_transit(from) && !is_transit(to), "replied from {from} to {to}");
        }
        Verdict::Answer(to) | Verdict::Refuse(_, to) => assert_eq!(to, ifindex, "the way back is the way here"),
        Verdict::Drop(_) => {}
    }
}

/// Packets add up, and when all timers are over nothing is left.
fn assert_whole(plane: &HostPlane) {
    let totals = &plane.totals;
    let dropped: u64 = totals.dropped.iter().map(Counter::get).sum();
    let ends = [&totals.passed, &totals.forwarded, &totals.replied, &totals.answered].map(Counter::get);
    assert_eq!(totals.packets_in.get(), ends.iter().sum::<u64>() + dropped, "packets that came in: {totals:?}");

    plane.jiffies.set(LATER);
    plane.reap();
    assert_eq!(plane.keys().len(), 0, "keys of flows that are over");
    for (admission, endpoint) in plane.admissions.iter().zip(&plane.endpoints) {
        let (head, tail) = (admission.head.load(), admission.tail.load());
        let mut free: Vec<u32> =
            (head..tail).map(|position| plane.free[endpoint.ring(position) as usize].load()).collect();
        free.sort_unstable();
        let block: Vec<u32> = (endpoint.first_slot + 1..=endpoint.first_slot + endpoint.slots).collect();
        assert_eq!(free, block, "free records");
        assert_eq!((admission.connections.open(), admission.connections.half_open()), (0, 0), "open connections");
    }
}

fn is_transit(address: Ipv4Addr) -> bool {
    vpce_tests::address::is_transit(address)
}

/// Where a packet that leaves is from, and where it goes: within VXLAN, of what is inside.
fn addresses(frame: &[u8]) -> (Ipv4Addr, Ipv4Addr) {
    const OUTER: usize = 14 + 20 + 8 + 8;
    // The world's own end of all its tunnels.
    let in_tunnel = frame[12..14] == [8, 0] && frame[26..30] == [192, 0, 2, 1];
    let ethernet = &frame[if in_tunnel { OUTER } else { 0 }..];
    let ip = &ethernet[if ethernet[12..14] == [0x81, 0] { 18 } else { 14 }..];
    let address = |at: usize| <[u8; 4]>::try_from(&ip[at..at + 4]).expect("four bytes").into();
    (address(12), address(16))
}
