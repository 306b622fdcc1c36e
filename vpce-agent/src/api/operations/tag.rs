//! Operations 29 to 31: tags, and resources by their tags.

use axum::{extract::RawPathParams, http::StatusCode};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::parameters::{Failures, OfType, Resource};
use crate::{
    api::{
        Json,
        ask::{Answer, Ask, Done, Id},
    },
    model::{
        resource::{
            ResourceType,
            answer::{Instances, ProjectTags},
            request::{QueryInstances, TagsAction},
        },
        rights::Action,
    },
    registry::Handle,
};

pub(super) fn routes() -> OpenApiRouter<Handle> {
    OpenApiRouter::new().routes(routes!(change)).routes(routes!(list)).routes(routes!(query))
}

/// Adds tags to a resource, or removes them.
#[utoipa::path(post, path = "/v1/{project_id}/{resource_type}/{resource_id}/tags/action",
    operation_id = "batch_add_or_remove_resource_instance", tag = "tags", params(Resource),
    responses((status = 204, description = "It was done"), Failures))]
async fn change(ask: Ask, Id(kind): Id<ResourceType>, params: RawPathParams, Json(request): Json<TagsAction>) -> Done {
    let id = params.iter().find_map(|(name, text)| (name == "resource_id").then(|| text.to_owned()));
    let id = id.unwrap_or_default();
    let work = ask.write(Action::TagsUpdate, id.clone(), move |all, by, at| match kind {
        ResourceType::Service => all.tag_service(by, at, id.parse()?, &request),
        ResourceType::Endpoint => all.tag_endpoint(by, at, id.parse()?, &request),
    });
    work.await.map(|()| StatusCode::NO_CONTENT)
}

/// Lists the tags of the project's resources of a type.
#[utoipa::path(get, path = "/v1/{project_id}/{resource_type}/tags", operation_id = "list_query_project_resource_tags",
    tag = "tags", params(OfType), responses((status = 200, description = "The tags", body = ProjectTags), Failures))]
async fn list(ask: Ask, Id(kind): Id<ResourceType>) -> Answer<ProjectTags> {
    ask.read(Action::TagsList, |all, by| Ok(all.project_tags(by, kind)))
}

/// Finds resources of a type by their tags, or counts them.
#[utoipa::path(post, path = "/v1/{project_id}/{resource_type}/resource_instances/action",
    operation_id = "list_resource_instances", tag = "tags", params(OfType),
    responses((status = 200, description = "A page of them", body = Instances), Failures))]
async fn query(ask: Ask, Id(kind): Id<ResourceType>, Json(request): Json<QueryInstances>) -> Answer<Instances> {
    ask.read(Action::TagsList, |all, by| all.query_instances(by, kind, &request))
}
