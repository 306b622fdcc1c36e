//! Row 7: what a backend begins reaches nobody.

use vpce_tests::{
    Rig,
    address::{BACKEND, ENDPOINT},
    frames::{
        Envelope,
        flag::{ACK, RST, SYN},
    },
    object::{Connection, Object, Random, Segment, Sides, action},
    port,
    scorecard::{figure, report},
};

use crate::{on_two_cpus, turn};

const LIVE: u32 = 100;

#[test]
fn row_07_packets_that_a_backend_begins_are_not_delivered_make_no_state_and_get_no_answer() {
    let _turn = turn();
    let rig = Rig::pair().start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    let packets: u32 = figure(1_000_000, 10_000_000);
    let knock = |share: u32| {
        on_two_cpus(&rig, |cpu| {
            let (mut runner, mut random) = (object.runner(), Random(700 + cpu as u64));
            for _ in 0..share {
                let frame = begun(&sides, &mut random);
                let (verdict, out) = runner.run(&frame, sides.backend.0);
                assert_eq!(verdict, action::DROP, "{frame:02x?} became {out:02x?}");
            }
        });
    };

    let before = object.held();
    knock(packets / 4);
    assert_eq!(object.held(), before, "what an idle gateway holds");

    // With connections open: their records are there to be hit, all but by their own server port.
    rig.gateway().run(|| {
        let mut runner = object.runner();
        let open = |n| Connection::new(&sides, 1, n, ENDPOINT, BACKEND).open(&mut runner);
        (0..LIVE).for_each(open);
    });
    let marks = || -> Vec<_> {
        object.flows().iter().map(|(slot, flow)| (*slot, flow.state.load(), flow.touched.load())).collect()
    };
    let (before, marks_before) = (object.held(), marks());
    knock(packets / 4);
    assert_eq!(object.held(), before, "what a busy gateway holds");
    assert_eq!(marks(), marks_before, "state and timer of every flow");
    report(7, format_args!("{packets} packets that a backend began, 0 delivered, 0 state, 0 answers"));
}

/// A packet to somewhere in the transit range that answers no connection.
fn begun(sides: &Sides, random: &mut Random) -> Vec<u8> {
    // Half of them to the address that is in use, the rest to all of the range.
    let to = match random.below(2) {
        0 => sides.transit,
        _ => (0xc613_8000 | (random.word() & 0x7fff)).into(),
    };
    let envelope = Envelope { to, ..sides.reply(BACKEND) };
    let transit_port = 1 + u16::try_from(random.below(65_535)).expect("a port");
    // The servers that clients dial answer, so a segment from there may be one of a connection.
    let published = [port::WEB_SERVER, port::ECHO_SERVER, port::REDIS];
    let server_port = 10_000 + u16::try_from(random.below(50_000)).expect("a port");
    debug_assert!(!published.contains(&server_port));
    let ports = (server_port, transit_port);
    match random.below(6) {
        n @ 0..4 => {
            let flags = [SYN, SYN | ACK, ACK, RST][n];
            Segment { ports, flags, seq: random.word(), ack: random.word() }.frame(&envelope).to_vec()
        }
        4 => envelope.udp(ports.0, ports.1, b"knock"),
        _ => {
            let [kind, code, ..] = random.word().to_be_bytes();
            envelope.icmp(kind, code, &random.number().to_be_bytes().repeat(5))
        }
    }
}
