//! The `[[vpc]]` sections.

use std::{collections::BTreeSet, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{
    Cause, Holder,
    attachment::Attachments,
    named::Named,
    net::{self, check_host, check_transit},
    report::Read,
    rule,
    table::{Keys, Table},
    value::{Value, each},
};
use crate::model::{Attachment, Mode, Vpc};

const KEYS: Keys = &[
    ("name", r#"name = "blue""#),
    ("domain", r#"domain = "1564ec50ef2a47c791ea5536353ed4b9""#),
    ("attach", r#"attach = { interface = "eth1" }"#),
    ("address", r#"address = "10.0.0.254/24""#),
    ("subnets", r#"subnets = [{ name = "default", cidr = "10.0.0.0/24" }]"#),
    ("next_hop", r#"next_hop = "10.0.0.1""#),
];

const SUBNET_KEYS: Keys = &[("name", r#"name = "default""#), ("cidr", r#"cidr = "10.0.0.0/24""#)];

/// The VPCs of the file.
pub(super) type Vpcs<'d> = Named<'d, Draft<'d>>;

/// The VPC that a section names, and its name.
pub(super) type VpcOf<'d> = Read<(&'d str, &'d Draft<'d>)>;

/// A VPC as far as it could be read.
#[derive(Debug)]
pub(super) struct Draft<'d> {
    pub(super) domain: Read<Option<&'d str>>,
    attach: Read<Vec<Attachment>>,
    /// The gateway's own address there.
    pub(super) address: Read<Ipv4Net>,
    pub(super) subnets: Named<'d, Ipv4Net>,
    pub(super) next_hop: Read<Option<Ipv4Addr>>,
}

pub(super) fn read<'d>(
    root: Table<'d>,
    transit: Read<Ipv4Net>,
    mode: Read<Mode>,
    present: Option<&BTreeSet<String>>,
) -> Vpcs<'d> {
    let mut attachments = Attachments::new(transit, mode, present);
    let open = |entry: Value<'d>| entry.section("[[vpc]]", KEYS);
    Named::read(root.sections("vpc"), open, rule::NAME, |table| {
        let address = table.required("address", |value| own_address(value, transit));
        let draft = Draft {
            domain: table.optional("domain", |value| value.text_by(rule::DOMAIN)),
            attach: table.required("attach", |value| each(value.one_or_more()?, |place| attachments.read(place))),
            address,
            subnets: subnets(table, transit),
            next_hop: table.optional("next_hop", |value| next_hop(value, address)),
        };
        // Reported there; nothing else depends on it.
        let _ = table.optional("address", |value| draft.check_on_link(value));
        Ok(draft)
    })
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

    /// Whether backends can be asked for by ARP.
    pub(super) fn can_ask(&self) -> Read<bool> {
        let attach = self.attach.as_ref().map_err(|reported| *reported)?;
        Ok(attach.iter().any(Attachment::can_ask))
    }

    /// Reports an own address that reaches nobody: no subnet is on its link, and no router either.
    fn check_on_link(&self, value: Value<'_>) -> Read<()> {
        let (address, next_hop) = (self.address?, self.next_hop?);
        let mut subnets = self.subnets.iter();
        if next_hop.is_some() || subnets.any(|(_, subnet)| net::overlap(*subnet, address.trunc())) {
            return Ok(());
        }
        self.subnets.whole()?;
        value.fail(Cause::OwnOffSubnets { address })
    }

    pub(super) fn build(&self) -> Read<Vpc> {
        Ok(Vpc {
            domain: self.domain?.map(str::to_owned),
            attach: self.attach.clone()?,
            address: self.address?,
            subnets: self.subnets.build(|net| Ok(*net))?,
            next_hop: self.next_hop?,
        })
    }
}
