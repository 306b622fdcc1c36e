//! The agent comes, goes, dies and reloads; traffic does not notice.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use vpce_tests::{
    Rig,
    address::endpoint,
    port,
    tcp::{Knock, PATIENCE, Talk, knock},
    wait_until,
};

/// How long the agent may take to notice by itself: its loop runs every few seconds.
const NOTICE: Duration = Duration::from_secs(20);

const PAGE: &str = "http://10.0.0.100/";

#[test]
fn a_killed_agent_breaks_none_of_200_live_connections() {
    let mut rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let client = rig.client(1).clone();
    let dial = |_| Talk::open(endpoint(port::ECHO)).expect("a connection");
    let mut talks: Vec<Talk> = client.run(|| (0..200).map(dial).collect());

    let stop = AtomicBool::new(false);
    let rounds = thread::scope(|scope| {
        let talking = scope.spawn(|| talk_until(&stop, &mut talks));
        let before = rig.endpoint(1);

        rig.agent().kill();
        // New connections too need no agent.
        let mut later: Vec<Talk> = client.run(|| (0..10).map(dial).collect());
        rig.agent().start();

        let after = rig.endpoint(1);
        assert_eq!(after.number("connections.open"), 210, "flows adopted: {after}");
        for count in ["forward.packets", "forward.bytes", "reply.packets", "reply.bytes"] {
            assert!(after.number(count) > before.number(count), "{count}: {before} {after}");
        }
        assert_eq!(after.text("transit_address"), before.text("transit_address"));
        for talk in &mut later {
            talk.say("later").expect("a later connection");
        }
        stop.store(true, Ordering::Relaxed);
        talking.join().expect("200 connections")
    });
    assert!(rounds > 1, "too little was said to notice anything");

    drop(talks);
    let closed = || rig.endpoint(1).number("connections.open") == 0;
    wait_until("flows of both agents given back", PATIENCE, closed);
}

/// Talks on all connections, round after round, and gives the number of rounds. It ends by itself
/// where a failure keeps `stop` from being set.
fn talk_until(stop: &AtomicBool, talks: &mut [Talk]) -> usize {
    let end = Instant::now() + NOTICE * 3;
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) && Instant::now() < end {
        for talk in &mut *talks {
            talk.say(&format!("round {rounds}")).expect("a live connection");
        }
        rounds += 1;
    }
    rounds
}

#[test]
fn ready_means_that_the_first_connection_gets_through() {
    let mut rig = Rig::pair().build();
    let _echo = rig.echo(1);
    for _ in 0..5 {
        rig.agent().start();
        let first = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)));
        first.expect("the first connection").say("hello").expect("hello, back");
        rig.agent().stop();
        assert!(rig.agent().unload().status.success());
    }
}

#[test]
fn a_stopped_agent_leaves_traffic_running() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);
    rig.agent().stop();
    assert_eq!(rig.client(1).get(PAGE).status, 200);
    rig.agent().start();
    assert_eq!(rig.client(1).get(PAGE).status, 200);
}

#[test]
fn a_bad_reload_changes_nothing() {
    let mut rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    talk.say("before").expect("an echo");
    let told = |rig: &Rig| ["vpcs", "services", "endpoints"].map(|kind| rig.vpcectl(&format!("get {kind}")));
    // The last acknowledgement may still be on its way.
    thread::sleep(Duration::from_millis(200));
    let before = told(&rig);

    rig.write_config(&rig.plan().max_connections(2).gateway("colour = \"blue\"").toml());
    rig.agent().reload();
    assert!(rig.agent().log().contains("colour"), "the log says why:\n{}", rig.agent().log());
    assert_eq!(told(&rig), before);
    rig.write_config("this is no TOML");
    rig.agent().reload();
    assert_eq!(told(&rig), before);

    assert!(rig.agent().is_running());
    talk.say("after").expect("a connection untouched");
    assert!(rig.client(1).run(|| Talk::open(endpoint(port::ECHO))).is_ok());
}

