//! The tools that operators reach for, through an endpoint.

use std::fs;

use vpce_tests::{Rig, View, address::ENDPOINT, output, port};

#[test]
fn ping_hears_each_of_its_echoes() {
    let rig = Rig::pair().start();
    let said = output(rig.client(1).command("ping").args(["-n", "-c", "5", "-i", "0.1", "-W", "2", "10.0.0.100"]));
    assert!(said.contains("5 packets transmitted, 5 received, 0% packet loss"), "{said}");
}

/// Datagrams that came to the backend and found no room in their socket.
fn without_room(rig: &Rig) -> u64 {
    let counts = rig.backend(1).run(|| fs::read_to_string("/proc/thread-self/net/snmp").expect("the counters of IP"));
    let mut lines = counts.lines().filter_map(|line| line.strip_prefix("Udp: "));
    let (names, values) = (lines.next().expect("names"), lines.next().expect("values"));
    let place = names.split(' ').position(|name| name == "RcvbufErrors").expect("the counter");
    values.split(' ').nth(place).and_then(|value| value.parse().ok()).expect("a number")
}

#[test]
fn iperf3_loses_no_datagram_at_50_megabits() {
    let rig = Rig::pair().publish("tcp", port::IPERF, port::IPERF).publish("udp", port::IPERF, port::IPERF).start();
    let _iperf = rig.iperf(1);

    let mut iperf3 = rig.client(1).command("iperf3");
    iperf3.args(["--client", &ENDPOINT.to_string(), "--json"]).args(["--udp", "--bitrate", "50M", "--time", "3"]);
    let sum = View::parse(&output(&mut iperf3)).expect("what iperf3 tells").part("end.sum");
    let sent = sum.number("packets");
    // 50 Mbit/s for 3 s are 12,900 datagrams of 1,448 bytes.
    assert!(sent > 6_000, "{sum}");
    // A server that is not scheduled for some 20 ms loses what its own socket has no room for.
    assert_eq!(sum.number("lost_packets"), without_room(&rig), "{sum}");
    let told = rig.endpoint(1);
    assert!(told.number("forward.packets") >= sent, "{told}");
    assert_eq!(told.drops(), 0, "{told}");
}
