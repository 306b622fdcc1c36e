//! The endpoint model: what the operator asks for, checked and resolved.
//!
//! Pure: no I/O, no tokio, no aya. `config` is the only maker of [`Desired`], so whoever holds one
//! holds a configuration whose every rule was checked.

mod api;
mod attachment;
pub mod difference;
mod hook;
pub mod leases;
pub mod operator;
mod part;
pub mod resource;
pub mod rights;
pub(crate) mod rule;
pub mod status;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::Ipv4Addr,
    num::NonZeroU16,
    time::Duration,
};

use ipnet::Ipv4Net;
use vpce_common::layout::{ADDRESS_SLOTS, MAX_SLOTS};

pub use self::{
    api::{Api, Connections, Identity, Limits},
    attachment::{Attachment, Segment, Vxlan},
    hook::{Hook, Kind, Mode, Site},
    part::Part,
};

/// Port mappings that one gateway can have, those of each endpoint counted.
pub const MAX_MAPPINGS: u32 = 65536;
/// Prefixes that one gateway can have, those of each endpoint counted.
pub const MAX_PREFIXES: u32 = 16384;
/// Networks of clients that one gateway can have, those of each endpoint that lists them counted.
pub const MAX_CLIENTS: u32 = 65536;

/// Everything the gateway shall do, as one consistent whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// What holds for the whole gateway.
    pub gateway: Gateway,
    /// The HTTPS API, where there is one.
    pub api: Option<Api>,
    /// Tenant networks by name.
    pub vpcs: BTreeMap<String, Vpc>,
    /// Endpoint services by name.
    pub services: BTreeMap<String, Service>,
    /// Endpoints by name.
    pub endpoints: BTreeMap<String, Endpoint>,
}

/// The `[gateway]` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Region that resources of this gateway belong to.
    pub region: String,
    /// The range that backends see as clients (guide §2.2.2: 198.19.128.0/17).
    pub transit: Ipv4Net,
    /// What a client is told when its connection can't be opened.
    pub refuse: Refuse,
    /// ICMP errors of the gateway's own in a second at most, on each CPU; 0: none.
    pub icmp_per_sec: u32,
    /// How long an idle flow lives where its service says nothing else.
    pub timers: Timers,
    /// Flow records preallocated for all endpoints together.
    pub max_flows: u32,
}

/// What a client is told when its connection can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refuse {
    /// What a host without that port says: TCP a RST, UDP an ICMP error.
    Reset,
    /// An ICMP error for both.
    Icmp,
    /// Nothing.
    Drop,
}

/// Idle times after which a flow is freed; those of TCP by RFC 5382 REQ-5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// Handshake not complete.
    pub opening: Duration,
    /// Established and silent.
    pub established: Duration,
    /// FIN or RST seen.
    pub closing: Duration,
    /// No datagram of a UDP client (RFC 4787 REQ-5).
    pub udp: Duration,
}

/// A tenant network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// The tenant; VPCs without one belong to the operator.
    pub domain: Option<String>,
    /// Where the network meets the gateway; at least one.
    pub attach: Vec<Attachment>,
    /// The gateway's own address there, with the length of its on-link prefix.
    pub address: Ipv4Net,
    /// Named parts of the network; endpoint addresses come from them.
    pub subnets: BTreeMap<String, Ipv4Net>,
    /// Router for destinations outside the subnets.
    pub next_hop: Option<Ipv4Addr>,
}

/// What a provider publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name of the VPC that it leads to.
    pub vpc: String,
    /// What answers there.
    pub target: Target,
    /// Server port by what is dialled: at most 50. Those of a [`Target::Routed`] stay as they are;
    /// none: every port is carried.
    pub ports: BTreeMap<Dial, Port>,
    /// How long an idle flow lives.
    pub timers: Timers,
    /// Tenants that may make endpoints besides the service's own.
    pub permissions: Vec<Permission>,
    /// Operator's labels.
    pub tags: BTreeMap<String, String>,
}

/// What answers for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One machine: a service of type interface. Clients dial an address of their own network.
    Backend(Backend),
    /// Whole networks: a service of type gateway. Clients dial the address itself.
    Routed(Routed),
}

impl Target {
    /// Who the packets are sent to in the service's VPC: the backend, or the router.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        match self {
            Self::Backend(backend) => backend.address,
            Self::Routed(routed) => routed.router,
        }
    }
}

