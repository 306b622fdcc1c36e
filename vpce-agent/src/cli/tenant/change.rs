//! `vpcectl tag`, `permit`, `upgrade`, `standby` and `quota`.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::{Of, Resource, list};
use crate::{
    cli::{
        CliError, select,
        session::{Session, in_path},
        value::{self, TagChange},
    },
    client::{Method, Request},
    model::resource::{
        answer::{EndpointDetails, PermissionDetails, Quotas, ServiceDetails},
        request::Tag,
    },
};

/// Tags to set and to remove.
#[derive(Debug, Args)]
pub(in crate::cli) struct Tagged {
    /// What it is.
    of: Of,
    /// Its name or id.
    name: String,
    /// KEY=VALUE sets a tag, KEY- removes it.
    #[arg(required = true, value_parser = value::tag_change, value_name = "KEY=VALUE|KEY-")]
    tags: Vec<TagChange>,
}

impl Tagged {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        match self.of {
            Of::Service => self.tag::<ServiceDetails>(session).await,
            Of::Endpoint => self.tag::<EndpointDetails>(session).await,
        }
    }

    async fn tag<T: Resource>(&self, session: &Session) -> Result<String, CliError> {
        let one = session.find::<T>(&self.name).await?;
        let (mut set, mut removed) = (Vec::new(), Vec::new());
        for change in &self.tags {
            match change {
                TagChange::Set(tag) => set.push(tag.clone()),
                TagChange::Remove(key) => removed.push(Tag { key: key.clone(), value: String::new() }),
            }
        }
        // There is room for what is set once the others are gone.
        for (action, tags) in [("delete", removed), ("create", set)] {
            if !tags.is_empty() {
                let path = session.path(&format!("{}/{}/tags/action", T::TAGGED, one.id()))?;
                let body = json!({ "action": action, "tags": tags });
                session.write(Request::with(Method::POST, path, body)).await?;
            }
        }
        again::<T>(session, &one).await
    }
}

/// Who may make endpoints to a service.
#[derive(Debug, Args)]
pub(in crate::cli) struct Permit {
    /// The service's name or id.
    service: String,
    /// `iam:domain::DOMAIN`, or * for everyone; may be given several times.
    #[arg(long, value_name = "PERMISSION", group = "described")]
    add: Vec<String>,
    /// The same, for who may no longer. Endpoints that there are stay.
    #[arg(long, value_name = "PERMISSION")]
    remove: Vec<String>,
    /// One that is there, and is for something else from now on.
    #[arg(long, value_name = "PERMISSION", group = "described", requires = "description")]
    describe: Option<String>,
    /// What those that are added are for, or the one to describe.
    #[arg(long, requires = "described")]
    description: Option<String>,
}

impl Permit {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        if self.add.is_empty() && self.remove.is_empty() && self.describe.is_none() {
            return Err(CliError::Nothing { options: "use --add, --remove or --describe" });
        }
        let id = session.find::<ServiceDetails>(&self.service).await?.id;
        let at = format!("{}/{id}/permissions", ServiceDetails::PATH);
        if !self.remove.is_empty() {
            let body = json!({ "action": "remove", "permissions": self.remove });
            session.write(Request::with(Method::POST, session.path(&format!("{at}/action"))?, body)).await?;
        }
        if !self.add.is_empty() {
            let (rest, body) = match &self.description {
                None => ("action", json!({ "action": "add", "permissions": self.add })),
                Some(text) => {
                    let one = |permission| json!({ "permission": permission, "description": text });
                    ("batch-create", json!({ "permissions": self.add.iter().map(one).collect::<Vec<_>>() }))
                }
            };
            session.write(Request::with(Method::POST, session.path(&format!("{at}/{rest}"))?, body)).await?;
        }
        if let Some(permission) = &self.describe {
            let all: Vec<PermissionDetails> = session.pages(&at, "permissions").await?;
            let names = |one: &PermissionDetails| vec![one.id.to_string(), one.permission.clone()];
            let one = &all[select::pick("permission", &all, names, permission)?];
            let body = json!({ "permission": { "description": self.description } });
            session.write(Request::with(Method::PUT, session.path(&format!("{at}/{}", one.id))?, body)).await?;
        }
        list::Listed::Permissions { service: id.to_string() }.run(session).await
    }
}

/// More than basic.
#[derive(Debug, Args)]
pub(in crate::cli) struct Upgrade {
    /// What it is. A service is upgraded before its endpoints.
    of: Of,
    /// Its name or id.
    name: String,
}

impl Upgrade {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        match self.of {
            Of::Service => self.upgrade::<ServiceDetails>(session).await,
            Of::Endpoint => self.upgrade::<EndpointDetails>(session).await,
        }
    }

    async fn upgrade<T: Resource>(&self, session: &Session) -> Result<String, CliError> {
        let one = session.find::<T>(&self.name).await?;
        let path = session.path_of("v2", &format!("{}/{}/upgrade", T::PATH, one.id()))?;
        session.write(Request::with(Method::POST, path, json!({ "action": "start" }))).await?;
        again::<T>(session, &one).await
    }
}

/// A second backend.
#[derive(Debug, Args)]
pub(in crate::cli) struct Standby {
    /// The service's name or id.
    service: String,
    /// The backend's id, as `vpcectl get backends` tells it on the gateway.
    backend: String,
}

impl Standby {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        let one = session.find::<ServiceDetails>(&self.service).await?;
        let rest = format!("{}/{}/add-server-resources", ServiceDetails::PATH, one.id);
        let body = json!({ "server_resources": [{ "resource_id": self.backend }] });
        session.write(Request::with(Method::POST, session.path_of("v2", &rest)?, body)).await?;
        again(session, &one).await
    }
}

/// Tells a tenant's quotas, or sets those that are given.
pub(in crate::cli) async fn quota(
    session: &Session,
    domain: &str,
    services: Option<u32>,
    endpoints: Option<u32>,
) -> Result<String, CliError> {
    session.check_operator()?;
    let path = format!("/operator/quotas/{}", in_path(domain));
    let mut body = serde_json::Map::new();
    for (field, quota) in [(ServiceDetails::TAGGED, services), (EndpointDetails::TAGGED, endpoints)] {
        body.extend(quota.map(|quota| (field.to_owned(), json!(quota))));
    }
    let now: Quotas = if body.is_empty() {
        session.read(path).await?
    } else {
        let set = session.write(Request::with(Method::PUT, path, Value::Object(body))).await?;
        let Some(set) = set else { return Ok(String::new()) };
        serde_json::from_value(set)?
    };
    list::quotas(session, &now)
}

/// The field of a policy in a request, and the policy of a file: a document, or a list of statements.
pub(super) fn policy(path: &Path) -> Result<(&'static str, Value), CliError> {
    let bad = |reason: String| CliError::Document { path: path.to_owned(), reason };
    let policy: Value = serde_saphyr::from_str(&value::read(path)?).map_err(|error| bad(error.to_string()))?;
    match policy {
        Value::Array(_) => Ok(("policy_statement", policy)),
        Value::Object(_) => Ok(("policy_document", policy)),
        _ => Err(bad("a policy is a document {Version, Statement}, or a list of statements".to_owned())),
    }
}

/// Tells of one what it is after a change.
pub(super) async fn again<T: Resource>(session: &Session, one: &T) -> Result<String, CliError> {
    list::told(session, &session.one::<T>(one.id()).await?)
}
