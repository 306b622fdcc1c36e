//! What the gateway tells of itself.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Instant};

use ipnet::Ipv4Net;
use vpce_common::reason::DropReason;

use super::Gateway;
use crate::{
    maps::MapError,
    model::{
        Attachment, Backend, BackendKind, Dial, Endpoint, Port, Service, Target, Vpc,
        leases::EndpointLease,
        resource::{EndpointId, RouteTableId, SubnetId, VpcId},
        status::{
            AttachmentStatus, BackendStatus, ConnectionStatus, EndpointStatus, PacketStatus, PortStatus, ServiceStatus,
            Status, TrafficStatus, VpcStatus,
        },
    },
};

impl Gateway {
    /// Everything at this moment.
    ///
    /// # Errors
    /// When the kernel refuses a read.
    pub fn status(&self) -> Result<Status, MapError> {
        let [packets_in, passed, forwarded, replied, answered, dropped @ ..] = self.dataplane.maps.totals.sum(0)?;
        let drops = by_reason(&dropped);
        let mut of_service: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (name, endpoint) in &self.desired.endpoints {
            of_service.entry(&endpoint.service).or_default().push(name.clone());
        }
        let services: BTreeMap<&str, ServiceStatus> = (self.desired.services.iter())
            .map(|(name, service)| {
                let endpoints = of_service.remove(name.as_str()).unwrap_or_default();
                (name.as_str(), self.service(name, service, endpoints))
            })
            .collect();
        let serving: BTreeMap<_, _> = self.leases.serving().collect();
        let endpoints = self.desired.endpoints.iter().map(|(name, endpoint)| {
            let lease = serving.get(name.as_str()).copied();
            self.endpoint(name, endpoint, &services[endpoint.service.as_str()], lease)
        });
        let endpoints = endpoints.collect::<Result<_, _>>()?;
        Ok(Status {
            vpcs: self.desired.vpcs.iter().map(|(name, vpc)| self.vpc(name, vpc)).collect(),
            services: services.into_values().collect(),
            endpoints,
            alarms: self.alarms.all(Instant::now()),
            packets: PacketStatus { packets_in, passed, forwarded, replied, answered, drops },
        })
    }

    /// Where the endpoints of the file are.
    pub fn addresses(&self) -> impl Iterator<Item = (EndpointId, Ipv4Addr)> {
        let region = &self.desired.gateway.region;
        self.leases.serving().filter_map(|(name, (_, lease))| Some((EndpointId::of_file(region, name), lease.address?)))
    }

    fn vpc(&self, name: &str, vpc: &Vpc) -> VpcStatus {
        let attachment = |attachment: &Attachment| {
            let is = self.facts.interfaces.get(&attachment.interface);
            let held = is.and_then(|is| Some((is, self.dataplane.held(is.index, is.xdp)?)));
            let chosen = held.filter(|(is, hook)| attachment.mode.hooks(self.site(is)).contains(hook));
            let failure = self.failures.get(&attachment.interface);
            AttachmentStatus {
                interface: attachment.to_string(),
                state: match failure {
                    Some(failure) => failure.clone(),
                    None if held.is_some() => "attached".to_owned(),
                    None => "missing".to_owned(),
                },
                hook: held.map(|(_, hook)| hook.name().to_owned()),
                why: chosen.map(|(is, hook)| attachment.mode.why(self.site(is), hook)),
                cost: held.and_then(|(is, hook)| hook.cost(is.kind)).map(str::to_owned),
            }
        };
        let region = &self.desired.gateway.region;
        VpcStatus {
            name: name.to_owned(),
            id: VpcId::of_file(region, name),
            domain: vpc.domain.clone(),
            address: vpc.address,
            subnets: vpc.subnets.clone(),
            subnet_ids: vpc
                .subnets
                .keys()
                .map(|subnet| (subnet.clone(), SubnetId::of_file(region, name, subnet)))
                .collect(),
            route_table_id: RouteTableId::of_file(region, name),
            attachments: vpc.attach.iter().map(attachment).collect(),
        }
    }

