//! `vpcectl apply` and `diff`: a project as a file says.

mod differ;
mod document;
mod plan;
mod step;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::{Value, json};

pub use self::plan::PlanError;
use self::{
    differ::anyone,
    document::Document,
    plan::{Now, Wanted, plan},
    step::{Does, Step},
};
use super::{CliError, Told, list, session::Session, tenant::Resource as _, value};
use crate::{
    client::Request,
    model::resource::answer::{PermissionDetails, ServiceDetails},
};

/// A file to apply.
#[derive(Debug, Args)]
pub(super) struct Apply {
    /// The file of YAML or JSON: services and endpoints; `-` reads it.
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// Delete what the project has and the file has not.
    #[arg(long)]
    prune: bool,
}

/// What to compare.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The file that `apply` would take; `-` reads it. Without one: what the configuration file and the API ask for,
    /// what is served, and what the kernel holds.
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Show what `apply --prune` would delete, too.
    #[arg(long, requires = "file")]
    prune: bool,
}

impl Apply {
    pub(super) async fn run(&self, session: &Session) -> Result<String, CliError> {
        let steps = steps(session, &self.file, self.prune).await?;
        let mut made = BTreeMap::new();
        for (at, step) in steps.iter().enumerate() {
            perform(session, step, &mut made).await.map_err(|source| broken_off(&steps[..at], step, source))?;
        }
        let text = || steps.iter().map(Step::done).collect::<Vec<_>>().join("\n");
        session.output.show(&told(&steps), text)
    }
}

impl Diff {
    /// What would be done; no: something would.
    pub(super) async fn run(&self, session: &Session) -> Result<Told, CliError> {
        let Some(file) = &self.file else { return list::differences(session).await };
        let mut steps = steps(session, file, self.prune).await?;
        steps.retain(|step| step.does != Does::Keep);
        let line = |step: &Step| format!("{} {}{}", step.does.words().0, step.what(), step.how());
        let text = || steps.iter().map(line).collect::<Vec<_>>().join("\n");
        let text = session.output.show(&told(&steps), text)?;
        Ok(if steps.is_empty() { Told::yes(text) } else { Told::no(text) })
    }
}

fn told(steps: &[Step]) -> Value {
    json!({ "steps": steps.iter().map(Step::json).collect::<Vec<_>>() })
}

/// Why it ends at a step, and what was done before it.
fn broken_off(before: &[Step], step: &Step, source: CliError) -> CliError {
    let done: Vec<String> = before.iter().filter(|step| step.does != Does::Keep).map(Step::done).collect();
    let done = if done.is_empty() { "nothing".to_owned() } else { done.join(", ") };
    CliError::Applied { what: step.what(), done, source: Box::new(source) }
}

/// Does one step. Ids of services that were made are noted by their names.
async fn perform(session: &Session, step: &Step, made: &mut BTreeMap<String, Value>) -> Result<(), CliError> {
    let mut id = step.id.map_or_else(|| format!("<id of {}>", step.what()), |id| id.to_string());
    for ask in &step.asks {
        let mut body = ask.body.clone();
        if let (Some(body), Some(service)) = (&mut body, &step.service) {
            let known = made.get(service).cloned();
            body["endpoint_service_id"] = known.unwrap_or_else(|| json!(format!("<id of service {service}>")));
        }
        let path = session.path(&ask.path(step.of, &id))?;
        let answer = session.write(Request { method: ask.method.clone(), path, body }).await?;
        if let Some(new) = answer.as_ref().and_then(|answer| answer.get("id")).filter(|_| step.does == Does::Create) {
            id = new.as_str().unwrap_or_default().to_owned();
            made.insert(step.name.clone(), new.clone());
        }
    }
    Ok(())
}

/// What the file asks for beyond what there is.
async fn steps(session: &Session, file: &Path, prunes: bool) -> Result<Vec<Step>, CliError> {
    let mut wanted = read(file)?;
    for service in &mut wanted.services {
        service.vpc = session.vpc(&service.vpc).await?;
    }
    for endpoint in &mut wanted.endpoints {
        if let Some(subnet) = &endpoint.subnet {
            endpoint.subnet = Some(session.subnet(&endpoint.vpc, subnet).await?);
        }
        endpoint.vpc = session.vpc(&endpoint.vpc).await?;
        if !wanted.services.iter().any(|service| service.name == endpoint.service) {
            endpoint.service = session.service_id(&endpoint.service).await?.to_string();
        }
    }
    let mut now = Now { services: session.all().await?, permissions: BTreeMap::new(), endpoints: session.all().await? };
    for service in &now.services {
        let names = service.names();
        let lists = |wanted: &document::Service| wanted.permissions.is_some() && names.contains(&wanted.name);
        if wanted.services.iter().any(lists) {
            let path = format!("{}/{}/permissions", ServiceDetails::PATH, service.id);
            let all: Vec<PermissionDetails> = session.pages(&path, "permissions").await?;
            let all: BTreeSet<String> = all.iter().map(|one| anyone(&one.permission)).collect();
            now.permissions.insert(service.id(), all);
        }
    }
    Ok(plan(&wanted, &now, prunes)?)
}

fn read(file: &Path) -> Result<Wanted, CliError> {
    let mut wanted = Wanted::default();
    for (number, document) in (1..).zip(value::documents(file)?) {
        let document: Result<Document, _> = serde_json::from_value(document);
        let bad = |error| CliError::Document { path: file.to_owned(), reason: format!("document {number}: {error}") };
        match document.map_err(bad)? {
            Document::Service(service) => wanted.services.push(service),
            Document::Endpoint(endpoint) => wanted.endpoints.push(endpoint),
        }
    }
    Ok(wanted)
}
