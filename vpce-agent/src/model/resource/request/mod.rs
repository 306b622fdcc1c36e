//! What is asked for, as the API writes it. Fields that it doesn't know are ignored.
//!
//! Values are checked where they are used, so every refusal names the field and what is allowed.

mod endpoint;
mod query;
mod service;
mod tag;

pub use self::{
    endpoint::{CreateEndpoint, PolicyStatement, UpdatePolicy, UpdateRouteTables, UpdateWhitelist, UpgradeEndpoint},
    query::Query,
    service::{
        AcceptOrReject, AddPermission, AddServerResources, BatchAddPermissions, BatchRemovePermissions,
        ConnectionDescription, CreateBackend, CreateService, PermissionDescription, PermissionsAction, PortMapping,
        RemovePermission, RenameService, ServerResource, SetQuota, UpdateConnectionDescriptions,
        UpdatePermissionDescription, UpdateService,
    },
    tag::{Match, QueryInstances, Tag, TagValues, TagsAction},
};
