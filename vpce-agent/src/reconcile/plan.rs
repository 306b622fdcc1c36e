//! What to change, and in which order. Pure.
//!
//! The order keeps every moment right, so that no packet follows half a change:
//!
//! 1. what leads to endpoints and is not wanted goes, then the ports of those that become another thing;
//! 2. these are closed;
//! 3. what endpoints lead to becomes as it shall be, then the endpoints, then they open;
//! 4. ports come, then what leads to endpoints;
//! 5. endpoints that only drain are closed, now that others take their clients, and ports go that are
//!    no longer published.
//!
//! A packet whose link was found before goes by the link alone (`HINTS`): what comes in by one that is
//! gone ends with step 3.
//!
//! Packets may see a write of an entry half done. So an endpoint is closed and opened by writes
//! that change nothing else that a packet goes by: one that reads the generation first, as
//! [`Endpoint::snapshot`] does, meets it closed, or opens a flow of the generation that it was open in.

use std::collections::{BTreeMap, BTreeSet};

use vpce_common::{
    layout::{
        Backend, Client, Dialables, Dialled, Endpoint, Ingress, Link, Local, Mapping, Prefix, Segment, Settings,
        Station, Transit,
    },
    wire::{Be32, Mac},
};

use super::Entries;

/// One write.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "a map and what becomes of one of its entries")]
pub enum Change {
    RemoveMapping(Dialled),
    RemoveAddress(Local),
    RemovePrefix((u32, Prefix)),
    RemoveClient((u32, Client)),
    RemoveIngress(Ingress),
    SetSettings(Settings),
    SetLink(u32, Link),
    /// Of a link that else stays as it is: what can be dialled from it is nothing that flows know.
    SetDialables(u32, Link),
    SetBackend(u32, Backend),
    /// Makes all records of a new endpoint free.
    FillRing(u32, Endpoint),
    SetEndpoint(u32, Endpoint),
    /// Of a number that was nobody's: no flow knows it.
    MakeEndpoint(u32, Endpoint),
    SetTransit(u32, Transit),
    SetAddress(Local, u32),
    SetPrefix((u32, Prefix), u32),
    SetClient((u32, Client), u32),
    SetMapping(Dialled, Mapping),
    SetIngress(Ingress, u32),
}

impl Change {
    /// Whether flows keep some of what it changes, until another epoch begins.
    pub(super) const fn is_known_to_flows(&self) -> bool {
        matches!(self, Self::SetLink(..) | Self::SetBackend(..) | Self::SetEndpoint(..))
    }
}

pub(super) const NO_LINK: Link = Link {
    ifindex: 0,
    address: Be32::new(0),
    mac: Mac([0; 6]),
    vpc: 0,
    segment: Segment::UNTAGGED,
    local: Be32::new(0),
    mtu: 0,
    peer: 0,
    dialables: Dialables::NONE,
};
const NO_STATION: Station = Station { mac: Mac([0; 6]), hop: Mac([0; 6]), vtep: Be32::new(0) };
pub(super) const NO_BACKEND: Backend =
    Backend { address: Be32::new(0), link: 0, station: NO_STATION, vpc: 0, reachable: 0 };
pub(super) const NO_ENDPOINT: Endpoint = Endpoint {
    generation: 0,
    limit: 0,
    backend: 0,
    first_slot: 0,
    slots: 0,
    transit: Be32::new(0),
    accepted: 0,
    all_ports: 0,
    listed: 0,
    opening: 0,
    established: 0,
    closing: 0,
    udp: 0,
};
pub(super) const NO_TRANSIT: Transit = Transit { endpoint: 0, first_slot: 0, slots: 0 };

