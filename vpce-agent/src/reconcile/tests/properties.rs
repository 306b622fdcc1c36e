//! What holds between any two writes, over any history, wherever the agent dies.

use std::collections::BTreeMap;

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
};
use vpce_common::{
    layout::{
        ADDRESS_SLOTS, Backend, Dialables, Dialled, Endpoint, Ingress, LAYOUT, Link, Local, Mapping, Prefix, Segment,
        Settings, Transit,
    },
    wire::{Be16, Be32},
};

use super::{Entries, Flow, Maps, NO_ENDPOINT, NO_LINK, NOTHING, facts, lasting, station};
use crate::{
    model::{
        Desired, Part,
        leases::{
            Held, Leases, Ledger,
            tests::{
                CAPACITY,
                sample::{Event, any_history, desired},
            },
        },
    },
    reconcile::{Altering, Book, Change, Kernel as _, apply, compile, drifted as is_drifted, observe, plan},
};

/// A gateway over its history, with every flow that could have been opened by.
struct Host {
    maps: Maps,
    desired: Desired,
    leases: Leases,
    last: Option<Entries>,
    flows: Vec<Flow>,
}

impl Host {
    fn new() -> Self {
        let leases = Leases::default().assign(&desired(), CAPACITY).unwrap();
        let maps = Maps { entries: NOTHING, rings: BTreeMap::new() };
        Self { maps, desired: desired(), leases, last: Some(NOTHING), flows: Vec::new() }
    }

    /// Takes an event in, and makes a pass that dies after so many writes.
    fn live(&mut self, event: &Event, dies_after: Option<usize>) {
        match event {
            Event::Edited(edits) => {
                let mut desired = self.desired.clone();
                for edit in edits {
                    edit.make(&mut desired);
                }
                let is_part = (&desired.gateway, &desired.vpcs) == (&self.desired.gateway, &self.desired.vpcs);
                // Nothing was written yet.
                let last = self.last.clone().filter(|last| is_part && *last != NOTHING);
                let Some(last) = last else {
                    if let Ok(leases) = self.leases.assign(&desired, CAPACITY) {
                        (self.desired, self.leases) = (desired, leases);
                    }
                    return self.pass(dies_after);
                };
                return self.alter(&desired, last, dies_after);
            }
            Event::Ended(odd) => self.release(*odd),
            Event::Rebooted => {
                let leases = self.leases.clone().without_flows().assign(&self.desired, CAPACITY).unwrap();
                *self = Self { desired: self.desired.clone(), leases, ..Self::new() };
            }
        }
        self.pass(dies_after);
    }

    /// Takes back leases as if their flows had ended: those that are closed in the maps.
    fn release(&mut self, odd: u32) {
        let Self { maps, leases, flows, .. } = self;
        leases.endpoints.retain(|&number, lease| {
            let is = maps.endpoint(number);
            let closed = is.slots == 0 || (is.accepted == 0 && is.generation == lease.generation);
            let stays = lease.held == Held::Serving || !closed || number % 2 != odd;
            flows.retain(|flow| stays || flow.number != number);
            stays
        });
    }

    /// Takes what is other in, as a part.
    fn alter(&mut self, desired: &Desired, mut last: Entries, dies_after: Option<usize>) {
        fn differing<V: PartialEq + Clone>(
            is: &BTreeMap<String, V>,
            then: &BTreeMap<String, V>,
        ) -> BTreeMap<String, Option<V>> {
            let names = is.keys().chain(then.keys()).filter(|name| is.get(*name) != then.get(*name));
            names.map(|name| (name.clone(), then.get(name).cloned())).collect()
        }
        let part = Part {
            services: differing(&self.desired.services, &desired.services),
            endpoints: differing(&self.desired.endpoints, &desired.endpoints),
        };
        let mut ledger = Ledger::new(&self.leases, &self.desired, CAPACITY);
        let mut book = Book { desired: &mut self.desired, leases: &mut self.leases, ledger: &mut ledger };
        let facts_before = facts(book.desired, book.leases);
        let altering = Altering::enter(part, &mut book, &facts_before, &last);
        let facts = facts(book.desired, book.leases);
        let (now, then) = altering.entries(&book, &facts, &last);
        last.replace(&now, &then);
        let entries = compile(&self.desired, &self.leases, &facts);
        assert_eq!(last, entries, "the part is what the whole has become");
        self.write(&plan(&then, &now), entries, dies_after);
    }

