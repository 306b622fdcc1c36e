//! UDP through an endpoint: names, floods, and what is not published.

use std::{io::ErrorKind, net::UdpSocket, time::Duration};

use vpce_tests::{
    Rig,
    address::{ENDPOINT, endpoint},
    output, port,
};

fn with_names() -> Rig {
    Rig::pair().publish("udp", port::NAMES, port::NAMES_SERVER).publish("tcp", port::NAMES, port::NAMES_SERVER).start()
}

#[test]
fn names_are_resolved_through_the_endpoint_over_udp_and_over_tcp() {
    let rig = with_names();
    let _names = rig.names(1);
    for transport in ["+notcp", "+tcp"] {
        let mut dig = rig.client(1).command("dig");
        dig.args([&format!("@{ENDPOINT}"), "who.test", "+short", "+tries=1", "+time=3", transport]);
        assert_eq!(output(&mut dig).trim(), "10.0.0.5", "{transport}");
    }
    let told = rig.endpoint(1);
    assert!(told.number("forward.packets") > 3 && told.number("reply.packets") > 3, "{told}");
    assert_eq!(told.number("refused"), 0);
}

#[test]
fn twenty_thousand_datagrams_come_through_and_are_counted() {
    let rig = Rig::pair().publish("udp", 5201, 5201).publish("tcp", 5201, 5201).start();
    let mut serve = rig.backend(1).command("iperf3");
    let server = serve.args(["--server", "--one-off"]).spawn();
    let mut server = server.expect("iperf3");
    std::thread::sleep(Duration::from_millis(500));
    let mut iperf = rig.client(1).command("iperf3");
    iperf.args(["--client", "10.0.0.100", "--udp", "--bitrate", "20M", "--length", "500", "--time", "4", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&output(&mut iperf)).expect("iperf3's JSON");
    server.wait().expect("the server's end");
    let (sent, lost) = (&said["end"]["sum"]["packets"], &said["end"]["sum"]["lost_packets"]);
    let (sent, lost) = (sent.as_u64().expect("sent"), lost.as_u64().expect("lost"));
    assert!(sent >= 19_000, "{sent} datagrams sent");
    assert!(lost * 100 <= sent, "{lost} of {sent} datagrams lost");
    assert!(rig.endpoint(1).number("forward.packets") >= sent - lost);
}

#[test]
fn a_datagram_to_a_port_that_is_not_published_for_udp_gets_nothing() {
    let rig = with_names();
    let answer = rig.client(1).run(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(300))).expect("a timeout");
        socket.send_to(b"?", endpoint(port::WEB)).expect("a datagram sent");
        socket.recv(&mut [0; 64])
    });
    assert!(answer.is_err(), "{answer:?}");
    let told = rig.endpoint(1);
    assert_eq!(told.at("drops")["no-mapping"], 1, "{told}");
    assert_eq!(told.number("connections.open"), 0);
}

#[test]
fn a_client_is_told_that_nobody_listens_on_the_backends_port() {
    let rig = with_names();
    let answer = rig.client(1).run(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        socket.connect(endpoint(port::NAMES)).expect("a destination");
        socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
        socket.send(b"?").expect("a datagram sent");
        socket.recv(&mut [0; 64]).map_err(|error| error.kind())
    });
    // The backend's kernel says so by ICMP 3/3, to the transit address.
    assert_eq!(answer, Err(ErrorKind::ConnectionRefused));
}

#[test]
fn a_udp_flow_ends_when_its_client_was_silent_for_the_timer() {
    let rig = Rig::pair().publish("udp", port::NAMES, port::NAMES_SERVER).gateway("timers = { udp_secs = 2 }").start();
    let _names = rig.names(1);
    let mut dig = rig.client(1).command("dig");
    output(dig.args([&format!("@{ENDPOINT}"), "who.test", "+short", "+tries=1", "+time=3"]));
    assert_eq!(rig.endpoint(1).number("connections.open"), 1);
    vpce_tests::wait_until("the flow's end", Duration::from_secs(5), || {
        rig.endpoint(1).number("connections.open") == 0
    });
}
