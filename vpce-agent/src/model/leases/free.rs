//! What nobody holds. Looked for once for all endpoints, so that thousands are served at once.

use std::{collections::BTreeMap, net::Ipv4Addr, ops::Range, vec};

use ipnet::{Ipv4AddrRange, Ipv4Net};

use super::{
    Capacity, EndpointLease, Held, LeaseError, Leases,
    assign::{Places, Wanted},
    runs::{Runs, gaps},
};
use crate::model::{Gateway, transit_addresses};

/// What can be given out, the lowest first, each thing once.
pub(super) struct Free {
    numbers: vec::IntoIter<u32>,
    /// Numbers of transit addresses in their range.
    transit: Runs,
    /// Runs of flow records.
    gaps: Vec<Range<u32>>,
    /// Hosts of a VPC's subnets that were not looked at.
    hosts: BTreeMap<(u16, Ipv4Net), Ipv4AddrRange>,
    /// Who has an address.
    holders: BTreeMap<(u16, Ipv4Addr), String>,
    /// Addresses that nobody gets without asking.
    reserved: Places,
    most: u32,
    range: Ipv4Net,
    max_flows: u32,
}

impl Free {
    pub(super) fn new(leases: &Leases, gateway: &Gateway, capacity: Capacity, reserved: Places) -> Self {
        let (Capacity { endpoints: most, .. }, range) = (capacity, gateway.transit);
        let held = || leases.endpoints.values();
        let numbers: Vec<_> = (0..most).filter(|number| !leases.endpoints.contains_key(number)).collect();
        let transit = held().filter(|lease| range.contains(&lease.transit)).map(|lease| lease.numbers(range)).collect();
        let serving = held().filter(|lease| lease.held == Held::Serving);
        let holder = |lease: &EndpointLease| Some(((lease.vpc, lease.address?), lease.name.clone()));
        Self {
            numbers: numbers.into_iter(),
            transit: Runs::new(gaps(hosts(range), transit)),
            gaps: gaps(0..gateway.max_flows, held().map(EndpointLease::block).collect()),
            hosts: BTreeMap::new(),
            holders: serving.filter_map(holder).collect(),
            reserved,
            most,
            range,
            max_flows: gateway.max_flows,
        }
    }

    /// A lease for an endpoint, with its number.
    pub(super) fn give(&mut self, to: &Wanted<'_>, generation: u32) -> Result<(u32, EndpointLease), LeaseError> {
        let name = || to.name.to_owned();
        let address = to.subnet.map(|subnet| self.address(to, subnet)).transpose()?;
        let number = self.numbers.next();
        let number = number.ok_or_else(|| LeaseError::NoEndpoint { endpoint: name(), most: self.most })?;
        let (slots, max_flows) = (to.endpoint.slots(), self.max_flows);
        let (addresses, range) = (transit_addresses(slots), self.range);
        let transit = self.transit.take(addresses);
        let transit = transit.ok_or_else(|| LeaseError::NoTransit { endpoint: name(), addresses, range })?;
        let transit = Ipv4Addr::from(u32::from(range.network()) + transit);
        let first_slot = self.block(slots);
        let first_slot = first_slot.ok_or_else(|| LeaseError::NoSlots { endpoint: name(), slots, max_flows })?;
        self.holders.extend(address.map(|address| ((to.vpc, address), name())));
        let Wanted { vpc, backend, .. } = *to;
        let held = Held::Serving;
        let lease = EndpointLease { name: name(), vpc, address, transit, backend, first_slot, slots, generation, held };
        Ok((number, lease))
    }

    fn address(&mut self, to: &Wanted<'_>, subnet: Ipv4Net) -> Result<Ipv4Addr, LeaseError> {
        let Self { hosts, holders, reserved, .. } = self;
        let endpoint = || to.name.to_owned();
        if let Some(address) = to.keeps.or(to.endpoint.asked()) {
            return match holders.get(&(to.vpc, address)) {
                Some(holder) => Err(LeaseError::AddressHeld { endpoint: endpoint(), address, holder: holder.clone() }),
                None => Ok(address),
            };
        }
        let hosts = hosts.entry((to.vpc, subnet)).or_insert_with(|| subnet.hosts());
        let is_free = |place: &(u16, Ipv4Addr)| !holders.contains_key(place) && !reserved.contains(place);
        let address = hosts.find(|address| is_free(&(to.vpc, *address)));
        address.ok_or_else(|| {
            let subnet = to.endpoint.place.as_ref().map_or_else(String::new, |place| place.subnet.clone());
            LeaseError::NoAddress { endpoint: endpoint(), subnet }
        })
    }

    /// The first run of so many flow records.
    fn block(&mut self, slots: u32) -> Option<u32> {
        let gap = self.gaps.iter_mut().find(|gap| gap.len() >= slots as usize)?;
        let first = gap.start;
        gap.start += slots;
        Some(first)
    }
}

/// Numbers of the addresses of a transit range that are given out: neither the network's nor the
/// broadcast address, for backends that have the range on link.
pub(super) fn hosts(range: Ipv4Net) -> Range<u32> {
    1..u32::from(range.hostmask())
}
