//! Map entries of small files.

use std::net::Ipv4Addr;

use vpce_common::{
    layout::{Dialled, Endpoint, Ingress, LAYOUT, Link, Local, Mapping, Settings, Transit},
    wire::{Be16, Be32, Mac, TCP, UDP},
};

use super::{NO_BACKEND, NO_LINK, facts, interface, mac};
use crate::{
    config,
    model::{
        Attachment, Desired,
        leases::{Capacity, Held, Leases},
    },
    neighbours::Neighbour,
    reconcile::{Entries, Facts, compile},
};

/// An endpoint with two ports, and one with none of its own; both VPCs have the same addresses.
const FILE: &str = r#"
[gateway]
region = "region-1"
transit = "198.19.130.0/24"

[[vpc]]
name = "consumer"
attach = [{ interface = "c0" }, { interface = "c1" }]
address = "10.0.0.254/24"
subnets = [{ name = "default", cidr = "10.0.0.0/24" }]

[[vpc]]
name = "provider"
attach = { interface = "p0" }
address = "10.0.0.254/24"
subnets = [{ name = "default", cidr = "10.0.0.0/24" }]

[[service]]
name = "web"
vpc = "provider"
backend = { address = "10.0.0.5" }
ports = [{ client = 80, server = 8080 }, { client = 53, server = 5353, protocol = "udp" }]

[[endpoint]]
name = "web"
service = "web"
vpc = "consumer"
subnet = "default"
address = "10.0.0.100"
max_connections = 50

[[endpoint]]
name = "own"
service = "web"
vpc = "provider"
subnet = "default"
address = "10.0.0.100"
"#;

const CAPACITY: Capacity = Capacity { links: 8, endpoints: 8 };
const CONSUMER: u16 = 1;
const PROVIDER: u16 = 2;
/// Number of endpoint `web`; `own` has the number before it.
const WEB: u32 = 1;

