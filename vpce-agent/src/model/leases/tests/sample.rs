//! Desired states for tests: small networks that run full, and edits as an operator makes them.

use std::{collections::BTreeMap, net::Ipv4Addr, num::NonZeroU16, time::Duration};

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::model::{
    Attachment, Backend, BackendKind, Desired, Dial, Endpoint, Gateway, Mode, Permission, Place, Port, Protocol,
    Refuse, Routed, Segment, Service, Target, Timers, Vpc, Vxlan,
};

/// An address of the networks that both VPCs have.
pub(crate) const fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

pub(crate) fn net(text: &str) -> ipnet::Ipv4Net {
    text.parse().unwrap()
}

const TIMERS: Timers = Timers {
    opening: Duration::from_mins(4),
    established: Duration::from_mins(124),
    closing: Duration::from_mins(4),
    udp: Duration::from_mins(5),
};

/// VPCs `red` and `blue` of equal networks, service `web` in blue and `db` in red, `store` of type
/// gateway in blue, no endpoint.
pub(crate) fn desired() -> Desired {
    let gateway = Gateway {
        region: "region-1".to_owned(),
        transit: net("198.19.128.0/24"),
        refuse: Refuse::Reset,
        icmp_per_sec: 1000,
        timers: TIMERS,
        max_flows: 1 << 19,
    };
    let vpcs = BTreeMap::from([
        ("red".to_owned(), vpc(&["red0"], None)),
        ("blue".to_owned(), vpc(&["blue0", "blue1"], Some(host(1)))),
    ]);
    let services = BTreeMap::from([
        ("web".to_owned(), service("blue", host(2), &[(80, 8080), (443, 8443)])),
        ("db".to_owned(), service("red", host(3), &[(80, 5432)])),
        ("store".to_owned(), store(host(1))),
    ]);
    Desired { gateway, api: None, vpcs, services, endpoints: BTreeMap::new() }
}

/// A VPC; its first subnet has hosts 1 to 14, its second 17 to 30, its third 32 and 33.
fn vpc(attach: &[&str], next_hop: Option<Ipv4Addr>) -> Vpc {
    let subnet = |(name, cidr): (&str, _)| (name.to_owned(), net(cidr));
    Vpc {
        domain: None,
        attach: attach.iter().map(|&interface| Attachment::untagged(interface)).collect(),
        address: net("10.0.0.14/24"),
        subnets: [("default", "10.0.0.0/28"), ("more", "10.0.0.16/28"), ("pair", "10.0.0.32/31")].map(subnet).into(),
        next_hop,
    }
}

fn port(port: u16) -> Port {
    Port(NonZeroU16::new(port).unwrap())
}

pub(crate) fn service(vpc: &str, address: Ipv4Addr, ports: &[(u16, u16)]) -> Service {
    let dial = |client| Dial { protocol: Protocol::Tcp, port: port(client) };
    Service {
        vpc: vpc.to_owned(),
        target: Target::Backend(Backend { kind: BackendKind::Vm, address }),
        ports: ports.iter().map(|&(client, server)| (dial(client), port(server))).collect(),
        timers: TIMERS,
        permissions: vec![Permission::Anyone],
        tags: BTreeMap::new(),
    }
}

/// A service of type gateway in blue, whose router this is.
fn store(router: Ipv4Addr) -> Service {
    let target = Target::Routed(Routed { prefixes: [net("100.125.0.0/16")].into(), router });
    Service { target, ..service("blue", router, &[]) }
}

/// An endpoint to `store` in red.
pub(crate) fn gateway_endpoint() -> Endpoint {
    Endpoint { service: "store".to_owned(), place: None, ..endpoint() }
}

pub(crate) fn vlan(interface: &str, vlan: u16) -> Attachment {
    Attachment { interface: interface.to_owned(), segment: Segment::Vlan(vlan), mode: Mode::Auto }
}

pub(crate) fn vxlan(interface: &str, vni: u32) -> Attachment {
    let vxlan = Vxlan { vni, local: Ipv4Addr::new(192, 0, 2, 1), remotes: vec![Ipv4Addr::new(192, 0, 2, 2)] };
    Attachment { interface: interface.to_owned(), segment: Segment::Vxlan(vxlan), mode: Mode::Auto }
}

