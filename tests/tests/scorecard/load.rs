//! Row 3: many flows are held, and none is lost.

use std::time::{Duration, Instant};

use vpce_common::layout::{ADDRESS_SLOTS, FIRST_PORT};
use vpce_tests::{
    Plan, Rig,
    address::{BACKEND, ENDPOINT},
    frames::flag::ACK,
    object::{Connection, Object, Runner, Sides, on_cpu},
    scorecard::{figure, long, report},
    wait_until,
};

use crate::{config, turn};

/// Short against an hour, long against the time that it takes to touch every flow once.
const ESTABLISHED: Duration = Duration::from_mins(1);
/// From one touch of a flow to the next.
const BETWEEN: Duration = Duration::from_secs(20);

#[test]
fn row_03_hundreds_of_thousands_of_flows_of_one_endpoint_are_held_and_none_is_lost() {
    let _turn = turn();
    if long() {
        hold(1_000_000, Duration::from_secs(1), Duration::from_secs(1));
    }
    hold(300_000, figure(Duration::from_secs(3), Duration::from_hours(1)), figure(Duration::from_secs(3), BETWEEN));
}

/// Opens as many flows as one endpoint takes, touches them all again and again, and closes them.
fn hold(flows: u32, lasting: Duration, between: Duration) {
    let rig = plan(flows).start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    let records = object.held().free[sides.endpoint as usize];
    rig.gateway().run(|| {
        on_cpu(0);
        let mut runner = object.runner();
        let mut answered = vec![false; records];
        let mut open = |n| {
            let mut connection = Connection::new(&sides, 1, n, ENDPOINT, BACKEND);
            connection.open(&mut runner);
            answered[record(&sides, &connection)] = true;
            connection
        };
        let mut live: Vec<_> = (0..flows).map(&mut open).collect();
        let start = Instant::now();
        let mut runner = object.runner();
        while start.elapsed() < lasting {
            let next = Instant::now() + between;
            wait_until("the next touch", 2 * between, || Instant::now() >= next);
            touch(&mut live, &mut runner);
        }
        let held = object.held();
        assert_eq!(held.flows, flows as usize, "records with a flow");
        assert_eq!(held.keys, flows as usize, "keys of flows");
        assert_eq!(held.open[sides.endpoint as usize], flows, "open connections");
        for connection in &mut live {
            connection.reset(&mut runner);
        }
        // Those that closed flows wait in behind the ones that were never used: now it is their turn.
        let spare = flows..u32::try_from(records).expect("a number of records");
        spare.for_each(|n| open(n).reset(&mut runner));
        assert_eq!(object.open(sides.endpoint), 0, "open connections after all were reset");
        let silent = answered.iter().filter(|answered| !**answered).count();
        assert_eq!(silent, 0, "records of {records} that led to no answer");
    });
    let addresses = records.div_ceil(ADDRESS_SLOTS as usize);
    let text = format!("{flows} flows of one endpoint held for {} s, 0 lost", lasting.as_secs());
    report(3, format_args!("{text}; each of {records} records behind {addresses} transit addresses answers"));
}

fn touch(live: &mut [Connection], runner: &mut Runner<'_>) {
    for connection in live {
        connection.say(runner, ACK);
        connection.hear(runner, ACK);
    }
}

/// Which record of its endpoint's block a connection has.
fn record(sides: &Sides, connection: &Connection) -> usize {
    let (address, port) = connection.transit;
    let address = u32::from_be_bytes(address) - u32::from(sides.transit);
    let within = (u32::from(u16::from_be_bytes(port)) - FIRST_PORT) % ADDRESS_SLOTS;
    (address * ADDRESS_SLOTS + within) as usize
}

/// One endpoint, with no more records than it needs.
fn plan(flows: u32) -> Plan {
    let timers = format!("[gateway.timers]\nestablished_secs = {}", ESTABLISHED.as_secs());
    let plan = Rig::pair().max_connections(flows).gateway(&timers);
    let records = (flows + flows / 32).next_power_of_two().min(1 << 20);
    let text = config::with_max_flows(&plan, records);
    plan.config(&text)
}