    fn pass(&mut self, dies_after: Option<usize>) {
        let entries = compile(&self.desired, &self.leases, &facts(&self.desired, &self.leases));
        let observed = observe(&self.maps, &entries, self.last.as_ref()).unwrap();
        let changes = plan(&entries, &observed);
        self.write(&changes, entries, dies_after);
    }

    fn write(&mut self, changes: &[Change], entries: Entries, dies_after: Option<usize>) {
        let before = self.maps.clone();
        let after = Maps::of(&entries);
        for (done, change) in changes.iter().enumerate() {
            if dies_after == Some(done) {
                self.last = None;
                return;
            }
            let known = self.known();
            self.maps.change(change).unwrap();
            assert!(change.is_known_to_flows() || self.known() == known, "flows go on by what was before {change:?}");
            self.check(&before, &after);
        }
        assert_eq!(self.maps.entries, after.entries);
        assert!(!is_drifted(&self.maps, &entries).unwrap());
        assert_eq!(plan(&entries, &observe(&self.maps, &entries, Some(&entries)).unwrap()), []);
        self.check_answers();
        self.last = Some(entries);
    }

    /// What the flows that live go by within an epoch.
    fn known(&self) -> Vec<(u32, Endpoint, Backend, Link)> {
        let live = |flow: &&Flow| self.maps.endpoint(flow.number).generation == flow.endpoint.generation;
        let known = |flow: &Flow| {
            let endpoint = self.maps.endpoint(flow.number);
            let backend = self.maps.backend(endpoint.backend);
            let link = Link { dialables: Dialables::NONE, ..self.maps.link(backend.link) };
            (flow.number, endpoint, backend, link)
        };
        self.flows.iter().filter(live).map(known).collect()
    }

    /// Between two writes: a client meets the old endpoint, the new one or none, but not none where
    /// the old one's flows go on; and a flow meets the backend that it was opened to.
    fn check(&mut self, before: &Maps, after: &Maps) {
        for at in before.calls().iter().chain(&after.calls()) {
            let (now, old, new) = (self.maps.dial(at), before.dial(at), after.dial(at));
            let goes_on = |old: Flow| after.endpoint(old.number).generation == old.endpoint.generation;
            assert!(
                [old, new].contains(&now) || now.is_none() && !(new.is_some() && old.is_some_and(goes_on)),
                "{at:?}: {now:#?} is neither {old:#?} nor {new:#?}"
            );
            let Some(now) = now else { continue };
            if !self.flows.contains(&now) {
                self.flows.push(now);
            }
        }
        for at in self.maps.calls() {
            assert!(self.maps.may_dial(at.vpc, at.address), "packets for {at:?} are passed on");
        }
        for (&number, was) in &before.entries.links {
            let is = self.maps.link(number);
            assert_eq!((is.vpc, is.segment), (was.vpc, was.segment), "packets leave by {number} as another's");
        }
        for flow in &self.flows {
            let is_live = |maps: &Maps| maps.endpoint(flow.number).generation == flow.endpoint.generation;
            assert!(is_live(&self.maps) || !is_live(before) || !is_live(after), "{flow:#?} was interrupted");
            if is_live(&self.maps) {
                let is = self.maps.endpoint(flow.number);
                assert_eq!(lasting(is), flow.endpoint);
                let backend = self.maps.backend(is.backend);
                assert_eq!((backend.vpc, backend.address), flow.backend);
                let (vpc, address) = flow.dialled;
                assert!(self.maps.may_dial(vpc, address), "{flow:#?} is passed on");
            }
        }
    }

    /// Answers find the flows that live.
    fn check_answers(&self) {
        let Entries { settings, transit, endpoints, .. } = &self.maps.entries;
        for flow in &self.flows {
            let Endpoint { first_slot, slots, generation, transit: address, .. } = flow.endpoint;
            if endpoints.get(&flow.number).is_some_and(|is| is.generation == generation) {
                assert_eq!(address.raw() & settings.transit_mask.raw(), settings.transit.raw());
                let first = address.get() & !settings.transit_mask.get();
                for (place, first_slot) in (first_slot..first_slot + slots).step_by(ADDRESS_SLOTS as usize).enumerate()
                {
                    let share = Transit { endpoint: flow.number, first_slot, slots: slots.min(ADDRESS_SLOTS) };
                    assert_eq!(transit[&(first + u32::try_from(place).unwrap())], share);
                }
            }
        }
    }
}

