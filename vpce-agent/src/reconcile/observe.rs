//! What the maps hold now.

use std::collections::BTreeMap;

use vpce_common::layout::{
    Backend, Client, Dialled, Endpoint, Ingress, Link, Local, Mapping, Prefix, Settings, TRANSIT_ADDRESSES, Transit,
};

use super::{
    Entries,
    plan::{NO_BACKEND, NO_ENDPOINT, NO_LINK, NO_TRANSIT},
};
use crate::maps::{MAX_ENDPOINTS, MAX_LINKS, MapError, Maps};

/// Reads the maps that the agent writes.
#[expect(missing_docs, clippy::missing_errors_doc, reason = "each is the map of its name; errors are the kernel's")]
pub trait Reader {
    fn settings(&self) -> Result<Settings, MapError>;
    fn ingress(&self) -> Result<BTreeMap<Ingress, u32>, MapError>;
    fn addresses(&self) -> Result<BTreeMap<Local, u32>, MapError>;
    fn prefixes(&self) -> Result<BTreeMap<(u32, Prefix), u32>, MapError>;
    fn clients(&self) -> Result<BTreeMap<(u32, Client), u32>, MapError>;
    fn mappings(&self) -> Result<BTreeMap<Dialled, Mapping>, MapError>;
    fn links(&self, count: u32) -> Result<Vec<Link>, MapError>;
    fn endpoints(&self, count: u32) -> Result<Vec<Endpoint>, MapError>;
    fn backends(&self, count: u32) -> Result<Vec<Backend>, MapError>;
    fn transit(&self, count: u32) -> Result<Vec<Transit>, MapError>;
}

impl Reader for Maps {
    fn settings(&self) -> Result<Settings, MapError> {
        // Epochs come and go with the changes: they are none.
        Ok(Settings { epoch: 0, ..self.settings.get(0)? })
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
    fn clients(&self) -> Result<BTreeMap<(u32, Client), u32>, MapError> {
        self.clients.all()
    }
    fn mappings(&self) -> Result<BTreeMap<Dialled, Mapping>, MapError> {
        self.mappings.all()
    }
    fn links(&self, count: u32) -> Result<Vec<Link>, MapError> {
        self.links.up_to(count)
    }
    fn endpoints(&self, count: u32) -> Result<Vec<Endpoint>, MapError> {
        self.endpoints.up_to(count)
    }
    fn backends(&self, count: u32) -> Result<Vec<Backend>, MapError> {
        self.backends.up_to(count)
    }
    fn transit(&self, count: u32) -> Result<Vec<Transit>, MapError> {
        self.transit.up_to(count)
    }
}

/// Reads every hash map whole, and of the arrays the numbers up to the last that `desired` or `last` knows
/// of: all numbers where there is no `last`, since nobody knows then what an earlier agent left.
///
/// # Errors
/// When the kernel refuses a read.
pub fn observe(maps: &impl Reader, desired: &Entries, last: Option<&Entries>) -> Result<Entries, MapError> {
    fn numbers<V, W>(
        desired: &BTreeMap<u32, V>,
        last: Option<&BTreeMap<u32, V>>,
        most: u32,
        read: impl Fn(u32) -> Result<Vec<W>, MapError>,
    ) -> Result<BTreeMap<u32, W>, MapError> {
        let count = |known: &BTreeMap<u32, V>| known.last_key_value().map_or(0, |(number, _)| number + 1);
        let count = last.map_or(most, |last| count(desired).max(count(last)));
        Ok((0..).zip(read(count)?).collect())
    }
    Ok(Entries {
        settings: maps.settings()?,
        ingress: maps.ingress()?,
        addresses: maps.addresses()?,
        prefixes: maps.prefixes()?,
        clients: maps.clients()?,
        mappings: maps.mappings()?,
        links: numbers(&desired.links, last.map(|last| &last.links), MAX_LINKS, |count| maps.links(count))?,
        endpoints: numbers(&desired.endpoints, last.map(|last| &last.endpoints), MAX_ENDPOINTS, |count| {
            maps.endpoints(count)
        })?,
        backends: numbers(&desired.backends, last.map(|last| &last.backends), MAX_ENDPOINTS, |count| {
            maps.backends(count)
        })?,
        transit: numbers(&desired.transit, last.map(|last| &last.transit), TRANSIT_ADDRESSES, |count| {
            maps.transit(count)
        })?,
    })
}

/// Whether the maps hold anything else than what was written last. Far cheaper than a pass that finds nothing to do.
///
/// # Errors
/// When the kernel refuses a read.
pub fn drifted(maps: &impl Reader, last: &Entries) -> Result<bool, MapError> {
    fn differ<V: Copy + PartialEq>(
        last: &BTreeMap<u32, V>,
        none: V,
        read: impl Fn(u32) -> Result<Vec<V>, MapError>,
    ) -> Result<bool, MapError> {
        let mut known = last.iter().peekable();
        let count = last.last_key_value().map_or(0, |(number, _)| number + 1);
        let is_other = |(number, is): (u32, V)| {
            is != known.next_if(|(next, _)| **next == number).map_or(none, |(_, value)| *value)
        };
        Ok((0..).zip(read(count)?).any(is_other))
    }
    Ok(maps.settings()? != last.settings
        || maps.ingress()? != last.ingress
        || maps.addresses()? != last.addresses
        || maps.prefixes()? != last.prefixes
        || maps.clients()? != last.clients
        || maps.mappings()? != last.mappings
        || differ(&last.links, NO_LINK, |count| maps.links(count))?
        || differ(&last.endpoints, NO_ENDPOINT, |count| maps.endpoints(count))?
        || differ(&last.backends, NO_BACKEND, |count| maps.backends(count))?
        || differ(&last.transit, NO_TRANSIT, |count| maps.transit(count))?)
}
