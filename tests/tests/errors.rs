//! The gateway's own ICMP errors: it is a hop, and it tells what is too big.

use std::{io::ErrorKind, net::UdpSocket, time::Duration};

use vpce_tests::{
    Bulk, Place, Rig,
    address::{CLIENT, ENDPOINT, GATEWAY, endpoint},
    frames::Packet,
    output, port,
    tcp::{PATIENCE, dial},
};

const SMALL: u16 = 1280;
/// Where nobody listens, so that the backend answers at once.
const NOBODY: u16 = 33_434;

/// The hops that traceroute shows, one address a line.
fn trace(rig: &Rig, how: &[&str]) -> Vec<String> {
    let mut traceroute = rig.client(1).command("traceroute");
    traceroute.args(["-n", "-q", "1", "-w", "2", "-m", "6"]).args(how).arg(ENDPOINT.to_string());
    let said = output(&mut traceroute);
    said.lines().skip(1).map(|line| line.split_whitespace().nth(1).expect("a hop").to_owned()).collect()
}

#[test]
fn traceroute_shows_the_gateway_then_the_endpoint() {
    let rig = Rig::pair().publish("udp", NOBODY, NOBODY).start();
    let _web = rig.web(1);
    let [gateway, endpoint] = [GATEWAY.to_string(), ENDPOINT.to_string()];
    let udp = ["-U", "-p", "33434"];
    for how in [&udp[..], &["-T", "-p", "80"]] {
        assert_eq!(trace(&rig, how), [&*gateway, &*endpoint], "{how:?}");
    }
    // It is the gateway that answers echo for its endpoints: it may be one hop or both.
    assert_eq!(trace(&rig, &["-I"]).last(), Some(&endpoint));
}

#[test]
fn traceroute_shows_the_routers_before_the_gateway() {
    let rig = Rig::pair().client(1, Place::interface().routed()).start();
    let _web = rig.web(1);
    let hops = trace(&rig, &["-T", "-p", "80"]);
    assert_eq!(hops, ["172.16.0.1".to_owned(), GATEWAY.to_string(), ENDPOINT.to_string()]);
}

#[test]
fn a_datagram_that_is_too_big_for_the_other_side_is_answered_from_the_dialled_address() {
    let rig = Rig::pair().backend(1, Place::interface().mtu(SMALL)).publish("udp", NOBODY, NOBODY).start();
    let wire = rig.wire(rig.client(1));
    rig.client(1).run(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        socket.send_to(&[0; 1400], endpoint(NOBODY)).expect("a datagram sent");
    });
    let error = wire.receive(Duration::from_secs(2), |frame| Packet::parse(frame).filter(|it| it.protocol == 1));
    let error = error.expect("an ICMP error");
    assert_eq!((error.from, error.to, error.sound), (ENDPOINT, CLIENT, true));
    let [high, low] = SMALL.to_be_bytes();
    assert_eq!((&error.payload[..2], &error.payload[6..8]), (&[3, 4][..], &[high, low][..]));
    // And the client's kernel takes it.
    let route = rig.client(1).ip(&format!("route get {ENDPOINT}"));
    assert!(route.contains(&format!("mtu {SMALL}")), "{route}");
}

#[test]
fn a_refused_client_is_told_as_the_gateway_shall_tell() {
    // The kernel takes ICMP about a SYN that it is just sending as a hint only: then the next SYN's counts.
    let (next, silence) = (PATIENCE, Duration::from_secs(1));
    for (refuse, told) in [("reset", true), ("icmp", true), ("drop", false)] {
        let rig = Rig::pair().gateway(&format!("refuse = \"{refuse}\"")).start();
        let _web = rig.web(1);
        let (datagram, segment) = rig.client(1).run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
            socket.connect(endpoint(NOBODY)).expect("a destination");
            socket.set_read_timeout(Some(Duration::from_secs(1))).expect("a limit");
            socket.send(b"?").expect("a datagram sent");
            let datagram = socket.recv(&mut [0; 1]).map(drop);
            (datagram, dial(endpoint(port::UNPUBLISHED), if told { next } else { silence }).map(drop))
        });
        for answer in [datagram, segment] {
            let refused = answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
            assert!(answer.is_err() && refused == told, "{refuse}: {answer:?}");
        }
    }
}

#[test]
fn a_small_attachment_before_a_router_stalls_no_transfer() {
    let small = || Place::interface().mtu(SMALL).routed();
    for plan in [Rig::pair().client(1, small()), Rig::pair().backend(1, small())] {
        let rig = plan.start();
        let longest = Bulk::connect(&rig, 1).both_ways(100_000_000);
        assert!(longest < Duration::from_secs(2), "nothing moved for {longest:?}");
        // Clamped, no segment was ever too big.
        assert_eq!(rig.counts().drops(), 0, "{}", rig.counts());
    }
}
