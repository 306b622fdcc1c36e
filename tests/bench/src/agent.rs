//! The agent and its API.

use crate::{
    effort::Effort,
    row::{Goal, Row},
};

/// Measures the section.
pub fn rows(_effort: Effort, _notes: &mut Vec<String>) -> Vec<Row> {
    vec![
        Row::new("API reads on one core", "/s").goal(Goal::at_least(5_000.0)),
        Row::new("API creates on one core", "/s").goal(Goal::at_least(1_000.0)),
    ]
}
