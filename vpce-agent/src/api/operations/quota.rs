//! Operation 28: quotas.

use serde::Deserialize;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::parameters::{self, Failures};
use crate::{
    api::{
        Query as Filters,
        ask::{Answer, Ask},
    },
    model::{resource::answer::Quotas, rights::Action},
    registry::Handle,
};

pub(super) fn routes() -> OpenApiRouter<Handle> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Which quotas are asked for.
#[derive(Deserialize)]
struct Wanted {
    r#type: Option<String>,
}

/// Tells how much the tenant has, and may have.
#[utoipa::path(get, path = "/v1/{project_id}/quotas", operation_id = "list_quota_details", tag = "quotas",
    params(parameters::Quotas), responses((status = 200, description = "The quotas", body = Quotas), Failures))]
async fn list(ask: Ask, Filters(wanted): Filters<Wanted>) -> Answer<Quotas> {
    ask.read(Action::QuotasGet, |all, by| all.quotas(by, wanted.r#type.as_deref()))
}
