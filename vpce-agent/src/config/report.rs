//! Collects errors, and turns places in the text into lines.

use std::{cell::RefCell, collections::BTreeSet};

use super::{Cause, ConfigError, ConfigErrors, Place};

/// Something couldn't be read, and the report has the error.
///
/// Only [`Scope::add`] makes one, so a value that is `Err` is never without a message, and whatever
/// depends on it just passes it on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported(());

/// A value of the file, if it was right.
pub(super) type Read<T> = Result<T, Reported>;

/// The errors so far. Shared by all readers of one file, hence the cell.
#[derive(Debug)]
pub(super) struct Report<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    /// Lines that aren't TOML.
    broken: BTreeSet<usize>,
    errors: RefCell<Vec<ConfigError>>,
}

impl<'t> Report<'t> {
    /// A report that starts with what the TOML parser found.
    pub(super) fn new(text: &'t str, syntax: &[toml::de::Error]) -> Self {
        let newlines = text.match_indices('\n').map(|(at, _)| at + 1);
        let mut report = Self {
            text,
            line_starts: std::iter::once(0).chain(newlines).collect(),
            broken: BTreeSet::new(),
            errors: RefCell::default(),
        };
        for error in syntax {
            let offset = error.span().map_or(0, |span| span.start);
            let (line, column) = report.position(offset);
            let cause = match (error.message(), error.span().and_then(|span| text.get(span))) {
                ("duplicate key", Some(key)) => Cause::DuplicateKey { key: key.to_owned() },
                (message, _) => Cause::Syntax { column, message: message.replace('\n', " ") },
            };
            report.push(offset, Place::File, cause);
            report.broken.insert(line);
        }
        report
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    pub(super) fn into_errors(self) -> ConfigErrors {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|error| (error.line, error.column));
        ConfigErrors { errors }
    }

    /// Whether an error only follows from lines that aren't TOML: it is on such a line, or it says
    /// that something isn't there, which may be on one.
    fn follows(&self, offset: usize, cause: &Cause) -> bool {
        self.broken.contains(&self.line(offset)) || (!self.broken.is_empty() && cause.is_absence())
    }

    /// The line of a byte of the text, from 1.
    fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= offset)
    }

    /// Line and column, both from 1.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let before = &self.text.as_bytes()[self.line_starts[line - 1]..offset.min(self.text.len())];
        (line, 1 + String::from_utf8_lossy(before).chars().count())
    }

    fn push(&self, offset: usize, place: Place, cause: Cause) {
        let (line, column) = self.position(offset);
        self.errors.borrow_mut().push(ConfigError { line, column, place, cause });
    }
}

/// The report as seen from one section of the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'d> {
    report: &'d Report<'d>,
    section: Option<(&'static str, Option<&'d str>)>,
}

impl<'d> Scope<'d> {
    /// Outside every section.
    pub(super) fn file(report: &'d Report<'d>) -> Self {
        Self { report, section: None }
    }

    /// A section of the same file, with its name if it has one.
    pub(super) fn section(self, header: &'static str, name: Option<&'d str>) -> Self {
        Self { section: Some((header, name)), ..self }
    }

    /// Adds an error at a byte of the text.
    pub(super) fn add(self, offset: usize, cause: Cause) -> Reported {
        if !self.report.follows(offset, &cause) {
            let place = self
                .section
                .map_or(Place::File, |(header, name)| Place::Section { header, name: name.map(str::to_owned) });
            self.report.push(offset, place, cause);
        }
        Reported(())
    }

    /// The line of a byte of the text, from 1.
    pub(super) fn line(self, offset: usize) -> usize {
        self.report.line(offset)
    }
}
