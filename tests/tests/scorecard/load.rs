//! Row 3: many flows are held, and none is lost.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use vpce_tests::{
    Plan, Rig,
    address::BACKEND,
    frames::flag::ACK,
    object::{Connection, Object, Runner, Sides, on_cpu},
    scorecard::{figure, long, report},
};

use crate::{config, turn};

/// Connections of one endpoint: all of a transit address's records.
const EACH: u32 = 32_768;
/// Short against an hour, long against the time that it takes to touch every flow once.
const ESTABLISHED: Duration = Duration::from_mins(1);
/// From one touch of a flow to the next.
const BETWEEN: Duration = Duration::from_secs(20);

#[test]
fn row_03_hundreds_of_thousands_of_flows_are_held_and_none_is_lost() {
    let _turn = turn();
    let flows = 300_000;
    let lasting = figure(Duration::from_secs(3), Duration::from_hours(1));
    hold(flows, lasting, figure(Duration::from_secs(3), BETWEEN));
    report(3, format_args!("{flows} flows held for {} s, 0 lost", lasting.as_secs()));
    if long() {
        hold(1_000_000, Duration::from_secs(1), Duration::from_secs(1));
        report(3, "1000000 flows held once, 0 lost");
    }
}

/// Opens so many flows, touches them all again and again, and closes them.
fn hold(flows: u32, lasting: Duration, between: Duration) {
    let rig = rig_for(flows).start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    rig.gateway().run(|| {
        on_cpu(0);
        let mut runner = object.runner();
        let new = |n| Connection::new(&sides, 1, n, config::address(n / EACH), BACKEND);
        let mut live: Vec<_> = (0..flows).map(new).collect();
        for connection in &mut live {
            connection.open(&mut runner);
        }
        let start = Instant::now();
        while start.elapsed() < lasting {
            let next = Instant::now() + between;
            sleep(next.saturating_duration_since(Instant::now()));
            touch(&mut live, &mut runner);
        }
        let held = object.held();
        assert_eq!(held.flows, flows as usize, "records with a flow");
        assert_eq!(held.keys, flows as usize, "keys of flows");
        assert_eq!(held.open.iter().sum::<u32>(), flows, "open connections");
        for connection in &mut live {
            connection.reset(&mut runner);
        }
        assert_eq!(object.held().open.iter().sum::<u32>(), 0, "open connections after all were reset");
    });
}

fn touch(live: &mut [Connection], runner: &mut Runner<'_>) {
    for connection in live {
        connection.say(runner, ACK);
        connection.hear(runner, ACK);
    }
}

fn rig_for(flows: u32) -> Plan {
    let timers = format!("[gateway.timers]\nestablished_secs = {}", ESTABLISHED.as_secs());
    let plan = Rig::pair().max_connections(EACH).gateway(&timers);
    let endpoints = flows.div_ceil(EACH);
    let mut text = config::with_max_flows(&plan, EACH * endpoints);
    let more = (1..endpoints).map(|n| config::endpoint(&format!("more-{n}"), "web-1", config::address(n), EACH));
    text.extend(more);
    plan.config(&text)
}
