//! Packets, connections and bytes through a rig, beside what the kernel does with them.
//!
//! In each round every contestant takes its turn at every measurement. Sender and receiver have a CPU
//! each, the same for all.

mod connections;
mod contestant;
mod cubic;
mod flood;
mod offload;
mod round_trip;
mod stream;

use std::time::Duration;

use vpce_tests::interrupt;

use self::{
    contestant::{Contestant, Kind},
    cubic::Cubic,
    offload::Offloads,
};
use crate::{
    effort::Effort,
    row::{Goal, Row},
};

/// Which CPU does what.
mod cpu {
    /// Sends, and on veth carries what was sent all the way.
    pub const CLIENT: usize = 0;
    /// Receives.
    pub const BACKEND: usize = 1;
}

/// The hooks of this gateway, as its configuration names them.
const HOOKS: [&str; 2] = ["xdp", "tc"];
/// Flows of the wider flood.
const MANY: usize = 32_768;

/// What is done once a round on each contestant.
#[derive(Clone, Copy, Debug)]
enum Measurement {
    /// Millions of datagrams a second over so many flows.
    Flood(usize),
    /// Connections a second.
    Connections,
    /// Gbit/s of one stream.
    Stream,
    /// Microseconds of a round trip.
    Trip,
}

/// A figure of a measurement, and what the hooks shall reach.
struct Figure {
    name: &'static str,
    unit: &'static str,
    /// Of [`HOOKS`].
    goals: [&'static [(f64, Kind)]; 2],
}

/// One contestant's figures: of each measurement, those of each round.
type Rounds = Vec<Vec<Vec<f64>>>;

/// Measures the section.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    notes.push(format!(
        "rig: veth pairs, MTU 1500, cubic; sender on CPU {}, receiver on CPU {}; datagrams of 18 bytes, sent by AF_PACKET",
        cpu::CLIENT,
        cpu::BACKEND
    ));
    let _cubic = Cubic::allow();
    let off = [
        Measurement::Flood(1),
        Measurement::Flood(MANY),
        Measurement::Connections,
        Measurement::Stream,
        Measurement::Trip,
    ];
    let default = [Measurement::Stream, Measurement::Connections];
    let mut rows = setting(Offloads::Off, &off, effort, notes);
    rows.extend(setting(Offloads::Default, &default, effort, notes));
    rows
}

fn setting(offloads: Offloads, measurements: &[Measurement], effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    notes.push(format!("rig, {}: {}", offloads.name(), offloads.told()));
    let ours = HOOKS.iter().filter(|mode| offloads.suit(mode)).map(|mode| Kind::Ours { mode });
    let kinds = ours.chain([Kind::Nftables, Kind::Routing, Kind::Haproxy]);
    let contestants: Vec<_> = kinds.map(|kind| Contestant::build(kind, offloads)).collect();
    let mut results: Vec<Rounds> = vec![vec![Vec::new(); measurements.len()]; contestants.len()];
    for round in 0..effort.rounds() {
        for (place, measurement) in measurements.iter().enumerate() {
            // Whoever comes first is another one in each round.
            for turn in 0..contestants.len() {
                let who = (turn + round) % contestants.len();
                interrupt::check();
                let figures = measurement.of(&contestants[who], effort);
                eprintln!("  {}: {}, {measurement:?}: {figures:.2?}", offloads.name(), contestants[who].kind.name());
                results[who][place].push(figures);
            }
        }
    }
    let measured = |kind: Kind| contestants.iter().position(|one| one.kind == kind).map(|place| &results[place]);
    let mut rows = Vec::new();
    for (place, measurement) in measurements.iter().enumerate() {
        for (number, figure) in measurement.figures(offloads).iter().enumerate() {
            let values = |kind| measured(kind).and_then(|rounds| column(&rounds[place], number));
            // XDP is not for default offloads: it has no goal there.
            let asked = HOOKS.iter().zip(figure.goals).filter(|(mode, _)| offloads.suit(mode));
            let row = |(mode, goals): (&&'static str, &'static [_])| {
                let row = figure.row(offloads, mode, goals, values);
                if measurement.is_headline(offloads, mode) { row.headline() } else { row }
            };
            rows.extend(asked.map(row));
        }
    }
    rows
}

