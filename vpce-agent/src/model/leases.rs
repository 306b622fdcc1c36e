//! What was given out: numbers of map entries, endpoint and transit addresses, flow records.
//!
//! A lease holds until it is taken back: an address once given to an endpoint stays that
//! endpoint's, over restarts and changes of everything else. Leases are saved before they are
//! used, so after a crash the maps never hold what the leases do not know.

use std::{collections::BTreeMap, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

use super::{Desired, Endpoint};

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
}

/// The number of a backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendLease {
    /// Number of the VPC.
    pub vpc: u16,
    /// Its address there.
    pub address: Ipv4Addr,
}

/// What an endpoint holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointLease {
    /// Name of the endpoint.
    pub name: String,
    /// Number of its VPC.
    pub vpc: u16,
    /// Its address.
    pub address: Ipv4Addr,
    /// What its backend sees as the client.
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
    #[error(
        "endpoint {endpoint:?}: the transit range {range} has no free address; a larger range has room for more endpoints"
    )]
    NoTransit {
        /// The endpoint.
        endpoint: String,
        /// The range.
        range: ipnet::Ipv4Net,
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
    /// The maps have no further number.
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

/// How much can be given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Attachments.
    pub links: u32,
    /// Endpoints, and backends.
    pub endpoints: u32,
}

impl Leases {
    /// The leases that serve the desired state: those at hand where they fit, new ones else.
    ///
    /// # Errors
    /// Everything that can't be given out; these leases stay valid then.
    pub fn assign(&self, desired: &Desired, capacity: Capacity) -> Result<Self, Vec<LeaseError>> {
        let mut next = Self { version: 1, ..self.clone() };
        let mut errors = Vec::new();
        next.number_networks(desired, capacity, &mut errors);
        if errors.is_empty() {
            next.settle_endpoints(desired, capacity, &mut errors);
        }
        if errors.is_empty() { Ok(next) } else { Err(errors) }
    }

    /// The same where no flow is left, as after a start of the host: numbers that old flows could
    /// hold are free again, addresses stay given.
    #[must_use]
    pub fn without_flows(mut self) -> Self {
        self.links.clear();
        self.backends.clear();
        self.endpoints.retain(|_, lease| lease.held == Held::Serving);
        self
    }

    /// The lease by which an endpoint is reached.
    #[must_use]
    pub fn serving(&self, name: &str) -> Option<(u32, &EndpointLease)> {
        let mut leases = self.endpoints.iter();
        leases
            .find(|(_, lease)| lease.name == name && lease.held == Held::Serving)
            .map(|(number, lease)| (*number, lease))
    }

    /// Number of an attachment.
    #[must_use]
    pub fn link(&self, vpc: u16, interface: &str) -> Option<u32> {
        let place = self.links.iter().position(|link| link.vpc == vpc && link.interface == interface)?;
        u32::try_from(place).ok()
    }

    /// Number of a backend.
    #[must_use]
    pub fn backend(&self, vpc: u16, address: Ipv4Addr) -> Option<u32> {
        let place = self.backends.iter().position(|backend| *backend == BackendLease { vpc, address })?;
        u32::try_from(place).ok()
    }

    fn number_networks(&mut self, desired: &Desired, capacity: Capacity, errors: &mut Vec<LeaseError>) {
        let no_number = |what, name: &str, most| LeaseError::NoNumber { what, name: name.to_owned(), most };
        for (name, vpc) in &desired.vpcs {
            let free = self.vpcs.values().max().copied().unwrap_or(0).checked_add(1);
            let Some(number) = self.vpcs.get(name).copied().or(free) else {
                errors.push(no_number("VPC", name, u16::MAX.into()));
                continue;
            };
            self.vpcs.insert(name.clone(), number);
            for interface in &vpc.attach {
                if self.link(number, interface).is_none() {
                    self.links.push(LinkLease { vpc: number, interface: interface.clone() });
                }
            }
        }
        for (name, service) in &desired.services {
            let Some(&vpc) = self.vpcs.get(&service.vpc) else {
                continue;
            };
            if self.backend(vpc, service.backend.address).is_none() {
                self.backends.push(BackendLease { vpc, address: service.backend.address });
            }
            if self.backends.len() > capacity.endpoints as usize {
                errors.push(no_number("backend of service", name, capacity.endpoints));
            }
        }
        if self.links.len() > capacity.links as usize {
            errors.push(no_number("attachment", "", capacity.links));
        }
    }

    fn settle_endpoints(&mut self, desired: &Desired, capacity: Capacity, errors: &mut Vec<LeaseError>) {
        let mut unserved = Vec::new();
        for (name, endpoint) in &desired.endpoints {
            let (vpc, backend) = self.ends(desired, endpoint);
            let Some((number, lease)) = self.serving(name) else {
                unserved.push((name, endpoint));
                continue;
            };
            let reached = lease.vpc == vpc
                && desired.gateway.transit.contains(&lease.transit)
                && lease.first_slot + lease.slots <= desired.gateway.max_flows
                && Self::fits(desired, endpoint, lease.address);
            if !reached {
                self.retire(number, Held::Cut);
                unserved.push((name, endpoint));
            } else if lease.slots < endpoint.slots() {
                self.retire(number, Held::Draining);
                unserved.push((name, endpoint));
            } else if lease.backend != backend {
                let generation = self.generation();
                if let Some(lease) = self.endpoints.get_mut(&number) {
                    (lease.backend, lease.generation) = (backend, generation);
                }
            }
        }
        let gone: Vec<u32> = self
            .endpoints
            .iter()
            .filter(|(_, lease)| lease.held != Held::Cut && !desired.endpoints.contains_key(&lease.name))
            .map(|(number, _)| *number)
            .collect();
        for number in gone {
            self.retire(number, Held::Cut);
        }
        // Those that ask for an address first: the others take what is left.
        unserved.sort_by_key(|(_, endpoint)| endpoint.address.is_none());
        for (name, endpoint) in unserved {
            match self.grant(desired, capacity, name, endpoint) {
                Ok((number, lease)) => drop(self.endpoints.insert(number, lease)),
                Err(error) => errors.push(error),
            }
        }
    }

