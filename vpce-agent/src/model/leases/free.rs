//! What nobody holds. Looked for once for all endpoints, so that thousands are served at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
    net::Ipv4Addr,
    ops::Range,
    vec,
};

use ipnet::{Ipv4AddrRange, Ipv4Net};

use super::{
    Capacity, EndpointLease, Held, LeaseError, Leases,
    assign::{Places, Wanted},
};
use crate::model::Gateway;

/// What can be given out, the lowest first, each thing once.
pub(super) struct Free {
    numbers: vec::IntoIter<u32>,
    transit: vec::IntoIter<Ipv4Addr>,
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
        let Capacity { endpoints: most, .. } = capacity;
        let mut transit: Vec<_> = gateway.transit.hosts().collect();
        let taken = leases.endpoints.values().map(|lease| lease.transit).collect::<BTreeSet<_>>();
        transit.retain(|transit| !taken.contains(transit));
        let numbers: Vec<_> = (0..most).filter(|number| !leases.endpoints.contains_key(number)).collect();
        let serving = leases.endpoints.values().filter(|lease| lease.held == Held::Serving);
        Self {
            numbers: numbers.into_iter(),
            transit: transit.into_iter(),
            gaps: gaps(leases, gateway.max_flows),
            hosts: BTreeMap::new(),
            holders: serving.map(|lease| ((lease.vpc, lease.address), lease.name.clone())).collect(),
            reserved,
            most,
            range: gateway.transit,
            max_flows: gateway.max_flows,
        }
    }

    /// A lease for an endpoint, with its number.
    pub(super) fn give(&mut self, to: &Wanted<'_>, generation: u32) -> Result<(u32, EndpointLease), LeaseError> {
        let name = || to.name.to_owned();
        let address = self.address(to)?;
        let number = self.numbers.next();
        let number = number.ok_or_else(|| LeaseError::NoEndpoint { endpoint: name(), most: self.most })?;
        let transit = self.transit.next();
        let transit = transit.ok_or_else(|| LeaseError::NoTransit { endpoint: name(), range: self.range })?;
        let (slots, max_flows) = (to.endpoint.slots(), self.max_flows);
        let first_slot = self.block(slots);
        let first_slot = first_slot.ok_or_else(|| LeaseError::NoSlots { endpoint: name(), slots, max_flows })?;
        self.holders.insert((to.vpc, address), name());
        let Wanted { vpc, backend, .. } = *to;
        let held = Held::Serving;
        let lease = EndpointLease { name: name(), vpc, address, transit, backend, first_slot, slots, generation, held };
        Ok((number, lease))
    }

    fn address(&mut self, to: &Wanted<'_>) -> Result<Ipv4Addr, LeaseError> {
        let Self { hosts, holders, reserved, .. } = self;
        let endpoint = || to.name.to_owned();
        if let Some(address) = to.keeps.or(to.endpoint.address) {
            return match holders.get(&(to.vpc, address)) {
                Some(holder) => Err(LeaseError::AddressHeld { endpoint: endpoint(), address, holder: holder.clone() }),
                None => Ok(address),
            };
        }
        let hosts = hosts.entry((to.vpc, to.subnet)).or_insert_with(|| to.subnet.hosts());
        let is_free = |place: &(u16, Ipv4Addr)| !holders.contains_key(place) && !reserved.contains(place);
        let address = hosts.find(|address| is_free(&(to.vpc, *address)));
        address.ok_or_else(|| LeaseError::NoAddress { endpoint: endpoint(), subnet: to.endpoint.subnet.clone() })
    }

    /// The first run of so many flow records.
    fn block(&mut self, slots: u32) -> Option<u32> {
        let gap = self.gaps.iter_mut().find(|gap| gap.len() >= slots as usize)?;
        let first = gap.start;
        gap.start += slots;
        Some(first)
    }
}

/// The runs of flow records between the blocks that are held.
fn gaps(leases: &Leases, max_flows: u32) -> Vec<Range<u32>> {
    let mut blocks: Vec<_> = leases.endpoints.values().map(|is| (is.first_slot, is.first_slot + is.slots)).collect();
    blocks.sort_unstable();
    let mut free = 0;
    let starts_and_ends = blocks.into_iter().chain(iter::once((max_flows, max_flows)));
    starts_and_ends
        .map(|(first, end)| {
            let gap = free..first.min(max_flows);
            free = free.max(end);
            gap
        })
        .filter(|gap| !gap.is_empty())
        .collect()
}
