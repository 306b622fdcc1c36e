//! What to ask for, so that a project has what a file says. Pure: a second pass over what it led to does nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    differ::{endpoint_differs, service_differs},
    document::{Endpoint, Service},
    step::{Ask, Does, Place, Step},
};
use crate::{
    cli::tenant::{Of, Resource, short_name},
    client::Method,
    model::resource::{
        answer::{EndpointDetails, ServiceDetails},
        request::Tag,
    },
};

/// Why a file can't be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A document says the same as another one.
    #[error("{what} is in the file twice; each may be there once")]
    Twice {
        /// What it is about.
        what: String,
    },
    /// More than one service of that name.
    #[error("there is more than one service {name:?} in the project: {ids}; rename or delete all but one")]
    Ambiguous {
        /// The name.
        name: String,
        /// Which.
        ids: String,
    },
    /// A file that is empty by mistake would cost the project all it has.
    #[error(
        "there is no document in the file, and --prune would delete all of the project; `vpcectl delete` does that"
    )]
    Empty,
    /// A service without a name can't be found again.
    #[error("a service of a file needs a name")]
    Unnamed,
    /// What can't be changed.
    #[error("{what}: {field} can't be changed ({from} -> {to}); delete it, and apply again")]
    Fixed {
        /// Of which.
        what: String,
        /// Which field.
        field: &'static str,
        /// What it is.
        from: String,
        /// What it should be.
        to: String,
    },
}

/// What a project has.
#[derive(Debug, Clone, Default)]
pub(super) struct Now {
    pub(super) services: Vec<ServiceDetails>,
    /// Of those services that the file names.
    pub(super) permissions: BTreeMap<Uuid, BTreeSet<String>>,
    pub(super) endpoints: Vec<EndpointDetails>,
}

/// What a file asks for, its networks as ids; the services of endpoints as ids, or as names in the file.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) services: Vec<Service>,
    pub(super) endpoints: Vec<Endpoint>,
}

/// The steps, in their order: a service comes before its endpoints, and goes after them.
pub(super) fn plan(wanted: &Wanted, now: &Now, prunes: bool) -> Result<Vec<Step>, PlanError> {
    if prunes && wanted.services.is_empty() && wanted.endpoints.is_empty() {
        return Err(PlanError::Empty);
    }
    let mut steps = Vec::new();
    let mut ids: BTreeMap<&str, Option<Uuid>> = BTreeMap::new();
    for service in &wanted.services {
        let found = service_of(service, now)?;
        if ids.insert(&service.name, found.map(Resource::id)).is_some() {
            return Err(PlanError::Twice { what: format!("service {:?}", service.name) });
        }
        steps.push(match found {
            None => new_service(service),
            Some(found) => service_differs(service, found, now.permissions.get(&found.id()))?,
        });
    }
    let service = |endpoint: &Endpoint| match ids.get(endpoint.service.as_str()) {
        Some(id) => *id,
        None => endpoint.service.parse().ok(),
    };
    let endpoints: Vec<_> = wanted.endpoints.iter().map(|endpoint| (endpoint, service(endpoint))).collect();
    let found = endpoints_of(&endpoints, now);
    for ((endpoint, service), found) in endpoints.into_iter().zip(&found) {
        steps.push(match found {
            None => new_endpoint(endpoint, service),
            Some(found) => endpoint_differs(endpoint, found)?,
        });
    }
    if prunes {
        let taken = found.into_iter().flatten().map(Resource::id);
        let kept: BTreeSet<Uuid> = ids.into_values().flatten().chain(taken).collect();
        steps.extend(pruned(&now.endpoints, Of::Endpoint, &kept));
        steps.extend(pruned(&now.services, Of::Service, &kept));
    }
    Ok(steps)
}

/// What stays of a kind: not what goes already.
fn staying<T: Resource>(all: &[T]) -> impl Iterator<Item = &T> {
    all.iter().filter(|one| one.state() != "deleting")
}

fn service_of<'n>(service: &Service, now: &'n Now) -> Result<Option<&'n ServiceDetails>, PlanError> {
    let name = &service.name;
    if name.is_empty() {
        return Err(PlanError::Unnamed);
    }
    let is_it = |one: &&ServiceDetails| short_name(one.id(), &one.service_name) == Some(name);
    let found: Vec<&ServiceDetails> = staying(&now.services).filter(is_it).collect();
    match found[..] {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        _ => {
            let ids: Vec<String> = found.iter().map(|one| one.id.to_string()).collect();
            Err(PlanError::Ambiguous { name: name.clone(), ids: ids.join(", ") })
        }
    }
}

