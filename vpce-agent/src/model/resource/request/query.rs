//! What lists are asked for, in the URL.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Filters, order and page of a list. Each list knows those of its own, and ignores the others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams, ToSchema)]
#[serde(default)]
pub struct Query {
    /// Part of the service's name, in letters of either case.
    pub endpoint_service_name: Option<String>,
    /// Part of the id; of connections: the whole.
    pub id: Option<String>,
    /// The state.
    pub status: Option<String>,
    /// The VPC of endpoints.
    pub vpc_id: Option<String>,
    /// The number of a connection's endpoint.
    pub marker_id: Option<String>,
    /// Part of a permission.
    pub permission: Option<String>,
    /// `create_at` (where absent), `update_at`, `created_at` or `updated_at`.
    pub sort_key: Option<String>,
    /// `desc` (where absent) or `asc`.
    pub sort_dir: Option<String>,
    /// 0-1000; 10 where absent.
    pub limit: Option<String>,
    /// How many to skip.
    pub offset: Option<String>,
}
