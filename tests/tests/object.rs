//! The loaded program itself, on frames that no kernel would send.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use vpce_tests::{
    Rig,
    address::{BACKEND, ENDPOINT},
    frames::{
        Envelope,
        flag::{ACK, SYN},
    },
    object::{Connection, Dialled, Object, Place, Sides, on_cpu},
    port,
    scorecard::report,
};

const LIMIT: u32 = 3000;
const RACES: u32 = 10_000;
/// ICMP is sent about each of these.
const FLOWS: u32 = 4;

/// New connections in a second of the oracle's clock, and how many are open at once.
const RATE: u32 = 400;
const LIVE: usize = 500;
/// RFC 6888 REQ-8.
const APART_SECS: u32 = 120;
const CONNECTIONS: u32 = 200_000;

fn connection(sides: &Sides, number: u32) -> Connection {
    Connection::new(sides, 1, number, ENDPOINT, BACKEND)
}

#[test]
fn row_02_two_cpus_that_race_for_the_last_place_never_make_2999_or_3001_of_it() {
    let rig = Rig::pair().start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    let dial = |number| {
        let mut new = connection(&sides, number);
        let dialled = new.dial(&mut object.runner());
        assert_ne!(dialled, Dialled::Dropped, "a SYN is forwarded or refused");
        (new, dialled != Dialled::Refused)
    };
    let open = || object.open(sides.endpoint);
    let live: Vec<_> = rig.gateway().run(|| (0..LIMIT - 1).map(dial).collect());
    assert!(live.iter().all(|(_, admitted)| *admitted));

    let barrier = Barrier::new(2);
    let winners = [const { AtomicU32::new(0) }; 2];
    let race = |cpu: u32| {
        on_cpu(cpu as usize);
        for round in 0..RACES {
            barrier.wait();
            let (mut racer, won) = dial(LIMIT + 2 * round + cpu);
            winners[cpu as usize].fetch_add(won.into(), SeqCst);
            barrier.wait();
            assert_eq!(open(), LIMIT, "round {round}");
            assert_eq!(winners.iter().map(|won| won.load(SeqCst)).sum::<u32>(), round + 1, "one wins each round");
            barrier.wait();
            if won {
                racer.reset(&mut object.runner());
            }
        }
    };
    let racer = |cpu| rig.gateway().run(|| race(cpu));
    thread::scope(|scope| {
        [0, 1].map(|cpu| scope.spawn(move || racer(cpu))).map(|racer| racer.join().expect("a racer"))
    });
    assert!(winners.iter().all(|won| won.load(SeqCst) > 0), "there was no race: {winners:?}");

    assert_eq!(open(), LIMIT - 1);
    rig.gateway().run(|| live.into_iter().for_each(|(mut one, _)| one.reset(&mut object.runner())));
    assert_eq!(open(), 0);
    report(2, format_args!("{RACES} races of two CPUs for place {LIMIT}, never {} or {}", LIMIT - 1, LIMIT + 1));
}

/// RFC 4787 REQ-12, RFC 5382 REQ-10, RFC 5508 REQ-6.
#[test]
fn forged_icmp_of_every_type_and_code_ends_and_refreshes_no_flow() {
    let rig = Rig::pair().publish("udp", port::NAMES, port::NAMES_SERVER).start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    rig.gateway().run(|| {
        let mut runner = object.runner();
        let mut live: Vec<_> = (0..FLOWS).map(|number| connection(&sides, number)).collect();
        for one in &mut live {
            one.open(&mut runner);
        }
        let client = sides.forward([2, 0, 0, 0, 1, 0xc], [10, 1, 0, 9].into());
        let (_, out) = runner.run(&client.udp(1000, port::NAMES, b"who"), sides.client.0);
        let (transit, backend) = vpce_tests::object::places(out);
        let before = (object.held(), marks(&object));
        // Ticks of the clock, so that a refresh would show.
        thread::sleep(Duration::from_millis(20));

        let mut messages: Vec<_> = live.iter().flat_map(about_tcp).collect();
        let seen_by_client = ((client.to.octets(), port::NAMES.to_be_bytes()), ([10, 1, 0, 9], 1000u16.to_be_bytes()));
        messages.push((client, quote(17, seen_by_client), sides.client.0));
        let from_backend = Envelope { to: transit.0.into(), ..sides.reply(BACKEND) };
        messages.push((from_backend, quote(17, (transit, backend)), sides.backend.0));
        let mut arrived = 0;
        for (envelope, quoted, ifindex) in &messages {
            for kind in 0..=u8::MAX {
                for code in 0..=u8::MAX {
                    let (verdict, out) = runner.run(&envelope.icmp(kind, code, quoted), *ifindex);
                    let passed = verdict == vpce_tests::object::action::REDIRECT;
                    // The gateway's own answer to a ping is no packet of a flow.
                    let translated = passed && out[6..12] != envelope.to_mac;
                    arrived += u32::from(translated);
                    assert!(!translated || matches!(kind, 3 | 11), "type {kind} code {code} was translated");
                }
            }
        }
        assert!(arrived > 0, "no error was about a flow: nothing was tried");
        assert_eq!((object.held(), marks(&object)), before, "state and timer of every flow");
        for one in &mut live {
            one.say(&mut runner, ACK);
            one.hear(&mut runner, ACK);
        }
    });
}

