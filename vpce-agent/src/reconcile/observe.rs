//! What the maps hold now.

use std::collections::BTreeMap;

use vpce_common::layout::{
    Backend, Dialled, Endpoint, Ingress, Link, Local, Mapping, Prefix, Settings, TRANSIT_ADDRESSES, Transit,
};

use super::Entries;
use crate::maps::{MAX_ENDPOINTS, MAX_LINKS, MapError, Maps};

/// Reads the maps that the agent writes.
#[expect(missing_docs, clippy::missing_errors_doc, reason = "each is the map of its name; errors are the kernel's")]
pub trait Reader {
    fn settings(&self) -> Result<Settings, MapError>;
    fn ingress(&self) -> Result<BTreeMap<Ingress, u32>, MapError>;
    fn addresses(&self) -> Result<BTreeMap<Local, u32>, MapError>;
    fn prefixes(&self) -> Result<BTreeMap<(u32, Prefix), u32>, MapError>;
    fn mappings(&self) -> Result<BTreeMap<Dialled, Mapping>, MapError>;
    fn link(&self, number: u32) -> Result<Link, MapError>;
    fn endpoint(&self, number: u32) -> Result<Endpoint, MapError>;
    fn backend(&self, number: u32) -> Result<Backend, MapError>;
    fn transit(&self, number: u32) -> Result<Transit, MapError>;
}

impl Reader for Maps {
    fn settings(&self) -> Result<Settings, MapError> {
        self.settings.get(0)
    }
    fn ingress(&self) -> Result<BTreeMap<Ingress, u32>, MapError> {
        self.ingress.all()
    }
    fn addresses(&self) -> Result<BTreeMap<Local, u32>, MapError> {
        self.addresses.all()
    }
    fn prefixes(&self) -> Result<BTreeMap<(u32, Prefix), u32>, MapError> {
        self.prefixes.all()
    }
    fn mappings(&self) -> Result<BTreeMap<Dialled, Mapping>, MapError> {
        self.mappings.all()
    }
    fn link(&self, number: u32) -> Result<Link, MapError> {
        self.links.get(number)
    }
    fn endpoint(&self, number: u32) -> Result<Endpoint, MapError> {
        self.endpoints.get(number)
    }
    fn backend(&self, number: u32) -> Result<Backend, MapError> {
        self.backends.get(number)
    }
    fn transit(&self, number: u32) -> Result<Transit, MapError> {
        self.transit.get(number)
    }
}

/// Reads every hash map whole, and of the arrays the numbers that `desired` or `last` knows of:
/// all numbers where there is no `last`, since nobody knows then what an earlier agent left.
///
/// # Errors
/// When the kernel refuses a read.
pub fn observe(maps: &impl Reader, desired: &Entries, last: Option<&Entries>) -> Result<Entries, MapError> {
    fn numbers<V, W>(
        desired: &BTreeMap<u32, V>,
        last: Option<&BTreeMap<u32, V>>,
        most: u32,
        read: impl Fn(u32) -> Result<W, MapError>,
    ) -> Result<BTreeMap<u32, W>, MapError> {
        let read = |number| Ok((number, read(number)?));
        match last {
            Some(last) => desired.keys().chain(last.keys()).copied().map(read).collect(),
            None => (0..most).map(read).collect(),
        }
    }
    Ok(Entries {
        settings: maps.settings()?,
        ingress: maps.ingress()?,
        addresses: maps.addresses()?,
        prefixes: maps.prefixes()?,
        mappings: maps.mappings()?,
        links: numbers(&desired.links, last.map(|last| &last.links), MAX_LINKS, |number| maps.link(number))?,
        endpoints: numbers(&desired.endpoints, last.map(|last| &last.endpoints), MAX_ENDPOINTS, |number| {
            maps.endpoint(number)
        })?,
        backends: numbers(&desired.backends, last.map(|last| &last.backends), MAX_ENDPOINTS, |number| {
            maps.backend(number)
        })?,
        transit: numbers(&desired.transit, last.map(|last| &last.transit), TRANSIT_ADDRESSES, |number| {
            maps.transit(number)
        })?,
    })
}
