//! The limit of open connections: exact, at once, and given back.

use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

use vpce_tests::{
    Rig,
    address::endpoint,
    port,
    scorecard::report,
    tcp::{self, Knock, Talk, knock},
    wait_until,
};

const LIMIT: usize = 3000;

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
