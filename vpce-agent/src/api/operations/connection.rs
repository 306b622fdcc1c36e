//! Operations 11 to 13: the endpoints of a service, as its owner sees them.

use utoipa_axum::{router::OpenApiRouter, routes};

use super::parameters::{Connections, Failures, Service};
use crate::{
    api::{
        Json, Query as Filters,
        ask::{Answer, Ask, Id},
    },
    model::{
        resource::{
            ServiceId,
            answer::{self, ConnectionsOf},
            request::{AcceptOrReject, Query, UpdateConnectionDescriptions},
        },
        rights::Action,
    },
    registry::Handle,
};

pub(super) fn routes() -> OpenApiRouter<Handle> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(accept_or_reject)).routes(routes!(describe))
}

/// Lists the endpoints of an endpoint service.
#[utoipa::path(get, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/connections",
    operation_id = "list_service_connections", tag = "connections", params(Connections),
    responses((status = 200, description = "A page of them", body = answer::Connections), Failures))]
async fn list(ask: Ask, Id(id): Id<ServiceId>, Filters(query): Filters<Query>) -> Answer<answer::Connections> {
    ask.read(Action::ConnectionsList, |all, by| all.list_connections(by, id, &query))
}

/// Accepts or rejects an endpoint.
#[utoipa::path(post, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/connections/action",
    operation_id = "accept_or_reject_endpoint", tag = "connections", params(Service),
    responses((status = 200, description = "The endpoint", body = ConnectionsOf), Failures))]
async fn accept_or_reject(
    ask: Ask,
    Id(id): Id<ServiceId>,
    Json(request): Json<AcceptOrReject>,
) -> Answer<ConnectionsOf> {
    let work = ask.write(Action::ConnectionsUpdate, id, move |all, by, at| all.accept_or_reject(by, at, id, &request));
    work.await.map(Json)
}

/// Changes what the owner of an endpoint service says of its endpoints.
#[utoipa::path(put, path = "/v1/{project_id}/vpc-endpoint-services/{vpc_endpoint_service_id}/connections/description",
    operation_id = "update_endpoint_connections_desc", tag = "connections", params(Service),
    responses((status = 200, description = "The endpoints", body = ConnectionsOf), Failures))]
async fn describe(
    ask: Ask,
    Id(id): Id<ServiceId>,
    Json(request): Json<UpdateConnectionDescriptions>,
) -> Answer<ConnectionsOf> {
    let work = ask.write(Action::ConnectionsUpdate, id, move |all, by, at| {
        all.update_connection_descriptions(by, at, id, &request)
    });
    work.await.map(Json)
}
