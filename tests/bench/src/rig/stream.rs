//! One TCP stream, as fast as it goes.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use vpce_tests::{object::on_cpu, tcp};

use super::{
    contestant::{Contestant, port},
    cpu,
};

/// Bytes of one system call.
const PIECE: usize = 128 << 10;
/// Before this the window opens.
const WARM: Duration = Duration::from_millis(500);

/// Gbit/s of payload that arrive.
pub fn run(on: &Contestant, lasting: Duration) -> f64 {
    let listener = on.backend.run(|| TcpListener::bind(Contestant::served(port::STREAM)).expect("a free port"));
    let to = on.dialled(port::STREAM);
    let client = on.client.run(|| tcp::dial(to, tcp::PATIENCE).expect("a connection"));
    let server = listener.accept().expect("its other end").0;
    server.set_read_timeout(Some(tcp::PATIENCE)).expect("a limit");
    client.set_write_timeout(Some(tcp::PATIENCE)).expect("a limit");
    thread::scope(|scope| {
        scope.spawn(|| {
            on_cpu(cpu::CLIENT);
            send(&client);
        });
        scope
            .spawn(move || {
                on_cpu(cpu::BACKEND);
                receive(&server, lasting)
            })
            .join()
            .expect("a receiver that does not panic")
    })
}

/// Sends until the receiver is gone.
fn send(mut to: &TcpStream) {
    let piece = vec![0; PIECE];
    while to.write_all(&piece).is_ok() {}
}

fn receive(mut from: &TcpStream, lasting: Duration) -> f64 {
    let mut buffer = vec![0; PIECE];
    let mut count_for = |lasting: Duration| {
        let (start, mut bytes) = (Instant::now(), 0_u64);
        while start.elapsed() < lasting {
            let length = from.read(&mut buffer).expect("data");
            assert_ne!(length, 0, "the stream ended");
            bytes += length as u64;
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let bits = bytes as f64 * 8.0;
        bits / start.elapsed().as_secs_f64() / 1e9
    };
    count_for(WARM);
    count_for(lasting)
}