    /// Numbers of an endpoint's VPC and of its backend.
    fn ends(&self, desired: &Desired, endpoint: &Endpoint) -> (u16, u32) {
        let service = &desired.services[&endpoint.service];
        let backend = self.backend(self.vpcs[&service.vpc], service.backend.address);
        (self.vpcs[&endpoint.vpc], backend.unwrap_or_default())
    }

    fn generation(&mut self) -> u32 {
        self.next_generation += 1;
        self.next_generation
    }

    fn retire(&mut self, number: u32, held: Held) {
        let generation = self.generation();
        if let Some(lease) = self.endpoints.get_mut(&number) {
            if held == Held::Cut {
                lease.generation = generation;
            }
            lease.held = held;
        }
    }

    fn grant(
        &mut self,
        desired: &Desired,
        capacity: Capacity,
        name: &str,
        endpoint: &Endpoint,
    ) -> Result<(u32, EndpointLease), LeaseError> {
        let (vpc, backend) = self.ends(desired, endpoint);
        let own = || name.to_owned();
        let address = self.address(desired, name, endpoint, vpc)?;
        let number = (0..capacity.endpoints).find(|number| !self.endpoints.contains_key(number));
        let number =
            number.ok_or_else(|| LeaseError::NoNumber { what: "endpoint", name: own(), most: capacity.endpoints })?;
        let range = desired.gateway.transit;
        let taken = |transit: &Ipv4Addr| self.endpoints.values().any(|lease| lease.transit == *transit);
        let transit = range.hosts().find(|transit| !taken(transit));
        let transit = transit.ok_or_else(|| LeaseError::NoTransit { endpoint: own(), range })?;
        let (slots, max_flows) = (endpoint.slots(), desired.gateway.max_flows);
        let first_slot = self.gap(slots, max_flows);
        let first_slot = first_slot.ok_or_else(|| LeaseError::NoSlots { endpoint: own(), slots, max_flows })?;
        let generation = self.generation();
        let held = Held::Serving;
        let lease = EndpointLease { name: own(), vpc, address, transit, backend, first_slot, slots, generation, held };
        Ok((number, lease))
    }

    /// The first run of so many flow records that nobody holds.
    fn gap(&self, slots: u32, max_flows: u32) -> Option<u32> {
        let mut blocks: Vec<(u32, u32)> =
            self.endpoints.values().map(|lease| (lease.first_slot, lease.slots)).collect();
        blocks.sort_unstable();
        let mut free = 0;
        for (first, held) in blocks {
            if first.saturating_sub(free) >= slots {
                break;
            }
            free = free.max(first + held);
        }
        (free.checked_add(slots)? <= max_flows).then_some(free)
    }

    fn address(&self, desired: &Desired, name: &str, endpoint: &Endpoint, vpc: u16) -> Result<Ipv4Addr, LeaseError> {
        let holder = |address: Ipv4Addr| {
            let mut leases = self.endpoints.values();
            leases.find(|lease| lease.vpc == vpc && lease.address == address && lease.held == Held::Serving)
        };
        if let Some(address) = endpoint.address {
            return match holder(address) {
                Some(lease) => {
                    Err(LeaseError::AddressHeld { endpoint: name.to_owned(), address, holder: lease.name.clone() })
                }
                None => Ok(address),
            };
        }
        let mut hosts = desired.vpcs[&endpoint.vpc].subnets[&endpoint.subnet].hosts();
        hosts
            .find(|address| Self::fits(desired, endpoint, *address) && holder(*address).is_none())
            .ok_or_else(|| LeaseError::NoAddress { endpoint: name.to_owned(), subnet: endpoint.subnet.clone() })
    }

    /// Whether an endpoint may have an address, other endpoints' leases apart.
    fn fits(desired: &Desired, endpoint: &Endpoint, address: Ipv4Addr) -> bool {
        if let Some(asked) = endpoint.address {
            return asked == address;
        }
        let vpc = &desired.vpcs[&endpoint.vpc];
        let subnet = vpc.subnets[&endpoint.subnet];
        let is_backend = |address| {
            desired.services.values().any(|service| service.vpc == endpoint.vpc && service.backend.address == address)
        };
        let is_asked = |address| {
            let mut others = desired.endpoints.values();
            others.any(|other| other.vpc == endpoint.vpc && other.address == Some(address))
        };
        subnet.contains(&address)
            && address != subnet.network()
            && address != subnet.broadcast()
            && address != vpc.address.addr()
            && Some(address) != vpc.next_hop
            && !is_backend(address)
            && !is_asked(address)
    }
}
