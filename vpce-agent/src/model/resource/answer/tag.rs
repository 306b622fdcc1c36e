//! Answers about tags and quotas.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::resource::request::{Tag, TagValues};

/// Operation 30.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProjectTags {
    /// Every key of the project's resources, with every value.
    pub tags: Vec<TagValues>,
}

/// Operation 31.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instances {
    /// The page; none where they were to be counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Vec<ResourceInstance>>,
    /// How many there are.
    pub total_count: usize,
}

/// A resource, with its labels.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResourceInstance {
    /// Its id.
    pub resource_id: String,
    /// Labels.
    pub tags: Vec<Tag>,
    /// The service's name; of an endpoint: that of its service.
    pub resource_name: String,
}

/// Operation 28.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quotas {
    /// All of them.
    pub quotas: QuotaResources,
}

/// Quotas by type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct QuotaResources {
    /// One for each type.
    pub resources: Vec<Quota>,
}

/// How much of a type a tenant has, and may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Quota {
    /// `endpoint_service` or `endpoint`
    #[serde(rename = "type")]
    pub kind: String,
    /// How many there are.
    pub used: u32,
    /// How many there may be.
    pub quota: u32,
}
