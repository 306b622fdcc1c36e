//! The agent and its API.

mod api;
mod change;
mod loss;
mod town;

use crate::{effort::Effort, row::Row};

/// Measures the section.
pub fn rows(effort: Effort, notes: &mut Vec<String>) -> Vec<Row> {
    let mut rows = api::rows(effort, notes);
    rows.extend(change::rows(effort, notes));
    rows.extend(loss::rows(effort));
    rows
}
