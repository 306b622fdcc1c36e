//! Addresses and networks: how they are written, and which ones fit.

use std::{fmt, net::Ipv4Addr, ops::RangeInclusive};

use ipnet::Ipv4Net;

use super::{Cause, report::Read, value::Value};

/// The IPv4 address of one host.
pub(super) fn address(value: Value<'_>) -> Read<Ipv4Addr> {
    let text = value.text()?;
    match text.parse() {
        Ok(address) if is_unicast(address) => Ok(address),
        _ => value.fail(Cause::NotAnAddress { key: value.key.to_owned(), text: text.to_owned() }),
    }
}

/// An address with the length of its prefix, such as an interface has.
pub(super) fn interface_address(value: Value<'_>) -> Read<Ipv4Net> {
    prefixed(value, "10.0.0.254/24")
}

/// A network: nothing behind its prefix.
pub(super) fn network(value: Value<'_>) -> Read<Ipv4Net> {
    let net = prefixed(value, "10.0.0.0/24")?;
    if net.addr() == net.network() { Ok(net) } else { value.fail(Cause::HostBits { net }) }
}

/// A network of a usable size.
pub(super) fn network_of(value: Value<'_>, lengths: RangeInclusive<u8>) -> Read<Ipv4Net> {
    // Before all else: who is told what to write instead must be able to write that.
    if let Ok(net) = value.text()?.parse::<Ipv4Net>()
        && !lengths.contains(&net.prefix_len())
    {
        let (least, most) = lengths.into_inner();
        return value.fail(Cause::NetworkSize { key: value.key.to_owned(), net, least, most });
    }
    network(value)
}

fn prefixed(value: Value<'_>, example: &'static str) -> Read<Ipv4Net> {
    let text = value.text()?;
    match text.parse::<Ipv4Net>() {
        // Written otherwise it may mean another one elsewhere: 010.0.0.0 is 8.0.0.0 to many tools.
        Ok(net) if is_unicast(net.addr()) && net.to_string() == text => Ok(net),
        _ => value.fail(Cause::NotANetwork { key: value.key.to_owned(), text: text.to_owned(), example }),
    }
}

/// Reports a network that overlaps the transit range.
pub(super) fn check_transit(value: Value<'_>, net: Ipv4Net, transit: Read<Ipv4Net>) -> Read<()> {
    match transit {
        Ok(transit) if overlap(net, transit) => value.fail(Cause::OverlapsTransit { net, transit }),
        _ => Ok(()),
    }
}

/// Reports the network and the broadcast address. /31 and /32 have neither (RFC 3021).
pub(super) fn check_host(value: Value<'_>, net: Ipv4Net, address: Ipv4Addr) -> Read<()> {
    if net.prefix_len() < 31 && (address == net.network() || address == net.broadcast()) {
        return value.fail(Cause::NotAHost { address, net });
    }
    Ok(())
}

pub(super) fn overlap(a: Ipv4Net, b: Ipv4Net) -> bool {
    a.contains(&b) || b.contains(&a)
}

/// Neither "this network", loopback, multicast nor reserved (RFC 6890).
fn is_unicast(address: Ipv4Addr) -> bool {
    matches!(address.octets()[0], 1..=126 | 128..=223)
}

/// The addresses of a network's hosts, for messages: `10.0.0.1-10.0.0.254`.
pub(super) struct Hosts(pub(super) Ipv4Net);

impl fmt::Display for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hosts = self.0.hosts();
        match (hosts.next(), hosts.next_back()) {
            (Some(first), Some(last)) => write!(f, "{first}-{last}"),
            _ => write!(f, "{}", self.0.addr()),
        }
    }
}
