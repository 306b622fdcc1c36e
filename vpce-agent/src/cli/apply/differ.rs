//! How what is there differs from what a document says.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{
    document::{Endpoint, Service},
    plan::{PlanError, tags, title},
    step::{Ask, Difference, Does, Place, Step},
};
use crate::{
    cli::{
        output::or_dash,
        tenant::{Of, Resource},
        value::shown,
    },
    client::Method,
    model::resource::{
        answer::{EndpointDetails, ServiceDetails},
        request::Tag,
    },
};

/// Changes of one resource, as they are found.
struct Changes {
    what: String,
    differs: Vec<Difference>,
    /// Fields of the request that changes the resource itself.
    fields: Map<String, Value>,
    asks: Vec<Ask>,
}

impl Changes {
    fn new(what: String) -> Self {
        Self { what, differs: Vec::new(), fields: Map::new(), asks: Vec::new() }
    }

    /// Notes a difference, if it is one; answers whether it is.
    fn note(&mut self, field: &'static str, from: impl Into<String>, to: impl Into<String>) -> bool {
        let (from, to) = (or_dash(from), or_dash(to));
        let differs = from != to;
        if differs {
            self.differs.push(Difference { field, from, to });
        }
        differs
    }

    /// Refuses a difference of what can't be changed.
    fn fixed(&self, field: &'static str, from: impl Into<String>, to: impl Into<String>) -> Result<(), PlanError> {
        let (from, to) = (or_dash(from), or_dash(to));
        if from == to { Ok(()) } else { Err(PlanError::Fixed { what: self.what.clone(), field, from, to }) }
    }

    fn tags(&mut self, now: &[Tag], wanted: Option<&BTreeMap<String, String>>) {
        let Some(wanted) = wanted else { return };
        let now: BTreeMap<String, String> = now.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
        let told = |tags: &BTreeMap<String, String>| {
            tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
        };
        if !self.note("tags", told(&now), told(wanted)) {
            return;
        }
        let removed: BTreeMap<String, String> =
            now.keys().filter(|key| !wanted.contains_key(*key)).map(|key| (key.clone(), String::new())).collect();
        let set: BTreeMap<String, String> = wanted
            .iter()
            .filter(|(key, value)| now.get(*key) != Some(value))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        // There is room for what is set once the others are gone.
        for (action, some) in [("delete", removed), ("create", set)] {
            if !some.is_empty() {
                let body = Some(json!({ "action": action, "tags": tags(&some) }));
                self.asks.push(Ask { method: Method::POST, at: Place::Tags, body });
            }
        }
    }

    fn step(self, of: Of, name: String, id: Uuid) -> Step {
        let mut asks = self.asks;
        if !self.fields.is_empty() {
            let body = Some(Value::Object(self.fields));
            asks.insert(0, Ask { method: Method::PUT, at: Place::Itself, body });
        }
        let does = if self.differs.is_empty() { Does::Keep } else { Does::Change };
        Step { does, of, name, id: Some(id), service: None, differs: self.differs, asks }
    }
}

/// The step from a service as it is to a document; its permissions, where they are known.
pub(super) fn service_differs(
    service: &Service,
    now: &ServiceDetails,
    permissions: Option<&BTreeSet<String>>,
) -> Result<Step, PlanError> {
    let mut changes = Changes::new(format!("service {:?}", service.name));
    changes.fixed("vpc", now.vpc_id.to_string(), &*service.vpc)?;
    let kind = now.server_type.as_deref().unwrap_or_default().to_lowercase();
    changes.fixed("backend_kind", kind, service.backend_kind.to_lowercase())?;

    let backend = now.port_id.map(|id| id.to_string()).unwrap_or_default();
    let wanted = service.backend.parse().map_or_else(|_| service.backend.clone(), |id: Uuid| id.to_string());
    if changes.note("backend", backend, wanted) {
        changes.fields.insert("port_id".to_owned(), json!(service.backend));
    }
    let port = |port: &Option<i64>| port.and_then(|port| u16::try_from(port).ok()).unwrap_or_default();
    let wanted = service
        .ports
        .iter()
        .map(|one| shown(port(&one.client_port), port(&one.server_port), one.protocol.as_deref().unwrap_or("TCP")));
    let is = now.ports.iter().map(|one| shown(one.client_port, one.server_port, &one.protocol));
    if changes.note("ports", sorted(is), sorted(wanted)) {
        changes.fields.insert("ports".to_owned(), json!(service.ports));
    }
    if let Some(approval) = service.approval
        && changes.note("approval", now.approval_enabled.to_string(), approval.to_string())
    {
        changes.fields.insert("approval_enabled".to_owned(), json!(approval));
    }
    if let Some(text) = &service.description
        && changes.note("description", &*now.description, &**text)
    {
        changes.fields.insert("description".to_owned(), json!(text));
    }
    if let (Some(wanted), Some(is)) = (&service.permissions, permissions) {
        let wanted: BTreeSet<String> = wanted.iter().map(|text| anyone(text)).collect();
        changes.note("permissions", sorted(is.iter().cloned()), sorted(wanted.iter().cloned()));
        for (action, mut some) in
            [("remove", is.difference(&wanted).peekable()), ("add", wanted.difference(is).peekable())]
        {
            if some.peek().is_some() {
                changes.asks.push(Ask::permissions(action, some));
            }
        }
    }
    changes.tags(&now.tags, service.tags.as_ref());
    Ok(changes.step(Of::Service, service.name.clone(), now.id()))
}

/// The step from an endpoint as it is to a document.
pub(super) fn endpoint_differs(endpoint: &Endpoint, now: &EndpointDetails) -> Result<Step, PlanError> {
    let name = title(endpoint);
    let mut changes = Changes::new(format!("endpoint {name}"));
    // The API takes none to a service of type gateway, whatever is asked for.
    if let Some(dns) = endpoint.dns.filter(|_| now.service_type != "gateway") {
        changes.fixed("dns", now.enable_dns.to_string(), dns.to_string())?;
    }
    if let Some(text) = &endpoint.description {
        changes.fixed("description", &*now.description, &**text)?;
    }
    if let Some(wanted) = &endpoint.whitelist {
        let is = if now.enable_whitelist { now.whitelist.clone() } else { Vec::new() };
        // One that counts and lists nobody is not one that doesn't count.
        let is = if now.enable_whitelist && is.is_empty() { "nobody".to_owned() } else { sorted(is.into_iter()) };
        if changes.note("whitelist", is, sorted(wanted.iter().map(|entry| client(entry)))) {
            changes.fields.insert("whitelist".to_owned(), json!(wanted));
            changes.fields.insert("enable_whitelist".to_owned(), json!(!wanted.is_empty()));
        }
    }
    changes.tags(&now.tags, endpoint.tags.as_ref());
    Ok(changes.step(Of::Endpoint, name, now.id()))
}

/// The API writes "everyone" in two ways.
pub(super) fn anyone(permission: &str) -> String {
    if permission == "iam:domain::*" { "*".to_owned() } else { permission.to_owned() }
}

/// An entry of a whitelist as the API tells it: a single client without its prefix.
fn client(entry: &str) -> String {
    match entry.parse::<Ipv4Net>() {
        Ok(net) if net.prefix_len() == 32 => net.addr().to_string(),
        Ok(net) => net.to_string(),
        Err(_) => entry.to_owned(),
    }
}

fn sorted(all: impl Iterator<Item = String>) -> String {
    all.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}
