//! Everything that can be wrong with a configuration. Each message says what to do.
//!
//! Words of the file are printed with quotes and escapes (`{:?}`), so that an error is one line.

use std::{fmt, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{gateway::MAX_FLOWS, net::Hosts};
use crate::model::Port;

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages name every field")]
pub enum Cause {
    /// The host has no such interface.
    #[error("interface {interface:?} is not there; this host has {}", list(.present))]
    InterfaceMissing { interface: String, present: Vec<String> },

    /// Not TOML; the parser's own words.
    #[error("not TOML at column {column}: {message}")]
    Syntax { column: usize, message: String },
    #[error("key {key:?} is given twice; leave this one out")]
    DuplicateKey { key: String },
    #[error("byte {byte:#04x} is not of any UTF-8 text; save the file in UTF-8")]
    NotText { byte: u8 },

    // Keys and values of any section.
    #[error("unknown key {key:?}; known are {}", list(.known))]
    UnknownKey { key: String, known: Vec<&'static str> },
    #[error("{key} is missing; add {example}")]
    Missing { key: &'static str, example: &'static str },
    #[error("{key} wants {expected} here, not {found}; write {example}")]
    WrongType { key: String, expected: &'static str, found: &'static str, example: &'static str },
    #[error("{key} = {value} is out of range; choose one of {least}-{most}")]
    OutOfRange { key: String, value: String, least: u32, most: u32 },
    #[error("{key} = {word:?} is not known; choose one of {}", list(.allowed))]
    UnknownWord { key: String, word: String, allowed: Vec<&'static str> },
    #[error("{what} is not built yet; {instead}")]
    Planned { what: String, instead: &'static str },
    #[error("{key} is not for {what}; {instead}")]
    NotFor { key: &'static str, what: &'static str, instead: &'static str },
    #[error("{key} {value:?} is not allowed; use {rule}")]
    NotAllowed { key: String, value: String, rule: &'static str },
    #[error("{key} is empty; write {example}")]
    Empty { key: String, example: &'static str },
    #[error("{key} has {count} entries; at most {most} are allowed")]
    TooMany { key: String, count: usize, most: usize },
    #[error("{key} {value} is taken by line {line}; choose another")]
    Duplicate { key: String, value: String, line: usize },
    #[error("there is no {key} {name:?}; known are {}", list(.known))]
    UnknownName { key: String, name: String, known: Vec<String> },

    // Addresses and networks.
    #[error("{key} {text:?} is not an IPv4 address of one host; write one such as 10.0.0.5")]
    NotAnAddress { key: String, text: String },
    #[error("{key} {text:?} is not an IPv4 address with a prefix length; write one such as {example}")]
    NotANetwork { key: String, text: String, example: &'static str },
    #[error("{key} {text:?} is not an address with a port; write one such as 127.0.0.1:8443, or [::]:8443")]
    NotASocket { key: String, text: String },
    #[error("{net} has bits set behind its prefix; write {}", .net.trunc())]
    HostBits { net: Ipv4Net },
    #[error("{key} {net} is not of a usable size; choose a prefix length of {least}-{most}")]
    NetworkSize { key: String, net: Ipv4Net, least: u8, most: u8 },
    #[error("{net} overlaps the transit range {transit}; choose a network apart from it")]
    OverlapsTransit { net: Ipv4Net, transit: Ipv4Net },
    #[error("{net} overlaps subnet {other} of line {line}; keep the subnets of a VPC apart")]
    SubnetsOverlap { net: Ipv4Net, other: Ipv4Net, line: usize },
    #[error("address {address} is the network or broadcast address of {net}; choose one of {}", Hosts(*.net))]
    NotAHost { address: Ipv4Addr, net: Ipv4Net },
    #[error("address {address} is held by {by}; choose another")]
    Held { address: Ipv4Addr, by: Holder },
    #[error("address {address} is not in subnet {subnet:?} ({net}); choose one of {}", Hosts(*.net))]
    NotInSubnet { address: Ipv4Addr, subnet: String, net: Ipv4Net },
    #[error("next_hop {address} is not on the link of {net}; choose one of {}", Hosts(*.net))]
    NextHopOffLink { address: Ipv4Addr, net: Ipv4Net },
    #[error("address {address} is in the transit range {transit}; choose one of a subnet of the VPC")]
    BackendInTransit { address: Ipv4Addr, transit: Ipv4Net },
    #[error("address {address} is in no subnet of vpc {vpc:?}; choose one that is, or set the next_hop of the VPC")]
    BackendOffSubnets { address: Ipv4Addr, vpc: String },

    #[error("address {address} is on link with none of the subnets; choose one of a subnet, or set next_hop")]
    OwnOffSubnets { address: Ipv4Net },
    #[error("{net} overlaps prefix {other} of line {line}; leave one of them out")]
    PrefixesOverlap { net: Ipv4Net, other: Ipv4Net, line: usize },

    // Attachments.
    #[error(
        "interface {interface:?} has mode {mode:?} here and {other:?} on line {line}; the program is there once, write the same mode at each of its attachments"
    )]
    ModesDiffer { interface: String, mode: &'static str, other: &'static str, line: usize },
    #[error("interface {interface:?} is attached whole on line {line}; give it a vlan there, or use another interface")]
    Whole { interface: String, line: usize },
    #[error(
        "interface {interface:?} carries the VLAN or VXLAN of line {line}; give it a vlan here, or use another interface"
    )]
    Parted { interface: String, line: usize },
    #[error("{key} {address} is in the transit range {transit}; use an address of the underlay")]
    UnderlayInTransit { key: String, address: Ipv4Addr, transit: Ipv4Net },
    #[error(
        "vpc {vpc:?} is attached by VXLAN alone, and nobody there can be asked for the service; add remotes = [\"192.0.2.2\"] to its vxlan"
    )]
    NoRemotes { vpc: String },

    // Services of type gateway.
    #[error("a service of type gateway leads to the router of its VPC; set the next_hop of vpc {vpc:?}")]
    NoRouter { vpc: String },
    #[error(
        "server = {server} is not client = {client}, and a service of type gateway keeps ports; write server = {client}"
    )]
    PortChanged { client: Port, server: Port },
    #[error("vpc {vpc:?} has an endpoint of service {service:?} on line {line}; one is enough, leave this one out")]
    SecondGateway { vpc: String, service: String, line: usize },
    #[error(
        "prefix {net} of service {service:?} is that of the endpoint of line {line} too; keep one of the two in vpc {vpc:?}"
    )]
    PrefixTaken { net: Ipv4Net, service: String, vpc: String, line: usize },
    #[error(
        "prefix {net} of service {service:?} overlaps subnet {subnet:?} ({cidr}) of vpc {vpc:?}; narrow one of them"
    )]
    PrefixOverlapsSubnet { net: Ipv4Net, service: String, subnet: String, cidr: Ipv4Net, vpc: String },

    // Rules between sections.
    #[error("service {service:?} does not admit {consumer}; add {permission:?} to its permissions")]
    NotPermitted { service: String, consumer: String, permission: String },
    #[error("the endpoints' max_connections take {needed} flow records, more than max_flows = {max_flows}; {}", room(*.needed))]
    NoRoom { needed: u64, max_flows: u32 },
    #[error(
        "the endpoints up to this one have {count} {what}, and a gateway has room for {most}; move some to another gateway"
    )]
    NoRoomInMap { what: &'static str, count: usize, most: u32 },
}

