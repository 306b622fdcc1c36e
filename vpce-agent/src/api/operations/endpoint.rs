//! Operations 19 to 27: endpoints. The vendor has no right of its own to change one: it takes that to make one.

use axum::http::StatusCode;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::parameters::{Endpoint, Endpoints, Failures, Project};
use crate::{
    api::{
        Json, Query as Filters,
        ask::{Answer, Ask, Done, Id},
    },
    model::{
        resource::{
            EndpointId,
            answer::{self, EndpointDetails, RouteTables},
            request::{CreateEndpoint, Query, UpdatePolicy, UpdateRouteTables, UpdateWhitelist, UpgradeEndpoint},
        },
        rights::Action,
    },
    registry::Handle,
};

pub(super) fn routes() -> OpenApiRouter<Handle> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(show, update_whitelist, delete))
        .routes(routes!(update_route_tables))
        .routes(routes!(update_policy, delete_policy))
        .routes(routes!(upgrade))
}

/// Makes an endpoint. It is creating or pendingAcceptance first, then accepted.
#[utoipa::path(post, path = "/v1/{project_id}/vpc-endpoints", operation_id = "create_endpoint", tag = "endpoints",
    params(Project), responses((status = 200, description = "The endpoint", body = EndpointDetails), Failures))]
async fn create(ask: Ask, Json(request): Json<CreateEndpoint>) -> Answer<EndpointDetails> {
    let id = EndpointId(Uuid::now_v7());
    let made = ask.write(Action::EndpointsCreate, id, move |all, by, at| all.create_endpoint(by, at, id, &request));
    made.await.map(Json)
}

/// Lists the project's endpoints.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoints", operation_id = "list_endpoints", tag = "endpoints",
    params(Endpoints), responses((status = 200, description = "A page of them", body = answer::Endpoints), Failures))]
async fn list(ask: Ask, Filters(query): Filters<Query>) -> Answer<answer::Endpoints> {
    ask.read(Action::EndpointsList, |all, by| all.list_endpoints(by, &query))
}

/// Tells everything of an endpoint.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoints/{vpc_endpoint_id}",
    operation_id = "list_endpoint_info_details", tag = "endpoints", params(Endpoint),
    responses((status = 200, description = "The endpoint", body = EndpointDetails), Failures))]
async fn show(ask: Ask, Id(id): Id<EndpointId>) -> Answer<EndpointDetails> {
    ask.read(Action::EndpointsGet, |all, by| all.endpoint(by, id))
}

/// Changes which clients may dial an endpoint.
#[utoipa::path(put, path = "/v1/{project_id}/vpc-endpoints/{vpc_endpoint_id}",
    operation_id = "update_endpoint_white", tag = "endpoints", params(Endpoint),
    responses((status = 200, description = "The endpoint", body = EndpointDetails), Failures))]
async fn update_whitelist(
    ask: Ask,
    Id(id): Id<EndpointId>,
    Json(request): Json<UpdateWhitelist>,
) -> Answer<EndpointDetails> {
    let work = ask.write(Action::EndpointsCreate, id, move |all, by, at| all.update_whitelist(by, at, id, &request));
    work.await.map(Json)
}

/// Says which route tables lead to an endpoint of a service of type gateway.
#[utoipa::path(put, path = "/v1/{project_id}/vpc-endpoints/{vpc_endpoint_id}/routetables",
    operation_id = "update_endpoint_routetable", tag = "endpoints", params(Endpoint),
    responses((status = 200, description = "The route tables", body = RouteTables), Failures))]
async fn update_route_tables(
    ask: Ask,
    Id(id): Id<EndpointId>,
    Json(request): Json<UpdateRouteTables>,
) -> Answer<RouteTables> {
    let work = ask.write(Action::EndpointsCreate, id, move |all, by, at| all.update_route_tables(by, at, id, &request));
    work.await.map(Json)
}

/// Gives an endpoint a policy.
#[utoipa::path(put, path = "/v1/{project_id}/vpc-endpoints/{vpc_endpoint_id}/policy",
    operation_id = "update_endpoint_policy", tag = "endpoints", params(Endpoint),
    responses((status = 200, description = "The endpoint", body = EndpointDetails), Failures))]
async fn update_policy(ask: Ask, Id(id): Id<EndpointId>, Json(request): Json<UpdatePolicy>) -> Answer<EndpointDetails> {
    let work = ask.write(Action::EndpointsCreate, id, move |all, by, at| all.update_policy(by, at, id, &request));
    work.await.map(Json)
}

/// Takes an endpoint's policy away.
#[utoipa::path(delete, path = "/v1/{project_id}/vpc-endpoints/{vpc_endpoint_id}/policy",
    operation_id = "delete_endpoint_policy", tag = "endpoints", params(Endpoint),
    responses((status = 200, description = "The endpoint", body = EndpointDetails), Failures))]
async fn delete_policy(ask: Ask, Id(id): Id<EndpointId>) -> Answer<EndpointDetails> {
    let work = ask.write(Action::EndpointsCreate, id, move |all, by, at| all.delete_policy(by, at, id));
    work.await.map(Json)
}

/// Makes an endpoint professional: with room for a million connections.
#[utoipa::path(post, path = "/v2/{project_id}/vpc-endpoints/{vpc_endpoint_id}/upgrade",
    operation_id = "upgrade_endpoint", tag = "endpoints", params(Endpoint),
    responses((status = 200, description = "It is professional"), Failures))]
async fn upgrade(ask: Ask, Id(id): Id<EndpointId>, Json(request): Json<UpgradeEndpoint>) -> Done {
    let work = ask.write(Action::EndpointsCreate, id, move |all, by, at| all.upgrade_endpoint(by, at, id, &request));
    work.await.map(|()| StatusCode::OK)
}

/// Deletes an endpoint. It is deleting first, then gone.
#[utoipa::path(delete, path = "/v1/{project_id}/vpc-endpoints/{vpc_endpoint_id}", operation_id = "delete_endpoint",
    tag = "endpoints", params(Endpoint), responses((status = 204, description = "It is being deleted"), Failures))]
async fn delete(ask: Ask, Id(id): Id<EndpointId>) -> Done {
    let work = ask.write(Action::EndpointsDelete, id, move |all, by, at| all.delete_endpoint(by, at, id));
    work.await.map(|()| StatusCode::NO_CONTENT)
}
