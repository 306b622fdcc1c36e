//! The `[[endpoint]]` sections.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    Cause, Holder, gateway,
    named::Named,
    net::{self, check_host},
    report::Read,
    rule,
    service::{self, Services},
    table::{Keys, Table},
    tags,
    value::Value,
    vpc::{self, Vpcs},
};
use crate::model::{Endpoint, slots};

const KEYS: Keys = Keys {
    known: &[
        ("name", r#"name = "web""#),
        ("service", r#"service = "web""#),
        ("vpc", r#"vpc = "red""#),
        ("subnet", r#"subnet = "default""#),
        ("address", r#"address = "10.0.0.100""#),
        ("dns", "dns = false"),
        ("max_connections", "max_connections = 3000"),
        ("tags", r#"tags = { env = "demo" }"#),
    ],
    planned: &[],
};

/// Guide §1.4.
const DEFAULT_CONNECTIONS: u32 = 3000;
const MAX_CONNECTIONS: u32 = 32_768;

pub(super) fn read<'d>(
    root: Table<'d>,
    gateway: Read<gateway::Draft<'d>>,
    vpcs: &'d Vpcs<'d>,
    services: &'d Services<'d>,
) -> Named<'d, Endpoint> {
    let mut holders = holders(vpcs, services);
    let mut needed = 0;
    let open = |entry: Value<'d>| entry.section("[[endpoint]]", KEYS);
    let endpoints = Named::read(root.sections("endpoint"), open, rule::NAME, |table| {
        let vpc = table.required("vpc", |value| vpcs.find(value));
        let service = table.required("service", |value| {
            let (name, service) = services.find(value)?;
            permitted(value, name, service, vpc?.1)?;
            Ok(name)
        });
        let subnet = table.required("subnet", |value| {
            value.text()?;
            vpc?.1.subnets.find(value)
        });
        let address = table.optional("address", |value| {
            let address = in_subnet(value, subnet)?;
            let place = (vpc?.0, address);
            if let Some(holder) = holders.get(&place) {
                return value.fail(Cause::Held { address, by: holder.clone() });
            }
            holders.insert(place, Holder::Endpoint { line: value.line() });
            Ok(address)
        });
        let max_connections =
            table.or("max_connections", DEFAULT_CONNECTIONS, |value| value.integer(1..=MAX_CONNECTIONS));
        needed += max_connections.map_or(0, |connections| u64::from(slots(connections)));
        let tags = tags::read(table);
        table.or("dns", (), Value::off)?;
        Ok(Endpoint {
            service: service?.to_owned(),
            vpc: vpc?.0.to_owned(),
            subnet: subnet?.0.to_owned(),
            address: address?,
            max_connections: max_connections?,
            tags: tags?,
        })
    });
    // Reported there; nothing else depends on it.
    let _ = gateway.and_then(|gateway| gateway.check_room(needed));
    endpoints
}

/// The addresses that no endpoint can have, by VPC.
fn holders<'d>(vpcs: &Vpcs<'d>, services: &Services<'d>) -> BTreeMap<(&'d str, Ipv4Addr), Holder> {
    let mut holders = BTreeMap::new();
    for (name, service) in services.iter() {
        if let (Ok((vpc, _)), Ok(backend)) = (service.vpc, service.backend) {
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
