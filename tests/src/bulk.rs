//! Much data over one connection, and how evenly it comes.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Rig,
    address::endpoint,
    port,
    tcp::{PATIENCE, dial},
};

/// A prime, so that a piece that is lost, doubled or moved shows.
const PATTERN: usize = 251;
const PIECE: usize = PATTERN * 256;

/// Both ends of a connection through an endpoint.
#[derive(Debug)]
pub struct Bulk {
    client: TcpStream,
    server: TcpStream,
}

impl Bulk {
    /// Connects client `n` of a rig with backend 1, where no other server has [`port::WEB_SERVER`].
    #[must_use]
    pub fn connect(rig: &Rig, n: usize) -> Self {
        let at = (Ipv4Addr::UNSPECIFIED, port::WEB_SERVER);
        let listener = rig.backend(1).run(|| TcpListener::bind(at).expect("a free port"));
        let client = rig.client(n).run(|| dial(endpoint(port::WEB), PATIENCE).expect("a connection"));
        let server = listener.accept().expect("the connection's other end").0;
        server.set_read_timeout(Some(PATIENCE)).expect("a limit");
        server.set_write_timeout(Some(PATIENCE)).expect("a limit");
        Self { client, server }
    }

    /// Sends so many bytes to the server, then to the client; gives the longest time in which
    /// nothing came.
    #[must_use]
    pub fn both_ways(&self, bytes: usize) -> Duration {
        let up = one_way(&self.client, &self.server, bytes);
        up.max(one_way(&self.server, &self.client, bytes))
    }
}

fn one_way(mut from: &TcpStream, mut to: &TcpStream, bytes: usize) -> Duration {
    let pattern: Vec<u8> = (0..PATTERN).cycle().take(PIECE + PATTERN).map(|n| n.try_into().expect("a byte")).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut left = bytes;
            while left > 0 {
                // Whole patterns but for the end.
                let piece = left.min(PIECE);
                from.write_all(&pattern[..piece]).expect("a piece sent");
                left -= piece;
            }
        });
        let (mut came, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
        let mut buffer = vec![0; PIECE];
        while came < bytes {
            let length = to.read(&mut buffer).unwrap_or_else(|error| panic!("after {came} of {bytes} bytes: {error}"));
            assert_ne!(length, 0, "the connection ended after {came} of {bytes} bytes");
            let at = came % PATTERN;
            assert_eq!(buffer[..length], pattern[at..at + length], "other bytes than were sent");
            came += length;
            longest = longest.max(last.elapsed());
            last = Instant::now();
        }
        longest
    })
}
