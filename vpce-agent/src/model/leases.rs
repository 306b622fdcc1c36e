//! What was given out: numbers of map entries, endpoint and transit addresses, flow records.
//!
//! A lease holds until it is taken back: an address once given to an endpoint stays that
//! endpoint's, over restarts and changes of everything else. Leases are saved before they are
//! used, so after a crash the maps never hold what the leases do not know.

mod assign;
mod free;
mod ledger;
mod runs;

use std::{collections::BTreeMap, net::Ipv4Addr, ops::Range};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

pub use self::ledger::{Altered, Ledger};
use super::{Attachment, Endpoint, Target, connections, transit_addresses};

/// Everything that was given out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leases {
    /// Version of this form: 1.
    pub version: u32,
    /// The next generation; none is used twice, so a reused number never revives a flow.
    pub next_generation: u32,
    /// Number of each VPC, by name. Never reused: keys of old flows hold it.
    pub vpcs: BTreeMap<String, u16>,
    /// Attachments; their place in the list is their number. Never reused: old flows hold it.
    pub links: Vec<LinkLease>,
    /// Backends; their place in the list is their number. Address and VPC of a number never change.
    pub backends: Vec<BackendLease>,
    /// Endpoints by number.
    pub endpoints: BTreeMap<u32, EndpointLease>,
}

/// The number of an attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkLease {
    /// Number of the VPC.
    pub vpc: u16,
    /// The interface.
    pub interface: String,
    /// The tag, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vlan: Option<u16>,
    /// The tunnel's identifier, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vni: Option<u32>,
}

/// The number of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendLease {
    /// Number of the VPC.
    pub vpc: u16,
    /// Its address there.
    pub address: Ipv4Addr,
    /// Whether it is the router of services of type gateway: their packets keep their destination.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gateway: bool,
}

/// What an endpoint holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointLease {
    /// Name of the endpoint.
    pub name: String,
    /// Number of its VPC.
    pub vpc: u16,
    /// Its address; none: an endpoint of a service of type gateway.
    pub address: Option<Ipv4Addr>,
    /// What its backend sees as the client: the first of its transit addresses, one for every 16384
    /// flow records. Its number in the range is a multiple of how many they are.
    pub transit: Ipv4Addr,
    /// Number of its backend.
    pub backend: u32,
    /// First of its flow records.
    pub first_slot: u32,
    /// Its flow records: a power of two.
    pub slots: u32,
    /// Flows made under another one are stale.
    pub generation: u32,
    /// Whether it still serves.
    pub held: Held,
}

/// Whether a lease still serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    /// The endpoint is reached by it.
    Serving,
    /// Open flows go on, new ones are made elsewhere.
    Draining,
    /// Its flows are stale; it goes when the last one is freed.
    Cut,
}

/// Why something can't be given out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// It names what is not there.
    #[error("{what} {name:?}: there is no {kind} {missing:?}; name one of the configuration")]
    Nowhere {
        /// What names it.
        what: &'static str,
        /// The name of that.
        name: String,
        /// What it would be.
        kind: &'static str,
        /// What is named.
        missing: String,
    },
    /// The subnet is full.
    #[error("endpoint {endpoint:?}: subnet {subnet:?} has no free address; delete an endpoint of it or add a subnet")]
    NoAddress {
        /// The endpoint.
        endpoint: String,
        /// The subnet.
        subnet: String,
    },
    /// The address asked for was given to another endpoint that asked for none.
    #[error(
        "endpoint {endpoint:?}: {address} was given to endpoint {holder:?}; choose another, or write an address for {holder:?} too"
    )]
    AddressHeld {
        /// The endpoint.
        endpoint: String,
        /// The address.
        address: Ipv4Addr,
        /// Who has it.
        holder: String,
    },
    /// All transit addresses are given out.
    #[error("endpoint {endpoint:?}: the transit range {range} has no {} free; {}", run(*.addresses), more_transit(*.range))]
    NoTransit {
        /// The endpoint.
        endpoint: String,
        /// How many it needs in a row.
        addresses: u32,
        /// The range.
        range: Ipv4Net,
    },
    /// The flow records are given out.
    #[error(
        "endpoint {endpoint:?}: {slots} flow records are not free of {max_flows}; raise [gateway] max_flows, or wait until flows of deleted endpoints are freed"
    )]
    NoSlots {
        /// The endpoint.
        endpoint: String,
        /// What it needs.
        slots: u32,
        /// What there is.
        max_flows: u32,
    },
    /// All endpoint numbers are given out.
    #[error(
        "endpoint {endpoint:?}: all {most} endpoints are given out; delete one, or wait until flows of deleted endpoints are freed"
    )]
    NoEndpoint {
        /// The endpoint.
        endpoint: String,
        /// How many there are.
        most: u32,
    },
    /// Numbers of this kind are never used again, and were all used.
    #[error("{what} {name:?}: all {most} numbers were used; free them with `vpce-agent unload` (flows end)")]
    NoNumber {
        /// Of what.
        what: &'static str,
        /// Its name.
        name: String,
        /// How many there are.
        most: u32,
    },
}

