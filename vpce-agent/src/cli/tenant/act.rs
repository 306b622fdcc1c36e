//! `vpcectl accept`, `reject`, `delete` and `verify`, in a project.

use clap::Args;
use serde_json::{Value, json};

use super::Resource;
use crate::{
    cli::{CliError, Told, output::lines, select, session::Session},
    client::{Method, Request},
    model::resource::answer::{Connection, ServiceDetails},
};

/// Endpoints that a service's owner says something of.
#[derive(Debug, Args)]
pub(in crate::cli) struct Act {
    /// The service's name or id.
    service: String,
    /// The endpoints, each by its id, its number, or its domain.
    #[arg(required = true)]
    endpoints: Vec<String>,
}

impl Act {
    /// Accepts or rejects them; all of them are known before the first is.
    pub(in crate::cli) async fn run(&self, session: &Session, action: &str) -> Result<String, CliError> {
        let service = session.find::<ServiceDetails>(&self.service).await?;
        let at = format!("{}/{}/connections", ServiceDetails::PATH, service.id);
        let all: Vec<Connection> = session.pages(&at, "connections").await?;
        let names = |one: &Connection| vec![one.id.to_string(), one.domain_id.clone(), one.marker_id.to_string()];
        let chosen = self.endpoints.iter().map(|name| select::pick("endpoint of the service", &all, names, name));
        let chosen = chosen.collect::<Result<Vec<_>, _>>()?;
        let mut told = Vec::new();
        for id in chosen.into_iter().map(|at| all[at].id) {
            let body = json!({ "action": action, "endpoints": [id] });
            let path = session.path(&format!("{at}/action"))?;
            let Some(mut answer) = session.write(Request::with(Method::POST, path, body)).await? else { continue };
            let connections: Vec<Connection> = serde_json::from_value(answer["connections"].take())?;
            told.extend(connections);
        }
        let line = |one: &Connection| format!("endpoint {}: {}", one.id, one.status.name());
        let text = || told.iter().map(line).collect::<Vec<_>>().join("\n");
        session.output.show(&json!({ "connections": told }), text)
    }
}

/// Deletes resources of a kind; all of them are known before the first is.
pub(in crate::cli) async fn delete<T: Resource>(session: &Session, names: &[String]) -> Result<String, CliError> {
    let mut all = Vec::new();
    for name in names {
        all.push(session.find::<T>(name).await?);
    }
    let mut told = Vec::new();
    for one in all {
        let path = session.path(&format!("{}/{}", T::PATH, one.id()))?;
        if session.write(Request::delete(path)).await?.is_some() {
            told.push(one);
        }
    }
    let ids: Vec<Value> = told.iter().map(|one| json!(one.id())).collect();
    let line = |one: &T| format!("{} {} deleted", T::KIND, one.title());
    let text = || told.iter().map(line).collect::<Vec<_>>().join("\n");
    session.output.show(&json!({ "deleted": T::KIND, "ids": ids }), text)
}

/// Says whether there is a service of this full name, as a consumer does before it makes an endpoint.
pub(in crate::cli) async fn verify(session: &Session, name: &str) -> Result<Told, CliError> {
    let found = match session.described(name).await {
        Ok(found) => found,
        Err(CliError::Client(error)) if error.is_absent() => {
            let told = json!({ "found": false, "service_name": name });
            return Ok(Told::no(session.output.show(&told, || format!("{name}: not found"))?));
        }
        Err(error) => return Err(error),
    };
    let text = || {
        let (id, name, kind) = (found.id.to_string(), found.service_name.clone(), found.service_type.clone());
        let rows = [("Service name", name), ("Id", id), ("Type", kind), ("Found", "yes".to_owned())];
        lines(&rows)
    };
    let mut told = serde_json::to_value(&found)?;
    told["found"] = json!(true);
    Ok(Told::yes(session.output.show(&told, text)?))
}
