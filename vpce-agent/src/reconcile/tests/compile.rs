//! Map entries of small files.

use std::net::Ipv4Addr;

use vpce_common::{
    layout::{
        Backend, DROP, Dialables, Dialled, Endpoint, ICMP, Index, Ingress, LAYOUT, Link, Local, Mapping, Prefix, RESET,
        Segment, Settings, Transit,
    },
    wire::{Be16, Be32, TCP, UDP},
};

use super::{NO_BACKEND, NO_LINK, SEED, facts, interface, mac, station};
use crate::{
    config,
    model::{
        Attachment, Desired, Refuse,
        leases::{
            Capacity, Held, Leases,
            tests::sample::{self, gateway_endpoint, with},
        },
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

/// Timers of `[gateway]` where nothing else is said, in ticks.
const TIMERS: Endpoint =
    Endpoint { opening: 240 * 250, established: 7440 * 250, closing: 240 * 250, udp: 300 * 250, ..super::NO_ENDPOINT };

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
        transit: Be32::from_wire([198, 19, 130, 0]),
        transit_mask: Be32::from_wire([255, 255, 255, 0]),
        refuse: RESET,
        errors: 1000,
        fragments: 30 * 250,
        second: 250,
        epoch: 0,
        reserved: 0,
        index: Index::new(desired.gateway.max_flows, SEED),
    };
    assert_eq!(settings, expected);
    for (refuse, number) in [(Refuse::Drop, DROP), (Refuse::Icmp, ICMP)] {
        desired.gateway.refuse = refuse;
        assert_eq!(compiled(&desired, &leases).settings.refuse, number);
    }
}

#[test]
fn an_endpoint_has_its_limit_its_block_and_its_transit_address() {
    let (desired, leases) = fresh(FILE);
    let entries = compiled(&desired, &leases);
    let web = entries.endpoints[&WEB];
    let transit = Be32::from_wire([198, 19, 130, 2]);
    let (first_slot, slots) = (4096, 64);
    assert_eq!(web, Endpoint { generation: 2, limit: 50, first_slot, slots, transit, accepted: 1, ..TIMERS });
    assert_eq!(entries.transit[&2], Transit { endpoint: WEB, first_slot, slots });
    assert_eq!(entries.endpoints[&0].limit, 3000);
    assert_eq!((entries.endpoints.len(), entries.transit.len()), (2, 2));
}

#[test]
fn a_service_has_timers_of_its_own_and_the_longest_never_ends() {
    let timers = "timers = { established_secs = 60, udp_secs = 20 }\n\n[[endpoint]]\nname = \"web\"";
    let (mut desired, leases) = fresh(&FILE.replace("[[endpoint]]\nname = \"web\"", timers));
    let web = compiled(&desired, &leases).endpoints[&WEB];
    assert_eq!((web.opening, web.established, web.closing, web.udp), (240 * 250, 60 * 250, 240 * 250, 20 * 250));

    desired.services.get_mut("web").unwrap().timers.established = std::time::Duration::from_secs(u64::MAX);
    assert_eq!(compiled(&desired, &leases).endpoints[&WEB].established, u32::MAX);
}

#[test]
fn a_block_of_several_transit_addresses_gives_each_its_share() {
    let (desired, leases) = fresh(&FILE.replace("max_connections = 50", "max_connections = 50000"));
    let entries = compiled(&desired, &leases);
    let (number, lease) = leases.serving().find(|(name, _)| *name == "web").unwrap().1;
    let web = entries.endpoints[&number];
    assert_eq!((web.slots, lease.transit), (1 << 16, Ipv4Addr::new(198, 19, 130, 4)));
    let share = |place: u32| Transit { endpoint: number, first_slot: web.first_slot + (place << 14), slots: 1 << 14 };
    let of_web = entries.transit.iter().filter(|(_, is)| is.endpoint == number);
    assert!(of_web.map(|(address, is)| (*address, *is)).eq((0..4).map(|place| (4 + place, share(place)))));
}

#[test]
fn a_port_is_mapped_in_wire_order_for_its_endpoint_and_protocol_alone() {
    let (desired, leases) = fresh(FILE);
    let entries = compiled(&desired, &leases);
    let dialled = |endpoint, port: [u8; 2], protocol: u8| Dialled {
        endpoint,
        endpoint_port: Be16::from_wire(port),
        protocol: protocol.into(),
    };
    let mapping = |port: [u8; 2]| Mapping { server_port: Be16::from_wire(port), reserved: 0 };
    let expected = [
        (dialled(WEB, [0, 80], TCP), mapping([0x1f, 0x90])),
        (dialled(WEB, [0, 53], UDP), mapping([0x14, 0xe9])),
        (dialled(0, [0, 80], TCP), mapping([0x1f, 0x90])),
        (dialled(0, [0, 53], UDP), mapping([0x14, 0xe9])),
    ];
    assert_eq!(entries.mappings, expected.into());
    let local = |vpc: u16| Local { vpc: vpc.into(), address: address(100) };
    assert_eq!(entries.addresses, [(local(CONSUMER), WEB), (local(PROVIDER), 0)].into());
    assert_eq!(entries.prefixes, [].into());
}

