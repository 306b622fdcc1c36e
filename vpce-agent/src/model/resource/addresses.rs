//! Which addresses of VPCs are taken.

use std::net::Ipv4Addr;

use imbl::{OrdMap, OrdSet};
use ipnet::Ipv4Net;
use uuid::Uuid;

use super::{EndpointId, VpcId};

/// Taken addresses, and the runs that they make: the next free one is found in O(log n).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// Those of endpoints.
    endpoints: OrdSet<(VpcId, u32, EndpointId)>,
    /// Those of the gateway, routers and backends, with how many they are of.
    fixed: OrdMap<(VpcId, u32), u32>,
    /// First and last of each run of taken addresses; between two runs is a free one.
    runs: OrdMap<(VpcId, u32), u32>,
}

impl Addresses {
    pub(super) fn hold(&mut self, vpc: VpcId, address: Ipv4Addr, endpoint: EndpointId) {
        let number = address.to_bits();
        if !self.is_taken(vpc, address) {
            self.join(vpc, number);
        }
        self.endpoints.insert((vpc, number, endpoint));
    }

    pub(super) fn release(&mut self, vpc: VpcId, address: Ipv4Addr, endpoint: EndpointId) {
        let number = address.to_bits();
        if self.endpoints.remove(&(vpc, number, endpoint)).is_some() && !self.is_taken(vpc, address) {
            self.part(vpc, number);
        }
    }

    pub(super) fn fix(&mut self, vpc: VpcId, address: Ipv4Addr) {
        let number = address.to_bits();
        if !self.is_taken(vpc, address) {
            self.join(vpc, number);
        }
        *self.fixed.entry((vpc, number)).or_insert(0) += 1;
    }

    pub(super) fn unfix(&mut self, vpc: VpcId, address: Ipv4Addr) {
        let at = (vpc, address.to_bits());
        match self.fixed.get(&at).copied() {
            Some(2..) => self.fixed[&at] -= 1,
            Some(_) => {
                self.fixed.remove(&at);
                if !self.is_taken(vpc, address) {
                    self.part(vpc, at.1);
                }
            }
            None => (),
        }
    }

    pub(super) fn is_fixed(&self, vpc: VpcId, address: Ipv4Addr) -> bool {
        self.fixed.contains_key(&(vpc, address.to_bits()))
    }

    pub(super) fn holder(&self, vpc: VpcId, address: Ipv4Addr) -> Option<EndpointId> {
        let number = address.to_bits();
        let all = (vpc, number, EndpointId(Uuid::nil()))..=(vpc, number, EndpointId(Uuid::max()));
        self.endpoints.range(all).next().map(|&(.., endpoint)| endpoint)
    }

    fn is_taken(&self, vpc: VpcId, address: Ipv4Addr) -> bool {
        self.is_fixed(vpc, address) || self.holder(vpc, address).is_some()
    }

    /// The lowest free address of a subnet. /31 and /32 have neither network nor broadcast address (RFC 3021).
    pub(super) fn next_free(&self, vpc: VpcId, subnet: Ipv4Net) -> Option<Ipv4Addr> {
        let (mut first, mut last) = (subnet.network().to_bits(), subnet.broadcast().to_bits());
        if subnet.prefix_len() < 31 {
            (first, last) = (first + 1, last - 1);
        }
        let run = self.runs.range((vpc, 0)..=(vpc, first)).next_back();
        let free = match run {
            Some((_, &end)) if end >= first => end.checked_add(1)?,
            _ => first,
        };
        (free <= last).then(|| free.into())
    }

    /// Adds a free address to the runs.
    fn join(&mut self, vpc: VpcId, number: u32) {
        let mut run = (number, number);
        if let Some(before) = number.checked_sub(1)
            && let Some((&(_, start), &end)) = self.runs.range((vpc, 0)..=(vpc, before)).next_back()
            && end == before
        {
            run.0 = start;
        }
        if let Some(after) = number.checked_add(1)
            && let Some(end) = self.runs.remove(&(vpc, after))
        {
            run.1 = end;
        }
        self.runs.insert((vpc, run.0), run.1);
    }

    /// Takes an address out of its run.
    fn part(&mut self, vpc: VpcId, number: u32) {
        let Some((&(_, start), &end)) = self.runs.range((vpc, 0)..=(vpc, number)).next_back() else { return };
        self.runs.remove(&(vpc, start));
        if start < number {
            self.runs.insert((vpc, start), number - 1);
        }
        if number < end {
            self.runs.insert((vpc, number + 1), end);
        }
    }
}
