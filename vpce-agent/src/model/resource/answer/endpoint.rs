//! Answers about endpoints.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::model::resource::{
    EndpointId, RouteTableId, ServiceId, SubnetId, Time, VpcId,
    request::{PolicyStatement, Tag},
    state::EndpointState,
};

/// An endpoint: operations 19 to 25.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointDetails {
    /// Its id.
    pub id: EndpointId,
    /// `interface` or `gateway`
    pub service_type: String,
    /// Its state.
    pub status: EndpointState,
    /// Its address, once it was accepted; none: of a service of type gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub ip: Option<Ipv4Addr>,
    /// `active`
    pub active_status: Vec<String>,
    /// `enable`
    pub enable_status: String,
    /// `basic` or `professional`
    pub specification_name: String,
    /// `<region>.<name>.<id>`
    pub endpoint_service_name: String,
    /// Its number.
    pub marker_id: u32,
    /// The service's id.
    pub endpoint_service_id: ServiceId,
    /// Whether it has a domain name.
    pub enable_dns: bool,
    /// Its domain names, where it has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_names: Option<Vec<String>>,
    /// Its subnet; none: of a service of type gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_id: Option<SubnetId>,
    /// The VPC that it is dialled from.
    pub vpc_id: VpcId,
    /// When it was made.
    pub created_at: Time,
    /// When it was last changed.
    pub updated_at: Time,
    /// The project that it belongs to.
    pub project_id: String,
    /// Labels.
    pub tags: Vec<Tag>,
    /// Why it failed.
    pub error: Vec<EndpointError>,
    /// Clients that may dial it.
    pub whitelist: Vec<String>,
    /// Whether the whitelist counts.
    pub enable_whitelist: bool,
    /// The VPC's route table, where it is of a service of type gateway.
    pub routetables: Vec<RouteTableId>,
    /// What its owner says of it.
    pub description: String,
    /// Its policy.
    pub policy_statement: Vec<PolicyStatement>,
    /// Its policy, where it was written as a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub policy_document: Option<Value>,
}

/// Why an endpoint failed; clients differ in which fields they read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndpointError {
    /// The number of the error.
    pub error_code: String,
    /// The error.
    pub error_message: String,
    /// The same as `error_code`.
    pub code: String,
    /// The same as `error_message`.
    pub message: String,
}

/// Operation 20.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoints {
    /// The page.
    pub endpoints: Vec<EndpointDetails>,
    /// How many there are.
    pub total_count: usize,
}

/// Operation 23.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteTables {
    /// The VPC's route table.
    pub routetables: Vec<RouteTableId>,
    /// What couldn't be done: nothing, since all or none is done.
    pub error: Vec<RouteTablesError>,
}

/// What couldn't be done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteTablesError {
    /// Route tables that couldn't be taken.
    pub bind_failed: Vec<RouteTablesErrorDetail>,
    /// Route tables that couldn't be left.
    pub unbind_failed: Vec<RouteTablesErrorDetail>,
}

/// Why a route table couldn't be taken or left.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RouteTablesErrorDetail {
    /// The route table.
    pub id: String,
    /// The error.
    pub error_message: String,
}
