//! Row 6: who knows a connection's addresses and ports, and not its numbers, changes nothing.

use std::{thread::sleep, time::Duration};

use vpce_common::layout::Flow;
use vpce_tests::{
    Rig,
    address::{BACKEND, ENDPOINT},
    frames::flag::{ACK, RST, SYN},
    object::{Connection, Object, Random, Sides, action},
    scorecard::report,
};

use crate::turn;

const FLOWS: u32 = 64;
const FORGED: u32 = 1 << 20;

#[test]
fn row_06_resets_and_syns_with_wrong_numbers_end_no_flow_and_refresh_none() {
    let _turn = turn();
    let rig = Rig::pair().start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    rig.gateway().run(|| {
        let mut runner = object.runner();
        let mut live: Vec<_> = (0..FLOWS).map(|n| Connection::new(&sides, 1, n, ENDPOINT, BACKEND)).collect();
        for connection in &mut live {
            connection.open(&mut runner);
        }
        let before = marks(&object);
        // Ticks of the clock, so that a refresh would show.
        sleep(Duration::from_millis(20));

        let mut random = Random(6);
        for n in 0..FORGED {
            let connection = &live[random.below(live.len())];
            // A quarter just beside the right number, the rest anywhere else.
            let wrong = if n % 4 == 0 { [1, u32::MAX][random.below(2)] } else { random.word().max(1) };
            let (mut frame, ifindex) = match n % 7 {
                0 | 1 => (connection.from_client(RST, wrong), connection.client_side()),
                2 => (connection.from_client(RST | ACK, wrong), connection.client_side()),
                3 => (connection.from_client(SYN, wrong), connection.client_side()),
                4 => (connection.from_backend(RST, wrong), connection.backend_side()),
                5 => (connection.from_backend(RST | ACK, wrong), connection.backend_side()),
                _ => (connection.from_backend(SYN | ACK, wrong), connection.backend_side()),
            };
            // From another station, which must not get the answers either.
            frame[6..12].copy_from_slice(&[2, 9, 9, 9, 9, 9]);
            let (verdict, out) = runner.run(&frame, ifindex);
            let passed = verdict == action::REDIRECT && out[47] == frame[47];
            assert!(passed, "the other end is the one to judge it: {frame:02x?} became {verdict} {out:02x?}");
        }

        assert_eq!(marks(&object), before, "state and timer of every flow");
        assert_eq!(object.open(sides.endpoint), FLOWS);
        for connection in &mut live {
            connection.say(&mut runner, ACK);
            connection.hear(&mut runner, ACK);
        }
        report(6, format_args!("{FORGED} forged RST and SYN on {FLOWS} flows, 0 flows lost, 0 timers changed"));
    });
}

/// What a forged segment must leave: each record's state, its timer, and where its client is.
fn marks(object: &Object) -> Vec<(u32, u32, u32, [u8; 6])> {
    let mark = |(slot, flow): (u32, Flow)| (slot, flow.state.load(), flow.touched.load(), flow.client().mac.0);
    object.flows().into_iter().map(mark).collect()
}
