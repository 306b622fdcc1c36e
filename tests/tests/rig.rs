//! The rig by itself, with no agent: what the other tests stand on.

use std::{
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    panic::catch_unwind,
    time::Duration,
};

use vpce_common::layout::Totals;
use vpce_tests::{
    Place, Rig, Tags,
    address::{BACKEND, CLIENT, ENDPOINT, GATEWAY},
    finish,
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
    for [came_in, passed] in [[1, 0], [2, 2]] {
        let failed = catch_unwind(|| {
            let mut rig = Rig::pair().start();
            rig.agent().stop();
            let totals = rig.agent().bpf_dir().join("maps").join("TOTALS");
            let rest = "0 ".repeat(size_of::<Totals>() - 16);
            let bytes = format!("{came_in} 0 0 0 0 0 0 0 {passed} 0 0 0 0 0 0 0 {rest}");
            let mut forge = rig.gateway().command("bpftool");
            forge.args(["map", "update", "pinned"]).arg(totals).args("key 0 0 0 0 value".split(' '));
            output(forge.args(bytes.split_whitespace()));
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

#[test]
fn the_tags_of_a_trunk_are_inside_the_frames_and_tell_the_tenants_apart() {
    let plan = Rig::shared(2).client(1, Place::vlan(100)).client(2, Place::vlan(200));
    // An agent that knows of one tenant only, and of no VLAN.
    let mut rig = plan.clone().build();
    let untagged = plan.toml().replace(", vlan = 100", "");
    let second = untagged.find("\n[[vpc]]\nname = \"consumer-2\"").expect("the second tenant");
    let provider = untagged.find("\n[[vpc]]\nname = \"provider-1\"").expect("the provider");
    let endpoint = untagged.find("\n[[endpoint]]\nname = \"web-2\"").expect("its endpoint");
    rig.write_config(&[&untagged[..second], &untagged[provider..endpoint]].concat());
    rig.agent().start();
    for n in [1, 2] {
        assert_eq!(rig.wire(rig.client(n)).resolve(CLIENT, ENDPOINT), None, "a tag beside its frame");
    }
    rig.agent().stop();
    assert!(rig.agent().unload().status.success());

    let _tags = Tags::put(rig.gateway(), "vpce-trunk", 200);
    rig.gateway().ip("address add 10.0.0.254/24 dev vpce-trunk");
    let ping = |n: usize| finish(rig.client(n).command("ping").args(["-n", "-c", "1", "-W", "1", "10.0.0.254"]));
    assert!(!ping(1).status.success() && ping(2).status.success());
}

#[test]
fn a_hypervisor_wraps_frames_for_the_kernels_own_vxlan() {
    let rig = Rig::shared(2).client(1, Place::vxlan(42)).client(2, Place::vxlan(43)).build();
    rig.gateway().ip("link add vx42 type vxlan id 42 dstport 4789 local 192.0.2.1 remote 192.0.2.2");
    rig.gateway().ip("address add 10.0.0.254/24 dev vx42");
    rig.gateway().ip("link set vx42 up");
    let ping = |n: usize| {
        let large = ["-n", "-c", "1", "-W", "1", "-M", "do", "-s", "1422", "10.0.0.254"];
        finish(rig.client(n).command("ping").args(large))
    };
    assert!(ping(1).status.success(), "{:?}", ping(1));
    assert!(!ping(2).status.success());
}

#[test]
fn routers_forward_and_a_bottleneck_between_them_tells_its_mtu() {
    let rig = Rig::pair().client(1, Place::interface().bottleneck(1280)).build();
    rig.gateway().ip("address add 10.0.0.254/24 dev vpce-c1");
    rig.gateway().ip("route add 172.16.0.0/16 via 10.0.0.9");
    let ping = |size: &str| {
        finish(rig.client(1).command("ping").args(["-n", "-c", "1", "-W", "1", "-M", "do", "-s", size, "10.0.0.254"]))
    };
    assert!(ping("1252").status.success(), "{:?}", ping("1252"));
    let large = ping("1253");
    assert!((large.stdout + &large.stderr).contains("mtu"), "no word of the MTU");
}
