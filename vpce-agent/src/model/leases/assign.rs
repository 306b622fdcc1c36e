//! Who gets what: leases that still lead where they shall are kept, the others taken back.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ipnet::Ipv4Net;

use super::{
    BackendLease, Capacity, EndpointLease, Held, LeaseError, Leases, LinkLease,
    free::{self, Free},
};
use crate::model::{Desired, Endpoint, Service};

/// Addresses by number of their VPC.
pub(super) type Places = BTreeSet<(u16, Ipv4Addr)>;

/// An endpoint that shall be served.
pub(super) struct Wanted<'d> {
    pub(super) name: &'d str,
    pub(super) endpoint: &'d Endpoint,
    /// That of its address, where it has one.
    pub(super) subnet: Option<Ipv4Net>,
    /// Number of its VPC.
    pub(super) vpc: u16,
    /// Number of its backend.
    pub(super) backend: u32,
    /// The address that it was given and may have still.
    pub(super) keeps: Option<Ipv4Addr>,
    pub(super) served: bool,
}

impl Leases {
    /// The leases that serve the desired state: those at hand where they fit, new ones else.
    ///
    /// # Errors
    /// Everything that can't be given out; these leases stay valid then.
    pub fn assign(&self, desired: &Desired, capacity: Capacity) -> Result<Self, Vec<LeaseError>> {
        let mut next = Self { version: 1, ..self.clone() };
        let mut errors = Vec::new();
        next.number_networks(desired, capacity, &mut errors);
        if errors.is_empty() {
            let mut reserved = next.places_of_others(desired);
            let unserved = next.settle(desired, &reserved);
            reserved.extend(next.places_asked_for(desired));
            next.serve(unserved, &mut Free::new(&next, &desired.gateway, capacity, reserved), &mut errors);
        }
        if errors.is_empty() { Ok(next) } else { Err(errors) }
    }

    fn number_networks(&mut self, desired: &Desired, capacity: Capacity, errors: &mut Vec<LeaseError>) {
        for (name, vpc) in &desired.vpcs {
            let free = self.vpcs.values().max().copied().unwrap_or(0).checked_add(1);
            let Some(number) = self.vpcs.get(name).copied().or(free) else {
                errors.push(no_number("VPC", name, u16::MAX.into()));
                continue;
            };
            self.vpcs.insert(name.clone(), number);
            for attachment in &vpc.attach {
                if self.link(number, attachment).is_none() {
                    self.links.push(LinkLease::new(number, attachment));
                    if self.links.len() > capacity.links as usize {
                        errors.push(no_number("attachment", &attachment.to_string(), capacity.links));
                    }
                }
            }
        }
        for (name, service) in &desired.services {
            errors.extend(self.number_backend(name, service, capacity).err());
        }
    }

    /// Gives what answers for a service a number, where it has none; answers that of its VPC.
    pub(super) fn number_backend(
        &mut self,
        name: &str,
        service: &Service,
        capacity: Capacity,
    ) -> Result<u16, LeaseError> {
        let Some(&vpc) = self.vpcs.get(&service.vpc) else {
            let (name, missing) = (name.to_owned(), service.vpc.clone());
            return Err(LeaseError::Nowhere { what: "service", name, kind: "VPC", missing });
        };
        if self.backend(vpc, &service.target).is_none() {
            if self.backends.len() >= capacity.endpoints as usize {
                return Err(no_number("backend of service", name, capacity.endpoints));
            }
            self.backends.push(BackendLease::new(vpc, &service.target));
        }
        Ok(vpc)
    }

