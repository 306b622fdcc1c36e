//! The operator's API, on the Unix socket: every operation in any project, and what only the operator does.

mod account;
mod audit;
mod backend;

use std::time::Duration;

use axum::{
    Router,
    extract::{FromRef, RawPathParams, Request, State},
    http::Uri,
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use serde_json::{Value, json};

use super::{
    Error, Json,
    guard::{self, Guard},
    operations,
};
use crate::{
    model::{
        Limits,
        rights::{Caller, Role, Seal},
    },
    registry::Handle,
};

/// Who can open the socket can stop the agent as well: these keep out mistakes.
const LIMITS: Limits = Limits { body: 1 << 20, time: Duration::from_secs(30), requests: 256, per_sec: u32::MAX };

/// What the operator's routes need.
#[derive(Clone)]
struct Operator {
    registry: Handle,
    seal: Seal,
}

impl FromRef<Operator> for Handle {
    fn from_ref(operator: &Operator) -> Self {
        operator.registry.clone()
    }
}

/// All that the operator can ask.
pub fn operator(registry: Handle, seal: Seal) -> Router {
    let (operations, _) = operations::routes(registry.clone());
    let own = account::routes().merge(backend::routes()).merge(audit::routes());
    own.with_state(Operator { registry: registry.clone(), seal })
        .merge(operations)
        .route_layer(from_fn_with_state(registry, identify))
        .fallback(async |uri: Uri| Error::not_found(format!("there is nothing at {}", uri.path())))
        .layer(from_fn_with_state(Guard::new(LIMITS), guard::guard))
}

/// Says that it is the operator, in the project of the path.
async fn identify(
    State(registry): State<Handle>,
    params: RawPathParams,
    mut request: Request,
    next: Next,
) -> Result<Response, Error> {
    let project = params.iter().find_map(|(name, value)| (name == "project_id").then(|| value.to_owned()));
    let domain = project.as_deref().map(|project| {
        let domain = registry.state().accounts.domain(project).map(str::to_owned);
        let message = format!("project {project:?} is of no user; make one with `vpcectl create user`");
        domain.ok_or_else(|| Error::new(404, "EndPoint.0014", message))
    });
    request.extensions_mut().insert(Caller {
        domain: domain.transpose()?.unwrap_or_default(),
        project: project.unwrap_or_default(),
        user: "operator".to_owned(),
        operator: true,
        rights: Role::Administrator.rights(),
    });
    Ok(next.run(request).await)
}

/// A list, as the one member of an object.
fn list<T: serde::Serialize>(name: &str, items: &[T]) -> Json<Value> {
    Json(json!({ name: items }))
}

/// Random bytes for a key or a token.
fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Error> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal(error.to_string()))?;
    Ok(bytes)
}
