//! Packets of flows in progress that are lost while agents come and go.

use std::{
    net::UdpSocket,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};
use vpce_tests::{Rig, address, interrupt};

use crate::{
    effort::Effort,
    row::{Goal, Row},
};

const PORT: u16 = 7003;
const SERVER: u16 = 8003;
/// Between two datagrams: thousands a second, and few enough for a machine that does other things.
const PACE: Duration = Duration::from_micros(100);
/// Room for all that comes while the receiver has to wait.
const ROOM: usize = 64 << 20;

/// Measures what is lost.
pub fn rows(effort: Effort) -> Vec<Row> {
    let mut rig = Rig::pair().publish("udp", PORT, SERVER).start();
    let times = effort.pick(3, 10);
    let row = |name: &str, lost| Row::new(name, "packets").goal(Goal::at_most(0.0)).measured(lost);
    let restarted = (0..times).map(|_| {
        lost_during(&mut rig, |rig| {
            rig.agent().stop();
            rig.agent().start();
        })
    });
    let restarted = restarted.collect();
    let killed = (0..times).map(|_| {
        lost_during(&mut rig, |rig| {
            rig.agent().kill();
            rig.agent().start();
        })
    });
    let killed = killed.collect();
    vec![
        row("lost while an agent restarts and replaces the program", restarted),
        row("lost while an agent is killed and another starts", killed),
    ]
}

/// Datagrams of a flow that were sent and did not arrive while something happened.
fn lost_during(rig: &mut Rig, what: impl FnOnce(&mut Rig)) -> f64 {
    interrupt::check();
    let server = rig.backend(1).run(|| UdpSocket::bind(("0.0.0.0", SERVER)).expect("a free port"));
    setsockopt(&server, RcvBufForce, &ROOM).expect("a large buffer");
    server.set_read_timeout(Some(Duration::from_millis(300))).expect("a limit");
    let client = rig.client(1).run(|| UdpSocket::bind("0.0.0.0:0").expect("a free port"));
    client.connect(address::endpoint(PORT)).expect("a way to the endpoint");
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let arrived = thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                client.send(b"on the way").expect("a datagram");
                sent.fetch_add(1, Ordering::Relaxed);
                thread::sleep(PACE);
            }
        });
        let receiver = scope.spawn(|| {
            let mut arrived = 0_u64;
            // Until nothing has come for a while.
            loop {
                match server.recv(&mut [0; 64]) {
                    Ok(_) => arrived += 1,
                    Err(_) if stop.load(Ordering::Relaxed) => return arrived,
                    Err(_) => {}
                }
            }
        });
        thread::sleep(Duration::from_millis(300));
        what(rig);
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
        receiver.join().expect("a receiver that does not panic")
    });
    #[expect(clippy::cast_precision_loss, reason = "some thousands")]
    let lost = sent.load(Ordering::Relaxed) as f64 - arrived as f64;
    lost
}