/// Which endpoint a document of this address means; the surest comes first, for all documents.
///
/// The address of one that was never accepted is not told: such a one is taken for that of any address.
const MEANT: [fn(Option<Ipv4Addr>, &EndpointDetails) -> bool; 3] = [
    |address, one| address.is_some() && one.ip == address,
    |address, one| address.is_some() && one.ip.is_none(),
    |address, _| address.is_none(),
];

/// The endpoint that each document means, to this service, if there is one that no other document means.
fn endpoints_of<'n>(wanted: &[(&Endpoint, Option<Uuid>)], now: &'n Now) -> Vec<Option<&'n EndpointDetails>> {
    let mut all = vec![None; wanted.len()];
    let mut left: Vec<&EndpointDetails> = staying(&now.endpoints).collect();
    for is_meant in MEANT {
        for ((endpoint, service), found) in wanted.iter().zip(&mut all).filter(|(_, found)| found.is_none()) {
            let fits = |one: &&EndpointDetails| {
                Some(one.endpoint_service_id.0) == *service
                    && one.vpc_id.to_string() == endpoint.vpc
                    && one.subnet_id.map(|id| id.to_string()) == endpoint.subnet
                    && is_meant(endpoint.address, one)
            };
            *found = left.iter().position(fits).map(|at| left.remove(at));
        }
    }
    all
}

/// What is in no document goes; what the gateway's own file has stays: its ids are made of names (version 5).
fn pruned<'n, T: Resource>(all: &'n [T], of: Of, kept: &'n BTreeSet<Uuid>) -> impl Iterator<Item = Step> + 'n {
    let goes = staying(all).filter(|one| !kept.contains(&one.id()) && one.id().get_version_num() != 5);
    goes.map(move |one| Step {
        does: Does::Delete,
        of,
        name: one.title(),
        id: Some(one.id()),
        service: None,
        differs: Vec::new(),
        asks: vec![Ask { method: Method::DELETE, at: Place::Itself, body: None }],
    })
}

fn new_service(service: &Service) -> Step {
    let body = body([
        ("service_name", json!(service.name)),
        ("vpc_id", json!(service.vpc)),
        ("port_id", json!(service.backend)),
        ("server_type", json!(service.backend_kind.to_uppercase())),
        ("ports", json!(service.ports)),
        ("approval_enabled", json!(service.approval)),
        ("tags", json!(service.tags.as_ref().map(tags))),
        ("description", json!(service.description)),
    ]);
    let mut asks = vec![Ask { method: Method::POST, at: Place::All, body: Some(body) }];
    let permissions = service.permissions.iter().filter(|all| !all.is_empty());
    asks.extend(permissions.map(|all| Ask::permissions("add", all)));
    Step {
        does: Does::Create,
        of: Of::Service,
        name: service.name.clone(),
        id: None,
        service: None,
        differs: Vec::new(),
        asks,
    }
}

fn new_endpoint(endpoint: &Endpoint, service: Option<Uuid>) -> Step {
    let listed = endpoint.whitelist.as_ref().filter(|list| !list.is_empty());
    let body = body([
        ("endpoint_service_id", json!(service)),
        ("vpc_id", json!(endpoint.vpc)),
        ("subnet_id", json!(endpoint.subnet)),
        ("port_ip", json!(endpoint.address)),
        ("enable_dns", json!(endpoint.dns)),
        ("whitelist", json!(listed)),
        ("enable_whitelist", json!(listed.map(|_| true))),
        ("tags", json!(endpoint.tags.as_ref().map(tags))),
        ("description", json!(endpoint.description)),
    ]);
    Step {
        does: Does::Create,
        of: Of::Endpoint,
        name: title(endpoint),
        id: None,
        service: service.is_none().then(|| endpoint.service.clone()),
        differs: Vec::new(),
        asks: vec![Ask { method: Method::POST, at: Place::All, body: Some(body) }],
    }
}

/// What people call the endpoint of a document.
pub(super) fn title(endpoint: &Endpoint) -> String {
    let address = endpoint.address.map(|address| format!(" at {address}")).unwrap_or_default();
    format!("of {}{address}", endpoint.service)
}

/// Tags as the API writes them.
pub(super) fn tags(tags: &BTreeMap<String, String>) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag { key: key.clone(), value: value.clone() }).collect()
}

/// The fields that are given.
fn body<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let given = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(given.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