/// A figure of each round; nothing where the contestant has none.
fn column(rounds: &[Vec<f64>], number: usize) -> Option<Vec<f64>> {
    rounds.iter().map(|figures| figures.get(number).copied()).collect()
}

impl Measurement {
    /// Its figures of one contestant now; none where that can't do it.
    fn of(self, on: &Contestant, effort: Effort) -> Vec<f64> {
        let lasting = Duration::from_millis(effort.pick(700, 2000));
        match self {
            Self::Connections => vec![connections::run(on, lasting)],
            Self::Stream => vec![stream::run(on, lasting)],
            Self::Flood(_) | Self::Trip if !on.kind.carries_udp() => Vec::new(),
            Self::Flood(flows) => vec![flood::run(on, flows, lasting)],
            Self::Trip => round_trip::run(on, effort.pick(20_000, 100_000)).to_vec(),
        }
    }

    /// Whether a hook's figure of it stands on the project's first page: of each hook what it is for.
    fn is_headline(self, offloads: Offloads, mode: &str) -> bool {
        match (self, offloads) {
            (Self::Flood(_) | Self::Connections, Offloads::Off) | (Self::Stream, Offloads::Default) => true,
            (Self::Trip, Offloads::Off) => mode == HOOKS[1],
            _ => false,
        }
    }

    fn figures(self, offloads: Offloads) -> Vec<Figure> {
        use Kind::{Haproxy, Nftables, Routing};
        const AS_FAST: &[(f64, Kind)] = &[(1.0, Nftables)];
        let figure = |name, unit, goals| Figure { name, unit, goals };
        match (self, offloads) {
            (Self::Flood(1), _) => {
                vec![figure("UDP, 1 flow", "Mpps", [&[(2.0, Nftables), (1.4, Routing)], &[(1.7, Nftables)]])]
            }
            (Self::Flood(_), _) => {
                vec![figure("UDP, 32,768 flows", "Mpps", [&[(2.5, Nftables), (1.4, Routing)], &[(2.2, Nftables)]])]
            }
            (Self::Connections, Offloads::Off) => vec![figure(
                "new TCP connections",
                "/s",
                [&[(1.3, Nftables), (1.0, Routing), (1.7, Haproxy)], &[(1.3, Nftables)]],
            )],
            (Self::Connections, Offloads::Default) => {
                vec![figure("new TCP connections", "/s", [&[], &[(1.2, Nftables)]])]
            }
            (Self::Stream, Offloads::Off) => vec![figure(
                "TCP, 1 stream",
                "Gbit/s",
                [&[(1.5, Nftables), (1.1, Routing), (1.8, Haproxy)], &[(1.5, Nftables)]],
            )],
            (Self::Stream, Offloads::Default) => {
                vec![figure("TCP, 1 stream", "Gbit/s", [&[], &[(1.0, Nftables), (1.0, Routing)]])]
            }
            (Self::Trip, _) => ["round trip p50, polling", "round trip p99, polling"]
                .map(|name| figure(name, "us", [AS_FAST, AS_FAST]))
                .into(),
        }
    }
}

impl Figure {
    fn row(
        &self,
        offloads: Offloads,
        mode: &'static str,
        goals: &[(f64, Kind)],
        values: impl Fn(Kind) -> Option<Vec<f64>>,
    ) -> Row {
        let ours = Kind::Ours { mode };
        let mut row = Row::new(format!("{} ({}, {})", self.name, offloads.name(), ours.name()), self.unit);
        for &(bound, baseline) in goals {
            let goal = if self.unit == "us" { Goal::at_most(bound) } else { Goal::at_least(bound) };
            row = row.goal(goal.of(baseline.name()));
        }
        let Some(measured) = values(ours) else { return row };
        row = row.measured(measured);
        for kind in [Kind::Nftables, Kind::Routing, Kind::Haproxy] {
            if let Some(values) = values(kind) {
                row = row.beside(kind.name(), values);
            }
        }
        row
    }
}
