//! The rig by itself, with no agent: what the other tests stand on.

use std::{
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    panic::catch_unwind,
    time::Duration,
};

use vpce_common::layout::Totals;
use vpce_tests::{
    Rig,
    address::{BACKEND, CLIENT, GATEWAY},
    frames::{Packet, flag},
    output, port,
    tcp::{Knock, Talk, knock},
};

const SYN_ACK: u8 = flag::SYN | flag::ACK;

#[test]
fn a_rig_leaves_nothing_behind() {
    let rig = Rig::same_cidr().build();
    let web = rig.web(1);
    let footprint = rig.footprint();
    let there = footprint.remains();
    assert_eq!(there.len(), 5 + 1 + 1, "five namespaces, a directory and nginx: {there:#?}");

    drop((web, rig));
    assert_eq!(footprint.remains(), Vec::<String>::new());
}

#[test]
fn a_test_that_fails_leaves_nothing_behind() {
    let footprint = catch_unwind(|| {
        let rig = Rig::pair().build();
        let _redis = rig.redis(1);
        std::panic::panic_any(rig.footprint());
    });
    let footprint = footprint.expect_err("the panic");
    let footprint: &vpce_tests::Footprint = footprint.downcast_ref().expect("what it carries");
    assert_eq!(footprint.remains(), Vec::<String>::new());
}

#[test]
fn packets_that_do_not_add_up_fail_the_test_at_its_end() {
    // One that came in and never ended; two that the interfaces did not receive.
    for counters in ["1 0", "2 2"] {
        let failed = catch_unwind(|| {
            let mut rig = Rig::pair().start();
            rig.agent().stop();
            let totals = rig.agent().bpf_dir().join("maps").join("TOTALS");
            let bytes = counters.split(' ').map(|count| format!("{count} 0 0 0 0 0 0 0 ")).collect::<String>();
            let rest = "0 ".repeat(size_of::<Totals>() - 16);
            let mut forge = rig.gateway().command("bpftool");
            forge.args(["map", "update", "pinned"]).arg(totals).args("key 0 0 0 0 value".split(' '));
            output(forge.args((bytes + &rest).split_whitespace()));
        });
        let failed = failed.expect_err("a panic");
        let said = failed.downcast_ref::<String>().expect("a message");
        assert!(said.contains("an account of every packet"), "{said}");
    }
}

#[test]
fn without_an_agent_no_tenant_reaches_the_other() {
    let rig = Rig::same_cidr().build();
    let _web = rig.web(1);
    for n in [1, 2] {
        let page = rig.client(n).curl(&["--max-time", "1", "http://10.0.0.100/"]);
        assert_eq!(page.status, 0, "client {n} got {page:?}");
    }
}

#[test]
fn a_client_reaches_a_backend_when_the_kernel_routes() {
    let rig = Rig::pair().build();
    let (_web, _echo) = (rig.web(1), rig.echo(1));
    let (gateway, client, backend) = (rig.gateway(), rig.client(1), rig.backend(1));
    gateway.sysctl("net/ipv4/ip_forward", "1");
    gateway.ip("address add 10.1.0.254/24 dev vpce-c1");
    gateway.ip("address add 10.2.0.254/24 dev vpce-p1");
    client.ip("address add 10.1.0.5/24 dev eth0");
    client.ip("route add 10.2.0.0/24 via 10.1.0.254 src 10.1.0.5");
    backend.ip("address add 10.2.0.5/24 dev eth0");
    backend.ip("route add 10.1.0.0/24 via 10.2.0.254");

    let page = client.get("http://10.2.0.5:8080/");
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.body.starts_with("backend-1 saw 10.1.0.5:"), "{page:?}");

    let backend = |port| SocketAddrV4::new(Ipv4Addr::new(10, 2, 0, 5), port);
    client.run(|| {
        let mut talk = Talk::open_from(40_000, backend(port::ECHO_SERVER)).expect("an echo");
        assert_eq!(talk.server(), "backend-1");
        assert_eq!(talk.seen_as(), "10.1.0.5:40000".parse().expect("an address"));
        talk.say("hello").expect("hello, back");
        assert_eq!(knock(backend(port::UNPUBLISHED)), Knock::Refused);
    });
    rig.backend_link(1).unplug();
    client.run(|| assert_ne!(knock(backend(port::ECHO_SERVER)), Knock::Open));
}

#[test]
fn raw_frames_are_taken_by_the_kernel_and_its_answers_are_understood() {
    let rig = Rig::pair().build();
    let gateway = rig.gateway();
    gateway.ip("address add 10.0.0.254/24 dev vpce-c1");
    // Attachments leave checksums to the hardware, which a veth pair has not.
    output(gateway.command("ethtool").args(["-K", "vpce-c1", "tx", "off"]));
    let wire = rig.wire(rig.client(1));
    let hop = wire.resolve(CLIENT, GATEWAY).expect("an ARP answer of the kernel");
    let envelope = wire.envelope(hop, CLIENT, GATEWAY);

    assert!(wire.ping(&envelope).expect("an answer to a ping").sound);

    let socket = rig.gateway().run(|| UdpSocket::bind((GATEWAY, 5353)).expect("a UDP socket"));
    socket.set_read_timeout(Some(Duration::from_secs(2))).expect("a limit");
    wire.send(&envelope.udp(4000, 5353, b"odd"));
    let mut data = [0; 16];
    let (length, from) = socket.recv_from(&mut data).expect("a datagram");
    assert_eq!((&data[..length], from), (&b"odd"[..], (CLIENT, 4000).into()));

    let _listener = vpce_tests::Echo::serve(gateway, "gateway");
    wire.send(&envelope.tcp(4000, port::ECHO_SERVER, flag::SYN));
    let answer =
        wire.receive(Duration::from_secs(2), |frame| Packet::parse(frame).filter(|packet| packet.protocol == 6));
    let answer = answer.expect("an answer to a SYN");
    assert!(answer.sound && answer.payload[13] == SYN_ACK, "{answer:?}");
}

#[test]
fn a_link_comes_back_with_its_addresses_and_routes() {
    let rig = Rig::pair().build();
    let _web = rig.web(1);
    rig.gateway().ip("address add 10.0.0.254/24 dev vpce-p1");
    rig.backend_link(1).unplug();
    assert!(!rig.gateway().ip("link show").contains("vpce-p1"));

    rig.backend_link(1).plug();
    rig.gateway().ip("address add 10.0.0.254/24 dev vpce-p1");
    let page = rig.gateway().get(&format!("http://{BACKEND}:8080/"));
    assert!(page.body.starts_with("backend-1 saw 10.0.0.254:"), "{page:?}");
    assert!(rig.backend(1).ip("route").contains("198.19.128.0/17 via 10.0.0.254"));
    assert!(!rig.backend_link(1).has_program());
}
