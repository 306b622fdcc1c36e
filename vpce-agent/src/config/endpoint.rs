//! The `[[endpoint]]` sections.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    Cause, Holder, gateway,
    named::Named,
    net::{self, check_host},
    report::Read,
    rule,
    service::{self, Kind, Services},
    table::{Keys, Table},
    tags,
    value::Value,
    vpc::{self, VpcOf, Vpcs},
};
use crate::model::{Endpoint, MAX_MAPPINGS, MAX_PREFIXES, Place, Target, slots};

const KEYS: Keys = &[
    ("name", r#"name = "web""#),
    ("service", r#"service = "web""#),
    ("vpc", r#"vpc = "red""#),
    ("subnet", r#"subnet = "default""#),
    ("address", r#"address = "10.0.0.100""#),
    ("dns", "dns = false"),
    ("max_connections", "max_connections = 3000"),
    ("tags", r#"tags = { env = "demo" }"#),
];

/// Guide §1.4.
const DEFAULT_CONNECTIONS: u32 = 3000;
pub(super) const MAX_CONNECTIONS: u32 = 1_000_000;

const GATEWAY: &str = "an endpoint of a service of type gateway";

type ServiceOf<'d> = Read<(&'d str, &'d service::Draft<'d>)>;

pub(super) fn read<'d>(
    root: Table<'d>,
    gateway: Read<gateway::Draft<'d>>,
    vpcs: &'d Vpcs<'d>,
    services: &'d Services<'d>,
) -> Named<'d, Endpoint> {
    let mut taken = Taken { holders: holders(vpcs, services), ..Taken::default() };
    let open = |entry: Value<'d>| entry.section("[[endpoint]]", KEYS);
    let endpoints = Named::read(root.sections("endpoint"), open, rule::NAME, |table| {
        let vpc = table.required("vpc", |value| vpcs.find(value));
        let service = table.required("service", |value| {
            let (name, service) = services.find(value)?;
            permitted(value, name, service, vpc?.1)?;
            taken.count(value, service)?;
            Ok((name, service))
        });
        let place = match service.and_then(|(_, service)| service.kind) {
            Ok(Kind::Gateway) => taken.prefixes(table, vpc, service).map(|()| None),
            kind => taken.place(table, kind, vpc).map(Some),
        };
        let max_connections =
            table.or("max_connections", DEFAULT_CONNECTIONS, |value| value.integer(1..=MAX_CONNECTIONS));
        taken.records += max_connections.map_or(0, |connections| u64::from(slots(connections)));
        let tags = tags::read(table);
        table.or("dns", (), Value::off)?;
        Ok(Endpoint {
            service: service?.0.to_owned(),
            vpc: vpc?.0.to_owned(),
            place: place?,
            max_connections: max_connections?,
            clients: None,
            tags: tags?,
        })
    });
    // Reported there; nothing else depends on it.
    let _ = gateway.and_then(|gateway| gateway.check_room(taken.records));
    endpoints
}

/// What the endpoints have taken so far.
#[derive(Default)]
struct Taken<'d> {
    /// Who has an address, by VPC.
    holders: BTreeMap<(&'d str, Ipv4Addr), Holder>,
    /// Lines of the endpoints of gateway services, by VPC and service.
    gateways: BTreeMap<(&'d str, &'d str), usize>,
    /// Lines of the endpoints that a prefix is of, by VPC.
    prefixes: BTreeMap<(&'d str, Ipv4Net), usize>,
    /// Flow records.
    records: u64,
    /// Port mappings.
    mappings: usize,
    /// Prefixes of all VPCs.
    networks: usize,
}

impl<'d> Taken<'d> {
    /// Where an endpoint of a service of type interface is. One of unknown type needs no place.
    fn place(&mut self, table: Table<'d>, kind: Read<Kind>, vpc: VpcOf<'d>) -> Read<Place> {
        let subnet = table.required_if(kind.map(drop), "subnet", |value| {
            value.text()?;
            vpc?.1.subnets.find(value)
        });
        let address = table.optional("address", |value| {
            let address = in_subnet(value, subnet)?;
            let place = (vpc?.0, address);
            if let Some(holder) = self.holders.get(&place) {
                return value.fail(Cause::Held { address, by: holder.clone() });
            }
            self.holders.insert(place, Holder::Endpoint { line: value.line() });
            Ok(address)
        });
        Ok(Place { subnet: subnet?.0.to_owned(), address: address? })
    }

    /// An endpoint of a service of type gateway has no place: clients dial the service's prefixes,
    /// which must mean one thing in their VPC.
    fn prefixes(&mut self, table: Table<'d>, vpc: VpcOf<'d>, service: ServiceOf<'d>) -> Read<()> {
        let apart = table.refuse("subnet", GATEWAY, "leave it out");
        let apart = table.refuse("address", GATEWAY, "leave it out").and(apart);
        let ((vpc, draft), (name, service)) = (vpc?, service?);
        table.required("service", |value| {
            let line = value.line();
            let (vpc_name, service_name) = (vpc.to_owned(), name.to_owned());
            if let Some(&line) = self.gateways.get(&(vpc, name)) {
                return value.fail(Cause::SecondGateway { vpc: vpc_name, service: service_name, line });
            }
            self.gateways.insert((vpc, name), line);
            let Ok(Target::Routed(routed)) = &service.target else { return Ok(()) };
            for &net in &routed.prefixes {
                if let Some((subnet, &cidr)) = draft.subnets.iter().find(|(_, subnet)| net::overlap(net, **subnet)) {
                    let (service, subnet, vpc) = (service_name, subnet.to_owned(), vpc_name);
                    return value.fail(Cause::PrefixOverlapsSubnet { net, service, subnet, cidr, vpc });
                }
                if let Some(&line) = self.prefixes.get(&(vpc, net)) {
                    return value.fail(Cause::PrefixTaken { net, service: service_name, vpc: vpc_name, line });
                }
            }
            self.prefixes.extend(routed.prefixes.iter().map(|&net| ((vpc, net), line)));
            Ok(())
        })?;
        apart
    }

    /// Counts what an endpoint takes of the gateway's maps. Told once, at the first one too many.
    fn count(&mut self, value: Value<'_>, service: &service::Draft<'_>) -> Read<()> {
        let mappings = service.ports.as_ref().map_or(0, BTreeMap::len);
        let networks = match &service.target {
            Ok(Target::Routed(routed)) => routed.prefixes.len(),
            _ => 0,
        };
        for (what, count, more, most) in [
            ("port mappings", &mut self.mappings, mappings, MAX_MAPPINGS),
            ("prefixes", &mut self.networks, networks, MAX_PREFIXES),
        ] {
            let had_room = *count <= most as usize;
            *count += more;
            if had_room && *count > most as usize {
                value.fail::<()>(Cause::NoRoomInMap { what, count: *count, most })?;
            }
        }
        Ok(())
    }
}

/// The addresses that no endpoint can have, by VPC.
fn holders<'d>(vpcs: &Vpcs<'d>, services: &Services<'d>) -> BTreeMap<(&'d str, Ipv4Addr), Holder> {
    let mut holders = BTreeMap::new();
    for (name, service) in services.iter() {
        if let (Ok((vpc, _)), Ok(Target::Backend(backend))) = (service.vpc, &service.target) {
            holders.insert((vpc, backend.address), Holder::Backend(name.to_owned()));
        }
    }
    for (vpc, draft) in vpcs.iter() {
        if let Ok(Some(next_hop)) = draft.next_hop {
            holders.insert((vpc, next_hop), Holder::NextHop);
        }
        if let Ok(own) = draft.address {
            holders.insert((vpc, own.addr()), Holder::Gateway);
        }
    }
    holders
}

fn in_subnet(value: Value<'_>, subnet: Read<(&str, &Ipv4Net)>) -> Read<Ipv4Addr> {
    let address = net::address(value)?;
    let (name, &net) = subnet?;
    if !net.contains(&address) {
        return value.fail(Cause::NotInSubnet { address, subnet: name.to_owned(), net });
    }
    check_host(value, net, address)?;
    Ok(address)
}

/// Reports an endpoint whose tenant the service doesn't admit (guide §2.3.3).
fn permitted(value: Value<'_>, name: &str, service: &service::Draft<'_>, vpc: &vpc::Draft<'_>) -> Read<()> {
    let (consumer, owner) = (vpc.domain?, service.vpc?.1.domain?);
    let permissions = service.permissions.as_ref().map_err(|reported| *reported)?;
    if consumer == owner || permissions.iter().any(|permission| permission.admits(consumer)) {
        return Ok(());
    }
    let (consumer, permission) = match consumer {
        Some(domain) => (format!("domain {domain:?}"), format!("iam:domain::{domain}")),
        None => ("the operator (a VPC without domain)".to_owned(), "*".to_owned()),
    };
    value.fail(Cause::NotPermitted { service: name.to_owned(), consumer, permission })
}
