//! Bodies of the operations on endpoint services, their connections and permissions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Tag;

/// Operation 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateService {
    /// The backend's id.
    #[schema(value_type = String, format = "uuid", required = true)]
    pub port_id: Option<String>,
    /// 0 to 16 of A-Z a-z 0-9 _ -
    pub service_name: Option<String>,
    /// The VPC that the backend is in.
    #[schema(value_type = String, format = "uuid", required = true)]
    pub vpc_id: Option<String>,
    /// Whether its owner accepts each endpoint; true where absent.
    pub approval_enabled: Option<bool>,
    /// `interface`
    pub service_type: Option<String>,
    /// `VM`, `LB` or `BMS`: what the backend was registered as.
    #[schema(value_type = String, required = true)]
    pub server_type: Option<String>,
    /// Not offered.
    pub ip: Option<String>,
    /// 1 to 200 port mappings.
    #[schema(value_type = Vec<PortMapping>, required = true)]
    pub ports: Option<Vec<PortMapping>>,
    /// `close`
    pub tcp_proxy: Option<String>,
    /// Labels.
    pub tags: Option<Vec<Tag>>,
    /// At most 512 characters, none of < >.
    pub description: Option<String>,
    /// `ipv4`
    pub ip_version: Option<String>,
    /// Not offered.
    pub snat_network_id: Option<String>,
}

/// A port mapping: what clients dial, and where it leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PortMapping {
    /// 1-65535
    #[schema(value_type = u16, minimum = 1, required = true)]
    pub client_port: Option<i64>,
    /// 1-65535
    #[schema(value_type = u16, minimum = 1, required = true)]
    pub server_port: Option<i64>,
    /// `TCP` (where absent) or `UDP`.
    pub protocol: Option<String>,
}

/// Operation 4; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpdateService {
    /// Whether its owner accepts each endpoint.
    pub approval_enabled: Option<bool>,
    /// The short name.
    pub service_name: Option<String>,
    /// All port mappings: they replace those there are.
    pub ports: Option<Vec<PortMapping>>,
    /// The backend's id.
    pub port_id: Option<String>,
    /// `close`
    pub tcp_proxy: Option<String>,
    /// At most 512 characters, none of < >.
    pub description: Option<String>,
    /// Not offered.
    pub ip: Option<String>,
}

/// Operation 5.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RenameService {
    /// The new short name.
    #[schema(value_type = String, required = true)]
    pub endpoint_service_name: Option<String>,
}

/// Operation 10.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AddServerResources {
    /// One standby backend.
    #[schema(required = true)]
    pub server_resources: Vec<ServerResource>,
}

/// A standby backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ServerResource {
    /// The backend's id.
    #[schema(value_type = String, format = "uuid", required = true)]
    pub resource_id: Option<String>,
    /// Where it is; told to nobody.
    pub availability_zone_id: Option<String>,
}

/// Operation 12.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AcceptOrReject {
    /// `receive` or `reject`.
    #[schema(value_type = String, required = true)]
    pub action: Option<String>,
    /// The id of one endpoint.
    #[schema(required = true)]
    pub endpoints: Vec<String>,
}

/// Operation 13.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpdateConnectionDescriptions {
    /// At least one.
    #[schema(required = true)]
    pub connections: Vec<ConnectionDescription>,
}

/// What a service's owner says of an endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ConnectionDescription {
    /// The endpoint's id.
    #[schema(required = true)]
    pub id: String,
    /// At most 512 characters, none of < >.
    pub description: Option<String>,
}

/// Operation 15.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PermissionsAction {
    /// `iam:domain::` and a domain, or `*`.
    #[schema(required = true)]
    pub permissions: Vec<String>,
    /// `domainId`
    pub permission_type: Option<String>,
    /// `add` or `remove`.
    #[schema(value_type = String, required = true)]
    pub action: Option<String>,
}

/// Operation 16.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BatchAddPermissions {
    /// At least one.
    #[schema(required = true)]
    pub permissions: Vec<AddPermission>,
    /// `domainId`
    pub permission_type: Option<String>,
}

/// A permission to add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct AddPermission {
    /// `iam:domain::` and a domain, or `*`.
    #[schema(required = true)]
    pub permission: String,
    /// At most 512 characters, none of < >.
    pub description: Option<String>,
}

/// Operation 17.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct BatchRemovePermissions {
    /// At least one.
    #[schema(required = true)]
    pub permissions: Vec<RemovePermission>,
}

/// A permission to remove.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RemovePermission {
    /// The permission's id.
    #[schema(required = true)]
    pub id: String,
}

/// Operation 18.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpdatePermissionDescription {
    /// The new one.
    pub permission: PermissionDescription,
}

/// What a permission is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PermissionDescription {
    /// At most 512 characters, none of < >.
    pub description: Option<String>,
}

/// The operator's: registers a backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateBackend {
    /// The VPC's id.
    pub vpc_id: Option<String>,
    /// `VM`, `LB` or `BMS`.
    pub server_type: Option<String>,
    /// Its address in the VPC.
    pub address: Option<String>,
}

/// The operator's: how much a tenant may have; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct SetQuota {
    /// Endpoint services.
    pub endpoint_service: Option<u32>,
    /// Endpoints.
    pub endpoint: Option<u32>,
}
