//! The audit log.

use axum::{Router, routing::get};
use serde::Deserialize;
use serde_json::Value;

use super::{Operator, list};
use crate::{
    api::{
        Query as Filters,
        ask::{Answer, Ask},
    },
    model::{operator::AuditRecord, resource::Time},
    registry::{Filter, Recorded},
};

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1000;

pub(super) fn routes() -> Router<Operator> {
    Router::new().route("/operator/audit", get(records))
}

/// Which records are asked for: the newest that have all of these.
#[derive(Deserialize)]
struct Wanted {
    limit: Option<usize>,
    /// Only those with lower numbers: for the next page.
    before: Option<u64>,
    domain: Option<String>,
    project: Option<String>,
    user: Option<String>,
    action: Option<String>,
    target: Option<String>,
    result: Option<String>,
    request_id: Option<String>,
}

async fn records(ask: Ask, Filters(wanted): Filters<Wanted>) -> Answer<Value> {
    let Wanted { limit, before, domain, project, user, action, target, result, request_id } = wanted;
    let filter = Filter { domain, project, user, action, target, result, request_id, before };
    let limit = limit.unwrap_or(DEFAULT_LIMIT).min(MAX_LIMIT);
    let found = ask.registry.records(filter, limit).await?;
    Ok(list("records", &found.into_iter().map(shown).collect::<Vec<_>>()))
}

fn shown(Recorded { seq, record, hash }: Recorded) -> AuditRecord {
    AuditRecord {
        seq,
        at: Time(record.at),
        domain: record.domain,
        project: record.project,
        user: record.user,
        action: record.action,
        target: record.target,
        result: record.result,
        request_id: record.request_id,
        hash: hex::encode(hash),
    }
}
