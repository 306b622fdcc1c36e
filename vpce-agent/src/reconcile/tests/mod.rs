//! The pure part of the reconciler, and a kernel of maps in memory to try its plans on.

mod compile;
mod plan;
mod properties;

use std::collections::BTreeMap;

use vpce_common::{
    layout::{Backend, Dialled, Endpoint, Ingress, Link, Local, Mapping, Settings, Transit},
    wire::{Be16, Be32, Mac},
};

use super::{
    Change, Entries, Facts, Kernel, Reader,
    plan::{NO_BACKEND, NO_ENDPOINT, NO_LINK, NO_TRANSIT},
};
use crate::{
    maps::MapError,
    model::{Attachment, Desired, leases::Leases},
    neighbours::Neighbour,
    net::Interface,
};

/// Maps that nothing was written to.
const NOTHING: Entries = Entries {
    settings: Settings {
        layout: 0,
        opening: 0,
        established: 0,
        closing: 0,
        udp: 0,
        reset: 0,
        transit: Be32::new(0),
        transit_mask: Be32::new(0),
        reserved: 0,
    },
    ingress: BTreeMap::new(),
    links: BTreeMap::new(),
    addresses: BTreeMap::new(),
    mappings: BTreeMap::new(),
    endpoints: BTreeMap::new(),
    backends: BTreeMap::new(),
    transit: BTreeMap::new(),
};

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

    /// What a first segment to this port opens: which endpoint's flow, to which backend and port.
    fn dial(&self, at: &Dialled) -> Option<Flow> {
        let number = *self.entries.addresses.get(&Local { vpc: at.vpc.into(), address: at.endpoint })?;
        let mapping = self.entries.mappings.get(at).filter(|mapping| mapping.endpoint == number)?;
        let endpoint = self.endpoint(number).ok().filter(|endpoint| endpoint.accepted != 0 && endpoint.slots != 0)?;
        let backend = self.backend(endpoint.backend).ok()?;
        let endpoint = Endpoint { limit: 0, ..endpoint };
        Some(Flow { number, endpoint, server_port: mapping.server_port, backend: (backend.vpc, backend.address) })
    }
}

/// What a flow relies on as long as it lives.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Flow {
    number: u32,
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
        let Entries { settings, ingress, links, addresses, mappings, endpoints, backends, transit } = &mut self.entries;
        match *change {
            Change::RemoveMapping(key) => drop(mappings.remove(&key).expect("it is there")),
            Change::RemoveAddress(key) => drop(addresses.remove(&key).expect("it is there")),
            Change::RemoveIngress(key) => drop(ingress.remove(&key).expect("it is there")),
            Change::SetSettings(value) => *settings = value,
            Change::SetLink(number, link) => set(links, number, link, &NO_LINK),
            Change::SetBackend(number, backend) => set(backends, number, backend, &NO_BACKEND),
            Change::FillRing(number, endpoint) => {
                let is_open = endpoints.get(&number).is_some_and(|is| is.accepted != 0);
                assert!(!is_open, "the records of {number} change under its packets");
                self.rings.insert(number, (endpoint.first_slot, endpoint.slots));
            }
            Change::SetEndpoint(number, endpoint) => {
                let block = (endpoint.first_slot, endpoint.slots);
                assert!(endpoint.accepted == 0 || self.rings[&number] == block, "{number} opens without free records");
                set(endpoints, number, endpoint, &NO_ENDPOINT);
            }
            Change::SetTransit(number, block) => set(transit, number, block, &NO_TRANSIT),
            Change::SetAddress(key, number) => drop(addresses.insert(key, number)),
            Change::SetMapping(key, mapping) => drop(mappings.insert(key, mapping)),
            Change::SetIngress(key, link) => drop(ingress.insert(key, link)),
        }
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
    fn mappings(&self) -> Result<BTreeMap<Dialled, Mapping>, MapError> {
        Ok(self.entries.mappings.clone())
    }
    fn link(&self, number: u32) -> Result<Link, MapError> {
        Ok(self.entries.links.get(&number).copied().unwrap_or(NO_LINK))
    }
    fn endpoint(&self, number: u32) -> Result<Endpoint, MapError> {
        Ok(self.entries.endpoints.get(&number).copied().unwrap_or(NO_ENDPOINT))
    }
    fn backend(&self, number: u32) -> Result<Backend, MapError> {
        Ok(self.entries.backends.get(&number).copied().unwrap_or(NO_BACKEND))
    }
    fn transit(&self, number: u32) -> Result<Transit, MapError> {
        Ok(self.entries.transit.get(&number).copied().unwrap_or(NO_TRANSIT))
    }
}

/// A host that has all interfaces, and on the first link of its VPC every backend.
fn facts(desired: &Desired, leases: &Leases) -> Facts {
    let names = desired.vpcs.values().flat_map(|vpc| &vpc.attach);
    let index = |name: &str| name.bytes().map(u32::from).sum::<u32>() % 200;
    let interface = |is: &Attachment| (is.interface.clone(), interface(index(&is.interface)));
    let found = |(number, backend): (u32, u16)| {
        let (name, _) = leases.vpcs.iter().find(|(_, vpc)| **vpc == backend)?;
        let link = leases.link(backend, &desired.vpcs.get(name)?.attach[0])?;
        Some((number, Neighbour { link, mac: mac(100 + number) }))
    };
    Facts {
        hertz: 250,
        interfaces: names.map(interface).collect(),
        neighbours: (0..).zip(leases.backends.iter().map(|backend| backend.vpc)).filter_map(found).collect(),
    }
}

fn interface(index: u32) -> Interface {
    Interface { index, mac: mac(index), xdp: None }
}

fn mac(last: u32) -> Mac {
    Mac([2, 0, 0, 0, 0, u8::try_from(last).unwrap()])
}
