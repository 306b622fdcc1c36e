//! Operations 14 to 18: who may make endpoints to a service.

use utoipa_axum::{router::OpenApiRouter, routes};

use super::parameters::{Failures, Permission, Permissions, Service};
use crate::{
    api::{
        Json, Query as Filters,
        ask::{Answer, Ask, Id},
    },
    model::{
        resource::{
            PermissionId, ServiceId,
            answer::{self, PermissionsAdded, PermissionsOf},
            request::{
                BatchAddPermissions, BatchRemovePermissions, PermissionsAction, Query, UpdatePermissionDescription,
            },
        },
        rights::Action,
    },
    registry::Handle,
};

pub(super) fn routes() -> OpenApiRouter<Handle> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(change))
        .routes(routes!(add))
        .routes(routes!(remove))
        .routes(routes!(describe))
}

/// Lists the permissions of an endpoint service.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/permissions",
    operation_id = "list_service_permissions_details", tag = "permissions", params(Permissions),
    responses((status = 200, description = "A page of them", body = answer::Permissions), Failures))]
async fn list(ask: Ask, Id(id): Id<ServiceId>, Filters(query): Filters<Query>) -> Answer<answer::Permissions> {
    ask.read(Action::PermissionsList, |all, by| all.list_permissions(by, id, &query))
}

/// Adds or removes permissions.
#[utoipa::path(post, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/permissions/action",
    operation_id = "add_or_remove_service_permissions", tag = "permissions", params(Service),
    responses((status = 200, description = "Those that it was about", body = PermissionsAdded), Failures))]
async fn change(ask: Ask, Id(id): Id<ServiceId>, Json(request): Json<PermissionsAction>) -> Answer<PermissionsAdded> {
    let work =
        ask.write(Action::PermissionsUpdate, id, move |all, by, at| all.change_permissions(by, at, id, &request));
    work.await.map(Json)
}

/// Adds permissions with descriptions.
#[utoipa::path(post, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/permissions/batch-create",
    operation_id = "batch_add_endpoint_service_permissions", tag = "permissions", params(Service),
    responses((status = 200, description = "Those that were added", body = PermissionsOf), Failures))]
async fn add(ask: Ask, Id(id): Id<ServiceId>, Json(request): Json<BatchAddPermissions>) -> Answer<PermissionsOf> {
    let work = ask.write(Action::PermissionsUpdate, id, move |all, by, at| all.add_permissions(by, at, id, &request));
    work.await.map(Json)
}

/// Removes permissions by their ids.
#[utoipa::path(post, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/permissions/batch-delete",
    operation_id = "batch_remove_endpoint_service_permissions", tag = "permissions", params(Service),
    responses((status = 200, description = "Those that were removed", body = PermissionsOf), Failures))]
async fn remove(ask: Ask, Id(id): Id<ServiceId>, Json(request): Json<BatchRemovePermissions>) -> Answer<PermissionsOf> {
    let work =
        ask.write(Action::PermissionsUpdate, id, move |all, by, at| all.remove_permissions(by, at, id, &request));
    work.await.map(Json)
}

/// Changes the description of a permission.
#[utoipa::path(put, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/permissions/{permission_id}",
    operation_id = "update_endpoint_service_permission_desc", tag = "permissions", params(Permission),
    responses((status = 200, description = "The permission", body = PermissionsOf), Failures))]
async fn describe(
    ask: Ask,
    Id(id): Id<ServiceId>,
    Id(permission): Id<PermissionId>,
    Json(request): Json<UpdatePermissionDescription>,
) -> Answer<PermissionsOf> {
    let work = ask.write(Action::PermissionsUpdate, id, move |all, by, at| {
        all.update_permission_description(by, at, id, permission, &request)
    });
    work.await.map(Json)
}
