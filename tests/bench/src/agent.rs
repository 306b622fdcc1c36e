//! The agent and its API.

mod change;
mod loss;
mod town;

use crate::{
    effort::Effort,
    row::{Goal, Row},
};

/// Measures the section.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    let mut rows = change::rows(effort, notes);
    rows.extend(loss::rows(effort));
    rows.extend([
        Row::new("API reads on one core", "/s").goal(Goal::at_least(5_000.0)),
        Row::new("API creates on one core", "/s").goal(Goal::at_least(1_000.0)),
        Row::new("API p99 under load", "ms").goal(Goal::at_most(20.0)),
    ]);
    rows
}
