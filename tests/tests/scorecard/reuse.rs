//! RFC 6888 REQ-8, RFC 4787 REQ-3: who is told apart by a transit port stays apart.

use std::collections::{HashMap, VecDeque, hash_map::Entry};

use vpce_tests::{
    Rig,
    address::{BACKEND, ENDPOINT},
    frames::flag::{ACK, SYN},
    object::{Object, Sides, on_cpu},
};

use crate::{
    segment::{Connection, Place},
    turn,
};

/// New connections in a second of the oracle's clock, and how many are open at once.
const RATE: u32 = 400;
const LIVE: usize = 500;
/// RFC 6888 REQ-8.
const APART_SECS: u32 = 120;
const CONNECTIONS: u32 = 200_000;

#[test]
fn no_transit_port_is_of_two_live_flows_or_of_two_flows_within_120_seconds() {
    let _turn = turn();
    let rig = Rig::pair().start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    rig.gateway().run(|| {
        on_cpu(0);
        let mut runner = object.runner();
        let mut live = VecDeque::new();
        // When each was free again; nothing while its flow lives.
        let mut ended: HashMap<Place, Option<u32>> = HashMap::new();
        for number in 0..CONNECTIONS {
            // The last one there is stays for a while: a flow need not end in the order it began.
            if live.len() == LIVE {
                let place = if number % 3 == 0 { LIVE - 1 } else { 0 };
                let mut over: Connection = live.remove(place).expect("a live one");
                if number % 2 == 0 { over.finish(&mut runner) } else { over.reset(&mut runner) }
                ended.insert(over.transit, Some(number));
            }
            let mut connection = Connection::new(&sides, 1, number, ENDPOINT, BACKEND);
            connection.dial(&mut runner);
            connection.hear(&mut runner, SYN | ACK);
            connection.say(&mut runner, ACK);
            match ended.entry(connection.transit) {
                Entry::Vacant(first) => drop(first.insert(None)),
                Entry::Occupied(mut before) => {
                    let then = before.insert(None).expect("two live flows of one transit address and port");
                    let secs = (number - then) / RATE;
                    assert!(secs >= APART_SECS, "{connection:?} has a transit port that was free for {secs} s");
                }
            }
            live.push_back(connection);
        }
        assert!(ended.len() < CONNECTIONS as usize, "no transit port came back: nothing was tried");
    });
}
