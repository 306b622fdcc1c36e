//! Bodies of the operations on tags.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A label.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Tag {
    /// 1 to 36 characters.
    #[schema(required = true)]
    pub key: String,
    /// 1 to 43 characters.
    pub value: String,
}

/// Operation 29.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TagsAction {
    /// At least one; to delete, the key is enough.
    #[schema(required = true)]
    pub tags: Vec<Tag>,
    /// `create` or `delete`.
    #[schema(value_type = String, required = true)]
    pub action: Option<String>,
}

/// A key and some of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct TagValues {
    /// The key.
    #[schema(required = true)]
    pub key: String,
    /// The values; none in a filter: any.
    pub values: Vec<String>,
}

/// Operation 31.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct QueryInstances {
    /// Those that have all of these.
    pub tags: Option<Vec<TagValues>>,
    /// Those that have one of these.
    pub tags_any: Option<Vec<TagValues>>,
    /// Those that don't have all of these.
    pub not_tags: Option<Vec<TagValues>>,
    /// Those that have none of these.
    pub not_tags_any: Option<Vec<TagValues>>,
    /// Not offered.
    pub sys_tags: Option<Vec<TagValues>>,
    /// A number as text, 1-1000; 1000 where absent.
    pub limit: Option<String>,
    /// A number as text; 0 where absent.
    pub offset: Option<String>,
    /// `filter` or `count`.
    #[schema(value_type = String, required = true)]
    pub action: Option<String>,
    /// By `resource_name` (a part of it) or `resource_id`.
    pub matches: Option<Vec<Match>>,
    /// Those without any tag; the other filters by tags don't count then.
    pub without_any_tag: Option<bool>,
}

/// A filter by something else than tags.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Match {
    /// What to look at.
    #[schema(required = true)]
    pub key: String,
    /// What it must be.
    #[schema(required = true)]
    pub value: String,
}
