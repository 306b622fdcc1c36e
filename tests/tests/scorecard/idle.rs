//! A connection that says nothing ends for both sides; one that is kept alive does not.

use std::{
    io::{ErrorKind, Read},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{
    setsockopt,
    sockopt::{KeepAlive, TcpKeepIdle, TcpKeepInterval},
};
use vpce_tests::{
    Rig,
    address::endpoint,
    port,
    tcp::{PATIENCE, Talk, dial},
};

const IDLE: Duration = Duration::from_secs(10);
/// How long after it both ends are told.
const TOLD: Duration = Duration::from_secs(2);
/// For a busy machine.
const MARGIN: Duration = Duration::from_secs(2);
/// Longer than two idle times.
const LONG: Duration = Duration::from_secs(24);
const KEEPALIVE_SECS: u32 = 7;

#[test]
fn an_idle_connection_is_reset_on_both_sides_and_one_with_keepalives_lives() {
    let rig = Rig::pair().service(&format!("timers = {{ established_secs = {} }}", IDLE.as_secs())).start();
    let _echo = rig.echo(1);
    let listener = rig.backend(1).run(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port::WEB_SERVER)).expect("a port"));

    let mut kept = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    setsockopt(kept.stream(), TcpKeepIdle, &KEEPALIVE_SECS).expect("a keepalive time");
    setsockopt(kept.stream(), TcpKeepInterval, &KEEPALIVE_SECS).expect("a keepalive interval");
    setsockopt(kept.stream(), KeepAlive, &true).expect("keepalives");
    let began = Instant::now();

    let client = rig.client(1).run(|| dial(endpoint(port::WEB), PATIENCE).expect("a connection"));
    let server = listener.accept().expect("the connection").0;
    thread::scope(|scope| {
        for end in [scope.spawn(|| reset_after(&client)), scope.spawn(|| reset_after(&server))] {
            let after = end.join().expect("an end");
            assert!(after + MARGIN > IDLE && after < IDLE + TOLD + MARGIN, "reset after {after:?}");
        }
    });

    thread::sleep(LONG.saturating_sub(began.elapsed()));
    kept.say("still here").expect("a connection kept alive");
}

/// Hears nothing until the connection is reset, and tells when that was.
fn reset_after(mut stream: &TcpStream) -> Duration {
    let began = Instant::now();
    stream.set_read_timeout(Some(IDLE * 2)).expect("a limit");
    let heard = stream.read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(heard, Err(ErrorKind::ConnectionReset));
    began.elapsed()
}
