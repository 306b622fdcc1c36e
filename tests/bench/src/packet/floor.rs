//! Fills the floors with the flows that the gateway has.

use aya::{
    Pod,
    maps::{HashMap, MapData},
};
use vpce_tests_ebpf::{
    floor::{Key, Tracked, Translation},
    harness::{BACKEND, CLIENT, Ends, Flows, Pair},
};

use super::{
    gateway::{OWN_MACS, STATIONS},
    harness::Harness,
};

/// One hop less, in the word of TTL and protocol: `!1`.
const HOP: u16 = 0xfffe;

/// Enters both directions of all flows.
pub fn fill(harness: &mut Harness, flows: &Flows, [client, backend]: [u32; 2]) {
    let mut stateless: HashMap<MapData, Key, Translation> = take(harness, "TRANSLATIONS");
    let mut tracked: HashMap<MapData, Key, Tracked> = take(harness, "TRACKED");
    for number in 0..1 << flows.bits {
        let Ends { outside, inside } = flows.ends(number);
        let directions = [
            (outside, client, translation(outside, inside, BACKEND, backend)),
            (inside.reversed(), backend, translation(inside.reversed(), outside.reversed(), CLIENT, client)),
        ];
        for (from, ifindex, translation) in directions {
            let key = Key { addresses: from.addresses, ports: from.ports, ifindex };
            stateless.insert(key, translation, 0).expect("room for a translation");
            let new = Tracked { translation, seen: 0, packets: 0, bytes: 0 };
            tracked.insert(key, new, 0).expect("room for a flow");
        }
    }
}

fn translation(old: Pair, new: Pair, to: usize, out: u32) -> Translation {
    let difference = |old: u64, new: u64| sum(&new.to_ne_bytes(), &(!old).to_ne_bytes());
    let addresses = difference(old.addresses, new.addresses);
    let ports = sum(&new.ports.to_ne_bytes(), &(!old.ports).to_ne_bytes());
    let mut ethernet = [0; 12];
    ethernet[..6].copy_from_slice(&STATIONS[to]);
    ethernet[6..].copy_from_slice(&OWN_MACS[to]);
    let word = |at: usize| u32::from_ne_bytes(ethernet[at..at + 4].try_into().expect("four bytes"));
    Translation {
        addresses: new.addresses,
        ports: new.ports,
        ip: sum(&addresses.to_ne_bytes(), &HOP.to_ne_bytes()),
        tcp: sum(&addresses.to_ne_bytes(), &ports.to_ne_bytes()),
        ethernet: [word(0), word(4), word(8)],
        out,
    }
}

/// The one's complement sum of both.
fn sum(one: &[u8], other: &[u8]) -> u16 {
    vpce_common::checksum::sum(&[one, other].concat())
}

fn take<V: Pod>(harness: &mut Harness, name: &str) -> HashMap<MapData, Key, V> {
    harness.object.take_map(name).expect("a floor's map").try_into().expect("a hash map")
}
