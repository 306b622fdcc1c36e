//! Forms of the output.

use std::io::{self, ErrorKind, Write as _};

use clap::ValueEnum;
use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::Value;

use super::CliError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    Table,
    /// The same with more columns: ids, times, tags.
    Wide,
    /// For programs.
    Json,
    /// For programs and people.
    Yaml,
}

impl Output {
    /// The value, or for people its text.
    pub(super) fn show<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> Result<String, CliError> {
        match self {
            Self::Table | Self::Wide => Ok(text()),
            Self::Json => Ok(serde_json::to_string_pretty(value)?),
            Self::Yaml => {
                let text = serde_saphyr::to_string(value);
                let text = text.map_err(|error| CliError::Yaml { reason: error.to_string() })?;
                Ok(text.trim_end().to_owned())
            }
        }
    }

    /// Whether people read it.
    pub(super) const fn is_text(self) -> bool {
        matches!(self, Self::Table | Self::Wide)
    }

    /// Whether they want to see more.
    pub(super) const fn is_wide(self) -> bool {
        matches!(self, Self::Wide)
    }
}

/// A column: its header, and what it has of each row.
pub(super) type Column<T> = (&'static str, fn(&T) -> String);

/// A table of rows.
pub(super) fn table<'t, T: 't>(columns: &[Column<T>], rows: impl IntoIterator<Item = &'t T>) -> String {
    let mut table = with_header(&columns.iter().map(|(header, _)| *header).collect::<Vec<_>>());
    for row in rows {
        table.add_row(columns.iter().map(|(_, cell)| cell(row)));
    }
    table.to_string()
}

pub(super) fn with_header<T: AsRef<str>>(header: &[T]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header.iter().map(AsRef::as_ref));
    table
}

/// A line for each name with its value.
pub(super) fn lines(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("{name:<16} {value}")).collect::<Vec<_>>().join("\n")
}

/// A line for each member of an object.
pub(super) fn fields(object: &Value) -> String {
    let members = object.as_object().into_iter().flatten();
    let rows: Vec<(&str, String)> = members.map(|(name, value)| (name.as_str(), text(value))).collect();
    lines(&rows)
}

/// `a, b` for a list.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// What is there, or `-`.
pub(super) fn or_dash(text: impl Into<String>) -> String {
    let text = text.into();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// Prints a text and the end of its line; answers whether somebody still reads.
///
/// # Errors
/// When it can't be written.
pub fn print(text: &str) -> io::Result<bool> {
    let mut out = io::stdout();
    let written = match text {
        "" => Ok(()),
        text => writeln!(out, "{text}").and_then(|()| out.flush()),
    };
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}
