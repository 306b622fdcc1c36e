//! The pure part of the reconciler, and a kernel of maps in memory to try its plans on.

mod compile;
mod plan;
mod properties;

use std::collections::BTreeMap;

use vpce_common::{
    layout::{
        Backend, Client, Dialled, Endpoint, Index, Ingress, Link, Local, Mapping, Prefix, Settings, Station, Transit,
    },
    wire::{Be16, Be32, Mac, TCP},
};

use super::{
    Change, Entries, Facts, Kernel, Reader,
    plan::{NO_BACKEND, NO_ENDPOINT, NO_LINK, NO_TRANSIT},
};
use crate::{
    maps::MapError,
    model::{Attachment, Desired, Kind, leases::Leases},
    neighbours::Neighbour,
    net::Interface,
};

const SEED: [u64; 5] = [3, 5, 7, 11, 13];

/// Maps that nothing was written to.
const NOTHING: Entries = Entries::new(Settings {
    layout: 0,
    transit: Be32::new(0),
    transit_mask: Be32::new(0),
    refuse: 0,
    errors: 0,
    fragments: 0,
    second: 0,
    epoch: 0,
    reserved: 0,
    index: Index { seed: [0; 5], mask: 0, reserved: 0 },
});

/// The maps, as they are at one moment. Numbers that hold zeros are absent.
#[derive(Debug, Clone, PartialEq)]
struct Maps {
    entries: Entries,
    /// Block that each endpoint's free records are of: first and number.
    rings: BTreeMap<u32, (u32, u32)>,
}

impl Maps {
    /// Holding this, as if an agent had written it.
    fn of(entries: &Entries) -> Self {
        let mut entries = entries.clone();
        entries.links.retain(|_, is| *is != NO_LINK);
        entries.backends.retain(|_, is| *is != NO_BACKEND);
        entries.endpoints.retain(|_, is| *is != NO_ENDPOINT);
        entries.transit.retain(|_, is| *is != NO_TRANSIT);
        let rings = entries.endpoints.iter().map(|(&number, is)| (number, (is.first_slot, is.slots))).collect();
        Self { entries, rings }
    }

    fn link(&self, number: u32) -> Link {
        self.entries.links.get(&number).copied().unwrap_or(NO_LINK)
    }

    fn endpoint(&self, number: u32) -> Endpoint {
        self.entries.endpoints.get(&number).copied().unwrap_or(NO_ENDPOINT)
    }

    fn backend(&self, number: u32) -> Backend {
        self.entries.backends.get(&number).copied().unwrap_or(NO_BACKEND)
    }

    /// Whether links of a VPC take what is for this address.
    fn may_dial(&self, vpc: u32, address: Be32) -> bool {
        self.entries
            .links
            .values()
            .filter(|link| u32::from(link.vpc) == vpc)
            .all(|link| link.dialables.may_have(address))
    }

    /// Whose the address is.
    fn whose(&self, vpc: u32, address: Be32) -> Option<u32> {
        let Entries { addresses, prefixes, .. } = &self.entries;
        let holds = |bits: u32, network: Be32| (address.get() ^ network.get()).leading_zeros() + u32::BITS >= bits;
        let of_prefix = prefixes.iter().rev().find(|((bits, is), _)| is.vpc == vpc && holds(*bits, is.network));
        addresses.get(&Local { vpc, address }).or(of_prefix.map(|(_, number)| number)).copied()
    }

    /// Everything that can be dialled: a port of each address and prefix, or of all ports one.
    fn calls(&self) -> Vec<Call> {
        let addresses = self.entries.addresses.iter().map(|(at, number)| (at.vpc, at.address, *number));
        let prefixes = self.entries.prefixes.iter().map(|((_, at), number)| (at.vpc, at.network, *number));
        let mut calls = Vec::new();
        for (vpc, address, number) in addresses.chain(prefixes) {
            let of = |dialled: &&Dialled| dialled.endpoint == number;
            let call = |port, protocol| Call { vpc, address, port, protocol };
            calls.extend(self.entries.mappings.keys().filter(of).map(|is| call(is.endpoint_port, is.protocol)));
            calls.push(call(Be16::new(9), TCP.into()));
        }
        calls
    }

    /// What a first segment opens: which endpoint's flow, to which backend and port.
    fn dial(&self, call: &Call) -> Option<Flow> {
        let number = self.whose(call.vpc, call.address)?;
        let endpoint = Some(self.endpoint(number)).filter(|endpoint| endpoint.accepted != 0 && endpoint.slots != 0)?;
        let dialled = Dialled { endpoint: number, endpoint_port: call.port, protocol: call.protocol };
        let server_port = match self.entries.mappings.get(&dialled) {
            Some(mapping) => mapping.server_port,
            None if endpoint.all_ports != 0 => call.port,
            None => return None,
        };
        let backend = self.backend(endpoint.backend);
        let dialled = (call.vpc, call.address);
        Some(Flow {
            number,
            dialled,
            endpoint: lasting(endpoint),
            server_port,
            backend: (backend.vpc, backend.address),
        })
    }
}

/// A first segment of a client.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Call {
    vpc: u32,
    address: Be32,
    port: Be16,
    protocol: u16,
}

/// What of an endpoint holds as long as its generation does.
fn lasting(endpoint: Endpoint) -> Endpoint {
    let Endpoint { generation, backend, first_slot, slots, transit, .. } = endpoint;
    Endpoint { generation, backend, first_slot, slots, transit, ..NO_ENDPOINT }
}

/// What a flow relies on as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Flow {
    number: u32,
    dialled: (u32, Be32),
    endpoint: Endpoint,
    server_port: Be16,
    backend: (u16, Be32),
}

