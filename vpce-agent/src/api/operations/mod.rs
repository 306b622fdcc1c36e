//! The operations: each is the model's function of that purpose, asked by HTTP.

mod connection;
mod endpoint;
mod parameters;
mod permission;
mod quota;
mod service;
mod tag;

use axum::Router;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::registry::Handle;

/// All operations, and what is said of them.
pub(super) fn routes(registry: Handle) -> (Router, OpenApi) {
    let parts = [
        service::routes(),
        permission::routes(),
        connection::routes(),
        endpoint::routes(),
        tag::routes(),
        quota::routes(),
    ];
    let all = parts.into_iter().fold(OpenApiRouter::new(), OpenApiRouter::merge);
    all.with_state(registry).split_for_parts()
}
