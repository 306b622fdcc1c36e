//! Bodies of the operations on endpoints.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Tag;

/// Operation 19.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct CreateEndpoint {
    /// The subnet that its address is of; needed for a service of type interface.
    pub subnet_id: Option<String>,
    /// The service's id.
    #[schema(value_type = String, format = "uuid", required = true)]
    pub endpoint_service_id: Option<String>,
    /// The VPC that it is dialled from.
    #[schema(value_type = String, format = "uuid", required = true)]
    pub vpc_id: Option<String>,
    /// Whether it has a domain name; false where absent.
    pub enable_dns: Option<bool>,
    /// Labels.
    pub tags: Option<Vec<Tag>>,
    /// The VPC's route table, for a service of type gateway.
    pub routetables: Option<Vec<String>>,
    /// Its address; the next free one of the subnet where absent.
    pub port_ip: Option<String>,
    /// Clients that may dial it: addresses and networks.
    pub whitelist: Option<Vec<String>>,
    /// Whether the whitelist counts.
    pub enable_whitelist: Option<bool>,
    /// At most 512 characters, none of < >.
    pub description: Option<String>,
    /// See [`UpdatePolicy`].
    pub policy_statement: Option<Vec<PolicyStatement>>,
    /// See [`UpdatePolicy`].
    #[schema(value_type = Option<Object>)]
    pub policy_document: Option<Value>,
    /// `ipv4`
    pub ip_version: Option<String>,
    /// Not offered.
    pub ipv6_address: Option<String>,
}

/// Operation 22; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpdateWhitelist {
    /// All its entries: they replace those there are.
    pub whitelist: Option<Vec<String>>,
    /// Whether it counts.
    pub enable_whitelist: Option<bool>,
}

/// Operation 23.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpdateRouteTables {
    /// The VPC's route table.
    #[schema(required = true)]
    pub routetables: Vec<String>,
}

/// Operation 24: which clients may dial the endpoint. Nothing above addresses can be told apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpdatePolicy {
    /// Its statements.
    pub policy_statement: Option<Vec<PolicyStatement>>,
    /// The same as a document: `{"Version": "5.0", "Statement": [...]}`.
    #[schema(value_type = Option<Object>)]
    pub policy_document: Option<Value>,
}

/// A statement of a policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PolicyStatement {
    /// `Allow`
    #[serde(rename = "Effect")]
    pub effect: String,
    /// `*`
    #[serde(rename = "Action")]
    pub action: Vec<String>,
    /// `*`
    #[serde(rename = "Resource")]
    pub resource: Vec<String>,
    /// `{"IpAddress": {"SourceIp": ["10.0.0.0/24"]}}`, or absent: every client.
    #[serde(rename = "Condition", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub condition: Option<Value>,
    /// Its name.
    #[serde(rename = "Sid", skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
}

/// Operation 26.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct UpgradeEndpoint {
    /// `start`
    pub action: Option<String>,
}
