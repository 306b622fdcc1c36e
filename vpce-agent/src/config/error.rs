//! What `parse` answers when the file isn't right.

use std::fmt;

use super::Cause;

/// Every error of a configuration file; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// Sorted by line, then column.
    pub errors: Vec<ConfigError>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

/// One error: where it is, what is wrong, what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {place}{cause}")]
pub struct ConfigError {
    /// Line in the file, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// The section that it is in.
    pub place: Place,
    /// What is wrong, and what is allowed.
    pub cause: Cause,
}

/// A section of the file. Displayed as the start of a message: `[[vpc]] "blue": `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Outside every section.
    File,
    /// A section, with its name if it has one.
    Section {
        /// `[gateway]`, `[[vpc]]`, …
        header: &'static str,
        /// The value of its `name`.
        name: Option<String>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Section { header, name: None } => write!(f, "{header}: "),
            Self::Section { header, name: Some(name) } => write!(f, "{header} {name:?}: "),
        }
    }
}
