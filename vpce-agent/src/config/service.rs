//! The `[[service]]` sections.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::{
    Cause, Holder,
    named::Named,
    net::{self, check_host},
    report::Read,
    rule,
    table::{Keys, Table},
    tags,
    value::{Value, each},
    vpc::{self, Vpcs},
};
use crate::model::{Backend, BackendKind, Dial, Permission, Port, Protocol, Service};

const KEYS: Keys = Keys {
    known: &[
        ("name", r#"name = "web""#),
        ("vpc", r#"vpc = "blue""#),
        ("type", r#"type = "interface""#),
        ("backend", r#"backend = { kind = "vm", address = "10.0.0.5" }"#),
        ("ports", "ports = [{ client = 80, server = 8080 }]"),
        ("approval", "approval = false"),
        ("permissions", r#"permissions = ["iam:domain::1564ec50ef2a47c791ea5536353ed4b9"]"#),
        ("tags", r#"tags = { env = "demo" }"#),
    ],
    planned: &[("prefixes", "leave it out")],
};

const BACKEND_KEYS: Keys =
    Keys { known: &[("kind", r#"kind = "vm""#), ("address", r#"address = "10.0.0.5""#)], planned: &[] };

const PORT_KEYS: Keys = Keys {
    known: &[("client", "client = 80"), ("server", "server = 8080"), ("protocol", r#"protocol = "tcp""#)],
    planned: &[],
};

const TYPES: &[(&str, Option<()>)] = &[("interface", Some(())), ("gateway", None)];

const PROTOCOLS: &[(&str, Option<Protocol>)] = &[("tcp", Some(Protocol::Tcp)), ("udp", Some(Protocol::Udp))];

const KINDS: &[(&str, Option<BackendKind>)] =
    &[("vm", Some(BackendKind::Vm)), ("lb", Some(BackendKind::Lb)), ("bms", Some(BackendKind::Bms))];

/// Guide §2.2.2.
const MAX_PORTS: usize = 50;

/// The services of the file.
pub(super) type Services<'d> = Named<'d, Draft<'d>>;

/// A service as far as it could be read.
#[derive(Debug)]
pub(super) struct Draft<'d> {
    pub(super) vpc: Read<(&'d str, &'d vpc::Draft<'d>)>,
    pub(super) backend: Read<Backend>,
    ports: Read<BTreeMap<Dial, Port>>,
    pub(super) permissions: Read<Vec<Permission>>,
    tags: Read<BTreeMap<String, String>>,
    /// Err if it asks for what isn't built yet.
    built: Read<()>,
}

pub(super) fn read<'d>(root: Table<'d>, vpcs: &'d Vpcs<'d>, transit: Read<Ipv4Net>) -> Services<'d> {
    let open = |entry: Value<'d>| entry.section("[[service]]", KEYS);
    Named::read(root.sections("service"), open, rule::SERVICE_NAME, |table| {
        let vpc = table.required("vpc", |value| vpcs.find(value));
        // A service of type gateway has neither.
        let interface = table.built.and(table.or("type", (), |value| value.word(TYPES)));
        let backend = table.required_if(interface, "backend", |value| backend(value, vpc, transit));
        let ports = table.required_if(interface, "ports", ports);
        let permissions = table.or("permissions", Vec::new(), |value| each(value.items(0..=usize::MAX)?, permission));
        let tags = tags::read(table);
        let built = table.or("approval", (), Value::off).and(interface);
        Ok(Draft { vpc, backend, ports, permissions, tags, built })
    })
}

fn backend<'d>(value: Value<'d>, vpc: Read<(&'d str, &'d vpc::Draft<'d>)>, transit: Read<Ipv4Net>) -> Read<Backend> {
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
fn ports(value: Value<'_>) -> Read<BTreeMap<Dial, Port>> {
    let (mut clients, mut servers) = (BTreeMap::new(), BTreeMap::new());
    each(value.items(1..=MAX_PORTS)?, |entry| {
        let table = entry.table(PORT_KEYS)?;
        let protocol = table.or("protocol", Protocol::Tcp, |value| value.word(PROTOCOLS));
        let client = table.required("client", |value| unique_port(value, protocol, &mut clients));
        let server = table.required("server", |value| unique_port(value, protocol, &mut servers));
        Ok((client?, server?.port))
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
    match text.strip_prefix("iam:domain::") {
        Some(domain) if rule::DOMAIN.admits(domain) => Ok(Permission::Domain(domain.to_owned())),
        _ if text == "*" => Ok(Permission::Anyone),
        _ => value.fail(Cause::NotAllowed {
            key: value.key.to_owned(),
            value: text.to_owned(),
            rule: "\"*\" or \"iam:domain::\" and a domain: 1 to 64 of A-Z a-z 0-9 -",
        }),
    }
}

impl Draft<'_> {
    pub(super) fn build(&self) -> Read<Service> {
        self.built?;
        let (vpc, _) = self.vpc?;
        Ok(Service {
            vpc: vpc.to_owned(),
            backend: self.backend?,
            ports: self.ports.clone()?,
            permissions: self.permissions.clone()?,
            tags: self.tags.clone()?,
        })
    }
}
