//! How soon a change of the configuration file is true.
//!
//! A change is a file that is renamed into place, and SIGHUP. The clock starts before the rename and stops when
//! the loaded program sends a first segment on to the backend.

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
};

/// Longer than this no change takes.
const PATIENCE: Duration = Duration::from_secs(15);

/// Measures cold apply, one endpoint more, and a restart.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    notes.push(format!(
        "agent: {ENDPOINTS} endpoints on {} services; changes by a renamed file and SIGHUP",
        town::SERVICES
    ));
    let all: Vec<u32> = (0..ENDPOINTS).collect();
    let (mut cold, mut starts, mut added) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..effort.pick(1, 3) {
        let mut rig = town::build(&town::config(&[0]));
        rig.agent().start();
        let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
        let numbers = || all.iter().copied();
        cold.push(change(&mut rig, &object, &sides, &town::config(&all), numbers(), round));

        added.extend((0..effort.pick(10, 30)).map(|n| {
            interrupt::check();
            let guests = numbers().chain(GUEST..=GUEST + n).collect::<Vec<_>>();
            change(&mut rig, &object, &sides, &town::config(&guests), [GUEST + n].into_iter(), round) * 1e3
        }));
        rig.agent().stop();
        let start = Instant::now();
        rig.agent().start();
        starts.push(start.elapsed().as_secs_f64());
    }
    vec![
        Row::new("cold apply of 10,000 endpoints, by reload", "s").goal(Goal::at_most(1.0)).measured(cold),
        Row::new("restart to ready with 10,000 endpoints", "s").measured(starts),
        Row::new("an endpoint added to a file of 10,000, to first packet", "ms").measured(added),
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
