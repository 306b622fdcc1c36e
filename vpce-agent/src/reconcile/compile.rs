//! Desired state, leases and what the network says, into map entries. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    time::Duration,
};

use vpce_common::{
    layout::{
        self, ADDRESS_SLOTS, Backend, Client, Dialables, Dialled, Endpoint, Index, Ingress, LAYOUT, Link, Local,
        Mapping, Prefix, Settings, Transit,
    },
    wire::{self, Be16, Be32},
};

use super::{
    Entries,
    plan::{NO_BACKEND, NO_LINK},
};
use crate::{
    model::{
        Desired, Gateway, Protocol, Refuse, Segment, Target,
        leases::{BackendLease, EndpointLease, Held, Leases, LinkLease},
        transit_addresses,
    },
    neighbours::Neighbour,
    net::Interface,
};

/// Bytes that VXLAN takes of the underlay's MTU: IPv4, UDP, its own header, and Ethernet inside.
const VXLAN_WRAP: u32 = 50;
/// Bits of a prefix's or a client's key in front of the network: the VPC, or the endpoint, must match too.
const KEY_BITS: u32 = 32;
/// How long fragments are waited for after the first one (RFC 1122 §3.3.2 lets hosts wait twice as long).
const FRAGMENTS_SECS: u32 = 30;

/// What the host and the network say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Kernel ticks in a second.
    pub hertz: u32,
    /// What flow records are found by; as long as the maps live it must not change.
    pub seed: [u64; 5],
    /// Interfaces that are there, by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// Where backends are, by number of the backend.
    pub neighbours: BTreeMap<u32, Neighbour>,
}

/// The map entries that make the desired state true.
#[must_use]
pub fn compile(desired: &Desired, leases: &Leases, facts: &Facts) -> Entries {
    let mut entries = Entries::new(settings(&desired.gateway, facts));
    links(desired, leases, facts, &mut entries);
    entries.backends =
        (0..).zip(&leases.backends).map(|(n, lease)| (n, backend(n, *lease, facts, &entries.links))).collect();
    for (&number, lease) in &leases.endpoints {
        endpoint(desired, number, lease, facts, &mut entries);
    }
    entries
}

/// Those of them that some endpoints and backends have, by number; `links` are those of the whole.
#[must_use]
pub fn compile_part(
    desired: &Desired,
    leases: &Leases,
    facts: &Facts,
    links: &BTreeMap<u32, Link>,
    endpoints: &BTreeSet<u32>,
    backends: &BTreeSet<u32>,
) -> Entries {
    let mut entries = Entries::new(settings(&desired.gateway, facts));
    for &number in backends {
        if let Some(lease) = leases.backends.get(number as usize) {
            entries.backends.insert(number, backend(number, *lease, facts, links));
        }
    }
    for &number in endpoints {
        if let Some(lease) = leases.endpoints.get(&number) {
            endpoint(desired, number, lease, facts, &mut entries);
        }
    }
    entries
}

/// By VPC, what can be dialled by some endpoints, those included that only wait for their flows to end.
pub(super) fn dialables<'l>(leases: impl Iterator<Item = &'l EndpointLease>) -> BTreeMap<u16, Dialables> {
    let mut all = BTreeMap::<_, Dialables>::new();
    for lease in leases {
        let known = all.entry(lease.vpc).or_default();
        *known = lease.address.map_or(Dialables::ALL, |address| known.with(address.into()));
    }
    all
}

/// What can be dialled from a link: what its VPC has, and where it is attached, the gateway itself.
pub(super) fn dialables_from(link: &Link, all: &BTreeMap<u16, Dialables>) -> Dialables {
    let known = all.get(&link.vpc).copied().unwrap_or_default();
    if link.address == Be32::new(0) { known } else { known.with(link.address) }
}

/// Links whose dialables become others: as they shall be.
pub(super) fn redialled(
    links: &BTreeMap<u32, Link>,
    dialables: impl Fn(&Link) -> Dialables,
) -> impl Iterator<Item = (u32, Link)> {
    let then = move |link: &Link| Link { dialables: dialables(link), ..*link };
    links
        .iter()
        .map(move |(number, link)| (*number, *link, then(link)))
        .filter(|(_, is, then)| is != then)
        .map(|(number, _, then)| (number, then))
}

pub(super) fn settings(gateway: &Gateway, facts: &Facts) -> Settings {
    Settings {
        layout: LAYOUT,
        transit: gateway.transit.network().into(),
        transit_mask: gateway.transit.netmask().into(),
        refuse: match gateway.refuse {
            Refuse::Drop => layout::DROP,
            Refuse::Reset => layout::RESET,
            Refuse::Icmp => layout::ICMP,
        },
        errors: gateway.icmp_per_sec,
        fragments: FRAGMENTS_SECS.saturating_mul(facts.hertz),
        second: facts.hertz,
        epoch: 0,
        reserved: 0,
        index: Index::new(gateway.max_flows, facts.seed),
    }
}