#[test]
fn a_gateway_endpoint_leads_its_prefixes_to_the_router_and_keeps_addresses_and_ports() {
    let mut desired = with([("a", gateway_endpoint())]);
    let leases = Leases::default().assign(&desired, CAPACITY).unwrap();
    let entries = compiled(&desired, &leases);
    let network = Prefix { vpc: leases.vpcs["red"].into(), network: Ipv4Addr::new(100, 125, 0, 0).into() };
    assert_eq!(entries.prefixes, [((32 + 16, network), 0)].into());
    let red = entries.links.values().find(|link| link.vpc == leases.vpcs["red"]);
    assert_eq!(red.expect("a link").dialables, Dialables::ALL);
    let endpoint = entries.endpoints[&0];
    assert_eq!((endpoint.all_ports, endpoint.accepted), (1, 1));
    assert_eq!((entries.mappings.len(), entries.addresses.len()), (0, 0));
    let backend = entries.backends[&endpoint.backend];
    assert_eq!((backend.address, backend.vpc, backend.reachable), (Be32::new(0), leases.vpcs["blue"], 1));

    // With ports, those alone.
    desired.services.get_mut("store").unwrap().ports = sample::service("blue", sample::host(1), &[(443, 443)]).ports;
    let entries = compiled(&desired, &leases);
    assert_eq!(entries.endpoints[&0].all_ports, 0);
    let port = Be16::new(443);
    let dialled = Dialled { endpoint: 0, endpoint_port: port, protocol: TCP.into() };
    assert_eq!(entries.mappings, [(dialled, Mapping { server_port: port, reserved: 0 })].into());
}

#[test]
fn a_vlan_and_a_tunnel_are_links_of_their_own_on_one_interface() {
    let mut desired = with([]);
    desired.vpcs.get_mut("blue").unwrap().attach = vec![sample::vlan("eth0", 7), sample::vxlan("eth0", 0x12_3456)];
    let leases = Leases::default().assign(&desired, CAPACITY).unwrap();
    let facts = facts(&desired, &leases);
    let entries = compile(&desired, &leases, &facts);
    let is = facts.interfaces["eth0"];
    let blue = leases.vpcs["blue"];
    let of = |attachment| leases.link(blue, &attachment).unwrap();
    let vlan = Link {
        ifindex: is.index,
        address: address(14),
        mac: is.mac,
        vpc: blue,
        segment: Segment::vlan(7),
        local: Be32::new(0),
        mtu: 1500,
        peer: 0,
        dialables: entries.links[&of(sample::vlan("eth0", 7))].dialables,
    };
    let tunnel = Link {
        segment: Segment::vxlan(0x12_3456),
        local: Be32::from_wire([192, 0, 2, 1]),
        // IPv4, UDP, VXLAN and the inner Ethernet header (RFC 7348 §5).
        mtu: 1500 - 50,
        ..vlan
    };
    for (attachment, link) in [(sample::vlan("eth0", 7), vlan), (sample::vxlan("eth0", 0x12_3456), tunnel)] {
        let number = of(attachment);
        assert_eq!(entries.links[&number], link);
        assert_eq!(entries.ingress[&Ingress { ifindex: is.index, segment: link.segment }], number);
    }
}

#[test]
fn packets_are_handed_on_at_once_to_a_veth_end_in_another_namespace_but_never_into_a_tunnel() {
    let mut desired = with([]);
    desired.vpcs.get_mut("blue").unwrap().attach = vec![sample::vlan("eth0", 7), sample::vxlan("eth0", 42)];
    let leases = Leases::default().assign(&desired, CAPACITY).unwrap();
    let mut facts = facts(&desired, &leases);
    let peers = |facts: &Facts| {
        let links = compile(&desired, &leases, facts).links;
        [sample::vlan("eth0", 7), sample::vxlan("eth0", 42)]
            .map(|is| links[&leases.link(leases.vpcs["blue"], &is).unwrap()].peer)
    };
    assert_eq!(peers(&facts), [0, 0]);
    facts.interfaces.get_mut("eth0").unwrap().hands_on = true;
    assert_eq!(peers(&facts), [1, 0]);
}

