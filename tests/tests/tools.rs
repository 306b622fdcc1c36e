//! The tools that operators reach for, through an endpoint.

use vpce_tests::{Rig, View, address::ENDPOINT, output, port};

#[test]
fn ping_hears_each_of_its_echoes() {
    let rig = Rig::pair().start();
    let said = output(rig.client(1).command("ping").args(["-n", "-c", "5", "-i", "0.1", "-W", "2", "10.0.0.100"]));
    assert!(said.contains("5 packets transmitted, 5 received, 0% packet loss"), "{said}");
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
    assert_eq!(sum.number("lost_packets"), 0, "{sum}");
    let told = rig.endpoint(1);
    assert!(told.number("forward.packets") >= sent, "{told}");
    assert_eq!(told.drops(), 0, "{told}");
}