/// A link keeps its VPC and segment where its interface is away, and where nobody wants it any more: a
/// packet that is leaving by it must not find that it needs no tag.
fn links(desired: &Desired, leases: &Leases, facts: &Facts, entries: &mut Entries) {
    for (number, lease) in (0..).zip(&leases.links) {
        entries.links.insert(number, Link { vpc: lease.vpc, segment: segment(lease), ..NO_LINK });
    }
    for (name, vpc) in &desired.vpcs {
        let number = leases.vpcs[name];
        for attachment in &vpc.attach {
            let link = leases.link(number, attachment);
            let Some((link, entry)) = link.and_then(|link| Some((link, entries.links.get_mut(&link)?))) else {
                continue;
            };
            entry.address = vpc.address.addr().into();
            let mut wrap = 0;
            if let Segment::Vxlan(vxlan) = &attachment.segment {
                (entry.local, wrap) = (vxlan.local.into(), VXLAN_WRAP);
            }
            if let Some(is) = facts.interfaces.get(&attachment.interface) {
                (entry.ifindex, entry.mac, entry.mtu) = (is.index, is.mac, is.mtu.saturating_sub(wrap));
                // What is in a tunnel goes through the host's own network, whatever rules that has.
                entry.peer = (is.hands_on && wrap == 0).into();
                entries.ingress.insert(Ingress { ifindex: is.index, segment: entry.segment }, link);
            }
        }
    }
    let all = dialables(leases.endpoints.values());
    for link in entries.links.values_mut() {
        link.dialables = dialables_from(link, &all);
    }
}

fn segment(lease: &LinkLease) -> layout::Segment {
    match (lease.vlan, lease.vni) {
        (None, None) => layout::Segment::UNTAGGED,
        (Some(vlan), _) => layout::Segment::vlan(vlan),
        (None, Some(vni)) => layout::Segment::vxlan(vni),
    }
}

fn backend(number: u32, lease: BackendLease, facts: &Facts, links: &BTreeMap<u32, Link>) -> Backend {
    // A router is no backend: what it leads to keeps its address.
    let address = if lease.gateway { Ipv4Addr::UNSPECIFIED } else { lease.address };
    let backend = Backend { address: address.into(), vpc: lease.vpc, ..NO_BACKEND };
    let is_there = |is: &&Neighbour| links.get(&is.link).is_some_and(|link| link.ifindex != 0);
    match facts.neighbours.get(&number).filter(is_there) {
        Some(is) => Backend { link: is.link, station: is.station, reachable: 1, ..backend },
        None => backend,
    }
}

fn endpoint(desired: &Desired, number: u32, lease: &EndpointLease, facts: &Facts, entries: &mut Entries) {
    let wanted = desired.endpoints.get(&lease.name).filter(|_| lease.held == Held::Serving);
    let service = wanted.map(|endpoint| &desired.services[&endpoint.service]);
    let timers = service.map_or(desired.gateway.timers, |service| service.timers);
    let ticks = |idle: Duration| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX).saturating_mul(facts.hertz);
    let entry = Endpoint {
        generation: lease.generation,
        limit: wanted.map_or(0, |endpoint| endpoint.max_connections),
        backend: lease.backend,
        first_slot: lease.first_slot,
        slots: lease.slots,
        transit: lease.transit.into(),
        accepted: wanted.is_some().into(),
        all_ports: service.is_some_and(|service| service.ports.is_empty()).into(),
        listed: wanted.is_some_and(|endpoint| endpoint.clients.is_some()).into(),
        opening: ticks(timers.opening),
        established: ticks(timers.established),
        closing: ticks(timers.closing),
        udp: ticks(timers.udp),
    };
    entries.endpoints.insert(number, entry);
    if lease.held != Held::Cut {
        transit(&desired.gateway, number, lease, entries);
    }
    let (Some(wanted), Some(service)) = (wanted, service) else { return };

    let vpc = lease.vpc.into();
    if let Some(address) = lease.address {
        entries.addresses.insert(Local { vpc, address: address.into() }, number);
    }
    if let (Target::Routed(routed), None) = (&service.target, &wanted.place) {
        for prefix in &routed.prefixes {
            let network = Prefix { vpc, network: prefix.network().into() };
            entries.prefixes.insert((KEY_BITS + u32::from(prefix.prefix_len()), network), number);
        }
    }
    for client in wanted.clients.iter().flatten() {
        let network = Client { endpoint: number, network: client.network().into() };
        entries.clients.insert((KEY_BITS + u32::from(client.prefix_len()), network), 1);
    }
    for (dial, server) in &service.ports {
        let dialled = Dialled {
            endpoint: number,
            endpoint_port: Be16::new(dial.port.0.get()),
            protocol: match dial.protocol {
                Protocol::Tcp => wire::TCP.into(),
                Protocol::Udp => wire::UDP.into(),
            },
        };
        entries.mappings.insert(dialled, Mapping { server_port: Be16::new(server.0.get()), reserved: 0 });
    }
}

/// Every transit address of a lease, each with its share of the block.
fn transit(gateway: &Gateway, endpoint: u32, lease: &EndpointLease, entries: &mut Entries) {
    let first = Be32::from(lease.transit).get() & u32::from(gateway.transit.hostmask());
    let slots = lease.slots.min(ADDRESS_SLOTS);
    for (place, address) in (first..).take(transit_addresses(lease.slots) as usize).enumerate() {
        #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
        let first_slot = lease.first_slot + place as u32 * slots;
        entries.transit.insert(address, Transit { endpoint, first_slot, slots });
    }
}