fn read(text: &str) -> Desired {
    config::parse(text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn address(last: u8) -> Be32 {
    Ipv4Addr::new(10, 0, 0, last).into()
}

fn compiled(desired: &Desired, leases: &Leases) -> Entries {
    compile(desired, leases, &facts(desired, leases))
}

fn fresh(text: &str) -> (Desired, Leases) {
    let desired = read(text);
    let leases = Leases::default().assign(&desired, CAPACITY).unwrap();
    (desired, leases)
}

/// The file, and then another: the leases have seen both.
fn changed(to: &str) -> (Desired, Leases) {
    let desired = read(to);
    let leases = fresh(FILE).1.assign(&desired, CAPACITY).unwrap();
    (desired, leases)
}

#[test]
fn settings_are_in_ticks_and_wire_order() {
    let (mut desired, leases) = fresh(FILE);
    let settings = compiled(&desired, &leases).settings;
    let expected = Settings {
        layout: LAYOUT,
        opening: 240 * 250,
        established: 7440 * 250,
        closing: 240 * 250,
        udp: 300 * 250,
        reset: 1,
        transit: Be32::from_wire([198, 19, 130, 0]),
        transit_mask: Be32::from_wire([255, 255, 255, 0]),
        reserved: 0,
    };
    assert_eq!(settings, expected);

    desired.gateway.timers.established = std::time::Duration::from_secs(u64::MAX);
    assert_eq!(compiled(&desired, &leases).settings.established, u32::MAX);
}

#[test]
fn an_endpoint_has_its_limit_its_block_and_its_transit_address() {
    let (desired, leases) = fresh(FILE);
    let entries = compiled(&desired, &leases);
    let web = entries.endpoints[&WEB];
    let transit = Be32::from_wire([198, 19, 130, 2]);
    let (first_slot, slots) = (4096, 64);
    assert_eq!(web, Endpoint { generation: 2, limit: 50, backend: 0, first_slot, slots, transit, accepted: 1 });
    assert_eq!(entries.transit[&2], Transit { endpoint: WEB, first_slot, slots });
    assert_eq!(entries.endpoints[&0].limit, 3000);
    assert_eq!((entries.endpoints.len(), entries.transit.len()), (2, 2));
}

#[test]
fn a_port_is_mapped_in_wire_order_for_its_vpc_and_protocol_alone() {
    let (desired, leases) = fresh(FILE);
    let entries = compiled(&desired, &leases);
    let dialled = |vpc, port: [u8; 2], protocol: u8| Dialled {
        endpoint: address(100),
        vpc,
        endpoint_port: Be16::from_wire(port),
        protocol: protocol.into(),
    };
    let mapping = |endpoint, port: [u8; 2]| Mapping { endpoint, server_port: Be16::from_wire(port), reserved: 0 };
    let expected = [
        (dialled(CONSUMER, [0, 80], TCP), mapping(WEB, [0x1f, 0x90])),
        (dialled(CONSUMER, [0, 53], UDP), mapping(WEB, [0x14, 0xe9])),
        (dialled(PROVIDER, [0, 80], TCP), mapping(0, [0x1f, 0x90])),
        (dialled(PROVIDER, [0, 53], UDP), mapping(0, [0x14, 0xe9])),
    ];
    assert_eq!(entries.mappings, expected.into());
    let local = |vpc: u16| Local { vpc: vpc.into(), address: address(100) };
    assert_eq!(entries.addresses, [(local(CONSUMER), WEB), (local(PROVIDER), 0)].into());
}

#[test]
fn a_removed_endpoint_is_closed_and_nothing_leads_to_it() {
    let (desired, leases) = changed(&FILE[..FILE.rfind("[[endpoint]]").unwrap()]);
    let entries = compiled(&desired, &leases);
    let own = entries.endpoints[&0];
    assert_eq!((own.accepted, own.limit, own.slots, own.generation), (0, 0, 4096, 3));
    assert!(entries.transit.values().all(|block| block.endpoint == WEB));
    assert!(entries.mappings.values().all(|mapping| mapping.endpoint == WEB));
    assert_eq!(entries.addresses.values().copied().collect::<Vec<_>>(), [WEB]);
}

#[test]
fn a_draining_block_takes_no_new_flow_and_keeps_its_answers() {
    let (desired, leases) = changed(&FILE.replace("max_connections = 50", "max_connections = 500"));
    let (before, after) = (fresh(FILE), compiled(&desired, &leases));
    let old = compiled(&before.0, &before.1).endpoints[&WEB];
    assert_eq!(after.endpoints[&WEB], Endpoint { limit: 0, accepted: 0, ..old });
    assert_eq!((after.transit[&2].endpoint, after.transit[&3].endpoint), (WEB, 2));
    assert_eq!((after.endpoints[&2].limit, after.endpoints[&2].accepted), (500, 1));
    let consumers = after.mappings.iter().filter(|(dialled, _)| dialled.vpc == CONSUMER);
    assert!(consumers.map(|(_, mapping)| mapping.endpoint).eq([2, 2]));
}

#[test]
fn a_transit_address_of_an_earlier_range_hides_none_of_this_one() {
    let (desired, leases) = changed(&FILE.replace("198.19.130.0/24", "198.19.131.0/24"));
    assert_eq!(leases.endpoints[&WEB].held, Held::Cut);
    let entries = compiled(&desired, &leases);
    let (number, web) = leases.serving("web").unwrap();
    assert_eq!(web.transit, Ipv4Addr::new(198, 19, 131, 2));
    assert_eq!(entries.transit[&2].endpoint, number);
    assert_eq!(entries.transit.len(), 2);

    // Whichever of the two has the higher number.
    let mut leases = leases;
    let moved = leases.endpoints.remove(&WEB).unwrap();
    leases.endpoints.insert(7, moved);
    assert_eq!(compiled(&desired, &leases).transit, entries.transit);
}

#[test]
fn a_large_range_numbers_its_addresses_through() {
    let (desired, mut leases) = fresh(&FILE.replace("198.19.130.0/24", "198.19.128.0/17"));
    leases.endpoints.get_mut(&WEB).unwrap().transit = Ipv4Addr::new(198, 19, 255, 254);
    assert_eq!(compiled(&desired, &leases).transit[&0x7ffe].endpoint, WEB);
}

#[test]
fn a_backend_is_reachable_by_the_link_that_it_answered_on() {
    let (desired, leases) = fresh(FILE);
    let mut facts = facts(&desired, &leases);
    let unknown = vpce_common::layout::Backend { address: address(5), vpc: PROVIDER, ..NO_BACKEND };
    facts.neighbours.clear();
    assert_eq!(compile(&desired, &leases, &facts).backends, [(0, unknown)].into());

    let link = leases.link(PROVIDER, &Attachment::untagged("p0")).unwrap();
    facts.neighbours.insert(0, Neighbour { link, mac: mac(9) });
    let known = vpce_common::layout::Backend {
        ifindex: facts.interfaces["p0"].index,
        mac: mac(9),
        gateway_mac: facts.interfaces["p0"].mac,
        reachable: 1,
        ..unknown
    };
    assert_eq!(compile(&desired, &leases, &facts).backends, [(0, known)].into());

    facts.interfaces.remove("p0");
    assert_eq!(compile(&desired, &leases, &facts).backends, [(0, unknown)].into());
}

#[test]
fn a_missing_interface_has_no_link_until_it_is_there() {
    let (desired, leases) = fresh(FILE);
    let mut facts = Facts { hertz: 250, ..Facts::default() };
    facts.interfaces.insert("c1".to_owned(), interface(7));
    facts.interfaces.insert("other".to_owned(), interface(8));
    let entries = compile(&desired, &leases, &facts);
    let number = leases.link(CONSUMER, &Attachment::untagged("c1")).unwrap();
    let link = Link { ifindex: 7, address: address(254), mac: Mac([2, 0, 0, 0, 0, 7]), vpc: CONSUMER };
    assert_eq!(entries.links, [(0, NO_LINK), (number, link), (2, NO_LINK)].into());
    assert_eq!(entries.ingress, [(Ingress { ifindex: 7, vlan: 0 }, number)].into());
    assert_eq!(entries.endpoints.len(), 2);
}

#[test]
fn an_interface_that_moves_to_another_vpc_is_another_link() {
    let moved = FILE.replace(r#"{ interface = "c1" }"#, r#"{ interface = "c2" }"#);
    let moved = moved.replace(r#"{ interface = "p0" }"#, r#"[{ interface = "p0" }, { interface = "c1" }]"#);
    let (desired, leases) = changed(&moved);
    let entries = compiled(&desired, &leases);
    let (old, new) = (
        leases.link(CONSUMER, &Attachment::untagged("c1")).unwrap(),
        leases.link(PROVIDER, &Attachment::untagged("c1")).unwrap(),
    );
    assert_eq!(entries.links[&old], NO_LINK);
    assert_eq!(entries.links[&new].vpc, PROVIDER);
    assert!(entries.ingress.values().all(|link| *link != old));
}
