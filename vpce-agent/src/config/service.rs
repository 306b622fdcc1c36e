//! The `[[service]]` sections.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;

use super::{
    Cause, Holder,
    named::Named,
    net::{self, check_host, check_transit},
    report::Read,
    rule,
    table::{Keys, Table},
    tags, timers,
    value::{Value, each},
    vpc::{VpcOf, Vpcs},
};
use crate::model::{Backend, BackendKind, Dial, Permission, Port, Protocol, Routed, Service, Target, Timers};

const KEYS: Keys = &[
    ("name", r#"name = "web""#),
    ("vpc", r#"vpc = "blue""#),
    ("type", r#"type = "interface""#),
    ("backend", r#"backend = { kind = "vm", address = "10.0.0.5" }"#),
    ("prefixes", r#"prefixes = ["100.125.0.0/16"]"#),
    ("ports", "ports = [{ client = 80, server = 8080 }]"),
    ("timers", "timers = { established_secs = 7440 }"),
    ("approval", "approval = false"),
    ("permissions", r#"permissions = ["iam:domain::1564ec50ef2a47c791ea5536353ed4b9"]"#),
    ("tags", r#"tags = { env = "demo" }"#),
];

const BACKEND_KEYS: Keys = &[("kind", r#"kind = "vm""#), ("address", r#"address = "10.0.0.5""#)];

const PORT_KEYS: Keys = &[("client", "client = 80"), ("server", "server = 8080"), ("protocol", r#"protocol = "tcp""#)];

/// What a service leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One machine.
    Interface,
    /// Whole networks.
    Gateway,
}

const TYPES: &[(&str, Kind)] = &[("interface", Kind::Interface), ("gateway", Kind::Gateway)];

const PROTOCOLS: &[(&str, Protocol)] = &[("tcp", Protocol::Tcp), ("udp", Protocol::Udp)];

const KINDS: &[(&str, BackendKind)] = &[("vm", BackendKind::Vm), ("lb", BackendKind::Lb), ("bms", BackendKind::Bms)];

/// Guide §2.2.2.
const MAX_PORTS: usize = 50;
const MAX_PREFIXES: usize = 50;

/// The services of the file.
pub(super) type Services<'d> = Named<'d, Draft<'d>>;

/// A service as far as it could be read.
#[derive(Debug)]
pub(super) struct Draft<'d> {
    pub(super) vpc: VpcOf<'d>,
    pub(super) kind: Read<Kind>,
    pub(super) target: Read<Target>,
    pub(super) ports: Read<BTreeMap<Dial, Port>>,
    timers: Read<Timers>,
    pub(super) permissions: Read<Vec<Permission>>,
    tags: Read<BTreeMap<String, String>>,
    /// Err if it asks for what isn't built yet.
    built: Read<()>,
}

pub(super) fn read<'d>(
    root: Table<'d>,
    vpcs: &'d Vpcs<'d>,
    transit: Read<Ipv4Net>,
    timers: Read<Timers>,
) -> Services<'d> {
    let open = |entry: Value<'d>| entry.section("[[service]]", KEYS);
    Named::read(root.sections("service"), open, rule::SERVICE_NAME, |table| {
        let vpc = table.required("vpc", |value| {
            let (name, vpc) = vpcs.find(value)?;
            if vpc.can_ask().is_ok_and(|can| !can) {
                // What else is wrong with the service is told too.
                let _: Read<()> = value.fail(Cause::NoRemotes { vpc: name.to_owned() });
            }
            Ok((name, vpc))
        });
        let kind = table.or("type", Kind::Interface, |value| value.word(TYPES));
        let (target, ports) = match kind {
            Ok(Kind::Gateway) => {
                (routed(table, vpc, transit), table.or("ports", BTreeMap::new(), |value| ports(value, kind)))
            }
            _ => interface(table, kind, vpc, transit),
        };
        let own_timers = table
            .optional("timers", |value| timers::read(value.table(timers::KEYS)?, timers.unwrap_or(timers::DEFAULT)));
        let permissions = table.or("permissions", Vec::new(), |value| each(value.items(0..=usize::MAX)?, permission));
        let tags = tags::read(table);
        let built = table.or("approval", (), Value::off);
        let timers = own_timers.and_then(|own| own.map_or(timers, Ok));
        Ok(Draft { vpc, kind, target, ports, timers, permissions, tags, built })
    })
}

/// A service that leads to one machine. One of unknown type is asked for nothing.
fn interface<'d>(
    table: Table<'d>,
    kind: Read<Kind>,
    vpc: VpcOf<'d>,
    transit: Read<Ipv4Net>,
) -> (Read<Target>, Read<BTreeMap<Dial, Port>>) {
    let known = kind.map(drop);
    let backend = table.required_if(known, "backend", |value| backend(value, vpc, transit));
    let ports = table.required_if(known, "ports", |value| ports(value, kind));
    let apart = known.and_then(|()| {
        table.refuse("prefixes", "a service of type interface", r#"write type = "gateway", or leave it out"#)
    });
    (apart.and(backend).map(Target::Backend), ports)
}

/// Where a service of type gateway leads to.
fn routed<'d>(table: Table<'d>, vpc: VpcOf<'d>, transit: Read<Ipv4Net>) -> Read<Target> {
    let prefixes = table.required("prefixes", |value| prefixes(value, transit));
    let apart = table.refuse("backend", "a service of type gateway", "leave it out");
    let router = table.required("type", |value| {
        let (name, vpc) = vpc?;
        vpc.next_hop?.map_or_else(|| value.fail(Cause::NoRouter { vpc: name.to_owned() }), Ok)
    });
    apart?;
    Ok(Target::Routed(Routed { prefixes: prefixes?, router: router? }))
}

fn prefixes(value: Value<'_>, transit: Read<Ipv4Net>) -> Read<BTreeSet<Ipv4Net>> {
    let mut earlier: Vec<(Ipv4Net, usize)> = Vec::new();
    each(value.items(1..=MAX_PREFIXES)?, |value| {
        let net = net::network_of(value, 8..=32)?;
        check_transit(value, net, transit)?;
        if let Some(&(other, line)) = earlier.iter().find(|(other, _)| net::overlap(net, *other)) {
            return value.fail(Cause::PrefixesOverlap { net, other, line });
        }
        earlier.push((net, value.line()));
        Ok(net)
    })
}

fn backend<'d>(value: Value<'d>, vpc: VpcOf<'d>, transit: Read<Ipv4Net>) -> Read<Backend> {
    let table = value.table(BACKEND_KEYS)?;
    let kind = table.or("kind", BackendKind::Vm, |value| value.word(KINDS));
    let address = table.required("address", |value| {
        let address = net::address(value)?;
        if let Ok(transit) = transit
            && transit.contains(&address)
        {
            return value.fail(Cause::BackendInTransit { address, transit });
        }
        let (name, vpc) = vpc?;
        if vpc.address.is_ok_and(|own| own.addr() == address) {
            return value.fail(Cause::Held { address, by: Holder::Gateway });
        }
        match vpc.subnet_of(address)? {
            Some(net) => check_host(value, net, address)?,
            None if vpc.next_hop?.is_some() => (),
            None => {
                return value.fail(Cause::BackendOffSubnets { address, vpc: name.to_owned() });
            }
        }
        Ok(address)
    });
    Ok(Backend { kind: kind?, address: address? })
}

/// The ports; pairs of server port and protocol are unique too (guide §2.2.2).
fn ports(value: Value<'_>, kind: Read<Kind>) -> Read<BTreeMap<Dial, Port>> {
    let (mut clients, mut servers) = (BTreeMap::new(), BTreeMap::new());
    each(value.items(1..=MAX_PORTS)?, |entry| {
        let table = entry.table(PORT_KEYS)?;
        let protocol = table.or("protocol", Protocol::Tcp, |value| value.word(PROTOCOLS));
        let client = table.required("client", |value| unique_port(value, protocol, &mut clients));
        let server = table.required("server", |value| {
            let server = unique_port(value, protocol, &mut servers)?.port;
            match (kind, client) {
                (Ok(Kind::Gateway), Ok(Dial { port: client, .. })) if client != server => {
                    value.fail(Cause::PortChanged { client, server })
                }
                _ => Ok(server),
            }
        });
        Ok((client?, server?))
    })
}

fn unique_port(value: Value<'_>, protocol: Read<Protocol>, lines: &mut BTreeMap<Dial, usize>) -> Read<Dial> {
    let port = value.port()?;
    let dial = Dial { protocol: protocol?, port };
    match lines.insert(dial, value.line()) {
        None => Ok(dial),
        Some(line) => value.fail(Cause::Duplicate { key: value.key.to_owned(), value: port.to_string(), line }),
    }
}

fn permission(value: Value<'_>) -> Read<Permission> {
    let text = value.text()?;
    Permission::parse(text).map_or_else(
        || {
            value.fail(Cause::NotAllowed {
                key: value.key.to_owned(),
                value: text.to_owned(),
                rule: "\"*\" or \"iam:domain::\" and a domain: 1 to 64 of A-Z a-z 0-9 -",
            })
        },
        Ok,
    )
}

impl Draft<'_> {
    pub(super) fn build(&self) -> Read<Service> {
        self.built?;
        let (vpc, _) = self.vpc?;
        Ok(Service {
            vpc: vpc.to_owned(),
            target: self.target.clone()?,
            ports: self.ports.clone()?,
            timers: self.timers?,
            permissions: self.permissions.clone()?,
            tags: self.tags.clone()?,
        })
    }
}