#[test]
fn a_link_keeps_its_segment_when_its_interface_goes_and_when_nobody_wants_it() {
    let mut desired = with([]);
    desired.vpcs.get_mut("blue").unwrap().attach = vec![sample::vlan("eth0", 7), sample::vxlan("eth0", 42)];
    let leases = Leases::default().assign(&desired, CAPACITY).unwrap();
    let all = compiled(&desired, &leases);
    let away = compile(&desired, &leases, &Facts::default());
    for (number, link) in all.links {
        assert_eq!(away.links[&number], Link { ifindex: 0, mac: NO_LINK.mac, mtu: 0, ..link });
    }
    assert!(away.ingress.is_empty());

    desired.vpcs.get_mut("blue").unwrap().attach = vec![sample::vlan("eth0", 8)];
    let leases = leases.assign(&desired, CAPACITY).unwrap();
    let blue = leases.vpcs["blue"];
    let entries = compiled(&desired, &leases);
    let unwanted: Vec<Segment> =
        entries.links.values().filter(|is| is.vpc == blue && is.ifindex == 0).map(|is| is.segment).collect();
    assert_eq!(unwanted, [Segment::vlan(7), Segment::vxlan(42)]);
}

#[test]
fn a_removed_endpoint_is_closed_and_nothing_leads_to_it() {
    let (desired, leases) = changed(&FILE[..FILE.rfind("[[endpoint]]").unwrap()]);
    let entries = compiled(&desired, &leases);
    let own = entries.endpoints[&0];
    assert_eq!((own.accepted, own.limit, own.slots, own.generation), (0, 0, 4096, 3));
    assert!(entries.transit.values().all(|block| block.endpoint == WEB));
    assert!(entries.mappings.keys().all(|dialled| dialled.endpoint == WEB));
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
    assert!(after.mappings.keys().map(|dialled| dialled.endpoint).eq([0, 0, 2, 2]));
    assert_eq!(after.addresses[&Local { vpc: CONSUMER.into(), address: address(100) }], 2);
}

#[test]
fn a_transit_address_of_an_earlier_range_hides_none_of_this_one() {
    let (desired, leases) = changed(&FILE.replace("198.19.130.0/24", "198.19.131.0/24"));
    assert_eq!(leases.endpoints[&WEB].held, Held::Cut);
    let entries = compiled(&desired, &leases);
    let (number, web) = leases.serving().find(|(name, _)| *name == "web").unwrap().1;
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
    let unknown = Backend { address: address(5), vpc: PROVIDER, ..NO_BACKEND };
    facts.neighbours.clear();
    assert_eq!(compile(&desired, &leases, &facts).backends, [(0, unknown)].into());

    let link = leases.link(PROVIDER, &Attachment::untagged("p0")).unwrap();
    facts.neighbours.insert(0, Neighbour { link, station: station(9) });
    let known = Backend { link, station: station(9), reachable: 1, ..unknown };
    assert_eq!(compile(&desired, &leases, &facts).backends, [(0, known)].into());

    facts.interfaces.remove("p0");
    assert_eq!(compile(&desired, &leases, &facts).backends, [(0, unknown)].into());
}

#[test]
fn a_link_leads_nowhere_until_its_interface_is_there() {
    let (desired, leases) = fresh(FILE);
    let mut facts = Facts { hertz: 250, ..Facts::default() };
    facts.interfaces.insert("c1".to_owned(), interface(7));
    facts.interfaces.insert("other".to_owned(), interface(8));
    let entries = compile(&desired, &leases, &facts);
    let number = leases.link(CONSUMER, &Attachment::untagged("c1")).unwrap();
    let dialables = Dialables::NONE.with(address(254)).with(address(100));
    let link = Link { ifindex: 7, address: address(254), mac: mac(7), vpc: CONSUMER, mtu: 1500, dialables, ..NO_LINK };
    let away = |vpc| Link { address: address(254), vpc, dialables, ..NO_LINK };
    assert_eq!(entries.links, [(0, away(CONSUMER)), (number, link), (2, away(PROVIDER))].into());
    assert_eq!(entries.ingress, [(Ingress { ifindex: 7, segment: Segment::UNTAGGED }, number)].into());
    assert_eq!(entries.endpoints.len(), 2);
}

#[test]
fn what_has_flows_can_be_dialled_until_the_last_one_ended() {
    let own = Dialables::NONE.with(address(254));
    let of = |entries: &Entries, vpc| {
        let link = entries.links.values().find(|link| link.vpc == vpc && link.ifindex != 0);
        link.expect("an attached one").dialables
    };
    let (desired, mut leases) = changed(&FILE.replace("max_connections = 50", "max_connections = 500"));
    leases.endpoints.retain(|_, lease| lease.held != Held::Serving);
    assert_eq!(leases.endpoints.len(), 1, "one that drains");
    let draining = compiled(&desired, &leases);
    assert_eq!(of(&draining, CONSUMER), own.with(address(100)));
    assert_eq!(of(&draining, PROVIDER), own);

    let (desired, leases) = changed(&FILE[..FILE.rfind("[[endpoint]]").unwrap()]);
    assert_eq!(of(&compiled(&desired, &leases), PROVIDER), own.with(address(100)));
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
    let dialables = Dialables::NONE.with(address(100));
    assert_eq!(entries.links[&old], Link { vpc: CONSUMER, dialables, ..NO_LINK });
    assert_eq!(entries.links[&new].vpc, PROVIDER);
    assert!(entries.ingress.values().all(|link| *link != old));
}
