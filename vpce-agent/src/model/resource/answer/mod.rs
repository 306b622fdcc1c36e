//! What is answered, as the API writes it.

mod endpoint;
mod service;
mod tag;

pub use self::{
    endpoint::{EndpointDetails, EndpointError, Endpoints, RouteTables, RouteTablesError, RouteTablesErrorDetail},
    service::{
        BackendDetails, Backends, Connection, Connections, ConnectionsOf, Mapping, PermissionDetails, Permissions,
        PermissionsAdded, PermissionsOf, PublicService, PublicServices, ServiceDescription, ServiceDetails,
        ServiceError, ServiceName, Services,
    },
    tag::{Instances, ProjectTags, Quota, QuotaResources, Quotas, ResourceInstance},
};
