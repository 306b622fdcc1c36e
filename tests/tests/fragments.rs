//! Datagrams that no frame holds.

use vpce_tests::{Names, Rig, address::ENDPOINT, output, port};

#[test]
fn an_answer_of_three_frames_comes_through_over_udp_and_over_tcp() {
    let rig = Rig::pair()
        .publish("udp", port::NAMES, port::NAMES_SERVER)
        .publish("tcp", port::NAMES, port::NAMES_SERVER)
        .start();
    let _names = rig.names(1);
    // `+ignore`: no second try over TCP.
    for transport in ["+notcp", "+tcp"] {
        let mut dig = rig.client(1).command("dig");
        dig.args([&format!("@{ENDPOINT}"), "big.test", "txt", "+short", "+bufsize=4096", "+ignore"]);
        let said = output(dig.args(["+tries=1", "+time=3", transport]));
        assert_eq!(said.matches('x').count(), Names::BIG, "{transport}: {said}");
    }
}
