//! Gateway endpoints: a prefix of the service's network, the destination kept; and large blocks.

use super::*;
use crate::{
    layout::{ADDRESS_SLOTS, Client, Index, Prefix},
    reason::DropReason,
};

const SERVER: [u8; 4] = [100, 125, 1, 2];

/// A gateway with an endpoint for 100.125.0.0/16 beside the one for `ENDPOINT`.
fn with_prefix() -> HostPlane {
    let mut plane = plane();
    plane.backends.push(Backend { address: be([0; 4]), ..plane.backends[0] });
    plane.open_block(Endpoint {
        backend: 1,
        first_slot: SLOTS,
        transit: be([198, 19, 128, 8]),
        all_ports: 1,
        ..ENDPOINT_ENTRY
    });
    plane.prefixes.insert((16, Prefix { vpc: 1, network: be([100, 125, 0, 0]) }), 1);
    plane
}

fn syn_to(server: [u8; 4], port: u16) -> Vec<u8> {
    frame((CLIENT, 4000), (server, port), (CLIENT_MAC, GATEWAY_MACS[0]), SYN, &[])
}

#[test]
fn a_prefix_leads_to_the_services_network_with_the_destination_kept() {
    let plane = with_prefix();
    let mut syn = syn_to(SERVER, 443);
    assert_eq!(plane.run(&mut syn, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
    let there = seen(&syn);
    assert_eq!((there.from.0, there.to, there.macs.1), ([198, 19, 128, 8], (SERVER, 443), BACKEND_MAC));
    let answer = Tcp { flags: "SA", seq: 5000, ack: 1001 };
    let macs = (BACKEND_MAC, GATEWAY_MACS[1]);
    let mut wrong = frame((BACKEND, 443), there.from, macs, answer, &[]);
    assert_eq!(plane.run(&mut wrong, BACKEND_SIDE), Verdict::Drop(DropReason::NotAReply));
    let mut right = frame((SERVER, 443), there.from, macs, answer, &[]);
    assert_eq!(plane.run(&mut right, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE));
    assert_eq!((seen(&right).from, seen(&right).to), ((SERVER, 443), (CLIENT, 4000)));
}

#[test]
fn only_the_prefix_and_only_listed_ports_are_reached() {
    let mut plane = with_prefix();
    assert_eq!(plane.run(&mut syn_to([100, 126, 1, 2], 443), CLIENT_SIDE), Verdict::Pass);
    plane.endpoints[1].all_ports = 0;
    let refused = plane.run(&mut syn_to(SERVER, 443), CLIENT_SIDE);
    assert_eq!(refused, Verdict::Refuse(DropReason::NoMapping, CLIENT_SIDE));
    let dialled = Dialled { endpoint: 1, endpoint_port: Be16::new(443), protocol: TCP.into() };
    plane.mappings.insert(dialled, Mapping { server_port: Be16::new(443), reserved: 0 });
    assert_eq!(plane.run(&mut syn_to(SERVER, 443), CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
}

#[test]
fn an_endpoint_that_lists_its_clients_is_dialled_by_these_alone() {
    let mut plane = with_prefix();
    plane.endpoints[1].listed = 1;
    let refused = plane.run(&mut syn_to(SERVER, 443), CLIENT_SIDE);
    assert_eq!(refused, Verdict::Refuse(DropReason::NotListed, CLIENT_SIDE));
    // Another endpoint's list, and a network beside the client's.
    let [a, b, c, d] = CLIENT;
    plane.clients.insert((32, Client { endpoint: 0, network: be(CLIENT) }));
    plane.clients.insert((32, Client { endpoint: 1, network: be([a, b, c, d ^ 1]) }));
    let refused = plane.run(&mut syn_to(SERVER, 443), CLIENT_SIDE);
    assert_eq!(refused, Verdict::Refuse(DropReason::NotListed, CLIENT_SIDE));
    plane.clients.insert((24, Client { endpoint: 1, network: be([a, b, c, 0]) }));
    assert_eq!(plane.run(&mut syn_to(SERVER, 443), CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
}

#[test]
fn the_longest_prefix_wins_and_an_endpoints_address_over_all() {
    let mut plane = with_prefix();
    plane.prefixes.insert((24, Prefix { vpc: 1, network: be([100, 125, 1, 0]) }), 0);
    plane.prefixes.insert((24, Prefix { vpc: 1, network: be([10, 0, 0, 0]) }), 1);
    let refused = plane.run(&mut syn_to(SERVER, 443), CLIENT_SIDE);
    assert_eq!(refused, Verdict::Refuse(DropReason::NoMapping, CLIENT_SIDE), "endpoint 0 has port 80 alone");
    connect(&plane, 4001);
}

#[test]
fn an_echo_to_a_prefix_has_no_way_back() {
    let plane = with_prefix();
    let mut ask = Vec::new();
    let builder = PacketBuilder::ethernet2(CLIENT_MAC.0, GATEWAY_MACS[0].0).ipv4(CLIENT, SERVER, 64);
    builder.icmpv4_echo_request(7, 1).write(&mut ask, b"ping").unwrap();
    assert_eq!(plane.run(&mut ask, CLIENT_SIDE), Verdict::Drop(DropReason::Protocol));
}

#[test]
fn a_large_block_has_several_transit_addresses_and_every_record_answers() {
    let mut plane = plane();
    let limit = 3 * ADDRESS_SLOTS;
    plane.settings.as_mut().unwrap().index = Index::new(limit, SEED);
    plane.open_block(Endpoint {
        limit,
        first_slot: SLOTS,
        slots: 4 * ADDRESS_SLOTS,
        transit: be([198, 19, 129, 0]),
        ..ENDPOINT_ENTRY
    });
    let other = [10, 0, 0, 101];
    plane.addresses.insert(Local { vpc: 1, address: be(other) }, 1);
    let dialled = Dialled { endpoint: 1, endpoint_port: Be16::new(80), protocol: TCP.into() };
    plane.mappings.insert(dialled, Mapping { server_port: Be16::new(8080), reserved: 0 });
    let mut used = std::collections::HashSet::new();
    for number in 0..limit {
        let client = ([10, 1, u8::try_from(number >> 14).unwrap(), 1], 1024 + u16::try_from(number & 0x3fff).unwrap());
        let mut syn = frame(client, (other, 80), (CLIENT_MAC, GATEWAY_MACS[0]), SYN, &[]);
        assert_eq!(plane.run(&mut syn, CLIENT_SIDE), Verdict::Forward(BACKEND_SIDE));
        let from = seen(&syn).from;
        assert!(used.insert(from), "{from:?} twice");
        let answer = Tcp { flags: "SA", seq: 5000, ack: 1001 };
        let mut answer = frame((BACKEND, 8080), from, (BACKEND_MAC, GATEWAY_MACS[1]), answer, &[]);
        assert_eq!(plane.run(&mut answer, BACKEND_SIDE), Verdict::Reply(CLIENT_SIDE));
        assert_eq!(seen(&answer).to, client);
    }
    let addresses: std::collections::HashSet<_> = used.iter().map(|(address, _)| address).collect();
    assert_eq!(addresses.len(), 3);
}