/// The writes that turn `observed` into `desired`; none where they are equal.
#[must_use]
pub fn plan(desired: &Entries, observed: &Entries) -> Vec<Change> {
    let mut changes = Vec::new();
    let plan = &mut changes;
    let mut endpoints = differing(&desired.endpoints, &observed.endpoints, NO_ENDPOINT);
    let fresh: BTreeSet<u32> = endpoints.iter().filter(|(_, is, _)| is.slots == 0).map(|each| each.0).collect();
    let write = |number| if fresh.contains(&number) { Change::MakeEndpoint } else { Change::SetEndpoint };
    let other: BTreeSet<u32> = endpoints.iter().filter(|(_, is, then)| is_other(is, then)).map(|each| each.0).collect();

    plan.extend(gone(&desired.ingress, &observed.ingress).map(Change::RemoveIngress));
    plan.extend(gone(&desired.addresses, &observed.addresses).map(Change::RemoveAddress));
    let taken = wrong_prefixes(desired, observed, &other);
    plan.extend(taken.iter().copied().map(Change::RemovePrefix));
    // By its old ports to its new backend: one that opens as another must not lead there.
    let (early, late): (Vec<_>, _) = (observed.mappings.iter())
        .filter(|(key, is)| desired.mappings.get(key).is_none_or(|then| then != *is && other.contains(&key.endpoint)))
        .map(|(key, _)| *key)
        .partition(|key| other.contains(&key.endpoint));
    plan.extend(early.into_iter().map(Change::RemoveMapping));
    let (early, delisted): (Vec<_>, _) =
        gone(&desired.clients, &observed.clients).partition(|(_, client)| other.contains(&client.endpoint));
    plan.extend(early.into_iter().map(Change::RemoveClient));

    for (number, is, _) in endpoints.iter_mut().filter(|(number, ..)| other.contains(number)) {
        step(plan, write(*number), *number, is, Endpoint { accepted: 0, ..*is });
    }
    if desired.settings != observed.settings {
        plan.push(Change::SetSettings(desired.settings));
    }
    // More can be dialled before an endpoint is there, less when all else is done.
    let links = differing(&desired.links, &observed.links, NO_LINK);
    let wider = |is: Link, then: Link| Link { dialables: is.dialables.or(then.dialables), ..then };
    let (told, set): (Vec<_>, Vec<_>) =
        links.iter().copied().partition(|(_, is, then)| *is == Link { dialables: is.dialables, ..*then });
    plan.extend(set.into_iter().map(|(number, is, then)| Change::SetLink(number, wider(is, then))));
    let told = told.into_iter().filter(|(_, is, then)| *is != wider(*is, *then));
    plan.extend(told.map(|(number, is, then)| Change::SetDialables(number, wider(is, then))));
    let backends = differing(&desired.backends, &observed.backends, NO_BACKEND);
    plan.extend(backends.into_iter().map(|(number, _, then)| Change::SetBackend(number, then)));
    let transit = differing(&desired.transit, &observed.transit, NO_TRANSIT);
    plan.extend(transit.into_iter().map(|(number, _, then)| Change::SetTransit(number, then)));
    // Before the endpoint lists them, and behind its list no longer counting.
    plan.extend(new(&desired.clients, &observed.clients).map(|(key, value)| Change::SetClient(key, value)));
    for (number, is, then) in &mut endpoints {
        if then.slots != 0 && (is.first_slot, is.slots) != (then.first_slot, then.slots) {
            plan.push(Change::FillRing(*number, *then));
        }
        if other.contains(number) {
            step(plan, write(*number), *number, is, Endpoint { accepted: 0, ..*then });
        }
        if then.accepted != 0 {
            // One that lists its ports from now on has none of them yet.
            let all_ports = if other.contains(number) { then.all_ports } else { is.all_ports | then.all_ports };
            step(plan, write(*number), *number, is, Endpoint { all_ports, ..*then });
        }
    }
    plan.extend(new(&desired.mappings, &observed.mappings).map(|(key, value)| Change::SetMapping(key, value)));
    plan.extend(new(&desired.addresses, &observed.addresses).map(|(key, value)| Change::SetAddress(key, value)));
    let is_new = |(key, then): &(&(u32, Prefix), &u32)| observed.prefixes.get(key) != Some(then) || taken.contains(key);
    let prefixes: Vec<_> = desired.prefixes.iter().filter(is_new).map(|(key, number)| (*key, *number)).collect();
    // The longest first: what it takes must not meet a shorter one that is new too.
    plan.extend(prefixes.into_iter().rev().map(|(key, value)| Change::SetPrefix(key, value)));
    plan.extend(new(&desired.ingress, &observed.ingress).map(|(key, value)| Change::SetIngress(key, value)));
    for (number, is, then) in &mut endpoints {
        step(plan, write(*number), *number, is, *then);
    }
    plan.extend(late.into_iter().map(Change::RemoveMapping));
    plan.extend(delisted.into_iter().map(Change::RemoveClient));
    let less = links.into_iter().filter(|(_, is, then)| is.dialables.or(then.dialables) != then.dialables);
    plan.extend(less.map(|(number, _, then)| Change::SetDialables(number, then)));
    changes
}

/// Prefixes to take away, the shortest first: those that are gone, and those that would get a gone one's
/// clients before they lead where they shall.
fn wrong_prefixes(desired: &Entries, observed: &Entries, other: &BTreeSet<u32>) -> Vec<(u32, Prefix)> {
    let all_gone: Vec<_> = gone(&desired.prefixes, &observed.prefixes).collect();
    let holds = |(bits, outer): &(u32, Prefix), (longer, inner): &(u32, Prefix)| {
        // The bits of the VPC count too.
        let differs = outer.network.get() ^ inner.network.get();
        bits < longer && outer.vpc == inner.vpc && differs.leading_zeros() + u32::BITS >= *bits
    };
    let is_wrong = |(key, is): &(&(u32, Prefix), &u32)| match desired.prefixes.get(key) {
        None => true,
        Some(then) => (then != *is || other.contains(is)) && all_gone.iter().any(|gone| holds(key, gone)),
    };
    observed.prefixes.iter().filter(is_wrong).map(|(key, _)| *key).collect()
}

/// Whether an endpoint opens, or becomes another thing: under open flows only its limit, its timers and
/// what it takes of new ones change.
fn is_other(is: &Endpoint, then: &Endpoint) -> bool {
    let what = |of: &Endpoint| (of.generation, of.backend, of.first_slot, of.slots, of.transit);
    is.accepted < then.accepted || what(is) != what(then)
}

/// Writes an endpoint, unless it is that already.
fn step(
    plan: &mut Vec<Change>,
    write: impl FnOnce(u32, Endpoint) -> Change,
    number: u32,
    is: &mut Endpoint,
    then: Endpoint,
) {
    if *is != then {
        plan.push(write(number, then));
        *is = then;
    }
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
