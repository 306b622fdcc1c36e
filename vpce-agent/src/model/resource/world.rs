//! What the file says that resources refer to: VPCs, subnets, route tables.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;

use super::{RouteTableId, SubnetId, VpcId};
use crate::model::{Attachment, Desired, Timers, Vpc};

/// The surroundings of all resources.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct World {
    pub(super) region: String,
    pub(super) timers: Timers,
    pub(super) vpcs: BTreeMap<VpcId, Network>,
}

/// A VPC.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) name: String,
    pub(super) domain: Option<String>,
    /// The gateway's own address there.
    pub(super) address: Ipv4Net,
    pub(super) next_hop: Option<Ipv4Addr>,
    pub(super) route_table: RouteTableId,
    pub(super) subnets: BTreeMap<SubnetId, Subnet>,
    /// Whether backends can be asked for by ARP.
    pub(super) can_ask: bool,
}

/// A subnet of a VPC.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    pub(super) name: String,
    pub(super) net: Ipv4Net,
}

impl World {
    pub(super) fn new(desired: &Desired) -> Self {
        let region = desired.gateway.region.clone();
        let vpcs = desired.vpcs.iter().map(|(name, vpc)| {
            let network = Network::new(&region, name, vpc);
            (VpcId::of_file(&region, name), network)
        });
        Self { vpcs: vpcs.collect(), timers: desired.gateway.timers, region: region.clone() }
    }
}

impl Network {
    fn new(region: &str, name: &str, vpc: &Vpc) -> Self {
        let subnet = |(subnet, net): (&String, &Ipv4Net)| {
            (SubnetId::of_file(region, name, subnet), Subnet { name: subnet.clone(), net: *net })
        };
        Self {
            name: name.to_owned(),
            domain: vpc.domain.clone(),
            address: vpc.address,
            next_hop: vpc.next_hop,
            route_table: RouteTableId::of_file(region, name),
            subnets: vpc.subnets.iter().map(subnet).collect(),
            can_ask: vpc.attach.iter().any(Attachment::can_ask),
        }
    }

    /// Addresses there that are never an endpoint's.
    pub(super) fn own(&self) -> impl Iterator<Item = Ipv4Addr> {
        [self.address.addr()].into_iter().chain(self.next_hop)
    }
}