/// An endpoint to `web` in red that asks for no address.
pub(crate) fn endpoint() -> Endpoint {
    Endpoint {
        service: "web".to_owned(),
        vpc: "red".to_owned(),
        place: place("default", None),
        max_connections: 50,
        clients: None,
        tags: BTreeMap::new(),
    }
}

/// A place of an endpoint.
#[expect(clippy::unnecessary_wraps, reason = "as the endpoint has it")]
pub(crate) fn place(subnet: &str, address: Option<Ipv4Addr>) -> Option<Place> {
    Some(Place { subnet: subnet.to_owned(), address })
}

/// The desired state with these endpoints.
pub(crate) fn with<const N: usize>(endpoints: [(&str, Endpoint); N]) -> Desired {
    Desired { endpoints: endpoints.map(|(name, endpoint)| (name.to_owned(), endpoint)).into(), ..desired() }
}

/// What an operator does to the file between two reads of it.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    Put(&'static str, Endpoint),
    Remove(&'static str),
    Resize(&'static str, u32),
    Repoint(&'static str, &'static str),
    Address(&'static str, Option<Ipv4Addr>),
    Backend(&'static str, Ipv4Addr),
    ServerPort(&'static str, u16),
    NextHop(Option<Ipv4Addr>),
    Attach(Vec<Attachment>),
    Transit(&'static str),
}

impl Edit {
    /// Makes the edit, unless `config` would refuse what comes of it.
    pub(crate) fn make(&self, desired: &mut Desired) {
        let mut edited = desired.clone();
        let endpoints = &mut edited.endpoints;
        match self {
            Self::Put(name, endpoint) => drop(endpoints.insert((*name).to_owned(), endpoint.clone())),
            Self::Remove(name) => drop(endpoints.remove(*name)),
            Self::Resize(name, most) => drop(endpoints.get_mut(*name).map(|is| is.max_connections = *most)),
            Self::Repoint(name, to) => {
                if let Some(is) = endpoints.get_mut(*name) {
                    is.service = (*to).to_owned();
                    is.place = if *to == "store" { None } else { is.place.take().or_else(|| place("default", None)) };
                }
            }
            Self::Address(name, address) => {
                if let Some(place) = endpoints.get_mut(*name).and_then(|is| is.place.as_mut()) {
                    place.address = *address;
                }
            }
            Self::Backend(name, address) => {
                let backend = Backend { kind: BackendKind::Vm, address: *address };
                edited.services.get_mut(*name).unwrap().target = Target::Backend(backend);
            }
            Self::ServerPort(name, server) => {
                *edited.services.get_mut(*name).unwrap().ports.values_mut().next().unwrap() = port(*server);
            }
            Self::NextHop(next_hop) => {
                edited.vpcs.get_mut("blue").unwrap().next_hop = *next_hop;
                match next_hop {
                    Some(router) => drop(edited.services.insert("store".to_owned(), store(*router))),
                    None => drop(edited.services.remove("store")),
                }
            }
            Self::Attach(attach) => edited.vpcs.get_mut("blue").unwrap().attach.clone_from(attach),
            Self::Transit(range) => edited.gateway.transit = net(range),
        }
        if is_valid(&edited) {
            *desired = edited;
        }
    }
}

/// The rules of `config` that an edit could break.
fn is_valid(desired: &Desired) -> bool {
    let mut asked: Vec<(&str, Ipv4Addr)> = Vec::new();
    let mut gateways: Vec<&str> = Vec::new();
    desired.endpoints.values().all(|endpoint| {
        if endpoint.place.is_none() {
            let first = !gateways.contains(&endpoint.vpc.as_str());
            gateways.push(&endpoint.vpc);
            return first && desired.services.contains_key("store");
        }
        let Some(address) = endpoint.asked() else { return true };
        let free = !asked.contains(&(&endpoint.vpc, address)) && !is_taken(desired, &endpoint.vpc, address);
        asked.push((&endpoint.vpc, address));
        free && is_host(desired, endpoint, address)
    })
}

/// Whether the address is of the endpoint's subnet, and not its network or broadcast address.
pub(crate) fn is_host(desired: &Desired, endpoint: &Endpoint, address: Ipv4Addr) -> bool {
    let place = endpoint.place.as_ref().expect("it has a place");
    desired.vpcs[&endpoint.vpc].subnets[&place.subnet].hosts().any(|host| host == address)
}

/// Whether the address is the gateway's, the router's or a backend's.
pub(crate) fn is_taken(desired: &Desired, vpc: &str, address: Ipv4Addr) -> bool {
    let is_backend = |service: &Service| service.vpc == vpc && service.target.address() == address;
    let Vpc { address: own, next_hop, .. } = &desired.vpcs[vpc];
    own.addr() == address || *next_hop == Some(address) || desired.services.values().any(is_backend)
}

const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f"];
const SERVICES: &[&str] = &["web", "db"];

/// Blocks of one, two and four transit addresses.
const SIZES: &[u32] = &[1, 50, 200, 900, 3000, 14_000, 50_000];

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let place = (select(SERVICES), select(&["red", "blue"][..]), select(&["default", "more", "pair"][..]));
    let dialled = (place, option::weighted(0.3, 0_u8..34), select(SIZES)).prop_map(
        |((service, vpc, subnet), address, max_connections)| Endpoint {
            service: service.to_owned(),
            vpc: vpc.to_owned(),
            place: self::place(subnet, address.map(host)),
            max_connections,
            clients: None,
            tags: BTreeMap::new(),
        },
    );
    let routed = (select(&["red", "blue"][..]), select(SIZES)).prop_map(|(vpc, max_connections)| Endpoint {
        vpc: vpc.to_owned(),
        max_connections,
        ..gateway_endpoint()
    });
    prop_oneof![4 => dialled, 1 => routed]
}

fn any_attachments() -> impl Strategy<Value = Vec<Attachment>> {
    select(vec![
        vec![Attachment::untagged("blue0")],
        vec![Attachment::untagged("blue1")],
        vec![Attachment::untagged("blue1"), Attachment::untagged("blue2")],
        vec![Attachment::untagged("red1")],
        vec![vlan("blue0", 7), vlan("blue0", 8), vxlan("blue0", 7)],
        vec![vlan("blue0", 8), Attachment::untagged("blue1")],
    ])
}

pub(crate) fn any_edit() -> impl Strategy<Value = Edit> {
    let name = || select(NAMES);
    prop_oneof![
        4 => (name(), any_endpoint()).prop_map(|(name, endpoint)| Edit::Put(name, endpoint)),
        1 => name().prop_map(Edit::Remove),
        3 => (name(), select(SIZES)).prop_map(|(name, most)| Edit::Resize(name, most)),
        2 => (name(), select(&["web", "db", "store"][..])).prop_map(|(name, service)| Edit::Repoint(name, service)),
        1 => (name(), option::of((0_u8..34).prop_map(host))).prop_map(|(name, address)| Edit::Address(name, address)),
        1 => (select(SERVICES), (1_u8..14).prop_map(host)).prop_map(|(name, address)| Edit::Backend(name, address)),
        1 => (select(SERVICES), 1_u16..9000).prop_map(|(name, port)| Edit::ServerPort(name, port)),
        1 => option::of((1_u8..14).prop_map(host)).prop_map(Edit::NextHop),
        1 => any_attachments().prop_map(Edit::Attach),
        1 => select(&["198.19.128.0/24", "198.19.129.0/24", "198.19.128.0/17"][..]).prop_map(Edit::Transit),
    ]
}

/// What happens to a gateway.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The file was edited.
    Edited(Vec<Edit>),
    /// The flows of leases that do not serve ended, of those whose number is even or odd.
    Ended(u32),
    /// The host was started anew: no map is left.
    Rebooted,
}

pub(crate) fn any_history() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        12 => vec(any_edit(), 1..4).prop_map(Event::Edited),
        3 => (0_u32..2).prop_map(Event::Ended),
        1 => Just(Event::Rebooted),
    ];
    vec(event, 1..16)
}