#[test]
fn a_changed_file_is_applied_without_a_signal() {
    let mut rig = Rig::pair().max_connections(1).start();
    let limit = |rig: &Rig| rig.endpoint(1).number("connections.limit");
    assert_eq!(limit(&rig), 1);

    rig.write_config(&rig.plan().max_connections(2).toml());
    wait_until("a file replaced by rename applied", NOTICE, || limit(&rig) == 2);

    let config = rig.agent().config();
    fs::write(config, rig.plan().max_connections(3).toml()).expect("the file written in place");
    wait_until("a file written in place applied", NOTICE, || limit(&rig) == 3);
}

#[test]
fn a_reload_keeps_the_connections_of_what_did_not_change() {
    let mut rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let before = rig.endpoint(1);

    rig.write_config(&rig.plan().max_connections(500).publish("tcp", 8000, port::OTHER_WEB_SERVER).toml());
    rig.agent().reload();

    talk.say("still here").expect("the old connection");
    let _web = rig.web(1);
    assert_eq!(rig.client(1).get("http://10.0.0.100:8000/").status, 200);
    let after = rig.endpoint(1);
    assert_eq!(after.number("connections.limit"), 500);
    assert_eq!(after.text("transit_address"), before.text("transit_address"));
}

#[test]
fn an_endpoint_taken_out_of_the_file_stops_at_once() {
    let mut rig = Rig::same_cidr().start();
    let _echoes = [rig.echo(1), rig.echo(2)];
    let dial = || Talk::open(endpoint(port::ECHO)).expect("a connection");
    let [mut one, mut two] = [1, 2].map(|n| rig.client(n).run(dial));

    rig.write_config(&rig.plan().without_endpoint(1).toml());
    rig.agent().reload();

    assert!(one.say("hello").is_err(), "data still flows through an endpoint that is gone");
    assert_ne!(rig.client(1).run(|| knock(endpoint(port::ECHO))), Knock::Open);
    assert!(rig.vpcectl("describe endpoint web-1").is_err());
    two.say("hello").expect("the other tenant's connection");

    rig.write_config(&rig.plan().toml());
    rig.agent().reload();
    let mut back = rig.client(1).run(dial);
    back.say("back").expect("a new connection");
    assert_eq!(rig.endpoint(1).number("connections.open"), 1, "of the new endpoint");
}

#[test]
fn an_interface_that_vanishes_and_comes_back_is_attached_again() {
    let rig = Rig::pair().start();
    let _web = rig.web(1);
    assert_eq!(rig.client(1).get(PAGE).status, 200);
    for link in [rig.backend_link(1), rig.client_link(1)] {
        link.unplug();
        assert_ne!(rig.client(1).curl(&["--max-time", "1", PAGE]).status, 200);
        link.plug();
        let comes = || rig.client(1).curl(&["--max-time", "2", PAGE]).status == 200;
        wait_until(&format!("a page by the new {}", link.interface()), NOTICE, comes);
    }
}

#[test]
fn a_backend_that_does_not_answer_arp_is_told_and_heals() {
    let mut rig = Rig::pair().build();
    let _web = rig.web(1);
    let answer_arp = |rig: &Rig, whether: &str| {
        rig.backend(1).sysctl("net/ipv4/conf/eth0/arp_ignore", whether);
    };
    answer_arp(&rig, "8");
    rig.agent().start();

    assert!(rig.endpoint(1).at("backend.mac").is_null(), "{}", rig.endpoint(1));
    // At most a second: a refusal, not silence.
    assert_eq!(rig.client(1).run(|| knock(endpoint(port::WEB))), Knock::Refused);

    answer_arp(&rig, "0");
    let comes = || rig.client(1).curl(&["--max-time", "2", PAGE]).status == 200;
    wait_until("a page from the healed backend", NOTICE, comes);
    let mac = rig.backend(1).ip("link show dev eth0");
    assert!(mac.contains(rig.endpoint(1).text("backend.mac")), "{mac}");
}

#[test]
fn a_second_agent_on_the_same_state_is_refused() {
    let mut rig = Rig::pair().start();
    let _web = rig.web(1);

    let second = &mut rig.agent().run_command();
    let complaint = rig.agent().refused(second);
    assert!(!complaint.trim().is_empty(), "the second agent does not say why");

    assert!(rig.agent().is_running());
    assert!(rig.vpcectl("get endpoints").is_ok());
    assert_eq!(rig.client(1).get(PAGE).status, 200);
}
