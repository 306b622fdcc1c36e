//! What a run found, as it is kept in a file.

use std::{fs, path::Path};

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
    /// What the median would have to be for the goal, where the baseline stays as it is.
    pub target: Option<f64>,
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
    /// Whether it is of the few that the project's first page shows.
    #[serde(default)]
    pub headline: bool,
}

impl Results {
    /// Reads the file of an earlier run.
    ///
    /// # Panics
    /// Where it is none.
    #[must_use]
    pub fn read(file: &Path) -> Self {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// Keeps them in a file.
    ///
    /// # Panics
    /// Where it can't be written.
    pub fn write(&self, file: &Path) {
        let text = serde_json::to_string_pretty(self).expect("plain data");
        fs::write(file, text + "\n").unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }

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
