//! Tenants with the same addresses never meet, and backends reach nobody.

use std::{collections::HashSet, net::Ipv4Addr, thread, time::Duration};

use vpce_tests::{
    Namespace, Rig,
    address::{BACKEND, GATEWAY, endpoint},
    frames::flag::{ACK, FIN, RST, SYN},
    port,
    tcp::Talk,
    wait_until,
};

/// Connections of each client in a round, all open at once.
const AT_ONCE: u16 = 100;

#[test]
fn row_04_two_tenants_with_equal_5_tuples_never_mix() {
    let rig = Rig::same_cidr().start();
    let _echoes = [rig.echo(1), rig.echo(2)];

    for round in 0..5 {
        let first_port = 40_000 + round * AT_ONCE;
        let [mut one, mut two] = thread::scope(|scope| {
            let dialling = [1, 2].map(|n| {
                let client = rig.client(n);
                scope.spawn(move || dial_all(client, first_port))
            });
            dialling.map(|talks| talks.join().expect("a client's connections"))
        });
        for (n, (one, two)) in one.iter_mut().zip(&mut two).enumerate() {
            one.say(&format!("tenant 1, {round}.{n}")).expect("an echo for tenant 1");
            two.say(&format!("tenant 2, {round}.{n}")).expect("an echo for tenant 2");
        }
        assert_served_by("backend-1", &one);
        assert_served_by("backend-2", &two);
    }
    for n in [1, 2] {
        let all_closed = || rig.endpoint(n).number("connections.open") == 0;
        wait_until("all connections given back", Duration::from_secs(5), all_closed);
    }
}

fn dial_all(client: &Namespace, first_port: u16) -> Vec<Talk> {
    client.run(|| {
        let ports = first_port..first_port + AT_ONCE;
        let dial = |port| Talk::open_from(port, endpoint(port::ECHO)).expect("a connection");
        ports.map(dial).collect()
    })
}

/// No two live connections may look alike to their backend.
fn assert_served_by(backend: &str, talks: &[Talk]) {
    for talk in talks {
        assert_eq!(talk.server(), backend, "{talk:?}");
    }
    let sources: HashSet<_> = talks.iter().map(Talk::seen_as).collect();
    assert_eq!(sources.len(), talks.len(), "sources that {backend} saw");
}

#[test]
fn row_07_backend_initiated_packets_to_transit_addresses_get_nothing() {
    let rig = Rig::pair().start();
    let endpoint: Ipv4Addr = rig.endpoint(1).text("transit_address").parse().expect("an address");
    let (client, backend) = (rig.wire(rig.client(1)), rig.wire(rig.backend(1)));
    let gateway = backend.resolve(BACKEND, GATEWAY).expect("the gateway's Ethernet address");
    let dropped_before = rig.counts().drops();

    let mut sent = 0;
    for to in [endpoint, [198, 19, 128, 0].into(), [198, 19, 200, 9].into()] {
        let envelope = backend.envelope(gateway, BACKEND, to);
        let mut frames = vec![envelope.icmp(8, 0, &[0; 16])];
        for transit_port in [1, 80, 1024, 1025, 2000, 65_535] {
            for server_port in [port::WEB_SERVER, 5555] {
                let tcp = |flags| envelope.tcp(server_port, transit_port, flags);
                frames.extend([SYN, SYN | ACK, ACK, RST, FIN | ACK].map(tcp));
                frames.push(envelope.udp(server_port, transit_port, b"knock"));
            }
        }
        for frame in &frames {
            backend.send(frame);
        }
        sent += frames.len();
    }

    assert_eq!(client.listen(Duration::from_millis(500)), [], "the client heard");
    assert_eq!(backend.listen(Duration::from_millis(500)), [], "the backend was answered");
    let told = rig.endpoint(1);
    for count in ["connections.open", "connections.peak", "forward.packets", "reply.packets"] {
        assert_eq!(told.number(count), 0, "{count} in {told}");
    }
    let dropped = rig.counts().drops() - dropped_before;
    assert_eq!(usize::try_from(dropped), Ok(sent), "drops counted");
}

#[test]
fn a_backend_reaches_its_clients_neither_by_a_live_flow_nor_by_the_endpoints_address() {
    let rig = Rig::pair().start();
    let _echo = rig.echo(1);
    let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    let (client, backend) = (rig.wire(rig.client(1)), rig.wire(rig.backend(1)));
    let gateway = backend.resolve(BACKEND, GATEWAY).expect("the gateway's Ethernet address");

    // Where the client's connection comes from, but not by the port that it talks to.
    let seen_as = talk.seen_as();
    let envelope = backend.envelope(gateway, BACKEND, *seen_as.ip());
    for flags in [SYN, SYN | ACK, ACK, RST] {
        backend.send(&envelope.tcp(5555, seen_as.port(), flags));
        backend.send(&envelope.tcp(port::ECHO_SERVER, seen_as.port() + 1, flags));
    }
    // The endpoint lives in the consumer's network, not in this one of the same addresses.
    let envelope = backend.envelope(gateway, BACKEND, vpce_tests::address::ENDPOINT);
    backend.send(&envelope.tcp(5555, port::ECHO, SYN));

    assert_eq!(client.listen(Duration::from_millis(500)), [], "the client heard");
    talk.say("still here").expect("a connection untouched");
    assert_eq!(rig.endpoint(1).number("connections.open"), 1);
}
