//! A link that goes down and up again: row 14 of the scorecard.

use std::{
    thread,
    time::{Duration, Instant},
};

use vpce_tests::{Crowd, Rig, address::endpoint, figure, port, times};

/// How long the link is down: long enough for some segments to be lost.
const DOWN: Duration = Duration::from_millis(30);

/// Linux waits 200 ms at least before it sends again, then twice as long; the rest is for a busy
/// machine.
const RTO: Duration = Duration::from_secs(3);

#[test]
fn a_live_connection_goes_on_after_every_flap_and_the_program_stays() {
    let flaps = times(20, 1000);
    let rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let crowd = Crowd::gather(rig.client(1), endpoint(port::ECHO), 1);

    let mut talk = rig.client(1).run(|| vpce_tests::tcp::Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let mut slowest = Duration::ZERO;
    for flap in 1..=flaps {
        let link = if flap % 2 == 0 { rig.client_link(1) } else { rig.backend_link(1) };
        link.set("down");
        thread::sleep(DOWN);
        link.set("up");
        let up = Instant::now();
        talk.say("still here").unwrap_or_else(|error| panic!("flap {flap}: {error}"));
        slowest = slowest.max(up.elapsed());
        assert!(link.has_program(), "flap {flap} of {}", link.interface());
    }
    let talked = crowd.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
    let longest = slowest.max(talked.slowest.saturating_sub(DOWN));
    assert!(longest < RTO, "{slowest:?} {talked:?}");
    figure(14, &format!("{flaps} flaps, XDP attached after each, longest silence {:.2} s", longest.as_secs_f32()));
}
