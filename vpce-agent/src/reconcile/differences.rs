//! What is not as it is wanted, for the operator's eyes: the next pass mends what it can.

use std::collections::BTreeMap;

use super::{
    Entries, Gateway, ReconcileError, compile, observe,
    plan::{NO_BACKEND, NO_ENDPOINT, NO_LINK, NO_TRANSIT},
};
use crate::model::{
    Desired, Part,
    difference::{Between, Difference, compare},
};

impl Gateway {
    /// How desired state differs from the file and from what tenants made, and the maps from desired state.
    ///
    /// # Errors
    /// When the kernel refuses a read.
    pub fn differences(&self, file: Option<&Desired>, guests: &Part) -> Result<Vec<Difference>, ReconcileError> {
        let mut found = wanted(file, guests, &self.desired);
        let entries = compile(&self.desired, &self.leases, &self.facts);
        found.extend(held(&entries, &observe(&self.dataplane.maps, &entries, self.last.as_ref())?));
        Ok(found)
    }
}

/// How desired state differs from the file, where it can be read, and from what tenants made.
fn wanted(file: Option<&Desired>, guests: &Part, desired: &Desired) -> Vec<Difference> {
    let (services, own_services) = divide(&desired.services, &guests.services);
    let (endpoints, own_endpoints) = divide(&desired.endpoints, &guests.endpoints);
    let mut found = Vec::new();
    if let Some(file) = file {
        let section = |desired| BTreeMap::from([("[gateway]", desired)]);
        found.extend(compare(Between::File, "section", &section(&file.gateway), &section(&desired.gateway)));
        found.extend(compare(Between::File, "vpc", &file.vpcs, &desired.vpcs));
        found.extend(compare(Between::File, "service", &by_ref(&file.services), &own_services));
        found.extend(compare(Between::File, "endpoint", &by_ref(&file.endpoints), &own_endpoints));
    }
    found.extend(compare(Between::Api, "service", &there(&guests.services), &services));
    found.extend(compare(Between::Api, "endpoint", &there(&guests.endpoints), &endpoints));
    found
}

/// How the maps differ from what they shall hold.
fn held(entries: &Entries, observed: &Entries) -> Vec<Difference> {
    let between = Between::Kernel;
    let settings = |of: &Entries| BTreeMap::from([(0, of.settings)]);
    [
        compare(between, "SETTINGS", &settings(entries), &settings(observed)),
        compare(between, "INGRESS", &entries.ingress, &observed.ingress),
        compare(between, "ADDRESSES", &entries.addresses, &observed.addresses),
        compare(between, "PREFIXES", &entries.prefixes, &observed.prefixes),
        compare(between, "CLIENTS", &entries.clients, &observed.clients),
        compare(between, "MAPPINGS", &entries.mappings, &observed.mappings),
        compare(between, "LINKS", &filled(&entries.links, &NO_LINK), &filled(&observed.links, &NO_LINK)),
        compare(
            between,
            "ENDPOINTS",
            &filled(&entries.endpoints, &NO_ENDPOINT),
            &filled(&observed.endpoints, &NO_ENDPOINT),
        ),
        compare(between, "BACKENDS", &filled(&entries.backends, &NO_BACKEND), &filled(&observed.backends, &NO_BACKEND)),
        compare(between, "TRANSIT", &filled(&entries.transit, &NO_TRANSIT), &filled(&observed.transit, &NO_TRANSIT)),
    ]
    .concat()
}

/// Those that tenants made, and those of the file.
fn divide<'d, V, W>(
    desired: &'d BTreeMap<String, V>,
    guests: &BTreeMap<String, W>,
) -> (BTreeMap<&'d String, &'d V>, BTreeMap<&'d String, &'d V>) {
    desired.iter().partition(|(name, _)| guests.contains_key(*name))
}

fn by_ref<V>(all: &BTreeMap<String, V>) -> BTreeMap<&String, &V> {
    all.iter().collect()
}

fn there<V>(part: &BTreeMap<String, Option<V>>) -> BTreeMap<&String, &V> {
    part.iter().filter_map(|(name, value)| Some((name, value.as_ref()?))).collect()
}

/// An absent number holds zeros.
fn filled<'e, V: PartialEq>(all: &'e BTreeMap<u32, V>, none: &V) -> BTreeMap<u32, &'e V> {
    all.iter().filter(|(_, value)| *value != none).map(|(number, value)| (*number, value)).collect()
}