impl Kernel for Maps {
    fn change(&mut self, change: &Change) -> Result<(), MapError> {
        fn set<V: PartialEq>(map: &mut BTreeMap<u32, V>, number: u32, value: V, none: &V) {
            if value == *none {
                map.remove(&number)
            } else {
                map.insert(number, value)
            };
        }
        let Entries { settings, ingress, links, addresses, prefixes, clients, mappings, endpoints, backends, transit } =
            &mut self.entries;
        match *change {
            Change::RemoveMapping(key) => drop(mappings.remove(&key).expect("it is there")),
            Change::RemoveAddress(key) => drop(addresses.remove(&key).expect("it is there")),
            Change::RemoveClient(key) => drop(clients.remove(&key).expect("it is there")),
            Change::RemovePrefix(key) => drop(prefixes.remove(&key).expect("it is there")),
            Change::RemoveIngress(key) => drop(ingress.remove(&key).expect("it is there")),
            Change::SetSettings(value) => *settings = value,
            Change::SetLink(number, link) | Change::SetDialables(number, link) => set(links, number, link, &NO_LINK),
            Change::SetBackend(number, backend) => set(backends, number, backend, &NO_BACKEND),
            Change::FillRing(number, endpoint) => {
                let is_open = endpoints.get(&number).is_some_and(|is| is.accepted != 0);
                assert!(!is_open, "the records of {number} change under its packets");
                self.rings.insert(number, (endpoint.first_slot, endpoint.slots));
            }
            Change::SetEndpoint(number, endpoint) | Change::MakeEndpoint(number, endpoint) => {
                let block = (endpoint.first_slot, endpoint.slots);
                assert!(endpoint.accepted == 0 || self.rings[&number] == block, "{number} opens without free records");
                set(endpoints, number, endpoint, &NO_ENDPOINT);
            }
            Change::SetTransit(number, block) => set(transit, number, block, &NO_TRANSIT),
            Change::SetAddress(key, number) => drop(addresses.insert(key, number)),
            Change::SetClient(key, value) => drop(clients.insert(key, value)),
            Change::SetPrefix(key, number) => drop(prefixes.insert(key, number)),
            Change::SetMapping(key, mapping) => drop(mappings.insert(key, mapping)),
            Change::SetIngress(key, link) => drop(ingress.insert(key, link)),
        }
        Ok(())
    }

    fn end_epoch(&mut self) -> Result<(), MapError> {
        Ok(())
    }

    fn begin_epoch(&mut self) -> Result<(), MapError> {
        Ok(())
    }
}

impl Reader for Maps {
    fn settings(&self) -> Result<Settings, MapError> {
        Ok(self.entries.settings)
    }
    fn ingress(&self) -> Result<BTreeMap<Ingress, u32>, MapError> {
        Ok(self.entries.ingress.clone())
    }
    fn addresses(&self) -> Result<BTreeMap<Local, u32>, MapError> {
        Ok(self.entries.addresses.clone())
    }
    fn prefixes(&self) -> Result<BTreeMap<(u32, Prefix), u32>, MapError> {
        Ok(self.entries.prefixes.clone())
    }
    fn clients(&self) -> Result<BTreeMap<(u32, Client), u32>, MapError> {
        Ok(self.entries.clients.clone())
    }
    fn mappings(&self) -> Result<BTreeMap<Dialled, Mapping>, MapError> {
        Ok(self.entries.mappings.clone())
    }
    fn links(&self, count: u32) -> Result<Vec<Link>, MapError> {
        Ok(run(&self.entries.links, count, NO_LINK))
    }
    fn endpoints(&self, count: u32) -> Result<Vec<Endpoint>, MapError> {
        Ok(run(&self.entries.endpoints, count, NO_ENDPOINT))
    }
    fn backends(&self, count: u32) -> Result<Vec<Backend>, MapError> {
        Ok(run(&self.entries.backends, count, NO_BACKEND))
    }
    fn transit(&self, count: u32) -> Result<Vec<Transit>, MapError> {
        Ok(run(&self.entries.transit, count, NO_TRANSIT))
    }
}

fn run<V: Copy>(array: &BTreeMap<u32, V>, count: u32, none: V) -> Vec<V> {
    (0..count).map(|number| array.get(&number).copied().unwrap_or(none)).collect()
}

/// A host that has all interfaces, and on the first link of its VPC every backend.
fn facts(desired: &Desired, leases: &Leases) -> Facts {
    let names = desired.vpcs.values().flat_map(|vpc| &vpc.attach);
    let index = |name: &str| name.bytes().map(u32::from).sum::<u32>() % 200;
    let interface = |is: &Attachment| (is.interface.clone(), interface(index(&is.interface)));
    let found = |(number, backend): (u32, u16)| {
        let (name, _) = leases.vpcs.iter().find(|(_, vpc)| **vpc == backend)?;
        let link = leases.link(backend, &desired.vpcs.get(name)?.attach[0])?;
        Some((number, Neighbour { link, station: station(100 + number) }))
    };
    Facts {
        hertz: 250,
        seed: SEED,
        interfaces: names.map(interface).collect(),
        neighbours: (0..).zip(leases.backends.iter().map(|backend| backend.vpc)).filter_map(found).collect(),
    }
}

fn interface(index: u32) -> Interface {
    Interface { index, mac: mac(index), mtu: 1500, kind: Kind::Card, bridged: false, hands_on: false, xdp: None }
}

fn station(last: u32) -> Station {
    Station { mac: mac(last), ..Station::default() }
}

fn mac(last: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, u8::try_from(last).unwrap()])
}
