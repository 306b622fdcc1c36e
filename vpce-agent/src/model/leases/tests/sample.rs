//! Desired states for tests: small networks that run full, and edits as an operator makes them.

use std::{collections::BTreeMap, net::Ipv4Addr, num::NonZeroU16, time::Duration};

use proptest::{collection::vec, option, prelude::*, sample::select};

use crate::model::{
    Backend, BackendKind, Desired, Dial, Endpoint, Gateway, Mode, Permission, Port, Protocol, Refuse, Service, Timers,
    Vpc,
};

/// An address of the networks that both VPCs have.
pub(crate) const fn host(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

pub(crate) fn net(text: &str) -> ipnet::Ipv4Net {
    text.parse().unwrap()
}

/// VPCs `red` and `blue` of equal networks, service `web` in blue and `db` in red, no endpoint.
pub(crate) fn desired() -> Desired {
    let gateway = Gateway {
        region: "region-1".to_owned(),
        transit: net("198.19.128.0/24"),
        mode: Mode::Auto,
        refuse: Refuse::Reset,
        timers: Timers {
            opening: Duration::from_mins(4),
            established: Duration::from_mins(124),
            closing: Duration::from_mins(4),
            udp: Duration::from_mins(5),
        },
        max_flows: 1 << 16,
    };
    let vpcs = BTreeMap::from([
        ("red".to_owned(), vpc(&["red0"], None)),
        ("blue".to_owned(), vpc(&["blue0", "blue1"], Some(host(1)))),
    ]);
    let services = BTreeMap::from([
        ("web".to_owned(), service("blue", host(2), &[(80, 8080), (443, 8443)])),
        ("db".to_owned(), service("red", host(3), &[(80, 5432)])),
    ]);
    Desired { gateway, vpcs, services, endpoints: BTreeMap::new() }
}

/// A VPC; its first subnet has hosts 1 to 14, its second 17 to 30, its third 32 and 33.
fn vpc(attach: &[&str], next_hop: Option<Ipv4Addr>) -> Vpc {
    let subnet = |(name, cidr): (&str, _)| (name.to_owned(), net(cidr));
    Vpc {
        domain: None,
        attach: attach.iter().map(|&interface| interface.to_owned()).collect(),
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
        backend: Backend { kind: BackendKind::Vm, address },
        ports: ports.iter().map(|&(client, server)| (dial(client), port(server))).collect(),
        permissions: vec![Permission::Anyone],
        tags: BTreeMap::new(),
    }
}

/// An endpoint to `web` in red that asks for no address.
pub(crate) fn endpoint() -> Endpoint {
    Endpoint {
        service: "web".to_owned(),
        vpc: "red".to_owned(),
        subnet: "default".to_owned(),
        address: None,
        max_connections: 50,
        tags: BTreeMap::new(),
    }
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
    Attach(Vec<&'static str>),
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
            Self::Repoint(name, to) => drop(endpoints.get_mut(*name).map(|is| is.service = (*to).to_owned())),
            Self::Address(name, address) => drop(endpoints.get_mut(*name).map(|is| is.address = *address)),
            Self::Backend(name, address) => edited.services.get_mut(*name).unwrap().backend.address = *address,
            Self::ServerPort(name, server) => {
                *edited.services.get_mut(*name).unwrap().ports.values_mut().next().unwrap() = port(*server);
            }
            Self::NextHop(next_hop) => edited.vpcs.get_mut("blue").unwrap().next_hop = *next_hop,
            Self::Attach(interfaces) => {
                let attach = interfaces.iter().map(|&interface| interface.to_owned()).collect();
                edited.vpcs.get_mut("blue").unwrap().attach = attach;
            }
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
    desired.endpoints.values().all(|endpoint| {
        let Some(address) = endpoint.address else { return true };
        let free = !asked.contains(&(&endpoint.vpc, address)) && !is_taken(desired, &endpoint.vpc, address);
        asked.push((&endpoint.vpc, address));
        free && is_host(desired, endpoint, address)
    })
}

/// Whether the address is of the endpoint's subnet, and not its network or broadcast address.
pub(crate) fn is_host(desired: &Desired, endpoint: &Endpoint, address: Ipv4Addr) -> bool {
    desired.vpcs[&endpoint.vpc].subnets[&endpoint.subnet].hosts().any(|host| host == address)
}

/// Whether the address is the gateway's, the router's or a backend's.
pub(crate) fn is_taken(desired: &Desired, vpc: &str, address: Ipv4Addr) -> bool {
    let is_backend = |service: &Service| service.vpc == vpc && service.backend.address == address;
    let Vpc { address: own, next_hop, .. } = &desired.vpcs[vpc];
    own.addr() == address || *next_hop == Some(address) || desired.services.values().any(is_backend)
}

const NAMES: &[&str] = &["a", "b", "c", "d", "e", "f"];
const SERVICES: &[&str] = &["web", "db"];

fn any_endpoint() -> impl Strategy<Value = Endpoint> {
    let place = (select(SERVICES), select(&["red", "blue"][..]), select(&["default", "more", "pair"][..]));
    (place, option::weighted(0.3, 0_u8..34), select(&[1, 50, 200, 900, 3000][..])).prop_map(
        |((service, vpc, subnet), address, max_connections)| Endpoint {
            service: service.to_owned(),
            vpc: vpc.to_owned(),
            subnet: subnet.to_owned(),
            address: address.map(host),
            max_connections,
            tags: BTreeMap::new(),
        },
    )
}

pub(crate) fn any_edit() -> impl Strategy<Value = Edit> {
    let name = || select(NAMES);
    prop_oneof![
        4 => (name(), any_endpoint()).prop_map(|(name, endpoint)| Edit::Put(name, endpoint)),
        1 => name().prop_map(Edit::Remove),
        3 => (name(), select(&[1, 50, 200, 900, 3000][..])).prop_map(|(name, most)| Edit::Resize(name, most)),
        2 => (name(), select(SERVICES)).prop_map(|(name, service)| Edit::Repoint(name, service)),
        1 => (name(), option::of((0_u8..34).prop_map(host))).prop_map(|(name, address)| Edit::Address(name, address)),
        1 => (select(SERVICES), (1_u8..14).prop_map(host)).prop_map(|(name, address)| Edit::Backend(name, address)),
        1 => (select(SERVICES), 1_u16..9000).prop_map(|(name, port)| Edit::ServerPort(name, port)),
        1 => option::of((1_u8..14).prop_map(host)).prop_map(Edit::NextHop),
        1 => select(vec![vec!["blue0"], vec!["blue1"], vec!["blue1", "blue2"], vec!["red1"]]).prop_map(Edit::Attach),
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
