//! A datagram there and one back, both ends polling: what the way takes when nobody has to be woken.

use std::{
    io::ErrorKind,
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use vpce_tests::object::on_cpu;

use super::{
    contestant::{Contestant, port},
    cpu,
};

/// Longer than this no answer takes: it was lost.
const LOST: Duration = Duration::from_millis(200);
/// Before these the neighbours are found and caches fill.
const WARM: usize = 2000;

/// Microseconds of a round trip: the median, and what 99 of 100 stay below.
pub fn run(on: &Contestant, trips: usize) -> [f64; 2] {
    let (stop, ready) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let server = on.backend.run(|| UdpSocket::bind(Contestant::served(port::TRIP)).expect("a free port"));
            on_cpu(cpu::BACKEND);
            ready.store(true, Ordering::Release);
            answer(&server, &stop);
        });
        while !ready.load(Ordering::Acquire) {
            thread::sleep(Duration::from_millis(1));
        }
        let client = on.client.run(|| UdpSocket::bind("0.0.0.0:0").expect("a free port"));
        let mut took = scope
            .spawn(move || {
                on_cpu(cpu::CLIENT);
                client.connect(on.dialled(port::TRIP)).expect("a way to the endpoint");
                ask(&client, trips)
            })
            .join()
            .expect("a client that does not panic");
        stop.store(true, Ordering::Relaxed);
        took.sort_unstable();
        [took.len() / 2, took.len() * 99 / 100].map(|at| took[at].as_secs_f64() * 1e6)
    })
}

fn answer(server: &UdpSocket, stop: &AtomicBool) {
    server.set_nonblocking(true).expect("a socket that does not block");
    let mut buffer = [0; 64];
    while !stop.load(Ordering::Relaxed) {
        match server.recv_from(&mut buffer) {
            Ok((length, from)) => {
                server.send_to(&buffer[..length], from).expect("an answer");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock, "{error}"),
        }
    }
}

fn ask(client: &UdpSocket, trips: usize) -> Vec<Duration> {
    client.set_nonblocking(true).expect("a socket that does not block");
    let (mut took, mut lost) = (Vec::with_capacity(trips), 0);
    for n in 0..WARM + trips {
        match trip(client, n) {
            Some(time) if n >= WARM => took.push(time),
            Some(_) => {}
            None => lost += 1,
        }
        assert!(lost * 100 <= WARM, "{lost} of {n} datagrams were lost");
    }
    took
}

fn trip(client: &UdpSocket, number: usize) -> Option<Duration> {
    let (said, mut heard) = (number.to_be_bytes(), [0; 64]);
    let start = Instant::now();
    client.send(&said).expect("a datagram");
    while start.elapsed() < LOST {
        // An answer that was given up comes late: the number tells.
        if client.recv(&mut heard).is_ok_and(|length| heard[..length] == said) {
            return Some(start.elapsed());
        }
    }
    None
}
