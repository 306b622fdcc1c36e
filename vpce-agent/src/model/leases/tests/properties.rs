//! What holds over any history of a gateway.

use std::{collections::BTreeMap, net::Ipv4Addr, ops::Range};

use proptest::prelude::*;

use super::{
    CAPACITY, all_serving,
    sample::{Event, any_history, desired, is_host, is_taken},
};
use crate::model::{
    Desired, Endpoint,
    leases::{BackendLease, EndpointLease, Held, Leases, Ledger},
};

/// A gateway's desired state and leases, over its history.
struct Past {
    desired: Desired,
    leases: Leases,
    /// What a flow of each generation relies on.
    generations: BTreeMap<u32, (String, Ipv4Addr, u32, Range<u32>)>,
}

impl Past {
    fn live(&mut self, event: &Event) {
        match event {
            Event::Edited(edits) => {
                let mut desired = self.desired.clone();
                for edit in edits {
                    edit.make(&mut desired);
                }
                let same = (&desired.gateway, &desired.vpcs) == (&self.desired.gateway, &self.desired.vpcs);
                if same && !self.leases.vpcs.is_empty() {
                    self.alter(desired.clone());
                }
                match self.leases.assign(&desired, CAPACITY) {
                    Ok(leases) => {
                        assert_eq!(leases.assign(&desired, CAPACITY).as_ref(), Ok(&leases), "a second time");
                        self.check_change(&desired, &leases);
                        (self.desired, self.leases) = (desired, leases);
                    }
                    Err(errors) => assert!(!errors.is_empty()),
                }
            }
            Event::Ended(odd) => {
                let stays = |number: &u32, lease: &mut EndpointLease| lease.held == Held::Serving || number % 2 != *odd;
                self.leases.endpoints.retain(stays);
            }
            Event::Rebooted => {
                self.leases = self.leases.clone().without_flows().assign(&self.desired, CAPACITY).unwrap();
                self.generations.clear();
            }
        }
        self.check_apart();
        self.check_served();
        self.check_generations();
    }

    /// The same as [`Leases::assign`], of what changed alone.
    fn alter(&mut self, desired: Desired) {
        fn differing<V: PartialEq>(one: &BTreeMap<String, V>, other: &BTreeMap<String, V>) -> Vec<String> {
            one.keys().chain(other.keys()).filter(|name| one.get(*name) != other.get(*name)).cloned().collect()
        }
        let services = differing(&desired.services, &self.desired.services);
        let holds = |address| self.leases.endpoints.values().any(|lease| lease.address == Some(address));
        if services.iter().any(|name| desired.services.get(name).is_some_and(|is| holds(is.target.address()))) {
            // Only a whole change gives who is in a backend's way another address.
            return;
        }
        let leads = |name: &&String| services.contains(&desired.endpoints[*name].service);
        let mut endpoints = differing(&desired.endpoints, &self.desired.endpoints);
        endpoints.extend(desired.endpoints.keys().filter(leads).cloned());
        endpoints.sort_unstable();
        endpoints.dedup();
        let mut ledger = Ledger::new(&self.leases, &self.desired, CAPACITY);
        let mut leases = self.leases.clone();
        let altered = ledger.alter(&mut leases, &desired, &services, &endpoints, |_| false);
        // Of several one after another is served, not all at once: what the last gives back nobody has.
        let is_same = endpoints.len() < 2 && self.leases.assign(&desired, CAPACITY).is_ok();
        assert!(altered.services.is_empty() && (altered.endpoints.is_empty() || !is_same), "{:#?}", altered.endpoints);
        if altered.endpoints.is_empty() {
            self.check_change(&desired, &leases);
            assert!(!is_same || leases.assign(&desired, CAPACITY).as_ref() == Ok(&leases), "nothing is left to do");
            let mut then = Self { desired, leases, generations: self.generations.clone() };
            then.check_apart();
            then.check_served();
            then.check_generations();
            assert!(ledger.is_as(&Ledger::new(&then.leases, &then.desired, CAPACITY)), "the ledger is as if made anew");
            let Self { mut leases, .. } = then;
            altered.undo(&mut leases);
            assert_eq!(leases, self.leases, "taken back");
        } else {
            let (is, was) = (all_serving(&leases), all_serving(&self.leases));
            for name in altered.endpoints.keys().map(String::as_str) {
                assert_eq!(is.get(name), was.get(name), "who is refused keeps what it had");
            }
        }
    }

