//! An endpoint is deleted or re-pointed while its clients talk.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use vpce_tests::{
    Crowd, Namespace, Plan, Rig,
    address::endpoint,
    frames::flag,
    port,
    tcp::{Knock, Talk, knock},
    wait_until,
};

/// How long clients of a changed endpoint may still hear from its old backend.
const END: Duration = Duration::from_secs(2);

/// Where a TCP header has its flags.
const TCP_FLAGS: usize = 13;

/// Two tenants of equal addresses talk; the first one's endpoint changes.
fn changes(to: impl Fn(Plan) -> Plan, then: impl FnOnce(&Rig)) {
    const CLIENTS: usize = 5;
    let mut rig = Rig::same_cidr().start();
    let _echoes = [rig.echo(1), rig.echo(2)];
    let others = Crowd::gather(rig.client(2), endpoint(port::ECHO), 100);
    let client = rig.client(1).clone();
    let talking: [AtomicBool; CLIENTS] = Default::default();

    thread::scope(|scope| {
        let clients: Vec<_> = talking.iter().map(|talking| scope.spawn(|| last_word(&client, talking))).collect();
        wait_until("all clients talking", END * 4, || talking.iter().all(|talking| talking.load(Ordering::Relaxed)));
        rig.write_config(&to(rig.plan()).toml());
        rig.agent().reload();
        let changed = Instant::now();

        // But for the RSTs that end its side of the connections.
        let mut stale = rig.wire(rig.backend(1)).listen(END);
        stale.retain(|packet| packet.payload[TCP_FLAGS] & flag::RST == 0);
        assert!(stale.is_empty(), "the old backend still gets {stale:?}");
        for client in clients {
            let last = client.join().expect("a client");
            assert!(last < changed + END, "a client heard its backend {:?} later", last - changed);
        }
    });
    then(&rig);
    assert_eq!(others.end().interrupted, 0, "the other tenant noticed");
}

/// Talks until that fails, and tells when it last did not.
fn last_word(client: &Namespace, talking: &AtomicBool) -> Instant {
    let mut talk = client.run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let mut last = Instant::now();
    while talk.say("hello").is_ok() {
        last = Instant::now();
        talking.store(true, Ordering::Relaxed);
    }
    last
}

#[test]
fn clients_of_a_deleted_endpoint_end_within_2_s_and_others_do_not_notice() {
    changes(
        |plan| plan.without_endpoint(1),
        |rig| {
            assert_ne!(rig.client(1).run(|| knock(endpoint(port::ECHO))), Knock::Open);
        },
    );
}

#[test]
fn clients_of_a_repointed_endpoint_end_within_2_s_and_new_ones_reach_the_new_backend() {
    changes(
        |plan| plan.endpoints(&[(1, 2), (2, 2)]),
        |rig| {
            let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a new connection"));
            assert_eq!(talk.server(), "backend-2");
            talk.say("hello").expect("hello, back");
        },
    );
}