/// Messages of either side about the last segment that the other sent there.
fn about_tcp(live: &Connection) -> [(Envelope, Vec<u8>, u32); 2] {
    let about = |sent: &[u8], ifindex| {
        let mac = |at: usize| sent[at..at + 6].try_into().expect("an Ethernet address");
        let (from, to) = vpce_tests::object::places(sent);
        let envelope = Envelope { from_mac: mac(6), to_mac: mac(0), from: from.0.into(), to: to.0.into() };
        (envelope, quote(6, (to, from)), ifindex)
    };
    [about(&live.from_client(ACK, 0), live.client_side()), about(&live.from_backend(ACK, 0), live.backend_side())]
}

/// What an ICMP error holds behind its checksum: four bytes, an IP header, and eight bytes more.
fn quote(protocol: u8, (from, to): (Place, Place)) -> Vec<u8> {
    let ip = [0x45, 0, 0, 40, 0, 1, 0x40, 0, 63, protocol, 0, 0];
    let parts: [&[u8]; 8] = [&[0; 4], &ip, &from.0, &to.0, &from.1, &to.1, &[0; 4], &[]];
    parts.concat()
}

/// Each record's state and timer.
fn marks(object: &Object) -> Vec<(u32, u32, u32)> {
    object.flows().into_iter().map(|(slot, flow)| (slot, flow.state.load(), flow.touched.load())).collect()
}

/// RFC 4787 REQ-3, RFC 5382 REQ-7, RFC 6888 REQ-8.
#[test]
fn no_transit_port_is_of_two_live_flows_or_of_two_flows_within_120_seconds() {
    let rig = Rig::pair().start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    rig.gateway().run(|| {
        let mut runner = object.runner();
        let mut live = VecDeque::new();
        // When each was free again; nothing while its flow lives.
        let mut ended: HashMap<Place, Option<u32>> = HashMap::new();
        for number in 0..CONNECTIONS {
            if live.len() == LIVE {
                // Some stay for long: a flow need not end in the order in which it began.
                let place = if number % 3 == 0 { LIVE - 1 } else { 0 };
                let mut over: Connection = live.remove(place).expect("a live one");
                if number % 2 == 0 {
                    over.finish(&mut runner);
                } else {
                    over.reset(&mut runner);
                }
                ended.insert(over.transit, Some(number));
            }
            let mut new = connection(&sides, number);
            assert!(matches!(new.dial(&mut runner), Dialled::Open(_)), "{new:?}");
            new.hear(&mut runner, SYN | ACK);
            new.say(&mut runner, ACK);
            match ended.entry(new.transit) {
                Entry::Vacant(first) => drop(first.insert(None)),
                Entry::Occupied(mut before) => {
                    let then = before.insert(None).expect("two live flows of one transit address and port");
                    let secs = (number - then) / RATE;
                    assert!(secs >= APART_SECS, "{new:?} has a transit port that was free for {secs} s");
                }
            }
            live.push_back(new);
        }
        assert!(ended.len() < CONNECTIONS as usize, "no transit port came back: nothing was tried");
    });
}