    fn service(&self, name: &str, service: &Service, endpoints: Vec<String>) -> ServiceStatus {
        ServiceStatus {
            name: name.to_owned(),
            vpc: service.vpc.clone(),
            backend: self.backend(service),
            prefixes: prefixes(service),
            ports: ports(service),
            tags: service.tags.clone(),
            endpoints,
        }
    }

    fn backend(&self, service: &Service) -> BackendStatus {
        let number = self.leases.backend(self.leases.vpcs[&service.vpc], &service.target);
        let neighbour = number.and_then(|number| self.facts.neighbours.get(&number));
        BackendStatus {
            kind: match &service.target {
                Target::Backend(Backend { kind: BackendKind::Vm, .. }) => "vm",
                Target::Backend(Backend { kind: BackendKind::Lb, .. }) => "lb",
                Target::Backend(Backend { kind: BackendKind::Bms, .. }) => "bms",
                Target::Routed(_) => "router",
            }
            .to_owned(),
            address: service.target.address(),
            vpc: service.vpc.clone(),
            mac: neighbour.map(|neighbour| neighbour.station.mac.to_string()),
        }
    }

    fn endpoint(
        &self,
        name: &str,
        endpoint: &Endpoint,
        service: &ServiceStatus,
        lease: Option<(u32, &EndpointLease)>,
    ) -> Result<EndpointStatus, MapError> {
        let in_kernel = lease.is_some_and(|(number, lease)| {
            let entries = self.last.as_ref().map(|entries| &entries.endpoints);
            entries.and_then(|entries| entries.get(&number)).is_some_and(|entry| entry.generation == lease.generation)
        });
        let mut status = EndpointStatus {
            name: name.to_owned(),
            state: if in_kernel { "accepted" } else { "creating" }.to_owned(),
            address: lease.and_then(|(_, lease)| lease.address),
            service: endpoint.service.clone(),
            vpc: endpoint.vpc.clone(),
            subnet: endpoint.place.as_ref().map(|place| place.subnet.clone()),
            transit_address: lease.map(|(_, lease)| lease.transit),
            backend: service.backend.clone(),
            prefixes: service.prefixes.clone(),
            ports: service.ports.clone(),
            tags: endpoint.tags.clone(),
            connections: ConnectionStatus { limit: endpoint.max_connections, ..ConnectionStatus::default() },
            forward: TrafficStatus::default(),
            reply: TrafficStatus::default(),
            refused: 0,
            alarm: self.alarms.of(name),
            drops: BTreeMap::new(),
        };
        if let Some((number, _)) = lease.filter(|_| in_kernel) {
            let now = self.dataplane.maps.admission(number);
            let connections = &mut status.connections;
            (connections.open, connections.half_open, connections.peak) = (now.open, now.half_open, now.peak);
            let [packets, bytes, reply_packets, reply_bytes] = self.dataplane.maps.traffic.sum(number)?;
            let [refused, dropped @ ..] = self.dataplane.maps.stats.sum(number)?;
            status.forward = TrafficStatus { packets, bytes };
            status.reply = TrafficStatus { packets: reply_packets, bytes: reply_bytes };
            status.refused = refused;
            status.drops = by_reason(&dropped);
        }
        Ok(status)
    }
}

fn prefixes(service: &Service) -> Vec<Ipv4Net> {
    match &service.target {
        Target::Backend(_) => Vec::new(),
        Target::Routed(routed) => routed.prefixes.iter().copied().collect(),
    }
}

fn ports(service: &Service) -> Vec<PortStatus> {
    let ports = service.ports.iter();
    let port = |(dial, server): (&Dial, &Port)| PortStatus {
        protocol: dial.protocol.name().to_owned(),
        client: dial.port.0.get(),
        server: server.0.get(),
    };
    ports.map(port).collect()
}

fn by_reason(dropped: &[u64]) -> BTreeMap<String, u64> {
    let reasons = DropReason::ALL.iter().zip(dropped).filter(|(_, count)| **count != 0);
    reasons.map(|(reason, count)| (reason.name().to_owned(), *count)).collect()
}
