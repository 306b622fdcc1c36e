//! From TOML text to [`Desired`]: every rule checked, every error told at once with its line.
//!
//! The layers, from the text upward: [`report`] collects errors and knows lines, [`table`] and
//! [`value`] take typed values out of the document, [`named`] keeps entries that others refer to by
//! name, and one module for each section states its keys and rules. A value that couldn't be read
//! is [`report::Reported`]; whatever depends on it stops there, so one mistake makes one error.

mod api;
mod attachment;
mod cause;
mod endpoint;
mod error;
mod gateway;
mod named;
mod net;
mod report;
mod rule;
mod service;
mod table;
mod tags;
#[cfg(test)]
mod tests;
mod timers;
mod value;
mod vpc;

use std::collections::BTreeSet;

use toml::de::DeTable;

pub use self::{
    cause::{Cause, Holder},
    error::{ConfigError, ConfigErrors, Place},
};
use self::{
    report::{Read, Report},
    table::{Keys, Table},
};
use crate::model::Desired;

const KEYS: Keys = &[
    ("gateway", r#"[gateway] with region = "region-1""#),
    ("vpc", "[[vpc]]"),
    ("service", "[[service]]"),
    ("endpoint", "[[endpoint]]"),
    ("api", "[api]"),
];

/// The text of a file.
///
/// # Errors
///
/// The place of the first byte that is not UTF-8.
pub fn text(bytes: Vec<u8>) -> Result<String, ConfigErrors> {
    String::from_utf8(bytes).map_err(|error| {
        let (right, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let text = String::from_utf8_lossy(right);
        let line = text.rsplit('\n').next().unwrap_or_default();
        let cause = Cause::NotText { byte: rest.first().copied().unwrap_or_default() };
        let (line, column) = (1 + text.matches('\n').count(), 1 + line.chars().count());
        ConfigErrors { errors: vec![ConfigError { line, column, place: Place::File, cause }] }
    })
}

/// Reads a whole configuration file.
///
/// # Errors
///
/// Every error of the file, sorted by line.
pub fn parse(text: &str) -> Result<Desired, ConfigErrors> {
    parse_for(text, None)
}

/// Reads a whole configuration file, for a host that has these interfaces.
///
/// # Errors
///
/// Every error of the file, sorted by line; attachments to other interfaces are errors.
pub fn parse_on(text: &str, present: &BTreeSet<String>) -> Result<Desired, ConfigErrors> {
    parse_for(text, Some(present))
}

fn parse_for(text: &str, present: Option<&BTreeSet<String>>) -> Result<Desired, ConfigErrors> {
    let (document, syntax) = DeTable::parse_recoverable(text);
    let report = Report::new(text, &syntax);
    match read(Table::root(&document, KEYS, &report), present) {
        Ok(desired) if report.is_empty() => Ok(desired),
        _ => Err(report.into_errors()),
    }
}

fn read(root: Table<'_>, present: Option<&BTreeSet<String>>) -> Read<Desired> {
    let gateway = gateway::read(root);
    let transit = gateway.and_then(|gateway| gateway.transit);
    let mode = gateway.and_then(|gateway| gateway.mode);
    let api = api::read(root);
    let vpcs = vpc::read(root, transit, mode, present);
    let timers = gateway.and_then(|gateway| gateway.timers);
    let services = service::read(root, &vpcs, transit, timers);
    let endpoints = endpoint::read(root, gateway, &vpcs, &services);
    Ok(Desired {
        gateway: gateway?.build()?,
        api: api?,
        vpcs: vpcs.build(vpc::Draft::build)?,
        services: services.build(service::Draft::build)?,
        endpoints: endpoints.build(|endpoint| Ok(endpoint.clone()))?,
    })
}
