//! The floors, filled with just the flows that the gateway has.

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

/// The floors' tables, and how many flows are in them.
pub struct Floors {
    stateless: HashMap<MapData, Key, Translation>,
    tracked: HashMap<MapData, Key, Tracked>,
    flows: u32,
}

impl Floors {
    /// Those of the harness's object, with no flow.
    pub fn of(harness: &mut Harness) -> Self {
        Self { stateless: take(harness, "TRANSLATIONS"), tracked: take(harness, "TRACKED"), flows: 0 }
    }

    /// Enters both directions of the flows that are not there yet.
    pub fn grow(&mut self, flows: &Flows, [client, backend]: [u32; 2]) {
        let known = std::mem::replace(&mut self.flows, 1 << flows.bits);
        for number in known..self.flows {
            let Ends { outside, inside } = flows.ends(number);
            self.enter(outside, client, translation(outside, inside, BACKEND, backend));
            let (reply, to) = (inside.reversed(), outside.reversed());
            self.enter(reply, backend, translation(reply, to, CLIENT, client));
        }
    }

    fn enter(&mut self, from: Pair, ifindex: u32, translation: Translation) {
        let key = Key { addresses: from.addresses, ports: from.ports, ifindex };
        self.stateless.insert(key, translation, 0).expect("room for a translation");
        let new = Tracked { translation, seen: 0, packets: 0, bytes: 0 };
        self.tracked.insert(key, new, 0).expect("room for a flow");
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
