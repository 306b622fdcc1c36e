//! What holds of any configuration file. Part of the fuzz target, and of the agent's tests.

use std::{collections::BTreeMap, net::Ipv4Addr};

use vpce_agent::{
    config::{self, ConfigErrors},
    model::{
        Desired, Kind, MAX_MAPPINGS, MAX_PREFIXES,
        leases::{Capacity, Leases},
        transit_addresses,
    },
    net::Interface,
    reconcile::{Entries, Facts, compile, plan},
};
use vpce_common::{
    layout::{Endpoint, MAX_SLOTS},
    wire::Mac,
};

/// What the agent's maps have room for.
const CAPACITY: Capacity = Capacity { links: 4096, endpoints: 16_384 };

/// Reads a file; what it has of errors must be told well, what it is without them must work.
pub fn check(bytes: &[u8]) {
    let read = config::text(bytes.to_vec()).and_then(|text| config::parse(&text));
    match read {
        Ok(desired) => serve(&desired),
        Err(errors) => assert_told(&errors, bytes.split(|byte| *byte == b'\n').count()),
    }
}

/// Every error has a line of the file, and says something in one line of its own.
fn assert_told(errors: &ConfigErrors, lines: usize) {
    let told = &errors.errors;
    assert!(!told.is_empty(), "refused without an error");
    assert!(told.is_sorted_by_key(|error| (error.line, error.column)), "{errors}");
    for error in told {
        assert!((1..=lines).contains(&error.line) && error.column > 0, "{lines} lines, and an error in {error}");
        assert!(!error.cause.to_string().is_empty(), "an error of no words in line {}", error.line);
    }
    assert_eq!(errors.to_string().lines().count(), told.len(), "{errors}");
}

/// What was accepted gets leases, unless something is full, and becomes map entries.
fn serve(desired: &Desired) {
    let Ok(leases) = Leases::default().assign(desired, CAPACITY) else { return };
    assert_eq!(leases.assign(desired, CAPACITY).as_ref(), Ok(&leases), "a second time changes nothing");
    let entries = compile(desired, &leases, &facts(desired));
    assert_sound(desired, &entries);
    assert_eq!(plan(&entries, &entries), [], "a second pass does nothing");
}

/// A host that has all interfaces.
fn facts(desired: &Desired) -> Facts {
    let attachments = desired.vpcs.values().flat_map(|vpc| &vpc.attach);
    let interfaces = (1..).zip(attachments).map(|(index, attachment)| {
        let is = Interface {
            index,
            mac: Mac([2, 0, 0, 0, 0, 1]),
            mtu: 1500,
            kind: Kind::Card,
            bridged: false,
            hands_on: false,
            xdp: None,
        };
        (attachment.interface.clone(), is)
    });
    Facts { hertz: 250, seed: [1; 5], interfaces: interfaces.collect(), neighbours: BTreeMap::new() }
}

fn assert_sound(desired: &Desired, entries: &Entries) {
    assert_eq!(entries.endpoints.len(), desired.endpoints.len());
    assert!(entries.mappings.len() <= MAX_MAPPINGS as usize && entries.prefixes.len() <= MAX_PREFIXES as usize);
    let places = entries.addresses.values().chain(entries.prefixes.values());
    let mut reached: Vec<u32> = places.copied().collect();
    reached.sort_unstable();
    reached.dedup();
    assert_eq!(reached, entries.endpoints.keys().copied().collect::<Vec<_>>(), "every endpoint is reached");

    let range = desired.gateway.transit;
    let mut blocks: Vec<&Endpoint> = entries.endpoints.values().collect();
    blocks.sort_by_key(|endpoint| endpoint.first_slot);
    let mut free = 0;
    for block in blocks {
        assert!(block.slots.is_power_of_two() && block.slots <= MAX_SLOTS, "{block:?}");
        assert!(block.first_slot >= free, "{block:?} begins below {free}");
        free = block.first_slot + block.slots;
        assert!(free <= desired.gateway.max_flows, "{block:?}");
        assert!(block.limit < block.slots, "{block:?} has no record for a connection that closes");
        assert!(entries.backends.contains_key(&block.backend), "{block:?}");
        let first = Ipv4Addr::from(block.transit);
        let last = Ipv4Addr::from(u32::from(first) + transit_addresses(block.slots) - 1);
        assert!(range.contains(&first) && range.contains(&last), "{block:?}");
    }
    let addresses: u32 = entries.endpoints.values().map(|endpoint| transit_addresses(endpoint.slots)).sum();
    assert_eq!(entries.transit.len(), addresses as usize, "no two endpoints have a transit address");
}
