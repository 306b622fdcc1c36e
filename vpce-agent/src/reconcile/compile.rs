//! Desired state, leases and what the network says, into map entries. Pure.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use vpce_common::{
    layout::{Backend, Dialled, Endpoint, Ingress, LAYOUT, Link, Local, Mapping, Settings, Transit},
    wire::{self, Be16, Be32, Mac},
};

use super::{Entries, plan::NO_LINK};
use crate::{
    model::{
        Desired, Gateway, Protocol, Refuse, Segment,
        leases::{EndpointLease, Held, Leases},
    },
    neighbours::Neighbour,
    net::Interface,
};

/// What the host and the network say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Kernel ticks in a second.
    pub hertz: u32,
    /// Interfaces that are there, by name.
    pub interfaces: BTreeMap<String, Interface>,
    /// Where backends are, by number of the backend.
    pub neighbours: BTreeMap<u32, Neighbour>,
}

/// The map entries that make the desired state true.
#[must_use]
pub fn compile(desired: &Desired, leases: &Leases, facts: &Facts) -> Entries {
    let mut entries = Entries {
        settings: settings(&desired.gateway, facts.hertz),
        ingress: BTreeMap::new(),
        links: BTreeMap::new(),
        addresses: BTreeMap::new(),
        mappings: BTreeMap::new(),
        endpoints: BTreeMap::new(),
        backends: BTreeMap::new(),
        transit: BTreeMap::new(),
    };
    links(desired, leases, facts, &mut entries);
    backends(leases, facts, &mut entries);
    for (&number, lease) in &leases.endpoints {
        endpoint(desired, number, lease, &mut entries);
    }
    entries
}

fn settings(gateway: &Gateway, hertz: u32) -> Settings {
    let ticks = |idle: Duration| u32::try_from(idle.as_secs()).unwrap_or(u32::MAX).saturating_mul(hertz);
    Settings {
        layout: LAYOUT,
        opening: ticks(gateway.timers.opening),
        established: ticks(gateway.timers.established),
        closing: ticks(gateway.timers.closing),
        udp: ticks(gateway.timers.udp),
        reset: (gateway.refuse == Refuse::Reset).into(),
        transit: gateway.transit.network().into(),
        transit_mask: gateway.transit.netmask().into(),
        reserved: 0,
    }
}

fn links(desired: &Desired, leases: &Leases, facts: &Facts, entries: &mut Entries) {
    // Those that nobody wants any more too: old flows must not leave by them.
    for (number, _) in (0..).zip(&leases.links) {
        entries.links.insert(number, NO_LINK);
    }
    for (name, vpc) in &desired.vpcs {
        let number = leases.vpcs[name];
        // Links can't say of a tag or a tunnel yet.
        for attachment in vpc.attach.iter().filter(|attachment| attachment.segment == Segment::Untagged) {
            let is = facts.interfaces.get(&attachment.interface);
            let (Some(link), Some(is)) = (leases.link(number, attachment), is) else { continue };
            let address = vpc.address.addr().into();
            entries.links.insert(link, Link { ifindex: is.index, address, mac: is.mac, vpc: number });
            entries.ingress.insert(Ingress { ifindex: is.index, vlan: 0 }, link);
        }
    }
}

fn backends(leases: &Leases, facts: &Facts, entries: &mut Entries) {
    for (number, lease) in (0..).zip(&leases.backends) {
        let mut backend = Backend {
            address: lease.address.into(),
            ifindex: 0,
            mac: Mac::default(),
            gateway_mac: Mac::default(),
            vpc: lease.vpc,
            reachable: 0,
        };
        let link = |is: &Neighbour| entries.links.get(&is.link).filter(|link| link.ifindex != 0);
        let neighbour = facts.neighbours.get(&number);
        if let Some((neighbour, link)) = neighbour.and_then(|is| Some((is, link(is)?))) {
            backend.ifindex = link.ifindex;
            backend.mac = neighbour.mac;
            backend.gateway_mac = link.mac;
            backend.reachable = 1;
        }
        entries.backends.insert(number, backend);
    }
}

fn endpoint(desired: &Desired, number: u32, lease: &EndpointLease, entries: &mut Entries) {
    let wanted = desired.endpoints.get(&lease.name).filter(|_| lease.held == Held::Serving);
    let entry = Endpoint {
        generation: lease.generation,
        limit: wanted.map_or(0, |endpoint| endpoint.max_connections),
        backend: lease.backend,
        first_slot: lease.first_slot,
        slots: lease.slots,
        transit: lease.transit.into(),
        accepted: wanted.is_some().into(),
    };
    entries.endpoints.insert(number, entry);
    if lease.held != Held::Cut {
        let block = Transit { endpoint: number, first_slot: lease.first_slot, slots: lease.slots };
        entries.transit.insert(transit_number(&desired.gateway, lease.transit), block);
    }
    let (Some(wanted), Some(address)) = (wanted, lease.address) else { return };

    entries.addresses.insert(Local { vpc: lease.vpc.into(), address: address.into() }, number);
    for (dial, server) in &desired.services[&wanted.service].ports {
        let dialled = Dialled {
            endpoint: address.into(),
            vpc: lease.vpc,
            endpoint_port: Be16::new(dial.port.0.get()),
            protocol: match dial.protocol {
                Protocol::Tcp => wire::TCP.into(),
                Protocol::Udp => wire::UDP.into(),
            },
        };
        let mapping = Mapping { endpoint: number, server_port: Be16::new(server.0.get()), reserved: 0 };
        entries.mappings.insert(dialled, mapping);
    }
}

fn transit_number(gateway: &Gateway, transit: Ipv4Addr) -> u32 {
    Be32::from(transit).get() & u32::from(gateway.transit.hostmask())
}
