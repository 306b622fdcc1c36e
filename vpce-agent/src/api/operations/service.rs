//! Operations 1 to 10: endpoint services.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::parameters::{DescribedService, Failures, Project, PublicServices, Service, Services};
use crate::{
    api::{
        Json, Query as Filters,
        ask::{Answer, Ask, Done, Id},
    },
    model::{
        resource::{
            ServiceId,
            answer::{self, ServiceDescription, ServiceDetails, ServiceName},
            request::{AddServerResources, CreateService, Query, RenameService, UpdateService},
        },
        rights::Action,
    },
    registry::Handle,
};

pub(super) fn routes() -> OpenApiRouter<Handle> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(public))
        .routes(routes!(describe))
        .routes(routes!(show, update, delete))
        .routes(routes!(rename))
        .routes(routes!(upgrade))
        .routes(routes!(add_server_resources))
}

/// Makes an endpoint service. It is creating first, then available.
#[utoipa::path(post, path = "/v1/{project_id}/vpc-endpoint-services", operation_id = "create_endpoint_service",
    tag = "endpoint services", params(Project),
    responses((status = 200, description = "The service", body = ServiceDetails), Failures))]
async fn create(ask: Ask, Json(request): Json<CreateService>) -> Answer<ServiceDetails> {
    let id = ServiceId(Uuid::now_v7());
    let made = ask.write(Action::ServicesCreate, id, move |all, by, at| all.create_service(by, at, id, &request));
    made.await.map(Json)
}

/// Lists the project's endpoint services.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoint-services", operation_id = "list_endpoint_service",
    tag = "endpoint services", params(Services),
    responses((status = 200, description = "A page of them", body = answer::Services), Failures))]
async fn list(ask: Ask, Filters(query): Filters<Query>) -> Answer<answer::Services> {
    ask.read(Action::ServicesList, |all, by| all.list_services(by, &query))
}

/// Lists the endpoint services that all may use.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoint-services/public",
    operation_id = "list_service_public_details", tag = "endpoint services", params(PublicServices),
    responses((status = 200, description = "A page of them", body = answer::PublicServices), Failures))]
async fn public(ask: Ask, Filters(query): Filters<Query>) -> Answer<answer::PublicServices> {
    ask.read(Action::ServicesList, |all, _| all.list_public_services(&query))
}

/// Tells what a consumer may know of an endpoint service, by its name or its id.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoint-services/describe",
    operation_id = "list_service_describe_details", tag = "endpoint services", params(DescribedService),
    responses((status = 200, description = "The service", body = ServiceDescription), Failures))]
async fn describe(ask: Ask, Filters(query): Filters<Query>) -> Answer<ServiceDescription> {
    ask.read(Action::ServicesGet, |all, _| all.describe_service(&query))
}

/// Tells everything of an endpoint service.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}",
    operation_id = "list_service_details", tag = "endpoint services", params(Service),
    responses((status = 200, description = "The service", body = ServiceDetails), Failures))]
async fn show(ask: Ask, Id(id): Id<ServiceId>) -> Answer<ServiceDetails> {
    ask.read(Action::ServicesGet, |all, by| all.service(by, id))
}

/// Changes an endpoint service. Port mappings replace those there are.
#[utoipa::path(put, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}",
    operation_id = "update_endpoint_service", tag = "endpoint services", params(Service),
    responses((status = 200, description = "The service", body = ServiceDetails), Failures))]
async fn update(ask: Ask, Id(id): Id<ServiceId>, Json(request): Json<UpdateService>) -> Answer<ServiceDetails> {
    let changed = ask.write(Action::ServicesUpdate, id, move |all, by, at| all.update_service(by, at, id, &request));
    changed.await.map(Json)
}

/// Renames an endpoint service.
#[utoipa::path(put, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/name",
    operation_id = "update_endpoint_service_name", tag = "endpoint services", params(Service),
    responses((status = 200, description = "Its full name", body = ServiceName), Failures))]
async fn rename(ask: Ask, Id(id): Id<ServiceId>, Json(request): Json<RenameService>) -> Answer<ServiceName> {
    let renamed = ask.write(Action::ServicesUpdate, id, move |all, by, at| all.rename_service(by, at, id, &request));
    renamed.await.map(Json)
}

/// Deletes an endpoint service that has no accepted endpoints. It is deleting first, then gone.
#[utoipa::path(delete, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}",
    operation_id = "delete_endpoint_service", tag = "endpoint services", params(Service),
    responses((status = 204, description = "It is being deleted"), Failures))]
async fn delete(ask: Ask, Id(id): Id<ServiceId>) -> Done {
    let deleted = ask.write(Action::ServicesDelete, id, move |all, by, at| all.delete_service(by, at, id));
    deleted.await.map(|()| StatusCode::NO_CONTENT)
}

/// Lets an endpoint service have professional endpoints.
#[utoipa::path(post, path = "/v2/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/upgrade",
    operation_id = "upgrade_endpoint_service", tag = "endpoint services", params(Service),
    responses((status = 204, description = "It can have them"), Failures))]
async fn upgrade(ask: Ask, Id(id): Id<ServiceId>) -> Done {
    let upgraded = ask.write(Action::ServicesUpdate, id, move |all, by, at| all.upgrade_service(by, at, id));
    upgraded.await.map(|()| StatusCode::NO_CONTENT)
}

/// Gives an endpoint service a standby backend.
#[utoipa::path(post, path = "/v2/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/add-server-resources",
    operation_id = "add_endpoint_service_server_resource", tag = "endpoint services", params(Service),
    responses((status = 204, description = "It has it"), Failures))]
async fn add_server_resources(ask: Ask, Id(id): Id<ServiceId>, Json(request): Json<AddServerResources>) -> Done {
    let work =
        move |all: &mut crate::model::resource::Resources, by: &_, at| all.add_server_resources(by, at, id, &request);
    ask.write(Action::ServicesUpdate, id, work).await.map(|()| StatusCode::NO_CONTENT)
}
