//! What comes through an endpoint, and what does not.

use std::{
    fs::{self, File},
    io::{Read, copy},
    net::{SocketAddrV4, UdpSocket},
};

use vpce_tests::{
    Echo, Rig,
    address::{CLIENT, ENDPOINT, GATEWAY, endpoint, is_transit},
    output, port,
    scorecard::report,
    sha256,
    tcp::{Knock, Talk, knock},
};

#[test]
fn a_page_comes_through_the_endpoint() {
    let rig = Rig::pair().start();
    let _web = rig.web(1);

    let page = rig.client(1).get("http://10.0.0.100/");
    assert_eq!(page.status, 200, "{page:?}");
    let source = page.body.trim().strip_prefix("backend-1 saw ").expect("backend-1's page");
    let source: SocketAddrV4 = source.parse().expect("an address and a port");
    assert!(is_transit(*source.ip()), "the backend saw {source}");

    let told = rig.endpoint(1);
    assert_eq!(told.text("transit_address"), source.ip().to_string());
    assert_eq!(told.number("connections.peak"), 1);
    assert!(told.number("forward.packets") > 2 && told.number("reply.packets") > 2, "{told}");
}

#[test]
fn a_hundred_megabytes_arrive_with_equal_sha256() {
    let rig = Rig::pair().start();
    let web = rig.web(1);
    let file = web.files().join("random");
    let mut random = File::open("/dev/urandom").expect("random bytes").take(100 << 20);
    copy(&mut random, &mut File::create(&file).expect("a file to serve")).expect("random bytes");

    let fetch = "curl --silent --show-error --fail http://10.0.0.100/files/random | sha256sum";
    let arrived = output(rig.client(1).command("sh").args(["-c", fetch]));
    assert_eq!(arrived.split_whitespace().next(), Some(sha256(&file).as_str()));
}

#[test]
fn redis_benchmark_runs_through_the_endpoint() {
    let rig = Rig::pair().start();
    let _redis = rig.redis(1);

    let mut benchmark = rig.client(1).command("redis-benchmark");
    benchmark.args(["-h", "10.0.0.100", "-p", &port::REDIS.to_string(), "-q"]);
    let said = output(benchmark.args(["-c", "20", "-n", "20000", "-t", "set,get"]));
    for command in ["SET: ", "GET: "] {
        let figure = said.split(['\r', '\n']).rfind(|line| line.starts_with(command));
        assert!(figure.is_some_and(|line| line.contains("requests per second")), "{said}");
    }
}

#[test]
fn a_port_that_is_not_published_is_refused_or_silent() {
    let rig = Rig::pair().start();
    let (_web, _echo) = (rig.web(1), rig.echo(1));

    // Open in the backend, but not published under these numbers.
    for port in [port::UNPUBLISHED, port::WEB_SERVER, port::ECHO_SERVER] {
        let answer = rig.client(1).run(|| knock(endpoint(port)));
        assert_ne!(answer, Knock::Open, "port {port}");
    }
    assert_eq!(rig.endpoint(1).number("connections.peak"), 0);
}

#[test]
fn the_gateway_answers_arp_for_what_is_its_own_and_nothing_else() {
    let rig = Rig::pair().start();

    let client = rig.wire(rig.client(1));
    let gateway = client.resolve(CLIENT, GATEWAY).expect("an answer for the gateway's address");
    assert_eq!(client.resolve(CLIENT, ENDPOINT), Some(gateway));
    assert_eq!(client.resolve(CLIENT, [10, 0, 0, 77].into()), None);
    assert_eq!(client.resolve(CLIENT, CLIENT), None);

    // Where a backend has the transit range on link, it asks for the address itself.
    let transit = rig.endpoint(1).text("transit_address").parse().expect("an address");
    assert!(rig.wire(rig.backend(1)).resolve(CLIENT, transit).is_some());
}

#[test]
fn ping_of_the_endpoint_is_answered() {
    let rig = Rig::pair().start();

    let wire = rig.wire(rig.client(1));
    let gateway = wire.resolve(CLIENT, ENDPOINT).expect("an answer for the endpoint's address");
    let answer = wire.ping(&wire.envelope(gateway, CLIENT, ENDPOINT)).expect("an answer");
    assert!(answer.sound && answer.to == CLIENT, "{answer:?}");
}

#[test]
fn the_hosts_own_traffic_on_the_same_interface_is_untouched() {
    let rig = Rig::pair().start();
    let (_web, _host) = (rig.web(1), Echo::serve(rig.gateway(), "host"));
    rig.gateway().ip("address add 10.0.0.253/24 dev vpce-c1");
    let host = [10, 0, 0, 253].into();

    rig.client(1).run(|| {
        let mut talk = Talk::open(SocketAddrV4::new(host, port::ECHO_SERVER)).expect("the host");
        assert_eq!((talk.server(), talk.seen_as().ip()), ("host", &CLIENT));
        talk.say("hello").expect("hello, back");
    });
    let wire = rig.wire(rig.client(1));
    let mac = wire.resolve(CLIENT, host).expect("the host's answer by ARP");
    assert!(wire.ping(&wire.envelope(mac, CLIENT, host)).is_some());

    // The other way: the host is the client.
    let _client = Echo::serve(rig.client(1), "client");
    let to = SocketAddrV4::new(CLIENT, port::ECHO_SERVER);
    let mut talk = rig.gateway().run(|| Talk::open(to).expect("the client"));
    talk.say("hello").expect("hello, back");
    let socket = rig.client(1).run(|| UdpSocket::bind((CLIENT, 5353)).expect("a UDP socket"));
    rig.gateway().run(|| {
        let sent = UdpSocket::bind((host, 0)).and_then(|own| own.send_to(b"hi", (CLIENT, 5353)));
        sent.expect("a datagram sent")
    });
    socket.set_read_timeout(Some(vpce_tests::tcp::PATIENCE)).expect("a limit");
    assert_eq!(socket.recv(&mut [0; 16]).expect("a datagram"), 2);

    assert_eq!(rig.client(1).get("http://10.0.0.100/").status, 200);
}

#[test]
fn row_11_every_packet_that_came_in_is_accounted_for() {
    let rig = Rig::pair().publish("udp", port::NAMES, port::NAMES_SERVER).start();
    let web = rig.web(1);
    fs::write(web.files().join("large"), vec![7; 50 << 20]).expect("a file to serve");
    assert_eq!(rig.client(1).curl(&["--output", "/dev/null", "http://10.0.0.100/files/large"]).status, 200);
    // Refused, answered, dropped, told by the backend, and left to the kernel.
    assert_ne!(rig.client(1).run(|| knock(endpoint(port::UNPUBLISHED))), Knock::Open);
    output(rig.client(1).command("ping").args(["-n", "-c", "2", "-i", "0.1", "10.0.0.100"]));
    rig.client(1).run(|| {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        for port in [port::NAMES, port::UNPUBLISHED] {
            socket.send_to(b"?", endpoint(port)).expect("a datagram sent");
        }
        let _ = socket.send_to(b"?", "10.0.0.77:9");
    });

    let packets = rig.balance();
    let counts = rig.counts();
    let verdicts = ["passed", "forwarded", "replied", "answered"];
    let ended: u64 = verdicts.map(|verdict| counts.number(verdict)).iter().sum();
    assert_eq!(counts.number("packets_in"), ended + counts.drops(), "{counts}");
    assert!(verdicts.iter().all(|verdict| counts.number(verdict) > 0) && counts.drops() > 0, "{counts}");
    report(11, format!("{packets} packets received by the interfaces, each passed, translated, answered or dropped"));
}
