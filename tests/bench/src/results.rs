//! What a run found, as it is kept in a file.

use serde::{Deserialize, Serialize};

use crate::environment::Environment;

/// Everything that a run found.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Results {
    /// Where it ran.
    pub environment: Environment,
    /// The lines of the table, in order.
    pub rows: Vec<Line>,
}

/// One line of the table: a row, one of its goals and the baseline that this goal speaks of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Line {
    /// Which part of the benchmark.
    pub section: String,
    /// What was measured.
    pub row: String,
    /// In what: `ns`, `Mpps`.
    pub unit: String,
    /// The goal in words.
    pub goal: Option<String>,
    /// Median of the rounds; nothing where the subject is not built.
    pub value: Option<f64>,
    /// The least of the rounds.
    pub min: Option<f64>,
    /// The most.
    pub max: Option<f64>,
    /// How many rounds.
    pub rounds: usize,
    /// What it is compared with.
    pub baseline: Option<String>,
    /// Median of the baseline's rounds.
    pub baseline_value: Option<f64>,
    /// Median of the rounds' ratios.
    pub ratio: Option<f64>,
    /// Whether the goal was reached; nothing where there is none.
    pub hit: Option<bool>,
}

impl Results {
    /// The sections that there are figures of, in order.
    #[must_use]
    pub fn sections(&self) -> Vec<&str> {
        let mut sections: Vec<_> = self.rows.iter().map(|line| line.section.as_str()).collect();
        sections.dedup();
        sections
    }

    /// The lines of a section.
    pub fn of<'r>(&'r self, section: &'r str) -> impl Iterator<Item = &'r Line> {
        self.rows.iter().filter(move |line| line.section == section)
    }

    /// Goals hit, and goals.
    #[must_use]
    pub fn score(&self) -> (usize, usize) {
        let goals = || self.rows.iter().filter_map(|line| line.hit);
        (goals().filter(|hit| *hit).count(), goals().count())
    }
}
