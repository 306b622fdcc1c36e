//! What to change, and in which order. Pure.
//!
//! The order keeps every moment right: what leads packets somewhere goes first and comes last, so
//! no packet follows half a change. An endpoint that is re-pointed is closed before it opens
//! under its new generation.

use std::collections::BTreeMap;

use vpce_common::{
    layout::{Backend, Dialled, Endpoint, Ingress, Link, Local, Mapping, Settings, Transit},
    wire::{Be32, Mac},
};

use super::Entries;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "a map and what becomes of one of its entries")]
pub enum Change {
    RemoveMapping(Dialled),
    RemoveAddress(Local),
    RemoveIngress(Ingress),
    SetSettings(Settings),
    SetLink(u32, Link),
    SetBackend(u32, Backend),
    /// Makes all records of a new endpoint free.
    FillRing(u32, Endpoint),
    SetEndpoint(u32, Endpoint),
    SetTransit(u32, Transit),
    SetAddress(Local, u32),
    SetMapping(Dialled, Mapping),
    SetIngress(Ingress, u32),
}

pub(super) const NO_LINK: Link = Link { ifindex: 0, address: Be32::new(0), mac: Mac([0; 6]), vpc: 0 };
const NO_BACKEND: Backend =
    Backend { address: Be32::new(0), ifindex: 0, mac: Mac([0; 6]), gateway_mac: Mac([0; 6]), vpc: 0, reachable: 0 };
const NO_ENDPOINT: Endpoint =
    Endpoint { generation: 0, limit: 0, backend: 0, first_slot: 0, slots: 0, transit: Be32::new(0), accepted: 0 };
const NO_TRANSIT: Transit = Transit { endpoint: 0, first_slot: 0, slots: 0 };

/// The writes that turn `observed` into `desired`; none where they are equal.
#[must_use]
pub fn plan(desired: &Entries, observed: &Entries) -> Vec<Change> {
    let mut changes = Vec::new();
    let plan = &mut changes;
    plan.extend(gone(&desired.mappings, &observed.mappings).map(Change::RemoveMapping));
    plan.extend(gone(&desired.addresses, &observed.addresses).map(Change::RemoveAddress));
    plan.extend(gone(&desired.ingress, &observed.ingress).map(Change::RemoveIngress));

    let endpoints = differing(&desired.endpoints, &observed.endpoints, NO_ENDPOINT);
    for &(number, now, then) in &endpoints {
        if now.slots != 0 && now.generation != then.generation {
            let closed = Endpoint { generation: then.generation, accepted: 0, ..now };
            if closed != now && closed != then {
                plan.push(Change::SetEndpoint(number, closed));
            }
        }
    }
    if desired.settings != observed.settings {
        plan.push(Change::SetSettings(desired.settings));
    }
    let links = differing(&desired.links, &observed.links, NO_LINK);
    plan.extend(links.into_iter().map(|(number, _, then)| Change::SetLink(number, then)));
    let backends = differing(&desired.backends, &observed.backends, NO_BACKEND);
    plan.extend(backends.into_iter().map(|(number, _, then)| Change::SetBackend(number, then)));
    let (open, closed): (Vec<_>, Vec<_>) = endpoints.into_iter().partition(|(_, _, then)| then.accepted != 0);
    for (number, now, then) in open {
        if now.slots == 0 {
            plan.push(Change::FillRing(number, then));
        }
        plan.push(Change::SetEndpoint(number, then));
    }
    let transit = differing(&desired.transit, &observed.transit, NO_TRANSIT);
    plan.extend(transit.into_iter().map(|(number, _, then)| Change::SetTransit(number, then)));
    plan.extend(new(&desired.addresses, &observed.addresses).map(|(key, value)| Change::SetAddress(key, value)));
    plan.extend(new(&desired.mappings, &observed.mappings).map(|(key, value)| Change::SetMapping(key, value)));
    plan.extend(new(&desired.ingress, &observed.ingress).map(|(key, value)| Change::SetIngress(key, value)));
    // What replaces them is open by now.
    plan.extend(closed.into_iter().map(|(number, _, then)| Change::SetEndpoint(number, then)));
    changes
}

fn gone<'m, K: Ord + Copy, V>(
    desired: &'m BTreeMap<K, V>,
    observed: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = K> + 'm {
    observed.keys().filter(|key| !desired.contains_key(key)).copied()
}

fn new<'m, K: Ord + Copy, V: PartialEq + Copy>(
    desired: &'m BTreeMap<K, V>,
    observed: &'m BTreeMap<K, V>,
) -> impl Iterator<Item = (K, V)> + 'm {
    desired.iter().filter(|(key, value)| observed.get(key) != Some(value)).map(|(key, value)| (*key, *value))
}

/// Numbers whose value differs: the number, what it is, what it shall be.
fn differing<V: PartialEq + Copy>(
    desired: &BTreeMap<u32, V>,
    observed: &BTreeMap<u32, V>,
    none: V,
) -> Vec<(u32, V, V)> {
    let gone = observed.keys().filter(|number| !desired.contains_key(number)).map(|number| (*number, none));
    let all = desired.iter().map(|(number, value)| (*number, *value)).chain(gone);
    all.map(|(number, then)| (number, *observed.get(&number).unwrap_or(&none), then))
        .filter(|(_, now, then)| now != then)
        .collect()
}
