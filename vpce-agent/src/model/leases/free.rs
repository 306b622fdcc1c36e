//! What nobody holds. Looked for once for all endpoints, so that thousands are served at once; what is
//! given back later comes in again.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    ops::Range,
};

use ipnet::{Ipv4AddrRange, Ipv4Net};

use super::{
    Capacity, EndpointLease, Held, LeaseError, Leases,
    assign::{Places, Wanted},
    runs::{Runs, gaps},
};
use crate::model::{Gateway, transit_addresses};

/// What can be given out, the lowest first, each thing once.
pub(super) struct Free {
    numbers: BTreeSet<u32>,
    /// Numbers of transit addresses in their range.
    transit: Runs,
    /// Runs of flow records, in order.
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
        let numbers = (0..most).filter(|number| !leases.endpoints.contains_key(number)).collect();
        let transit = held().filter(|lease| range.contains(&lease.transit)).map(|lease| lease.numbers(range)).collect();
        let serving = held().filter(|lease| lease.held == Held::Serving);
        let holder = |lease: &EndpointLease| Some(((lease.vpc, lease.address?), lease.name.clone()));
        Self {
            numbers,
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

    /// A lease for an endpoint, with its number. Nothing is taken where something of it is not free.
    pub(super) fn give(&mut self, to: &Wanted<'_>, generation: u32) -> Result<(u32, EndpointLease), LeaseError> {
        let name = || to.name.to_owned();
        let address = to.subnet.map(|subnet| self.address(to, subnet)).transpose()?;
        let number = self.numbers.first().copied();
        let number = number.ok_or_else(|| LeaseError::NoEndpoint { endpoint: name(), most: self.most })?;
        let (slots, max_flows) = (to.endpoint.slots(), self.max_flows);
        let (addresses, range) = (transit_addresses(slots), self.range);
        let transit = self.transit.take(addresses);
        let transit = transit.ok_or_else(|| LeaseError::NoTransit { endpoint: name(), addresses, range })?;
        let Some(first_slot) = self.block(slots) else {
            self.transit.add(transit..transit + addresses);
            return Err(LeaseError::NoSlots { endpoint: name(), slots, max_flows });
        };
        self.numbers.remove(&number);
        let transit = Ipv4Addr::from(u32::from(range.network()) + transit);
        self.holders.extend(address.map(|address| ((to.vpc, address), name())));
        let Wanted { vpc, backend, .. } = *to;
        let held = Held::Serving;
        let lease = EndpointLease { name: name(), vpc, address, transit, backend, first_slot, slots, generation, held };
        Ok((number, lease))
    }

    /// Takes back what a lease held; its address is free from when it no longer serves.
    pub(super) fn take_back(&mut self, number: u32, lease: &EndpointLease) {
        self.numbers.insert(number);
        if self.range.contains(&lease.transit) {
            self.transit.add(lease.numbers(self.range));
        }
        let block = lease.block();
        let place = self.gaps.partition_point(|gap| gap.start < block.start);
        self.gaps.insert(place, block);
        self.gaps.dedup_by(|next, gap| {
            let joins = gap.end == next.start;
            if joins {
                gap.end = next.end;
            }
            joins
        });
    }

    /// The address of a lease that serves no longer is anybody's.
    pub(super) fn vacate(&mut self, lease: &EndpointLease) {
        let Some(address) = lease.address else { return };
        if self.holders.get(&(lease.vpc, address)).is_some_and(|holder| *holder == lease.name) {
            self.holders.remove(&(lease.vpc, address));
            self.hosts.retain(|(vpc, subnet), _| *vpc != lease.vpc || !subnet.contains(&address));
        }
    }

    /// The address of a lease that serves is its endpoint's.
    pub(super) fn occupy(&mut self, lease: &EndpointLease) {
        if let (Held::Serving, Some(address)) = (lease.held, lease.address) {
            self.holders.insert((lease.vpc, address), lease.name.clone());
        }
    }

    /// Nobody gets this address without asking.
    pub(super) fn reserve(&mut self, vpc: u16, address: Ipv4Addr) {
        self.reserved.insert((vpc, address));
    }

    #[cfg(test)]
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (&self.numbers, &self.transit, &self.gaps, &self.holders)
            == (&other.numbers, &other.transit, &other.gaps, &other.holders)
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
        let place = self.gaps.iter().position(|gap| gap.len() >= slots as usize)?;
        let gap = &mut self.gaps[place];
        let first = gap.start;
        gap.start += slots;
        if gap.start == gap.end {
            self.gaps.remove(place);
        }
        Some(first)
    }
}

/// Numbers of the addresses of a transit range that are given out: neither the network's nor the
/// broadcast address, for backends that have the range on link.
pub(super) fn hosts(range: Ipv4Net) -> Range<u32> {
    1..u32::from(range.hostmask())
}
