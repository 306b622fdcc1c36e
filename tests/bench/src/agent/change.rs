//! How soon a change of the configuration is true, and what many endpoints cost.
//!
//! There is no API yet: a change is a file that is renamed into place, and SIGHUP. The clock starts before
//! the rename and stops when the loaded program sends a first segment on to the backend.

use std::{
    thread,
    time::{Duration, Instant},
};

use vpce_tests::{
    Rig,
    frames::flag::RST,
    interrupt,
    object::{Connection, Dialled, Object, Runner, Sides},
};

use super::town::{self, ENDPOINTS, GUEST};
use crate::{
    effort::Effort,
    row::{Goal, Row},
    usage,
};

/// Longer than this no change takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Measures cold apply, creation, memory and idleness.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    notes.push(format!(
        "agent: {ENDPOINTS} endpoints on {} services; changes by a renamed file and SIGHUP",
        town::SERVICES
    ));
    let all: Vec<u32> = (0..ENDPOINTS).collect();
    let (mut cold, mut starts, mut created) = (Vec::new(), Vec::new(), Vec::new());
    let (mut resident, mut idle) = (Vec::new(), Vec::new());
    for round in 0..effort.pick(1, 3) {
        let mut rig = town::build();
        // One endpoint is there, to learn the gateway's ends from.
        rig.write_config(&town::config(&[0]));
        rig.agent().start();
        let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
        let numbers = || all.iter().copied();
        cold.push(change(&mut rig, &object, &sides, &town::config(&all), numbers(), round));

        created.extend((0..effort.pick(30, 100)).map(|n| {
            interrupt::check();
            let guests = numbers().chain(GUEST..=GUEST + n).collect::<Vec<_>>();
            change(&mut rig, &object, &sides, &town::config(&guests), [GUEST + n].into_iter(), round) * 1e3
        }));
        // What it does for new backends is over.
        thread::sleep(Duration::from_secs(10));
        let pid = rig.agent().pid();
        idle.push(usage::cpu_percent(pid, Duration::from_secs(effort.pick(15, 60))));
        resident.push(usage::resident_mb(pid));
        rig.agent().stop();
        let start = Instant::now();
        rig.agent().start();
        starts.push(start.elapsed().as_secs_f64());
    }
    created.sort_by(f64::total_cmp);
    let p99 = created[created.len() * 99 / 100];
    vec![
        Row::new("create an endpoint to first packet, p99", "ms").goal(Goal::at_most(10.0)).measured(vec![p99]),
        Row::new("create an endpoint to first packet, each", "ms").measured(created),
        Row::new("cold apply of 10,000 endpoints, by reload", "s").goal(Goal::at_most(1.0)).measured(cold),
        Row::new("restart to ready with 10,000 endpoints", "s").measured(starts),
        Row::new("resident memory with 10,000 endpoints", "MB").goal(Goal::at_most(64.0)).measured(resident),
        Row::new("idle with 10,000 endpoints, of a CPU", "%").goal(Goal::at_most(0.5)).measured(idle),
    ]
}

/// Seconds until all these endpoints take a connection.
fn change(
    rig: &mut Rig,
    object: &Object,
    sides: &Sides,
    text: &str,
    endpoints: impl Iterator<Item = u32> + Send,
    round: u32,
) -> f64 {
    let start = Instant::now();
    rig.write_config(text);
    rig.agent().begin_reload();
    rig.gateway().run(|| {
        let mut runner = object.runner();
        for n in endpoints {
            let mut flow = Connection::new(sides, 1, n + round, town::endpoint(n), town::backend_of(n));
            until_open(&mut flow, &mut runner, start);
            // No half-open connection stays behind: it would be the reaper's work while the agent is idle.
            flow.try_say(&mut runner, RST);
        }
    });
    let took = start.elapsed();
    rig.agent().finish_reload();
    took.as_secs_f64()
}

fn until_open(flow: &mut Connection, runner: &mut Runner<'_>, start: Instant) {
    while !matches!(flow.dial(runner), Dialled::Open(_)) {
        assert!(start.elapsed() < PATIENCE, "an endpoint takes no connection: {flow:?}");
        // The agent may need this CPU.
        thread::sleep(Duration::from_micros(200));
    }
}
