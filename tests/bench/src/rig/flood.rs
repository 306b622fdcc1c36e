//! Small datagrams, as many as one CPU sends.
//!
//! Frames come to the gateway as a network card hands them to the kernel: from a program of XDP, which
//! `BPF_PROG_TEST_RUN` runs on live frames, into the client's interface. So the sender costs little beside
//! what it measures. On veth all of the way is walked on the sender's CPU. What arrives at the backend's
//! interface is counted and dropped there: its stack is not what is measured.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use aya::{Ebpf, maps::Array, programs::ProgramFd};
use nix::net::if_::if_nametoindex;
use vpce_tests::{
    Namespace,
    frames::Envelope,
    object::{self, Random, on_cpu},
};
use vpce_tests_ebpf::sender::{FRAME, Frame, Order};

use super::{
    contestant::{Contestant, MACHINE, port},
    cpu,
};
use crate::packet::harness;

/// Frames of one system call.
const BATCH: u32 = 8192;
/// Payload that makes the shortest Ethernet frame.
const DATA: [u8; 18] = [0; 18];

/// Millions of datagrams a second that arrive, over so many flows.
pub fn run(on: &Contestant, flows: usize, lasting: Duration) -> f64 {
    let flood = Flood::load(on, &frames(on, flows));
    let _polling = on.polling();
    on.client.run(|| {
        on_cpu(cpu::CLIENT);
        // Every flow opens, and neighbours are found.
        flood.send_for(Duration::from_millis(300), flows);
        thread::sleep(Duration::from_millis(100));
        let before = arrived(&on.backend);
        let took = flood.send_for(lasting, 0);
        thread::sleep(Duration::from_millis(50));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let count = (arrived(&on.backend) - before) as f64;
        count / took.as_secs_f64() / 1e6
    })
}

/// One frame of each flow, in an order that no cache foresees.
fn frames(on: &Contestant, flows: usize) -> Vec<Vec<u8>> {
    let [from_mac, to_mac] = on.macs();
    let to = on.dialled(port::FLOOD);
    let ports = 10_000..60_000_u16;
    let places = on.clients().flat_map(|client| ports.clone().map(move |port| (client, port)));
    let frame = |(from, from_port)| Envelope { from_mac, to_mac, from, to: *to.ip() }.udp(from_port, to.port(), &DATA);
    let mut frames: Vec<_> = places.take(flows).map(frame).collect();
    let mut random = Random(1);
    for n in (1..frames.len()).rev() {
        frames.swap(n, random.below(n + 1));
    }
    frames
}

/// Sends frames again and again.
struct Flood {
    _object: Ebpf,
    sender: ProgramFd,
}

/// Frames that a backend has received.
fn arrived(backend: &Namespace) -> u64 {
    let text = backend.run(|| fs::read_to_string("/proc/thread-self/net/dev")).expect("the interfaces' counters");
    let ours = |line: &str| Some(line.trim_start().strip_prefix(MACHINE)?.strip_prefix(':')?.to_owned());
    let counters = text.lines().find_map(ours).expect("the backend's interface");
    counters.split_whitespace().nth(1).expect("a count of frames").parse().expect("a number")
}

impl Flood {
    fn load(on: &Contestant, frames: &[Vec<u8>]) -> Self {
        let count = u32::try_from(frames.len()).expect("a number of frames");
        let mut object = harness::object(|loader| {
            loader.map_max_entries("FRAMES", count);
        });
        let mut table: Array<_, Frame> = object.take_map("FRAMES").expect("FRAMES").try_into().expect("an array");
        for (number, frame) in (0..).zip(frames) {
            let words: Vec<_> = frame.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word)).collect();
            table.set(number, Frame::try_from(words).expect("the shortest frame"), 0).expect("a frame");
        }
        let ifindex = on.client.run(|| if_nametoindex(MACHINE)).expect("the client's interface");
        let mut orders: Array<_, Order> = object.take_map("ORDER").expect("ORDER").try_into().expect("an array");
        orders.set(0, Order { next: 0, frames: count, ifindex }, 0).expect("the orders");
        let sender = harness::program(&mut object, "send");
        Self { _object: object, sender }
    }

    /// Sends for so long, and so many frames at least; answers how long that took.
    fn send_for(&self, lasting: Duration, least: usize) -> Duration {
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < lasting || sent < least {
            object::send(&self.sender, FRAME, BATCH).expect("frames that leave");
            sent += BATCH as usize;
        }
        start.elapsed()
    }
}
