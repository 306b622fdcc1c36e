//! Where endpoints are: their addresses, and the routes of those that have none.

use std::net::Ipv4Addr;

use uuid::Uuid;

use crate::model::resource::{
    EndpointId, Refusal, Resources, RouteTableId, Service, SubnetId, VpcId, item::Place, request::CreateEndpoint,
    world::Network,
};

impl Resources {
    /// The subnet and the address of a new endpoint of a service of type interface.
    pub(super) fn place(&self, vpc: VpcId, request: &CreateEndpoint) -> Result<Place, Refusal> {
        let Some(text) = request.subnet_id.as_deref().filter(|id| !id.is_empty()) else {
            return Err(Refusal::SubnetMissing {});
        };
        let id: SubnetId = text.parse()?;
        let network = self.network(vpc)?;
        let Some(subnet) = network.subnets.get(&id) else {
            return Err(Refusal::SubnetNotInVpc { id: text.to_owned(), vpc: vpc.to_string() });
        };
        let net = subnet.net;
        let address = match request.port_ip.as_deref().filter(|text| !text.is_empty()) {
            None => self.index.addresses.next_free(vpc, net).ok_or(Refusal::SubnetFull { subnet: net.to_string() })?,
            Some(text) => {
                let bad = |reason: &str| Refusal::PortIp { value: text.to_owned(), reason: reason.to_owned() };
                let address: Ipv4Addr = text.parse().map_err(|_| bad("use an IPv4 address of the subnet"))?;
                if !net.contains(&address) {
                    return Err(Refusal::PortIpNotInSubnet { value: text.to_owned(), subnet: net.to_string() });
                }
                if net.prefix_len() < 31 && (address == net.network() || address == net.broadcast()) {
                    return Err(bad("it is the network's or the broadcast address of the subnet"));
                }
                if let Some(by) = self.holder(network, vpc, address) {
                    return Err(Refusal::PortIpInUse { value: text.to_owned(), by });
                }
                address
            }
        };
        Ok(Place { subnet: id, address: Some(address) })
    }

    /// Who has an address.
    pub(super) fn holder(&self, network: &Network, vpc: VpcId, address: Ipv4Addr) -> Option<String> {
        if network.address.addr() == address {
            Some("the gateway itself".to_owned())
        } else if network.next_hop == Some(address) {
            Some("the VPC's router".to_owned())
        } else if self.index.addresses.is_fixed(vpc, address) {
            Some("a backend".to_owned())
        } else {
            self.index.addresses.holder(vpc, address).map(|endpoint| format!("endpoint {endpoint}"))
        }
    }

    /// An endpoint of a service of type gateway has no address: the VPC's route table leads to the service's
    /// networks, each of which must mean one thing there.
    pub(super) fn check_no_place(
        &self,
        vpc: VpcId,
        service: &Service,
        request: &CreateEndpoint,
    ) -> Result<(), Refusal> {
        let reason = "an endpoint of a service of type gateway has no address; leave it out".to_owned();
        if let Some(value) = request.port_ip.clone().filter(|text| !text.is_empty()) {
            return Err(Refusal::PortIp { value, reason });
        }
        if let Some(value) = request.subnet_id.clone().filter(|text| !text.is_empty()) {
            let allowed = "nothing: an endpoint of a service of type gateway has no subnet, leave it out".to_owned();
            return Err(Refusal::Parameter { field: "subnet_id", value, allowed });
        }
        match request.routetables.as_deref().unwrap_or_default() {
            [] => (),
            [table] => self.check_route_table(vpc, table)?,
            tables => return Err(Refusal::RouteTable { value: tables.join(", ") }),
        }
        let network = self.network(vpc)?;
        let taken =
            |prefix: &ipnet::Ipv4Net, by| Refusal::RouteTaken { prefix: prefix.to_string(), vpc: vpc.to_string(), by };
        let overlaps = |prefix: &ipnet::Ipv4Net, net: &ipnet::Ipv4Net| prefix.contains(net) || net.contains(prefix);
        for prefix in &service.prefixes {
            if let Some(subnet) = network.subnets.values().find(|subnet| overlaps(prefix, &subnet.net)) {
                return Err(taken(prefix, format!("its subnet {}", subnet.net)));
            }
        }
        let others = (vpc, EndpointId(Uuid::nil()))..=(vpc, EndpointId(Uuid::max()));
        for (_, other) in self.index.gateways.range(others) {
            let Some(to) = self.endpoints.get(other).and_then(|other| self.services.get(&other.service)) else {
                continue;
            };
            if let Some(prefix) = service.prefixes.intersection(&to.prefixes).next() {
                return Err(taken(prefix, format!("endpoint {other}")));
            }
        }
        Ok(())
    }

    pub(super) fn check_route_table(&self, vpc: VpcId, table: &str) -> Result<(), Refusal> {
        let id: RouteTableId = table.parse()?;
        if self.network(vpc)?.route_table == id { Ok(()) } else { Err(Refusal::RouteTable { value: table.to_owned() }) }
    }

    fn network(&self, vpc: VpcId) -> Result<&Network, Refusal> {
        self.world.vpcs.get(&vpc).ok_or_else(|| Refusal::VpcAbsent { id: vpc.to_string() })
    }
}