    /// What was given out stays.
    fn check_change(&self, desired: &Desired, next: &Leases) {
        let was = &self.leases;
        assert!(was.vpcs.iter().all(|(name, number)| next.vpcs.get(name) == Some(number)));
        assert!(next.links.starts_with(&was.links) && next.backends.starts_with(&was.backends));
        for (number, before) in &was.endpoints {
            let after = &next.endpoints[number];
            let same = EndpointLease {
                held: after.held,
                generation: after.generation,
                backend: after.backend,
                ..before.clone()
            };
            assert_eq!(*after, same, "a lease is changed");
            match (before.held, after.held) {
                (Held::Cut, Held::Cut) | (_, Held::Draining) => assert_eq!(before.generation, after.generation),
                (Held::Serving, Held::Serving) => {
                    assert_eq!(before.backend == after.backend, before.generation == after.generation);
                }
                (Held::Serving | Held::Draining, Held::Cut) => assert!(after.generation > was.next_generation),
                (Held::Draining | Held::Cut, Held::Serving) => panic!("{before:?} serves again"),
            }
        }
        let (then, serves) = (all_serving(was), all_serving(next));
        for (name, endpoint) in &desired.endpoints {
            let Some((number, before)) = then.get(name.as_str()).copied() else { continue };
            let (now, after) = serves[name.as_str()];
            let stays = before.vpc == next.vpcs[&endpoint.vpc] && may_have(desired, endpoint, before.address);
            let in_range = desired.gateway.transit.contains(&before.transit);
            assert_eq!(stays, (after.vpc, after.address) == (before.vpc, before.address), "{name}: its address");
            assert_eq!(stays && in_range && before.slots >= endpoint.slots(), number == now, "{name}: its number");
        }
    }

    /// No two hold the same.
    fn check_apart(&self) {
        let leases: Vec<_> = self.leases.endpoints.values().collect();
        for (place, one) in leases.iter().enumerate() {
            for other in &leases[..place] {
                assert!(are_apart(&transit(one), &transit(other)), "{one:?} overlaps {other:?}");
                assert!(are_apart(&one.block(), &other.block()), "{one:?} overlaps {other:?}");
                let both_serve = one.held == Held::Serving && other.held == Held::Serving;
                assert!(!both_serve || one.address.is_none() || (one.vpc, one.address) != (other.vpc, other.address));
                assert!(!both_serve || one.name != other.name);
            }
        }
    }

    /// Every endpoint is reached where it may be, and leads where it shall.
    fn check_served(&self) {
        let Self { desired, leases, .. } = self;
        let serves = all_serving(leases);
        for (name, endpoint) in &desired.endpoints {
            let (number, lease) = serves[name.as_str()];
            let service = &desired.services[&endpoint.service];
            let (vpc, gateway) = (leases.vpcs[&service.vpc], endpoint.place.is_none());
            let backend = BackendLease { vpc, address: service.target.address(), gateway };
            assert!(number < CAPACITY.endpoints);
            assert!(may_have(desired, endpoint, lease.address), "{name}: {:?}", lease.address);
            assert_eq!((lease.vpc, leases.backends[lease.backend as usize]), (leases.vpcs[&endpoint.vpc], backend));
            let (addresses, first) = (transit(lease), u32::from(desired.gateway.transit.network()));
            let hosts = first + 1..u32::from(desired.gateway.transit.broadcast());
            assert!(hosts.start <= addresses.start && addresses.end <= hosts.end);
            assert_eq!(addresses.len(), lease.slots.div_ceil(16384) as usize);
            assert_eq!((addresses.start - first) as usize % addresses.len(), 0, "{name}: {}", lease.transit);
            assert!(lease.slots.is_power_of_two() && lease.slots >= endpoint.slots());
            assert!(lease.first_slot + lease.slots <= desired.gateway.max_flows);
        }
        for lease in leases.endpoints.values() {
            let wanted = desired.endpoints.get(&lease.name);
            assert!(lease.held == Held::Cut || wanted.is_some(), "{} is gone and not cut", lease.name);
            if let (Held::Draining, Some((_, serving))) = (lease.held, serves.get(lease.name.as_str())) {
                assert_eq!((lease.vpc, lease.address, lease.backend), (serving.vpc, serving.address, serving.backend));
                assert!(desired.gateway.transit.contains(&lease.transit));
            }
        }
    }

    /// A generation means one endpoint, one transit address, one backend and one block, ever.
    fn check_generations(&mut self) {
        for lease in self.leases.endpoints.values() {
            let block = lease.first_slot..lease.first_slot + lease.slots;
            let now = (lease.name.clone(), lease.transit, lease.backend, block);
            let known = self.generations.entry(lease.generation).or_insert_with(|| now.clone());
            assert_eq!(*known, now, "generation {} is used again", lease.generation);
        }
    }
}

/// The transit addresses of a lease.
fn transit(lease: &EndpointLease) -> Range<u32> {
    let first = u32::from(lease.transit);
    first..first + lease.transit_addresses()
}

fn are_apart(one: &Range<u32>, other: &Range<u32>) -> bool {
    one.end <= other.start || other.end <= one.start
}

/// Whether an endpoint may have an address, or none, other endpoints apart.
fn may_have(desired: &Desired, endpoint: &Endpoint, address: Option<Ipv4Addr>) -> bool {
    let (Some(_), Some(address)) = (&endpoint.place, address) else {
        return endpoint.place.is_none() && address.is_none();
    };
    match endpoint.asked() {
        Some(asked) => asked == address,
        None => is_host(desired, endpoint, address) && !is_taken(desired, &endpoint.vpc, address),
    }
}

proptest! {
    #[test]
    fn over_any_history_what_was_given_out_stays_apart_and_is_never_given_twice(history in any_history()) {
        let mut past = Past { desired: desired(), leases: Leases::default(), generations: BTreeMap::new() };
        for event in &history {
            past.live(event);
        }
    }
}
