//! VLANs of one trunk, VXLANs of one underlay, and plain interfaces: the same networks on each.

use std::{
    collections::BTreeSet,
    fs,
    net::{Ipv4Addr, SocketAddrV4},
    thread,
    time::Duration,
};

use vpce_tests::{
    Namespace, Place, Plan, Rig,
    address::{CLIENT, ENDPOINT, endpoint},
    frames::{Packet, flag},
    output, port, sha256,
    tcp::{Knock, Talk, knock},
};

/// Two tenants on one trunk, one behind the kernel's VXLAN device, one on an interface.
fn all_kinds() -> Plan {
    Rig::shared(4).client(1, Place::vlan(100)).client(2, Place::vlan(200)).client(3, Place::vxlan(42))
}

/// What the backend's page tells of a client that dials from always the same port.
fn seen_as(client: &Namespace) -> SocketAddrV4 {
    let page = client.curl(&["--max-time", "10", "--local-port", "40000", "http://10.0.0.100/"]);
    assert_eq!(page.status, 200, "{}: {page:?}", client.name());
    let source = page.body.trim().strip_prefix("backend-1 saw ").expect("backend-1's page");
    source.parse().expect("an address and a port")
}

/// Fetches a file, and gives the SHA-256 of what arrived.
fn fetch(client: &Namespace) -> String {
    let fetch = "curl --silent --show-error --fail http://10.0.0.100/files/random | sha256sum";
    let printed = output(client.command("sh").args(["-c", fetch]));
    printed.split_whitespace().next().expect("a digest").to_owned()
}

/// Runs the same for all clients at once.
fn at_once<T: Send>(rig: &Rig, clients: usize, work: impl Fn(&Namespace) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let work = &work;
        let all: Vec<_> = (1..=clients).map(|n| scope.spawn(move || work(rig.client(n)))).collect();
        all.into_iter().map(|one| one.join().expect("a client")).collect()
    })
}

#[test]
fn equal_clients_of_all_kinds_of_attachments_reach_one_service_at_once_and_are_told_apart() {
    let rig = all_kinds().start();
    let web = rig.web(1);
    let file = web.files().join("random");
    output(
        rig.backend(1)
            .command("dd")
            .args(["if=/dev/urandom", "bs=1M", "count=20"])
            .arg(format!("of={}", file.display())),
    );

    let sources: BTreeSet<Ipv4Addr> = at_once(&rig, 4, seen_as).iter().map(|seen| *seen.ip()).collect();
    let promised: BTreeSet<Ipv4Addr> =
        (1..=4).map(|n| rig.endpoint(n).text("transit_address").parse().expect("an address")).collect();
    assert_eq!((sources.len(), &sources), (4, &promised));

    let sum = sha256(&file);
    assert_eq!(at_once(&rig, 4, fetch), vec![sum; 4]);
    let ping = |client: &Namespace| output(client.command("ping").args(["-n", "-c", "3", "-i", "0.1", "10.0.0.100"]));
    for said in at_once(&rig, 4, ping) {
        assert!(said.contains("3 received"), "{said}");
    }
}

#[test]
fn a_backend_in_a_vlan_is_reached() {
    backend_in(Place::vlan(300));
}

#[test]
fn a_backend_behind_vxlan_is_reached() {
    backend_in(Place::vxlan(7));
}

fn backend_in(place: Place) {
    let rig = Rig::same_cidr().backend(1, place).start();
    let web = rig.web(1);
    let _other = rig.web(2);
    let file = web.files().join("random");
    fs::write(&file, vec![7; 5 << 20]).expect("a file to serve");
    assert!(vpce_tests::address::is_transit(*seen_as(rig.client(1)).ip()));
    assert_eq!(fetch(rig.client(1)), sha256(&file));
    assert!(rig.client(2).get("http://10.0.0.100/").body.starts_with("backend-2 saw "));
}

#[test]
fn both_sides_in_vlans_of_one_trunk_and_both_in_vxlans_of_one_underlay() {
    for at in [[Place::vlan(100), Place::vlan(200)], [Place::vxlan(42), Place::vxlan(43)]] {
        let [client, backend] = at;
        let rig = Rig::pair().client(1, client).backend(1, backend).start();
        let _web = rig.web(1);
        assert!(vpce_tests::address::is_transit(*seen_as(rig.client(1)).ip()));
    }
}

#[test]
fn a_frame_with_a_second_tag_reaches_no_vlan_by_it() {
    let rig = Rig::same_cidr().client(1, Place::vlan(100)).client(2, Place::vlan(200)).start();
    let wire = rig.wire(rig.client(1));
    let gateway = wire.resolve(CLIENT, ENDPOINT).expect("an answer for the endpoint's address");
    let syn = wire.envelope(gateway, CLIENT, ENDPOINT).tcp(40_000, port::WEB, flag::SYN);
    let (addresses, rest) = syn.split_at(12);
    // The machine's own VLAN comes in front of it.
    let hop = [addresses, &[0x81, 0, 0, 200], rest].concat();
    for _ in 0..10 {
        wire.send(&hop);
    }
    let answer = wire.receive(Duration::from_millis(500), |frame| Packet::parse(frame).filter(|it| it.protocol == 6));
    assert_eq!(answer, None);
    for n in [1, 2] {
        let told = rig.endpoint(n);
        assert_eq!((told.number("connections.peak"), told.number("refused")), (0, 0), "{told}");
    }
}

#[test]
fn frames_without_a_tag_are_not_of_a_trunks_vlans() {
    let rig = Rig::pair().client(1, Place::vlan(100)).start();
    let _echo = rig.echo(1);
    let mut talk = rig.client(1).run(|| Talk::open(endpoint(port::ECHO)).expect("a connection"));
    talk.say("hello").expect("hello, back");

    // The switch itself sends and takes no tags.
    let switch = rig.switch();
    switch.ip("address add 10.0.0.5/24 dev br0");
    assert_ne!(switch.run(|| knock(endpoint(port::ECHO))), Knock::Open);
    talk.say("still here").expect("hello, back");
}
