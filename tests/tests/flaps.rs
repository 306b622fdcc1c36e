//! A link that goes down and up again: row 14 of the scorecard.

use std::{
    thread,
    time::{Duration, Instant},
};

use vpce_tests::{
    Crowd, Rig,
    address::endpoint,
    port,
    scorecard::{figure, report},
    tcp::Talk,
    wait_until,
};

/// How long the link is down: long enough for some segments to be lost.
const DOWN: Duration = Duration::from_millis(30);

/// Linux waits 200 ms at least before it sends again, then twice as long; the rest is for a busy
/// machine.
const RTO: Duration = Duration::from_secs(6);

#[test]
fn row_14_a_live_connection_goes_on_after_every_flap_and_the_program_stays() {
    let flaps = figure(20, 1000);
    let rig = Rig::pair().start();
    // A frame that the driver takes in the moment in which the link goes down meets no program: one in
    // 1,000 flaps.
    rig.without_outside_view();
    let _echo = rig.echo(1);
    for machine in [rig.client(1), rig.backend(1)] {
        // It asks for its neighbours anew after each flap; a question lost while the link was down
        // would come again after a second, which is not the gateway's silence.
        machine.sysctl("net/ipv4/neigh/eth0/retrans_time_ms", "20");
        machine.sysctl("net/ipv4/neigh/eth0/mcast_solicit", "100");
    }
    let mut quiet = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let busy = Crowd::gather(rig.client(1), endpoint(port::ECHO), 1);

    let mut longest = Duration::ZERO;
    for flap in 1..=flaps {
        let link = if flap % 2 == 0 { rig.client_link(1) } else { rig.backend_link(1) };
        link.set("down");
        thread::sleep(DOWN);
        link.set("up");
        let up = Instant::now();
        quiet.say("still here").unwrap_or_else(|error| panic!("flap {flap}: {error}"));
        // The second round from now began after it.
        let rounds = busy.rounds() + 2;
        wait_until("the busy connection's next words", RTO, || busy.rounds() >= rounds);
        longest = longest.max(up.elapsed());
        assert!(link.has_program(), "flap {flap} of {}", link.interface());
    }
    let talked = busy.end();
    assert_eq!(talked.interrupted, 0, "{talked:?}");
    assert!(longest < RTO, "nothing moved for {longest:?}");
    report(14, format!("{flaps} flaps, XDP attached after each, longest silence {:.2} s", longest.as_secs_f32()));
}