    /// Keeps each lease that still leads where it shall, re-points it where only its backend is
    /// another, takes back all others. Answers the endpoints that nothing serves then.
    fn settle<'d>(&mut self, desired: &'d Desired, reserved: &Places) -> Vec<Wanted<'d>> {
        let mut wanted = self.wanted(desired);
        let astray = self.astray(desired.gateway.transit);
        for (number, lease) in &mut self.endpoints {
            let fits = !astray.contains(number) && lease.block().end <= desired.gateway.max_flows;
            let to = wanted.get_mut(lease.name.as_str());
            settle(lease, to, fits, reserved, &mut self.next_generation);
        }
        wanted.into_values().filter(|to| !to.served).collect()
    }

    /// Gives each endpoint a lease. Who was given an address keeps it, and who asks for one comes
    /// before those that take any.
    fn serve(&mut self, mut unserved: Vec<Wanted<'_>>, free: &mut Free, errors: &mut Vec<LeaseError>) {
        unserved.sort_by_key(|to| (to.keeps.is_none(), to.endpoint.asked().is_none()));
        for to in unserved {
            match free.give(&to, fresh(&mut self.next_generation)) {
                Ok((number, lease)) => drop(self.endpoints.insert(number, lease)),
                Err(error) => errors.push(error),
            }
        }
    }

    /// Leases whose transit addresses are not as they shall be: of another range, or of a time when
    /// a large block had only one, so that it would take those of others now.
    fn astray(&self, range: Ipv4Net) -> BTreeSet<u32> {
        let firsts: BTreeSet<u32> = self.endpoints.values().map(|lease| lease.transit.into()).collect();
        let hosts = free::hosts(range);
        let is_right = |lease: &EndpointLease| {
            let (numbers, addresses) = (lease.numbers(range), lease.transit_addresses());
            let first = u32::from(lease.transit);
            range.contains(&lease.transit)
                && hosts.start <= numbers.start
                && numbers.end <= hosts.end
                && numbers.start.is_multiple_of(addresses)
                && firsts.range(first + 1..first + addresses).next().is_none()
        };
        self.endpoints.iter().filter(|(_, lease)| !is_right(lease)).map(|(&number, _)| number).collect()
    }

    /// The endpoints by name, with the numbers of where they lead.
    fn wanted<'d>(&self, desired: &'d Desired) -> BTreeMap<&'d str, Wanted<'d>> {
        let backends: BTreeMap<&str, u32> = desired
            .services
            .iter()
            .filter_map(|(name, is)| Some((name.as_str(), self.backend(self.vpcs[&is.vpc], &is.target)?)))
            .collect();
        let wanted = |(name, endpoint): (&'d String, &'d Endpoint)| {
            (name.as_str(), self.wants(desired, name, endpoint, backends[endpoint.service.as_str()]))
        };
        desired.endpoints.iter().map(wanted).collect()
    }

    /// What an endpoint wants, whose service has this number of a backend.
    pub(super) fn wants<'d>(
        &self,
        desired: &'d Desired,
        name: &'d str,
        endpoint: &'d Endpoint,
        backend: u32,
    ) -> Wanted<'d> {
        let subnet = endpoint.place.as_ref().map(|place| desired.vpcs[&endpoint.vpc].subnets[&place.subnet]);
        Wanted { name, endpoint, subnet, vpc: self.vpcs[&endpoint.vpc], backend, keeps: None, served: false }
    }

    /// Gateways, routers and backends.
    pub(super) fn places_of_others(&self, desired: &Desired) -> Places {
        let routers = desired.vpcs.iter().flat_map(|(name, vpc)| {
            [Some(vpc.address.addr()), vpc.next_hop].into_iter().flatten().map(|address| (self.vpcs[name], address))
        });
        let backends = desired.services.values().map(|service| (self.vpcs[&service.vpc], service.target.address()));
        routers.chain(backends).collect()
    }

    pub(super) fn places_asked_for(&self, desired: &Desired) -> Places {
        let endpoints = desired.endpoints.values();
        endpoints.filter_map(|endpoint| Some((self.vpcs[&endpoint.vpc], endpoint.asked()?))).collect()
    }
}

/// Keeps a lease, re-points it, or takes it back, as `to` has it; `fits`: its transit addresses and records
/// are such as are given out.
pub(super) fn settle(
    lease: &mut EndpointLease,
    to: Option<&mut Wanted<'_>>,
    fits: bool,
    reserved: &Places,
    generation: &mut u32,
) {
    if lease.held == Held::Cut {
        return;
    }
    let Some(to) = to else { return cut(lease, generation) };
    let stays = lease.vpc == to.vpc && to.may_have(lease.address, reserved);
    let reached = stays && fits;
    let same = lease.backend == to.backend;
    if stays && lease.held == Held::Serving {
        to.keeps = lease.address;
    }
    match lease.held {
        Held::Serving if reached && lease.slots >= to.endpoint.slots() => {
            to.served = true;
            if !same {
                (lease.backend, lease.generation) = (to.backend, fresh(generation));
            }
        }
        Held::Serving if reached && same => lease.held = Held::Draining,
        Held::Draining if reached && same => {}
        _ => cut(lease, generation),
    }
}

impl Wanted<'_> {
    /// Whether it may have an address, or none, other endpoints apart.
    fn may_have(&self, address: Option<Ipv4Addr>, reserved: &Places) -> bool {
        let (Some(subnet), Some(address)) = (self.subnet, address) else {
            return self.subnet.is_none() && address.is_none();
        };
        match self.endpoint.asked() {
            Some(asked) => asked == address,
            None => is_host(subnet, address) && !reserved.contains(&(self.vpc, address)),
        }
    }
}

/// Networks of one or two addresses are all hosts (RFC 3021).
fn is_host(net: Ipv4Net, address: Ipv4Addr) -> bool {
    net.contains(&address) && (net.prefix_len() > 30 || ![net.network(), net.broadcast()].contains(&address))
}

fn no_number(what: &'static str, name: &str, most: u32) -> LeaseError {
    LeaseError::NoNumber { what, name: name.to_owned(), most }
}

fn cut(lease: &mut EndpointLease, generation: &mut u32) {
    (lease.held, lease.generation) = (Held::Cut, fresh(generation));
}

pub(super) fn fresh(generation: &mut u32) -> u32 {
    *generation += 1;
    *generation
}
