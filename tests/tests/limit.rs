//! The limit of open connections: exact, at once, and given back.

use std::{
    io::ErrorKind,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use vpce_tests::{
    Rig,
    address::{CLIENT, ENDPOINT, endpoint},
    frames::flag::SYN,
    port,
    scorecard::report,
    tcp::{self, Knock, Talk, knock},
    wait_until,
};

const LIMIT: usize = 3000;

/// Seconds for a handshake where nothing presses.
const OPENING: u64 = 64;
/// The same while half-open connections take more than half of the limit.
const PRESSED: Duration = Duration::from_secs(OPENING / 32);

/// How many refusals are timed. Two busy cores may hold up one of them, not most of them.
const REFUSALS: usize = 9;

#[test]
fn row_02_the_connection_over_the_limit_is_refused_within_10_ms_and_one_closed_lets_exactly_one_in() {
    let rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let took = rig.client(1).run(|| {
        let mut live = dial(LIMIT);
        assert_eq!(open(&rig), LIMIT);

        let mut took: Vec<Duration> = (0..REFUSALS).map(|_| refusal()).collect();
        took.sort();
        assert!(took[REFUSALS / 2] < Duration::from_millis(10), "refusals took {took:?}");
        assert_eq!(rig.endpoint(1).number("refused"), REFUSALS as u64);
        for talk in &mut live {
            talk.say("still here").expect("a live connection untouched by refusals");
        }

        drop(live.pop());
        wait_until("one connection given back", tcp::PATIENCE, || open(&rig) == LIMIT - 1);
        live.extend(dial(1));
        refusal();
        assert_eq!(open(&rig), LIMIT);
        for talk in &mut live {
            talk.say("still here").expect("a live connection");
        }
        took
    });
    let told = rig.endpoint(1);
    assert_eq!(told.number("connections.limit"), LIMIT as u64);
    assert_eq!(told.number("connections.peak"), LIMIT as u64);
    wait_until("all connections given back", tcp::PATIENCE, || open(&rig) == 0);
    let median = took[REFUSALS / 2].as_secs_f64() * 1e3;
    report(2, format_args!("{LIMIT} accepted, number {} refused in {median:.2} ms", LIMIT + 1));
}

#[test]
fn connections_closed_by_either_side_or_reset_are_all_given_back() {
    let rig = Rig::pair().max_connections(50).start();
    let given_back = || wait_until("all given back", tcp::PATIENCE, || open(&rig) == 0);
    for _ in 0..3 {
        let echo = rig.echo(1);
        let client = rig.client(1);

        drop(client.run(|| dial(50)));
        given_back();

        client.run(|| dial(50)).into_iter().for_each(Talk::reset);
        given_back();

        let half_closed = client.run(|| dial(50));
        assert_eq!(client.run(|| knock(endpoint(port::ECHO))), Knock::Refused);
        // The server ends first; the clients answer when they are dropped.
        drop(echo);
        drop(half_closed);
        given_back();
    }
    assert_eq!(rig.endpoint(1).number("connections.peak"), 50);
}

#[test]
fn ten_thousand_short_connections_in_a_row_all_find_room() {
    let rig = Rig::pair().start();
    let _echo = rig.echo(1);
    rig.client(1).run(|| {
        for _ in 0..100 {
            dial(100).into_iter().for_each(Talk::reset);
        }
    });
    wait_until("all given back", tcp::PATIENCE, || open(&rig) == 0);
    assert_eq!(rig.endpoint(1).number("refused"), 0);
}

#[test]
fn half_open_connections_beyond_half_of_the_limit_go_32_times_sooner_and_all_others_stay() {
    const LIMIT: u64 = 64;
    const LIVE: usize = 8;
    const HALF_OPEN: u64 = LIMIT - LIVE as u64;
    let timers = format!("[gateway.timers]\nopening_secs = {OPENING}");
    let rig = Rig::pair().max_connections(64).gateway(&timers).start();
    // One answer each: further ones would be signs of life.
    rig.backend(1).sysctl("net/ipv4/tcp_synack_retries", "0");
    let _echo = rig.echo(1);
    let mut live = rig.client(1).run(|| dial(LIVE));

    let wire = rig.wire(rig.client(1));
    let gateway = wire.resolve(CLIENT, ENDPOINT).expect("the endpoint's Ethernet address");
    // Nobody has this address, so nobody resets what it is answered.
    let envelope = wire.envelope(gateway, Ipv4Addr::new(10, 0, 0, 60), ENDPOINT);
    let half_open = || rig.endpoint(1).number("connections.half_open");
    let start = Instant::now();
    for n in 0..u16::try_from(HALF_OPEN).expect("a few") {
        wire.send(&envelope.tcp(2000 + n, port::ECHO, SYN));
    }
    wait_until("half-open connections up to the limit", tcp::PATIENCE, || half_open() == HALF_OPEN);
    wait_until("an end of some of them", tcp::PATIENCE, || half_open() < HALF_OPEN);
    let after = start.elapsed();
    assert!(after + Duration::from_millis(100) > PRESSED, "the first one went after {after:?}");
    wait_until("as many as half of the limit", tcp::PATIENCE, || half_open() == LIMIT / 2);

    // Those that are left have all their time again.
    let calm = Instant::now();
    while calm.elapsed() < 3 * PRESSED {
        assert_eq!(half_open(), LIMIT / 2, "half-open connections below half of the limit");
        for talk in &mut live {
            talk.say("still here").expect("an established connection");
        }
    }
    assert_eq!(rig.endpoint(1).number("connections.open"), LIVE as u64 + LIMIT / 2);
}

fn dial(connections: usize) -> Vec<Talk> {
    let dial = |n| Talk::open(endpoint(port::ECHO)).unwrap_or_else(|error| panic!("{n}: {error}"));
    (0..connections).map(dial).collect()
}

/// Dials in vain, and tells how long that took.
fn refusal() -> Duration {
    let start = Instant::now();
    let answer = tcp::dial(endpoint(port::ECHO), tcp::PATIENCE).map_err(|error| error.kind());
    assert_eq!(answer.err(), Some(ErrorKind::ConnectionRefused));
    start.elapsed()
}

fn open(rig: &Rig) -> usize {
    usize::try_from(rig.endpoint(1).number("connections.open")).expect("a count")
}
