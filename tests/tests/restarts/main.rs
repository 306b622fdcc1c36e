//! Agents come and go under live connections and requests: rows 9 and 10 of the scorecard.
//!
//! Tests begin in the order of their names, and two run at a time: the longest is not to be the last.

mod storm;

use std::time::{Duration, Instant};

use vpce_tests::{
    Crowd, Rig, View,
    address::endpoint,
    port,
    scorecard::{figure, report},
    state,
};

const LIVE: u32 = 1000;

/// The limits of the test are from here on; all within one block of records.
const LIMIT: u32 = 2000;

/// How long half of the starts may take, at most; the figures are printed.
const READY: Duration = Duration::from_secs(1);

/// As long, where the kernel verifies another program each time.
const READY_ANEW: Duration = Duration::from_secs(5);

/// A rig of an endpoint with room for the crowd.
fn rig() -> Rig {
    Rig::pair().max_connections(LIMIT).start()
}

/// Starts the agent, and gives the time from its start to its being ready.
fn start(rig: &mut Rig) -> Duration {
    let began = Instant::now();
    rig.agent().start();
    began.elapsed()
}

/// Tells how long starts took. Other loads of the machine hold up single ones for seconds.
fn readiness(mut starts: Vec<Duration>, within: Duration) -> String {
    starts.sort();
    let (median, slowest) = (starts[starts.len() / 2], starts[starts.len() - 1]);
    assert!(median < within, "half of the starts took {median:?} or more");
    format!("ready in {:.2} s, the slowest {:.2} s", median.as_secs_f32(), slowest.as_secs_f32())
}

#[test]
fn row_09_killed_agents_interrupt_none_of_1000_live_connections_and_lose_nothing_acknowledged() {
    let kills = figure(20, 1000);
    let mut rig = rig();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), LIVE as usize);
    let transit = rig.endpoint(1).text("transit_address").to_owned();
    let verified = program(&rig);

    let mut starts = Vec::new();
    for kill in 1..=kills {
        let limit = LIMIT + kill;
        rig.write_config(&rig.plan().max_connections(limit).toml());
        rig.agent().reload();
        rig.agent().kill();
        starts.push(start(&mut rig));

        assert_eq!(program(&rig), verified, "kill {kill}: the program is of this build, and was verified");
        let told = rig.endpoint(1);
        assert_eq!(told.number("connections.limit"), u64::from(limit), "kill {kill}: acknowledged");
        assert_eq!(told.number("connections.open"), u64::from(LIVE), "kill {kill}: {told}");
        assert_eq!(told.text("transit_address"), transit, "kill {kill}");
        assert!(committed(&rig).contains(&transit), "kill {kill}: the store lacks {transit}");
    }
    let talked = crowd.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
    assert!(talked.rounds > 1, "{talked:?}");
    report(9, format!("{kills} kills, {LIVE} flows, 0 interrupted, {}", readiness(starts, READY)));
}

/// What the agent's store says.
fn committed(rig: &Rig) -> String {
    state::committed(&rig.home().join("state"))
}

#[test]
fn row_10_a_program_replaced_time_and_again_interrupts_none_of_1000_live_connections_and_counts_on() {
    // Each hook has a run of its own.
    let times = figure(50, 100);
    let mut rig = rig();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), LIVE as usize);

    let mut starts = Vec::new();
    let mut before = (program(&rig), rig.counts(), rig.endpoint(1));
    for time in 1..=times {
        rig.agent().stop();
        rig.agent().forget("programs");
        starts.push(start(&mut rig));
        let now = (program(&rig), rig.counts(), rig.endpoint(1));
        assert_ne!(now.0, before.0, "time {time}: the old program is still there");
        goes_on(&before.1, &now.1, &["packets_in", "forwarded", "replied"]);
        goes_on(&before.2, &now.2, &["forward.packets", "forward.bytes", "reply.packets", "reply.bytes"]);
        assert_eq!(now.2.number("connections.open"), u64::from(LIVE), "time {time}: {}", now.2);
        before = now;
    }
    let talked = crowd.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
    assert!(talked.rounds > 1, "{talked:?}");
    let slowest = talked.slowest.as_secs_f32();
    let ready = readiness(starts, READY_ANEW);
    report(10, format!("{times} replacements, {LIVE} flows, 0 interrupted, slowest answer {slowest:.2} s, {ready}"));
}

/// None of the counters is behind what it was, and some have moved.
fn goes_on(before: &View, now: &View, counters: &[&str]) {
    for counter in counters {
        assert!(now.number(counter) > before.number(counter), "{counter} began anew: {before} {now}");
    }
}

/// The number that the kernel gave to the program on the client's attachment.
fn program(rig: &Rig) -> u64 {
    match rig.client_link(1).programs()[..] {
        [program] => program,
        ref programs => panic!("programs on one attachment: {programs:?}"),
    }
}