impl LeaseError {
    /// The name of what is in want.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::NoAddress { endpoint, .. }
            | Self::AddressHeld { endpoint, .. }
            | Self::NoTransit { endpoint, .. }
            | Self::NoSlots { endpoint, .. }
            | Self::NoEndpoint { endpoint, .. } => endpoint,
            Self::Nowhere { name, .. } | Self::NoNumber { name, .. } => name,
        }
    }
}

/// `address`, or `run of 4 addresses`.
fn run(addresses: u32) -> String {
    if addresses == 1 { "address".to_owned() } else { format!("run of {addresses} addresses") }
}

fn more_transit(range: Ipv4Net) -> &'static str {
    if range.prefix_len() > LARGEST_TRANSIT {
        "a larger range has room for more"
    } else {
        "delete endpoints, lower their max_connections, or move some to another gateway"
    }
}

/// Prefix length of the largest transit range.
const LARGEST_TRANSIT: u8 = 17;

/// How much can be given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Attachments.
    pub links: u32,
    /// Endpoints, and backends.
    pub endpoints: u32,
}

impl Leases {
    /// The same where no flow is left, as after a start of the host: numbers that old flows could
    /// hold are free again, addresses stay given.
    #[must_use]
    pub fn without_flows(mut self) -> Self {
        self.links.clear();
        self.backends.clear();
        self.endpoints.retain(|_, lease| lease.held == Held::Serving);
        self
    }

    /// The leases by which endpoints are reached, and their numbers, with the endpoints' names.
    pub fn serving(&self) -> impl Iterator<Item = (&str, (u32, &EndpointLease))> {
        let leases = self.endpoints.iter().filter(|(_, lease)| lease.held == Held::Serving);
        leases.map(|(number, lease)| (lease.name.as_str(), (*number, lease)))
    }

    /// The flow records that are given out are all before this one.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.endpoints.values().map(|lease| lease.block().end).max().unwrap_or(0)
    }

    /// Number of an attachment.
    #[must_use]
    pub fn link(&self, vpc: u16, attachment: &Attachment) -> Option<u32> {
        let place = self.links.iter().position(|link| link.vpc == vpc && link.is_of(attachment))?;
        u32::try_from(place).ok()
    }

    /// Has an endpoint ask for no more than its lease holds, where that serves; answers whether it asked for more.
    pub fn hold_to_lease(&self, name: &str, endpoint: &mut Endpoint) -> bool {
        let Some((_, (_, lease))) = self.serving().find(|(is, _)| *is == name) else { return false };
        let asks_more = endpoint.slots() > lease.slots;
        if asks_more {
            endpoint.max_connections = connections(lease.slots);
        }
        asks_more
    }

    /// Numbers of leases that serve no longer, and are held for their flows.
    pub fn ending(&self) -> impl Iterator<Item = u32> {
        let ending = self.endpoints.iter().filter(|(_, lease)| lease.held != Held::Serving);
        ending.map(|(number, _)| *number)
    }

    /// Number of what answers for a service in a VPC.
    #[must_use]
    pub fn backend(&self, vpc: u16, target: &Target) -> Option<u32> {
        let wanted = BackendLease::new(vpc, target);
        let place = self.backends.iter().position(|backend| *backend == wanted)?;
        u32::try_from(place).ok()
    }
}

impl LinkLease {
    fn new(vpc: u16, attachment: &Attachment) -> Self {
        let (vlan, vni) = (attachment.vlan(), attachment.vni());
        Self { vpc, interface: attachment.interface.clone(), vlan, vni }
    }

    /// Whether it is the number of this attachment, its VPC apart.
    #[must_use]
    pub fn is_of(&self, attachment: &Attachment) -> bool {
        self.interface == attachment.interface && (self.vlan, self.vni) == (attachment.vlan(), attachment.vni())
    }

    /// Whether it is of a whole interface.
    #[must_use]
    pub const fn is_untagged(&self) -> bool {
        self.vlan.is_none() && self.vni.is_none()
    }
}

impl BackendLease {
    /// What answers for a service in a VPC.
    #[must_use]
    pub const fn new(vpc: u16, target: &Target) -> Self {
        Self { vpc, address: target.address(), gateway: matches!(target, Target::Routed(_)) }
    }
}

impl EndpointLease {
    /// Its flow records.
    #[must_use]
    pub const fn block(&self) -> Range<u32> {
        self.first_slot..self.first_slot + self.slots
    }

    /// How many transit addresses it has, one after another.
    #[must_use]
    pub const fn transit_addresses(&self) -> u32 {
        transit_addresses(self.slots)
    }

    /// Numbers of its transit addresses, in a range that has them.
    fn numbers(&self, range: Ipv4Net) -> Range<u32> {
        let first = u32::from(self.transit) & u32::from(range.hostmask());
        first..first + self.transit_addresses()
    }
}

#[cfg(test)]
pub(crate) mod tests;
