//! Measures what the project promises in figures, beside what others reach on the same machine in
//! the same minute: `cargo xtask bench`.
//!
//! A figure is the median of several rounds; in each round everything that is compared runs once, so
//! that a machine that changes its speed changes that of all. What is not built yet is a missed goal.

mod agent;
mod chart;
mod document;
mod effort;
mod environment;
mod packet;
mod results;
mod rig;
mod row;
mod scale;
mod table;
mod usage;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use vpce_tests::budget::Budget;

use crate::{effort::Effort, environment::Environment, results::Results, row::Row};

/// Measures the gateway.
#[derive(Parser)]
#[command(name = "cargo xtask bench")]
struct Cli {
    /// Under five minutes: fewer rounds.
    #[arg(long)]
    quick: bool,
    /// Write the results there too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure nothing: draw the charts and write the tables of the documents from these results.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["quick", "json", "section"])]
    charts: Option<PathBuf>,
    /// Measure nothing: write what the kernel makes of the programs into vpce-ebpf/budget.toml.
    #[arg(long, conflicts_with_all = ["quick", "json", "section", "charts"])]
    budget: bool,
    /// Measure these parts alone.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    section: Vec<Section>,
}

/// A part of the benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Nanoseconds of one packet in the program.
    Packet,
    /// Packets, connections and bytes through a rig.
    Rig,
    /// Large numbers of flows and endpoints.
    Scale,
    /// The agent and its API.
    Agent,
}

impl Section {
    fn name(self) -> &'static str {
        match self {
            Self::Packet => "packet",
            Self::Rig => "rig",
            Self::Scale => "scale",
            Self::Agent => "agent",
        }
    }

    /// Measures it; `note` takes what else a reader must know of how.
    fn rows(self, effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
        match self {
            Self::Packet => packet::rows(effort, notes),
            Self::Rig => rig::rows(effort, notes),
            Self::Scale => scale::rows(effort, notes),
            Self::Agent => agent::rows(effort, notes),
        }
    }
}

fn main() {
    let cli = Cli::parse();
    if let Some(file) = &cli.charts {
        document::write(&Results::read(file));
        return;
    }
    if cli.budget {
        Budget::measured().commit();
        return;
    }
    let effort = Effort { quick: cli.quick };
    let mut results = Results { environment: Environment::here(cli.quick), rows: Vec::new() };
    let asked = |section: &Section| cli.section.is_empty() || cli.section.contains(section);
    for section in Section::value_variants().iter().filter(|section| asked(section)) {
        eprintln!("measuring: {}", section.name());
        let rows = section.rows(effort, &mut results.environment.notes);
        results.rows.extend(rows.iter().flat_map(|row| row.lines(section.name())));
    }
    print!("{}", table::terminal(&results));
    if let Some(file) = cli.json {
        results.write(&file);
    }
}
