//! The `[[vpc]]` sections.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    Cause, Holder,
    named::Named,
    net::{self, check_host, check_transit},
    report::Read,
    rule,
    table::{Keys, Table},
    value::{Value, each},
};
use crate::model::Vpc;

const KEYS: Keys = Keys {
    known: &[
        ("name", r#"name = "blue""#),
        ("domain", r#"domain = "1564ec50ef2a47c791ea5536353ed4b9""#),
        ("attach", r#"attach = { interface = "eth1" }"#),
        ("address", r#"address = "10.0.0.254/24""#),
        ("subnets", r#"subnets = [{ name = "default", cidr = "10.0.0.0/24" }]"#),
        ("next_hop", r#"next_hop = "10.0.0.1""#),
    ],
    planned: &[],
};

const INSTEAD: &str = r#"give the VPC an interface of its own: attach = { interface = "eth1" }"#;
const ATTACH_KEYS: Keys =
    Keys { known: &[("interface", r#"interface = "eth1""#)], planned: &[("vlan", INSTEAD), ("vxlan", INSTEAD)] };

const SUBNET_KEYS: Keys =
    Keys { known: &[("name", r#"name = "default""#), ("cidr", r#"cidr = "10.0.0.0/24""#)], planned: &[] };

/// The VPCs of the file.
pub(super) type Vpcs<'d> = Named<'d, Draft<'d>>;

/// A VPC as far as it could be read.
#[derive(Debug)]
pub(super) struct Draft<'d> {
    pub(super) domain: Read<Option<&'d str>>,
    attach: Read<Vec<&'d str>>,
    /// The gateway's own address there.
    pub(super) address: Read<Ipv4Net>,
    pub(super) subnets: Named<'d, Ipv4Net>,
    pub(super) next_hop: Read<Option<Ipv4Addr>>,
}

pub(super) fn read<'d>(root: Table<'d>, transit: Read<Ipv4Net>, present: Option<&BTreeSet<String>>) -> Vpcs<'d> {
    let mut interfaces = Named::new();
    let open = |entry: Value<'d>| entry.section("[[vpc]]", KEYS);
    Named::read(root.sections("vpc"), open, rule::NAME, |table| {
        let address = table.required("address", |value| own_address(value, transit));
        Ok(Draft {
            domain: table.optional("domain", |value| value.text_by(rule::DOMAIN)),
            attach: table.required("attach", |value| {
                each(value.one_or_more()?, |place| attachment(place, &mut interfaces, present))
            }),
            address,
            subnets: subnets(table, transit),
            next_hop: table.optional("next_hop", |value| next_hop(value, address)),
        })
    })
}

/// An interface, which can be attached only once in the whole file, and must be one of `present`.
fn attachment<'d>(
    place: Value<'d>,
    interfaces: &mut Named<'d, ()>,
    present: Option<&BTreeSet<String>>,
) -> Read<&'d str> {
    let table = place.table(ATTACH_KEYS)?;
    let interface = table.required_if(table.built, "interface", |value| {
        let interface = value.text_by(rule::INTERFACE)?;
        if let Some(present) = present.filter(|present| !present.contains(interface)) {
            let (interface, present) = (interface.to_owned(), present.iter().cloned().collect());
            return value.fail(Cause::InterfaceMissing { interface, present });
        }
        interfaces.insert(value, interface, Ok(()));
        Ok(interface)
    });
    table.built?;
    interface
}

fn own_address(value: Value<'_>, transit: Read<Ipv4Net>) -> Read<Ipv4Net> {
    let net = net::interface_address(value)?;
    check_transit(value, net.trunc(), transit)?;
    check_host(value, net.trunc(), net.addr())?;
    Ok(net)
}

fn subnets(table: Table<'_>, transit: Read<Ipv4Net>) -> Named<'_, Ipv4Net> {
    let mut earlier: Vec<(Ipv4Net, usize)> = Vec::new();
    let list = table.required("subnets", |value| value.items(1..=usize::MAX));
    Named::read(
        list,
        |entry| entry.table(SUBNET_KEYS),
        rule::NAME,
        |table| {
            table.required("cidr", |value| {
                let net = net::network(value)?;
                check_transit(value, net, transit)?;
                if let Some(&(other, line)) = earlier.iter().find(|(other, _)| net::overlap(net, *other)) {
                    return value.fail(Cause::SubnetsOverlap { net, other, line });
                }
                earlier.push((net, value.line()));
                Ok(net)
            })
        },
    )
}

fn next_hop(value: Value<'_>, own: Read<Ipv4Net>) -> Read<Ipv4Addr> {
    let address = net::address(value)?;
    let own = own?;
    if !own.contains(&address) {
        return value.fail(Cause::NextHopOffLink { address, net: own.trunc() });
    }
    if address == own.addr() {
        return value.fail(Cause::Held { address, by: Holder::Gateway });
    }
    check_host(value, own.trunc(), address)?;
    Ok(address)
}

impl Draft<'_> {
    /// The subnet that an address is in; Err if it may be in one that couldn't be read.
    pub(super) fn subnet_of(&self, address: Ipv4Addr) -> Read<Option<Ipv4Net>> {
        match self.subnets.iter().find(|(_, net)| net.contains(&address)) {
            Some((_, net)) => Ok(Some(*net)),
            None => self.subnets.whole().map(|()| None),
        }
    }

    pub(super) fn build(&self) -> Read<Vpc> {
        let attach = self.attach.as_ref().map_err(|reported| *reported)?;
        Ok(Vpc {
            domain: self.domain?.map(str::to_owned),
            attach: attach.iter().map(|&interface| interface.to_owned()).collect(),
            address: self.address?,
            subnets: self.subnets.build(|net| Ok(*net))?,
            next_hop: self.next_hop?,
        })
    }
}
