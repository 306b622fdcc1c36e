//! Backends that services can lead to, and how much tenants may have.

use axum::{
    Router,
    http::StatusCode,
    routing::{delete, get},
};
use uuid::Uuid;

use super::Operator;
use crate::{
    api::{
        Json,
        ask::{Answer, Ask, Done, Id, Name},
    },
    model::{
        operator::CreateBackend,
        resource::{
            BackendId, Refusal,
            answer::{BackendDetails, Backends, Quotas},
            request::{self, SetQuota},
        },
        rights::Caller,
    },
};

pub(super) fn routes() -> Router<Operator> {
    Router::new()
        .route("/operator/backends", get(backends).post(create))
        .route("/operator/backends/{name}", delete(remove))
        .route("/operator/quotas/{name}", get(quotas).put(set_quotas))
}

async fn backends(ask: Ask) -> Json<Backends> {
    Json(ask.registry.state().resources.list_backends(&ask.caller))
}

async fn create(ask: Ask, Json(request): Json<CreateBackend>) -> Answer<BackendDetails> {
    let id = BackendId(Uuid::now_v7());
    let made = ask.change("operator:backends:create", id, move |state, by, at| {
        let CreateBackend { vpc, kind, address } = request;
        let vpc = state.resources.vpc_named(&vpc).ok_or(Refusal::VpcAbsent { id: vpc })?;
        let (vpc_id, server_type, address) = (Some(vpc.to_string()), Some(kind), Some(address));
        state.resources.create_backend(by, at, id, &request::CreateBackend { vpc_id, server_type, address })
    });
    made.await.map(Json)
}

async fn remove(ask: Ask, Id(Name(id)): Id<Name>) -> Done {
    let absent = Refusal::absent("backend", &id);
    let removed = ask.change("operator:backends:delete", id.clone(), move |state, by, _| {
        state.resources.delete_backend(by, id.parse().map_err(|_| absent)?)
    });
    removed.await.map(|()| StatusCode::NO_CONTENT)
}

async fn quotas(ask: Ask, Id(Name(domain)): Id<Name>) -> Answer<Quotas> {
    let of = Caller { domain, ..ask.caller };
    Ok(Json(ask.registry.state().resources.quotas(&of, None)?))
}

async fn set_quotas(ask: Ask, Id(Name(domain)): Id<Name>, Json(request): Json<SetQuota>) -> Answer<Quotas> {
    let set = ask.change("operator:quotas:update", domain.clone(), move |state, by, _| {
        state.resources.set_quota(by, &domain, &request)?;
        state.resources.quotas(&Caller { domain, ..by.clone() }, None)
    });
    set.await.map(Json)
}