/// The networks behind a service of type gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Routed {
    /// At least one, at most 50; none overlaps another.
    pub prefixes: BTreeSet<Ipv4Net>,
    /// The VPC's router, which knows the way to all of them.
    pub router: Ipv4Addr,
}

/// The one instance behind a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// What sort of instance it is; told to users, same for packets.
    pub kind: BackendKind,
    /// Its address in the service's VPC.
    pub address: Ipv4Addr,
}

/// Sorts of backend of the guide (§2.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackendKind {
    /// Virtual machine.
    Vm,
    /// Load balancer.
    Lb,
    /// Bare metal server.
    Bms,
}

impl BackendKind {
    /// The name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vm => "vm",
            Self::Lb => "lb",
            Self::Bms => "bms",
        }
    }

    /// The kind of that name, in letters of either case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Vm, Self::Lb, Self::Bms].into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }
}

/// Who may make an endpoint to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// `*`
    Anyone,
    /// `iam:domain::<id>`
    Domain(String),
}

impl Permission {
    /// Reads it as it is displayed; None: neither.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("iam:domain::") {
            Some(domain) if rule::DOMAIN.admits(domain) => Some(Self::Domain(domain.to_owned())),
            _ => (text == "*").then_some(Self::Anyone),
        }
    }

    /// Whether it lets a tenant in. The operator's own VPCs have no domain: only `*` admits them.
    #[must_use]
    pub fn admits(&self, domain: Option<&str>) -> bool {
        match self {
            Self::Anyone => true,
            Self::Domain(admitted) => domain == Some(admitted),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("*"),
            Self::Domain(domain) => write!(f, "iam:domain::{domain}"),
        }
    }
}

/// A consumer's way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Name of the service it leads to.
    pub service: String,
    /// Name of the VPC it is dialled from.
    pub vpc: String,
    /// Where clients dial it; nowhere of its own: an endpoint of a [`Target::Routed`].
    pub place: Option<Place>,
    /// Open connections at once.
    pub max_connections: u32,
    /// Networks whose clients may dial it; none: all may.
    pub clients: Option<BTreeSet<Ipv4Net>>,
    /// Operator's labels.
    pub tags: BTreeMap<String, String>,
}

/// Where an endpoint is in its VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name of the subnet its address is of.
    pub subnet: String,
    /// The address asked for; absent: the next free one of the subnet.
    pub address: Option<Ipv4Addr>,
}

impl Endpoint {
    /// The address asked for.
    #[must_use]
    pub fn asked(&self) -> Option<Ipv4Addr> {
        self.place.as_ref()?.address
    }

    /// Flow records reserved for the endpoint; see [`slots`].
    #[must_use]
    pub const fn slots(&self) -> u32 {
        slots(self.max_connections)
    }
}

/// Flow records of an endpoint's block: more than its open connections, since a closed flow keeps
/// its record until its timer ends; a power of two, as its ring of free records is.
///
/// A quarter more, or beyond 26214 connections the 32nd part: of so many, fewer close at once.
#[must_use]
pub const fn slots(max_connections: u32) -> u32 {
    let more = if max_connections <= QUARTER_MORE { max_connections / 4 } else { max_connections / 32 };
    match max_connections.saturating_add(more) {
        ..=MIN_SLOTS => MIN_SLOTS,
        MAX_SLOTS.. => MAX_SLOTS,
        wanted => wanted.next_power_of_two(),
    }
}

/// Most open connections that a block of so many flow records has room for, by [`slots`].
#[must_use]
pub fn connections(records: u32) -> u32 {
    let (mut fits, mut too_many) = (1, records + 1);
    while too_many - fits > 1 {
        let middle = fits.midpoint(too_many);
        if slots(middle) <= records { fits = middle } else { too_many = middle }
    }
    fits
}

/// Transit addresses of a block of so many flow records.
#[must_use]
pub const fn transit_addresses(slots: u32) -> u32 {
    slots.div_ceil(ADDRESS_SLOTS)
}

const MIN_SLOTS: u32 = 64;
/// The most connections of a block of 32768 records that leave a quarter of theirs spare.
const QUARTER_MORE: u32 = 26_214;

/// A port of an endpoint, of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dial {
    /// Its protocol.
    pub protocol: Protocol,
    /// The endpoint port.
    pub port: Port,
}

/// What a port mapping can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// RFC 9293.
    Tcp,
    /// RFC 768.
    Udp,
}

impl Protocol {
    /// The name in files and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The protocol of that name, in letters of either case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Tcp, Self::Udp].into_iter().find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

/// A port that can be dialled: 1..=65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port(pub NonZeroU16);

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
