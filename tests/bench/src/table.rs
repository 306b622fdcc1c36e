//! Results as tables: on a terminal, and in Markdown.

use comfy_table::{CellAlignment, Table, presets};

use crate::results::{Line, Results};

const HEADER: [&str; 9] = ["row", "goal", "median", "min", "max", "baseline", "of it", "ratio", ""];

/// The whole run for a terminal.
#[must_use]
pub fn terminal(results: &Results) -> String {
    let facts = results.environment.facts().into_iter().map(|(name, value)| format!("{name}: {value}\n"));
    let sections = results.sections().into_iter().map(|section| {
        let mut table = table(presets::NOTHING);
        table.add_rows(results.of(section).map(cells));
        format!("\n{section}\n{}\n", table.trim_fmt())
    });
    let (hit, of) = results.score();
    format!("{}{}\n{hit} of {of} goals hit\n", facts.collect::<String>(), sections.collect::<String>())
}

/// Lines in Markdown.
#[must_use]
pub fn markdown<'r>(lines: impl Iterator<Item = &'r Line>) -> String {
    let mut table = table(presets::ASCII_MARKDOWN);
    table.add_rows(lines.map(cells));
    table.trim_fmt()
}

/// Lines in Markdown for a reader in a hurry: what, how much, beside what.
#[must_use]
pub fn headline<'r>(lines: impl Iterator<Item = &'r Line>) -> String {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN).set_header(["figure", "vpce", "beside it"]);
    let mut told: Vec<(String, String, String)> = Vec::new();
    for line in lines.filter(|line| line.value.is_some()) {
        // Of a row the first line with a baseline; without any, the first.
        let [row, .., baseline, of_it, ratio, _] = cells(line);
        let beside = if ratio.is_empty() { String::new() } else { format!("{baseline}: {of_it}, ratio {ratio}") };
        match told.iter_mut().find(|(name, ..)| *name == row) {
            Some((.., known)) if known.is_empty() => *known = beside,
            Some(_) => {}
            None => told.push((row, format!("{} {}", figure(line.value.unwrap_or_default()), line.unit), beside)),
        }
    }
    table.add_rows(told.into_iter().map(|(row, value, beside)| [row, value, beside]));
    table.trim_fmt()
}

fn table(preset: &str) -> Table {
    let mut table = Table::new();
    table.load_preset(preset).set_header(HEADER);
    for column in [2, 3, 4, 6, 7] {
        table.column_mut(column).expect("a column of the header").set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cells(line: &Line) -> [String; 9] {
    let with_unit =
        |value: Option<f64>| value.map_or(String::new(), |value| format!("{} {}", figure(value), line.unit));
    let plain = |value: Option<f64>| value.map_or(String::new(), figure);
    let hit = match (line.hit, line.value) {
        (Some(true), _) => "hit",
        (Some(false), None) => "missed: not built",
        (Some(false), Some(_)) => "missed",
        (None, None) => "not built",
        (None, Some(_)) => "",
    };
    [
        line.row.clone(),
        line.goal.clone().unwrap_or_default(),
        with_unit(line.value),
        plain(line.min),
        plain(line.max),
        line.baseline.clone().unwrap_or_default(),
        with_unit(line.baseline_value),
        line.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}")),
        hit.to_owned(),
    ]
}

/// A figure with no more digits than its spread supports.
#[must_use]
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::{Goal, Row};

    #[test]
    fn a_figure_has_three_digits() {
        assert_eq!([0.123, 1.0, 12.34, 567.8].map(figure), ["0.12", "1.00", "12.3", "568"]);
    }

    #[test]
    fn a_goal_for_what_is_not_built_is_told_as_missed() {
        let lines = Row::new("reads", "/s").goal(Goal::at_least(5000.0)).lines("agent");
        assert_eq!(cells(&lines[0]), ["reads", ">= 5000 /s", "", "", "", "", "", "", "missed: not built"]);
    }
}
