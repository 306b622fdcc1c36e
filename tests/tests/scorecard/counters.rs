//! Row 1: counters, maps and rings are exact, however connections end.

use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread::sleep,
    time::{Duration, Instant},
};

use vpce_tests::{
    Rig,
    address::{BACKEND, ENDPOINT},
    frames::{
        Envelope,
        flag::{ACK, RST, SYN},
    },
    object::{Connection, Dialled, Object, Runner, SEGMENT, Sides, action},
    scorecard::{figure, report},
};

use crate::{on_two_cpus, turn};

/// Room for what is left to the timers.
const LIMIT: u32 = 26_000;
/// All timers.
const TIMER: Duration = Duration::from_secs(2);
/// When everything must be back, after the last timer ran out.
const LAG: Duration = Duration::from_secs(2);
/// Connections that one CPU opens before it looks whether there is room.
const AT_ONCE: u32 = 600;
const WAYS: u32 = 6;

#[test]
fn row_01_every_counter_map_and_ring_is_back_however_connections_ended() {
    let _turn = turn();
    let timers = "[gateway.timers]\nopening_secs = 2\nestablished_secs = 2\nclosing_secs = 2\nudp_secs = 2";
    let rig = Rig::pair().max_connections(LIMIT).gateway(timers).start();
    let (object, sides) = (Object::of(&rig), Sides::of(&rig, 1));
    let before = object.held();
    assert_eq!((before.flows, before.keys), (0, 0), "a new gateway holds nothing");

    let connections: u32 = figure(200_000, 10_000_000);
    let failed = AtomicBool::new(false);
    on_two_cpus(&rig, |cpu| {
        let mut runner = object.runner();
        for number in (0..connections).filter(|number| *number as usize % 2 == cpu) {
            if number / 2 % AT_ONCE == 0 {
                while object.open(sides.endpoint) > LIMIT - 4 * AT_ONCE {
                    assert!(!failed.load(Relaxed), "the other CPU failed");
                    sleep(Duration::from_millis(20));
                }
            }
            // Else equal ways would always fall to the same CPU.
            let way = (number / 2) % WAYS;
            let connection = Connection::new(&sides, 1, number, ENDPOINT, BACKEND);
            let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| live(connection, way, &mut runner)));
            if let Err(panic) = lived {
                failed.store(true, Relaxed);
                std::panic::resume_unwind(panic);
            }
        }
    });
    let last = Instant::now();
    let held = loop {
        let held = object.held();
        if held == before || last.elapsed() > TIMER + LAG {
            break held;
        }
        sleep(Duration::from_millis(10));
    };
    let late = last.elapsed().saturating_sub(TIMER);
    assert_eq!(held, before, "{late:?} after the last timer ran out");
    let text = format!("{connections} connections ended in {WAYS} ways, 0 places, 0 keys and 0 records missing");
    report(1, format_args!("{text} {:.1} s after the last expiry", late.as_secs_f32()));
}

/// Opens a connection and brings it to one of its ends.
fn live(mut connection: Connection, way: u32, runner: &mut Runner<'_>) {
    if way == 0 {
        // Half open, for the timer.
        while connection.dial(runner) == Dialled::Dropped {}
        return;
    }
    connection.open(runner);
    match way {
        1 => connection.finish(runner),
        2 => connection.reset(runner),
        3 => {
            // Forged blindly: both arrive, and end nothing.
            for ahead in [1, 1 << 31] {
                pass(runner, &connection.from_client(RST, ahead), connection.client_side());
                pass(runner, &connection.from_backend(RST | ACK, ahead), connection.backend_side());
                pass(runner, &connection.from_client(SYN, ahead), connection.client_side());
            }
            connection.finish(runner);
        }
        4 => {
            let [to_client, to_backend] = errors(&connection);
            pass(runner, &to_client, connection.backend_side());
            pass(runner, &to_backend, connection.client_side());
            connection.finish(runner);
        }
        // Silence, for the timer.
        _ => {}
    }
}

fn pass(runner: &mut Runner<'_>, frame: &[u8], ifindex: u32) {
    assert_eq!(runner.run(frame, ifindex).0, action::REDIRECT, "{frame:02x?}");
}

/// That the host is unreachable, told by either side about what the other sent.
fn errors(connection: &Connection) -> [Vec<u8>; 2] {
    let about = |sent: &[u8; SEGMENT]| {
        let mac = |at: usize| sent[at..at + 6].try_into().expect("an Ethernet address");
        let address = |at: usize| <[u8; 4]>::try_from(&sent[at..at + 4]).expect("an address").into();
        let envelope = Envelope { from_mac: mac(6), to_mac: mac(0), from: address(26), to: address(30) };
        // What was sent to them, as they saw it: the other way round.
        let mut quoted = sent[14..42].to_vec();
        quoted[12..16].copy_from_slice(&sent[30..34]);
        quoted[16..20].copy_from_slice(&sent[26..30]);
        quoted[20..22].copy_from_slice(&sent[36..38]);
        quoted[22..24].copy_from_slice(&sent[34..36]);
        envelope.icmp(3, 1, &[&[0; 4], &quoted[..]].concat())
    };
    [about(&connection.from_backend(ACK, 0)), about(&connection.from_client(ACK, 0))]
}
