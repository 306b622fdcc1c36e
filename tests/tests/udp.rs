//! UDP through an endpoint: names, floods, and what is not published.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    net::UdpSocket,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use vpce_tests::{
    Rig,
    address::{ENDPOINT, endpoint},
    output, port,
    tcp::PATIENCE,
    wait_until,
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
fn twenty_thousand_datagrams_and_their_answers_come_through_and_are_counted() {
    const ROUNDS: u32 = 625;
    const BURST: u32 = 32;
    let rig = Rig::pair().publish("udp", port::ECHO, port::ECHO_SERVER).start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let server = scope.spawn(|| rig.backend(1).run(|| echo(&stop)));
        rig.client(1).run(|| {
            let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
            socket.connect(endpoint(port::ECHO)).expect("a destination");
            socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            greet(&socket);
            for round in 0..ROUNDS {
                // No more at once than the queues between the two hold, however busy the machine.
                let sent: BTreeSet<u32> = (0..BURST).map(|n| round * BURST + n).collect();
                for number in &sent {
                    socket.send(&number.to_be_bytes()).expect("a datagram sent");
                }
                let mut buffer = [0; 4];
                let answers = sent.iter().map(|_| socket.recv(&mut buffer).map(|_| u32::from_be_bytes(buffer)));
                assert_eq!(answers.collect::<Result<BTreeSet<u32>, _>>().expect("all answers"), sent);
            }
        });
        stop.store(true, Ordering::Relaxed);
        server.join().expect("the server's end");
    });
    let told = rig.endpoint(1);
    for way in ["forward.packets", "reply.packets"] {
        assert!(told.number(way) >= u64::from(ROUNDS * BURST), "{told}");
    }
    assert_eq!((told.number("connections.open"), told.drops()), (1, 0), "{told}");
}

/// Answers every datagram with itself until told to stop.
fn echo(stop: &AtomicBool) {
    let socket = UdpSocket::bind(("0.0.0.0", port::ECHO_SERVER)).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(50))).expect("a timeout");
    let mut buffer = [0; 64];
    while !stop.load(Ordering::Relaxed) {
        if let Ok((length, from)) = socket.recv_from(&mut buffer) {
            socket.send_to(&buffer[..length], from).expect("an answer sent");
        }
    }
}

/// Says something until the server answers: it may not be up yet.
fn greet(socket: &UdpSocket) {
    wait_until("an echo server", PATIENCE, || {
        let _ = socket.send(b"hello");
        socket.recv(&mut [0; 64]).is_ok()
    });
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
    wait_until("the flow's end", Duration::from_secs(5), || rig.endpoint(1).number("connections.open") == 0);
}