impl Cause {
    /// Whether the error says that something isn't there.
    pub(super) fn is_absence(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::UnknownName { .. }
                | Self::BackendOffSubnets { .. }
                | Self::OwnOffSubnets { .. }
                | Self::NoRemotes { .. }
                | Self::NoRouter { .. }
                | Self::NotPermitted { .. }
                | Self::NoRoom { .. }
        )
    }
}

/// Who holds an address of a VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The gateway's own address there.
    Gateway,
    /// The VPC's router.
    NextHop,
    /// The backend of the service of this name.
    Backend(String),
    /// The endpoint that has its address on this line.
    Endpoint {
        /// From 1.
        line: usize,
    },
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gateway => f.write_str("the gateway itself"),
            Self::NextHop => f.write_str("the VPC's next_hop"),
            Self::Backend(service) => write!(f, "the backend of service {service:?}"),
            Self::Endpoint { line } => write!(f, "the endpoint of line {line}"),
        }
    }
}

/// `"auto", "xdp"`, or `none`.
fn list(words: &[impl fmt::Debug]) -> String {
    match words {
        [] => "none".to_owned(),
        words => words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", "),
    }
}

fn room(needed: u64) -> String {
    if needed <= u64::from(MAX_FLOWS) {
        format!("set max_flows = {needed}, or lower max_connections")
    } else {
        format!("lower max_connections (max_flows is at most {MAX_FLOWS})")
    }
}