/// Maps as nobody should have written them.
fn any_entries() -> impl Strategy<Value = Entries> {
    let number = || 0_u32..4;
    let word = || (0_u32..3).prop_map(Be32::new);
    let port = || (1_u16..4).prop_map(Be16::new);
    let local = (number(), word()).prop_map(|(vpc, address)| Local { vpc, address });
    let prefix = (46_u32..49, number(), word()).prop_map(|(bits, vpc, network)| (bits, Prefix { vpc, network }));
    let dialled =
        (number(), port()).prop_map(|(endpoint, endpoint_port)| Dialled { endpoint, endpoint_port, protocol: 6 });
    let mapping = port().prop_map(|server_port| Mapping { server_port, reserved: 0 });
    let link =
        (number(), word(), number()).prop_map(|(ifindex, address, mtu)| Link { ifindex, address, mtu, ..NO_LINK });
    let endpoint = (number(), number(), number(), number(), word(), 0_u16..2, number()).prop_map(
        |(generation, limit, backend, block, transit, accepted, opening)| match block {
            0 => NO_ENDPOINT,
            _ => Endpoint {
                generation,
                limit,
                backend,
                first_slot: block * 64,
                slots: 64,
                transit,
                accepted,
                opening,
                ..NO_ENDPOINT
            },
        },
    );
    let backend = (number(), word()).prop_map(|(link, address)| Backend {
        address,
        link,
        station: station(link),
        vpc: 0,
        reachable: 1,
    });
    let transit = (number(), number()).prop_map(|(endpoint, slots)| Transit { endpoint, first_slot: slots * 2, slots });
    let settings = (number(), word()).prop_map(|(errors, transit)| Settings {
        layout: LAYOUT,
        errors,
        transit,
        ..NOTHING.settings
    });
    let ingress = (number(), 0_u16..3).prop_map(|(ifindex, vlan)| Ingress { ifindex, segment: Segment::vlan(vlan) });
    let maps = (
        settings,
        btree_map(ingress, number(), 0..4),
        btree_map(number(), link, 0..4),
        btree_map(local, number(), 0..4),
        btree_map(prefix, number(), 0..4),
        btree_map(dialled, mapping, 0..6),
        btree_map(number(), endpoint, 0..4),
        btree_map(number(), backend, 0..4),
        btree_map(number(), transit, 0..4),
    );
    maps.prop_map(|(settings, ingress, links, addresses, prefixes, mappings, endpoints, backends, transit)| Entries {
        settings,
        ingress,
        links,
        addresses,
        prefixes,
        clients: BTreeMap::new(),
        mappings,
        endpoints,
        backends,
        transit,
    })
}

proptest! {
    #[test]
    fn any_maps_become_the_desired_ones_and_a_second_pass_does_nothing(
        desired in any_entries(), drifted in any_entries()
    ) {
        let mut maps = Maps::of(&drifted);
        let changes = plan(&desired, &observe(&maps, &desired, Some(&drifted)).unwrap());
        // Beyond the numbers that were written last nobody looks.
        let found = plan(&desired, &observe(&maps, &desired, Some(&desired)).unwrap());
        prop_assert_eq!(is_drifted(&maps, &desired).unwrap(), !found.is_empty());
        apply(&mut maps, &changes).unwrap();
        prop_assert_eq!(&maps.entries, &Maps::of(&desired).entries);
        prop_assert_eq!(plan(&desired, &observe(&maps, &desired, Some(&drifted)).unwrap()), []);
    }
}

proptest! {
    // Each death makes the next pass read every number of the maps.
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_packet_follows_half_a_change_wherever_the_agent_dies(
        history in any_history(), deaths in vec(option::weighted(0.2, 0_usize..40), 16)
    ) {
        let mut host = Host::new();
        for (event, dies_after) in history.iter().zip(deaths) {
            host.live(event, dies_after);
        }
        host.pass(None);
    }
}
