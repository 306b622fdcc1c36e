//! What the agent tells of itself: the answers of its socket, in the form that programs read.

use std::{collections::BTreeMap, net::Ipv4Addr};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::resource::{RouteTableId, SubnetId, VpcId};

/// Everything at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Tenant networks.
    pub vpcs: Vec<VpcStatus>,
    /// Endpoint services.
    pub services: Vec<ServiceStatus>,
    /// Endpoints.
    pub endpoints: Vec<EndpointStatus>,
    /// What is wrong now, the worst first.
    pub alarms: Vec<AlarmStatus>,
    /// Packets of the whole gateway.
    pub packets: PacketStatus,
}

/// Something that an operator must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmStatus {
    /// Its name.
    pub alarm: String,
    /// The endpoint that it is of; none: the gateway.
    pub endpoint: Option<String>,
    /// Seconds since it was raised.
    pub since_secs: u64,
    /// What it means, and what to do.
    pub cure: String,
}

/// A tenant network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpcStatus {
    /// Its name.
    pub name: String,
    /// Its id in the API.
    pub id: VpcId,
    /// The tenant.
    pub domain: Option<String>,
    /// The gateway's own address there.
    pub address: Ipv4Net,
    /// Named parts.
    pub subnets: BTreeMap<String, Ipv4Net>,
    /// Their ids in the API.
    pub subnet_ids: BTreeMap<String, SubnetId>,
    /// The id of its route table in the API.
    pub route_table_id: RouteTableId,
    /// Where it meets the gateway.
    pub attachments: Vec<AttachmentStatus>,
}

/// An attachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachmentStatus {
    /// The interface, and the part of it: `eth1`, `eth1 vlan 100`, `eth0 vni 42`.
    pub interface: String,
    /// `attached`, `missing`, or why it can't be attached.
    pub state: String,
    /// `native`, `generic` or `tc`.
    pub hook: Option<String>,
    /// Why it is that one.
    pub why: Option<String>,
    /// What it costs there, where that is worth a word.
    pub cost: Option<String>,
}

/// An endpoint service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// Its VPC.
    pub vpc: String,
    /// Where it leads.
    pub backend: BackendStatus,
    /// Networks behind a service of type gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Ipv4Net>,
    /// Port mappings; none for a service of type gateway that carries every port.
    pub ports: Vec<PortStatus>,
    /// Operator's labels.
    pub tags: BTreeMap<String, String>,
    /// Its endpoints.
    pub endpoints: Vec<String>,
}

/// A backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackendStatus {
    /// `vm`, `lb` or `bms`; `router` for a service of type gateway.
    pub kind: String,
    /// Its address in the service's VPC.
    pub address: Ipv4Addr,
    /// The service's VPC.
    pub vpc: String,
    /// Its MAC, or its router's; absent while it does not answer ARP.
    pub mac: Option<String>,
}

/// A port mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortStatus {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The endpoint port.
    pub client: u16,
    /// The backend's port.
    pub server: u16,
}

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// Its name.
    pub name: String,
    /// State of the guide (§5.4), `creating` or `accepted`.
    pub state: String,
    /// Its address; none for one of a service of type gateway.
    pub address: Option<Ipv4Addr>,
    /// Its service.
    pub service: String,
    /// Its VPC.
    pub vpc: String,
    /// Its subnet; none for one of a service of type gateway.
    pub subnet: Option<String>,
    /// What its backend sees as the client.
    pub transit_address: Option<Ipv4Addr>,
    /// Where it leads.
    pub backend: BackendStatus,
    /// Networks behind a service of type gateway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefixes: Vec<Ipv4Net>,
    /// Port mappings; none for a service of type gateway that carries every port.
    pub ports: Vec<PortStatus>,
    /// Operator's labels.
    pub tags: BTreeMap<String, String>,
    /// Open connections.
    pub connections: ConnectionStatus,
    /// From clients to the backend.
    pub forward: TrafficStatus,
    /// From the backend to clients.
    pub reply: TrafficStatus,
    /// Connections that were refused, for whatever reason.
    pub refused: u64,
    /// Its alarms, by name.
    pub alarm: Option<String>,
    /// Packets dropped or refused, by reason; reasons that never came are left out.
    pub drops: BTreeMap<String, u64>,
}

/// Open connections of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// Now.
    pub open: u32,
    /// Those of TCP whose handshake is not complete.
    pub half_open: u32,
    /// At most.
    pub limit: u32,
    /// Most at once.
    pub peak: u32,
}

/// Traffic one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficStatus {
    /// Packets.
    pub packets: u64,
    /// Bytes, Ethernet headers included.
    pub bytes: u64,
}

/// Packets of the whole gateway: in = passed + forwarded + replied + answered + drops.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PacketStatus {
    /// Came in by an attachment.
    pub packets_in: u64,
    /// Left to the kernel.
    pub passed: u64,
    /// Translated towards backends.
    pub forwarded: u64,
    /// Translated towards clients.
    pub replied: u64,
    /// Answered by the gateway itself: ARP and echo.
    pub answered: u64,
    /// Dropped or refused, by reason; reasons that never came are left out.
    pub drops: BTreeMap<String, u64>,
}
