//! What is free and whose leases are whose, kept beside the leases: a change among ten thousand endpoints
//! costs what it changes.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Capacity, EndpointLease, Held, LeaseError, Leases,
    assign::{Places, fresh, settle},
    free::Free,
};
use crate::model::{Desired, Endpoint};

/// An index of [`Leases`], true for as long as these change by it alone.
pub struct Ledger {
    free: Free,
    /// Numbers of an endpoint's leases.
    numbers: BTreeMap<String, BTreeSet<u32>>,
    /// Numbers of leases that serve no longer.
    ending: BTreeSet<u32>,
    /// Addresses of gateways, routers and backends.
    others: Places,
    capacity: Capacity,
}

/// What one [`Ledger::alter`] did.
#[derive(Debug, Default)]
pub struct Altered {
    /// The leases that are others now, by number, as they were; none: there was none.
    pub before: BTreeMap<u32, Option<EndpointLease>>,
    /// Services whose backend can have no number.
    pub services: BTreeMap<String, LeaseError>,
    /// Endpoints whose leases stay as they were, since what they ask for can't be given out.
    pub endpoints: BTreeMap<String, LeaseError>,
    /// [`Leases::next_generation`] before.
    next_generation: u32,
    /// How many backends had a number before.
    pub backends: usize,
}

impl Ledger {
    /// Looks at all leases once.
    #[must_use]
    pub fn new(leases: &Leases, desired: &Desired, capacity: Capacity) -> Self {
        let others = leases.places_of_others(desired);
        let reserved = others.union(&leases.places_asked_for(desired)).copied().collect();
        let mut numbers: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for (&number, lease) in &leases.endpoints {
            numbers.entry(lease.name.clone()).or_default().insert(number);
        }
        let ending = leases.ending().collect();
        Self { free: Free::new(leases, &desired.gateway, capacity, reserved), numbers, ending, others, capacity }
    }

    /// Numbers of an endpoint's leases.
    pub fn numbers_of(&self, name: &str) -> impl Iterator<Item = u32> {
        self.numbers.get(name).into_iter().flatten().copied()
    }

    /// Numbers of leases that serve no longer, as [`Leases::ending`].
    pub fn ending(&self) -> impl Iterator<Item = u32> {
        self.ending.iter().copied()
    }

