//! The demo: a real client reaches a real server through an endpoint, between networks of the
//! very same addresses. It tells what it sees, and fails loudly where that is not as promised.

use std::{
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    time::Duration,
};

use vpce_tests::{
    Hook, Namespace, Rig,
    address::{CLIENT, ENDPOINT, TRANSIT, endpoint, is_transit},
    port,
    tcp::{self, Knock},
    wait_until,
};

const CONFIG: &str = include_str!("../../../examples/demo.toml");

/// The source port that both clients use, so that their connections have the same 5-tuple.
const SAME_PORT: u16 = 40_000;

fn main() {
    println!("Two tenant pairs, each a client and a backend, all in networks 10.0.0.0/24:\n");
    for n in [1, 2] {
        println!("  consumer-{n}: client-{n} 10.0.0.5, who dials 10.0.0.100:80");
        println!("  provider-{n}: backend-{n} 10.0.0.5, whose nginx serves port 8080");
    }
    println!("\nThe gateway between them runs vpce-agent with examples/demo.toml.\n");

    let rig = Rig::same_cidr().hook(Hook::Xdp).config(CONFIG).start();
    let footprint = rig.footprint();
    let servers = [rig.web(1), rig.web(2)];
    same_addresses(&rig);
    page(&rig);
    equal_connections(&rig);
    unpublished_port(&rig);

    drop((servers, rig));
    let remains = footprint.remains();
    assert!(remains.is_empty(), "the demo left something behind: {remains:#?}");
    println!("Cleaned up: no namespace, pin, file or process of the demo is left.");
    println!("\nAll as promised.");
}

/// The machines really have what the text says.
fn same_addresses(rig: &Rig) {
    for machine in [rig.client(1), rig.backend(1), rig.client(2), rig.backend(2)] {
        let addresses = machine.ip("-4 -brief address show dev eth0");
        assert!(addresses.contains("10.0.0.5/24"), "{} has {addresses}", machine.name());
        println!("  {:<18} {}", machine.name(), addresses.trim());
    }
    println!();
}

fn page(rig: &Rig) {
    let url = format!("http://{ENDPOINT}/");
    let page = rig.client(1).get(&url);
    println!("client-1: curl {url}\n  HTTP {}\n  {}", page.status, page.body.trim());
    assert_eq!(page.status, 200, "no page through the endpoint: {page:?}");
    let source = source_seen("backend-1", &page.body);
    println!("  The client is {CLIENT}; its backend saw {}, of {TRANSIT}.\n", source.ip());
}

/// Both clients hold a connection of the same 5-tuple at the same time.
fn equal_connections(rig: &Rig) {
    println!("Both clients: {CLIENT}:{SAME_PORT} -> {}, at the same time", endpoint(port::WEB));
    let held = [1, 2].map(|n| (n, connect(rig.client(n))));
    for (n, stream) in &held {
        let page = ask(stream);
        println!("  client-{n} got: {page}");
        source_seen(&format!("backend-{n}"), &page);
    }
    for (n, _) in &held {
        let name = format!("web-{n}");
        // The page's own connection of before may take a moment to end.
        let counted = || rig.endpoint(*n).number("connections.open") == 1;
        wait_until(&format!("one connection of {name} counted"), Duration::from_secs(5), counted);
        let seen = rig.endpoint(*n);
        let [open, limit] = ["open", "limit"].map(|key| seen.number(&format!("connections.{key}")));
        println!("  endpoint {name}: {open} of {limit} connections, state {}", seen.text("state"));
    }
    drop(held);
    for n in [1, 2] {
        let closed = || rig.endpoint(n).number("connections.open") == 0;
        wait_until("the connections given back", Duration::from_secs(5), closed);
    }
    println!("  closed: 0 connections on both\n");
}

fn unpublished_port(rig: &Rig) {
    let to = endpoint(port::UNPUBLISHED);
    let answer = rig.client(1).run(|| tcp::knock(to));
    assert_ne!(answer, Knock::Open, "{to} is published nowhere, and somebody answers");
    println!("client-1: a port that is not published, {to}: {answer:?}\n");
}

fn connect(client: &Namespace) -> TcpStream {
    let dial = || tcp::dial_from(SAME_PORT, endpoint(port::WEB), tcp::PATIENCE);
    let stream = client.run(dial);
    stream.unwrap_or_else(|error| panic!("{} gets no connection: {error}", client.name()))
}

/// Asks for the page and leaves the connection open.
fn ask(mut stream: &TcpStream) -> String {
    write!(stream, "GET / HTTP/1.1\r\nHost: {ENDPOINT}\r\n\r\n").expect("a question sent");
    let mut answer = String::new();
    let mut lines = BufReader::new(stream);
    while answer.rsplit_once("\r\n\r\n").is_none_or(|(_, page)| page.is_empty()) {
        let length = lines.read_line(&mut answer).expect("an answer");
        assert_ne!(length, 0, "the connection ended before the page: {answer}");
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "no page: {answer}");
    answer.lines().last().expect("a page").to_owned()
}

/// Reads a page like `backend-1 saw 198.19.128.7:1024`, which must be of that backend and tell a
/// transit address.
fn source_seen(backend: &str, page: &str) -> SocketAddrV4 {
    let (name, source) = page.trim().split_once(" saw ").expect("a page of our nginx");
    assert_eq!(name, backend, "the page came from another tenant");
    let source: SocketAddrV4 = source.parse().expect("an address and a port");
    let address: Ipv4Addr = *source.ip();
    assert!(is_transit(address), "the backend saw {address}, which is not of {TRANSIT}");
    source
}
