//! Answers about endpoint services, their connections and permissions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::EndpointError;
use crate::model::resource::{
    BackendId, EndpointId, PermissionId, ServiceId, Time, VpcId,
    request::Tag,
    state::{EndpointState, ServiceState},
};

/// An endpoint service: operations 1 to 4.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceDetails {
    /// Its id.
    pub id: ServiceId,
    /// Its backend; none: a service of type gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_id: Option<BackendId>,
    /// `<region>.<name>.<id>`
    pub service_name: String,
    /// What sort of backend it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_type: Option<String>,
    /// The VPC of the backend.
    pub vpc_id: VpcId,
    /// Whether its owner accepts each endpoint.
    pub approval_enabled: bool,
    /// Its state.
    pub status: ServiceState,
    /// `interface` or `gateway`
    pub service_type: String,
    /// `basic`, and `professional` once it was upgraded.
    pub supported_editions: Vec<String>,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// The project that it belongs to.
    pub project_id: String,
    /// The tenant that it belongs to; none: the operator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_id: Option<String>,
    /// Its port mappings.
    pub ports: Vec<Mapping>,
    /// `close`
    pub tcp_proxy: String,
    /// `ipv4`
    pub ip_version: String,
    /// `internal`
    pub cidr_type: String,
    /// Labels.
    pub tags: Vec<Tag>,
    /// How many endpoints are creating or accepted.
    pub connection_count: u32,
    /// Why it failed.
    pub error: Vec<ServiceError>,
    /// What its owner says of it.
    pub description: String,
    /// Whether endpoints of it can have a policy.
    pub enable_policy: bool,
}

/// A port mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mapping {
    /// What clients dial.
    pub client_port: u16,
    /// Where it leads to.
    pub server_port: u16,
    /// `TCP` or `UDP`
    pub protocol: String,
}

/// Why a service failed; clients differ in which fields they read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceError {
    /// The number of the error.
    pub code: String,
    /// The error.
    pub message: String,
    /// The same as `code`.
    pub error_code: String,
    /// The same as `message`.
    pub error_message: String,
}

/// Operation 2.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Services {
    /// The page.
    pub endpoint_services: Vec<ServiceDetails>,
    /// How many there are.
    pub total_count: usize,
}

/// Operation 5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceName {
    /// `<region>.<name>.<id>`
    pub endpoint_service_name: String,
}

/// A service that all may use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicService {
    /// Its id.
    pub id: ServiceId,
    /// Who offers it.
    pub owner: String,
    /// `<region>.<name>.<id>`
    pub service_name: String,
    /// `interface` or `gateway`
    pub service_type: String,
    /// When it was made.
    pub created_at: Time,
    /// Whether it costs.
    pub is_charge: bool,
    /// Whether endpoints of it can have a policy.
    pub enable_policy: bool,
}

/// Operation 7.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PublicServices {
    /// The page.
    pub endpoint_services: Vec<PublicService>,
    /// How many there are.
    pub total_count: usize,
}

/// Operation 8: what a consumer may know of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceDescription {
    /// Its id.
    pub id: ServiceId,
    /// `<region>.<name>.<id>`
    pub service_name: String,
    /// `interface` or `gateway`
    pub service_type: String,
    /// When it was made.
    pub created_at: Time,
    /// Whether it costs.
    pub is_charge: bool,
    /// Empty: none.
    pub public_border_group: String,
    /// Whether endpoints of it can have a policy.
    pub enable_policy: bool,
}

/// An endpoint as its service's owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connection {
    /// The endpoint's id.
    pub id: EndpointId,
    /// Its number.
    pub marker_id: u32,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// The tenant that it belongs to; empty: the operator.
    pub domain_id: String,
    /// Why it failed.
    pub error: Vec<EndpointError>,
    /// Its state.
    pub status: EndpointState,
    /// What the service's owner says of it.
    pub description: String,
}

/// Operation 11.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Connections {
    /// The page.
    pub connections: Vec<Connection>,
    /// How many there are.
    pub total_count: usize,
}

/// Operations 12 and 13: what they were about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConnectionsOf {
    /// The connections as they are now.
    pub connections: Vec<Connection>,
}

/// An entry of a service's whitelist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionDetails {
    /// Its id.
    pub id: PermissionId,
    /// `iam:domain::` and a domain, or `*`.
    pub permission: String,
    /// `domainId`
    pub permission_type: String,
    /// What it is for.
    pub description: String,
    /// When it was made.
    pub created_at: Time,
}

/// Operation 14.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Permissions {
    /// The page.
    pub permissions: Vec<PermissionDetails>,
    /// How many there are.
    pub total_count: usize,
}

/// Operation 15: what was added or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionsAdded {
    /// `iam:domain::` and a domain, or `*`.
    pub permissions: Vec<String>,
    /// `domainId`
    pub permission_type: String,
}

/// Operations 16 to 18: what they were about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PermissionsOf {
    /// The permissions as they are now, or were.
    pub permissions: Vec<PermissionDetails>,
}

/// A backend that services can lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BackendDetails {
    /// Its id: what services name as `port_id`.
    pub id: BackendId,
    /// Its VPC.
    pub vpc_id: VpcId,
    /// `VM`, `LB` or `BMS`
    pub server_type: String,
    /// Its address in the VPC.
    pub address: String,
    /// When it was registered.
    pub created_at: Time,
}

/// The backends there are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Backends {
    /// By id.
    pub backends: Vec<BackendDetails>,
}