    /// Leases for some services and endpoints that `desired` has otherwise now than when it was looked at
    /// last, as [`Leases::assign`] would give them; who can't be served keeps what it had. The flows of endpoints
    /// that `ends` names are over, also where they lead as before.
    pub fn alter<'n>(
        &mut self,
        leases: &mut Leases,
        desired: &Desired,
        services: impl IntoIterator<Item = &'n String>,
        endpoints: impl IntoIterator<Item = &'n String>,
        ends: impl Fn(&str) -> bool,
    ) -> Altered {
        let mut altered =
            Altered { next_generation: leases.next_generation, backends: leases.backends.len(), ..Altered::default() };
        for (name, service) in services.into_iter().filter_map(|name| desired.services.get_key_value(name)) {
            match leases.number_backend(name, service, self.capacity) {
                Ok(vpc) => {
                    self.others.insert((vpc, service.target.address()));
                    self.free.reserve(vpc, service.target.address());
                }
                Err(error) => drop(altered.services.insert(name.clone(), error)),
            }
        }
        let mut endpoints: Vec<_> = endpoints.into_iter().map(|name| (name, desired.endpoints.get(name))).collect();
        // Those that go leave their addresses to others; who asks for one comes before those that take any.
        endpoints.sort_by_key(|(_, endpoint)| endpoint.map(|endpoint| endpoint.asked().is_none()));
        for (name, endpoint) in endpoints {
            let barred = endpoint.and_then(|endpoint| {
                altered.services.get(&endpoint.service).cloned().or_else(|| nowhere(desired, name, endpoint))
            });
            match barred {
                Some(error) => drop(altered.endpoints.insert(name.clone(), error)),
                None => {
                    self.serve(leases, name, endpoint.map(|endpoint| (desired, endpoint)), ends(name), &mut altered);
                }
            }
        }
        altered
    }

    /// Leases end; none of them serves.
    pub fn release(&mut self, leases: &mut Leases, numbers: &BTreeSet<u32>) {
        for number in numbers {
            let Some(lease) = leases.endpoints.remove(number) else { continue };
            self.free.take_back(*number, &lease);
            self.ending.remove(number);
            self.forget(*number, &lease.name);
        }
    }

    #[cfg(test)]
    pub(super) fn is_as(&self, other: &Self) -> bool {
        (&self.numbers, &self.ending) == (&other.numbers, &other.ending) && self.free.is_as(&other.free)
    }

    /// Leases for one endpoint; none: it is gone.
    fn serve(
        &mut self,
        leases: &mut Leases,
        name: &str,
        endpoint: Option<(&Desired, &Endpoint)>,
        ends: bool,
        altered: &mut Altered,
    ) {
        let mut wanted = endpoint.and_then(|(desired, endpoint)| {
            let service = &desired.services[&endpoint.service];
            let backend = leases.backend(*leases.vpcs.get(&service.vpc)?, &service.target)?;
            Some(leases.wants(desired, name, endpoint, backend))
        });
        let then = leases.next_generation;
        let numbers: Vec<u32> = self.numbers_of(name).collect();
        let mut before: BTreeMap<u32, Option<EndpointLease>> = BTreeMap::new();
        for number in numbers {
            let Some(lease) = leases.endpoints.get_mut(&number) else { continue };
            let was = lease.clone();
            settle(lease, wanted.as_mut(), true, &self.others, &mut leases.next_generation);
            if ends && lease.held == Held::Serving && lease.generation == was.generation {
                lease.generation = fresh(&mut leases.next_generation);
            }
            if was.held == Held::Serving && lease.held != Held::Serving {
                self.free.vacate(&was);
            }
            self.mark(number, lease.held);
            if was != *lease {
                before.insert(number, Some(was));
            }
        }
        if let Some(to) = wanted.as_ref().filter(|to| !to.served) {
            match self.free.give(to, fresh(&mut leases.next_generation)) {
                Ok((number, lease)) => {
                    self.numbers.entry(name.to_owned()).or_default().insert(number);
                    leases.endpoints.insert(number, lease);
                    before.insert(number, None);
                }
                Err(error) => {
                    altered.endpoints.insert(name.to_owned(), error);
                    for (number, was) in std::mem::take(&mut before) {
                        let Some(was) = was else { continue };
                        self.free.occupy(&was);
                        self.mark(number, was.held);
                        leases.endpoints.insert(number, was);
                    }
                    leases.next_generation = then;
                }
            }
        }
        altered.before.extend(before);
    }

    fn mark(&mut self, number: u32, held: Held) {
        if held == Held::Serving {
            self.ending.remove(&number);
        } else {
            self.ending.insert(number);
        }
    }

    fn forget(&mut self, number: u32, name: &str) {
        if let Some(numbers) = self.numbers.get_mut(name) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.numbers.remove(name);
            }
        }
    }
}

/// What an endpoint names that is not there.
fn nowhere(desired: &Desired, name: &str, endpoint: &Endpoint) -> Option<LeaseError> {
    let missing = |kind, missing: &String| {
        Some(LeaseError::Nowhere { what: "endpoint", name: name.to_owned(), kind, missing: missing.clone() })
    };
    let Some(vpc) = desired.vpcs.get(&endpoint.vpc) else { return missing("VPC", &endpoint.vpc) };
    if !desired.services.contains_key(&endpoint.service) {
        return missing("service", &endpoint.service);
    }
    let subnet = &endpoint.place.as_ref()?.subnet;
    if vpc.subnets.contains_key(subnet) { None } else { missing("subnet", subnet) }
}

impl Altered {
    /// Takes it all back, where it could not be kept; the ledger is of no use then.
    pub fn undo(self, leases: &mut Leases) {
        for (number, was) in self.before {
            match was {
                Some(was) => drop(leases.endpoints.insert(number, was)),
                None => drop(leases.endpoints.remove(&number)),
            }
        }
        leases.next_generation = self.next_generation;
        leases.backends.truncate(self.backends);
    }
}
