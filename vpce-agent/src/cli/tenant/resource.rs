//! What services and endpoints have in common for vpcectl.

use clap::ValueEnum;
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    cli::{
        output::{Column, or_dash},
        value,
    },
    model::resource::{
        answer::{EndpointDetails, Mapping, ServiceDetails},
        request::Tag,
    },
};

/// A kind of what tenants make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Of {
    /// An endpoint service.
    #[value(alias = "services")]
    Service,
    /// An endpoint.
    #[value(alias = "endpoints")]
    Endpoint,
}

/// A service or an endpoint, as the API tells it.
pub(in crate::cli) trait Resource: DeserializeOwned + Serialize + Clone + 'static {
    /// What it is called.
    const KIND: &'static str;
    /// What many of them are called, here.
    const KINDS: &'static str;
    /// The same in the API's answers.
    const ANSWER: &'static str;
    /// The same in its paths.
    const PATH: &'static str;
    /// The same in its paths of tags.
    const TAGGED: &'static str;
    /// Columns of their table.
    const NARROW: &'static [Column<Self>];
    /// Further columns.
    const WIDE: &'static [Column<Self>];

    fn id(&self) -> Uuid;
    fn state(&self) -> &'static str;
    /// What it can be named by: the id first, what people call it last.
    fn names(&self) -> Vec<String>;
    /// Why it failed, if it has.
    fn failure(&self) -> Option<&str>;
    /// Labels.
    fn tags(&self) -> &[Tag];

    /// What people call it.
    fn title(&self) -> String {
        self.names().pop().unwrap_or_default()
    }

    /// The columns of a table.
    fn columns(is_wide: bool) -> Vec<Column<Self>> {
        let more: &[Column<Self>] = if is_wide { Self::WIDE } else { &[] };
        Self::NARROW.iter().chain(more).copied().collect()
    }
}

impl Resource for ServiceDetails {
    const KIND: &'static str = "service";
    const KINDS: &'static str = "services";
    const ANSWER: &'static str = "endpoint_services";
    const PATH: &'static str = "vpc-endpoint-services";
    const TAGGED: &'static str = "endpoint_service";
    const NARROW: &'static [Column<Self>] = &[
        ("NAME", Self::title),
        ("STATE", |service| service.state().to_owned()),
        ("PORTS", |service| ports(&service.ports)),
        ("APPROVAL", |service| if service.approval_enabled { "yes" } else { "no" }.to_owned()),
        ("ENDPOINTS", |service| service.connection_count.to_string()),
        ("DESCRIPTION", |service| or_dash(&*service.description)),
    ];
    const WIDE: &'static [Column<Self>] = &[
        ("SERVICE NAME", |service| service.service_name.clone()),
        ("VPC", |service| service.vpc_id.to_string()),
        ("BACKEND", |service| service.port_id.map_or_else(|| "-".to_owned(), |id| id.to_string())),
        ("EDITIONS", |service| service.supported_editions.join(", ")),
        ("TAGS", |service| tags(&service.tags)),
        ("CREATED", |service| service.created_at.to_string()),
        ("UPDATED", |service| service.updated_at.to_string()),
    ];

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn state(&self) -> &'static str {
        self.status.name()
    }

    fn names(&self) -> Vec<String> {
        service_names(self.id.0, &self.service_name)
    }

    fn failure(&self) -> Option<&str> {
        self.error.first().map(|error| error.message.as_str())
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }
}

impl Resource for EndpointDetails {
    const KIND: &'static str = "endpoint";
    const KINDS: &'static str = "endpoints";
    const ANSWER: &'static str = "endpoints";
    const PATH: &'static str = "vpc-endpoints";
    const TAGGED: &'static str = "endpoint";
    const NARROW: &'static [Column<Self>] = &[
        ("ID", |endpoint| endpoint.id.to_string()),
        ("STATE", |endpoint| endpoint.state().to_owned()),
        ("ADDRESS", |endpoint| endpoint.ip.map_or_else(|| "-".to_owned(), |ip| ip.to_string())),
        ("SERVICE", |endpoint| service_title(endpoint)),
        ("EDITION", |endpoint| endpoint.specification_name.clone()),
        ("DESCRIPTION", |endpoint| or_dash(&*endpoint.description)),
    ];
    const WIDE: &'static [Column<Self>] = &[
        ("NUMBER", |endpoint| endpoint.marker_id.to_string()),
        ("SERVICE NAME", |endpoint| endpoint.endpoint_service_name.clone()),
        ("VPC", |endpoint| endpoint.vpc_id.to_string()),
        ("SUBNET", |endpoint| endpoint.subnet_id.map_or_else(|| "-".to_owned(), |id| id.to_string())),
        ("WHITELIST", whitelist),
        ("TAGS", |endpoint| tags(&endpoint.tags)),
        ("CREATED", |endpoint| endpoint.created_at.to_string()),
        ("UPDATED", |endpoint| endpoint.updated_at.to_string()),
    ];

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn state(&self) -> &'static str {
        self.status.name()
    }

    fn names(&self) -> Vec<String> {
        let service = service_names(self.endpoint_service_id.0, &self.endpoint_service_name);
        let own = [self.id.to_string(), self.marker_id.to_string()];
        let mut names: Vec<String> = own.into_iter().chain(service.into_iter().skip(1)).collect();
        names.extend(self.ip.map(|ip| ip.to_string()));
        names
    }

    fn failure(&self) -> Option<&str> {
        self.error.first().map(|error| error.message.as_str())
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }
}

/// The names of a service: its id, `<region>.<name>.<id>`, and the short one if it has one.
pub(in crate::cli) fn service_names(id: Uuid, full: &str) -> Vec<String> {
    let short = short_name(id, full).map(str::to_owned);
    [id.to_string(), full.to_owned()].into_iter().chain(short).collect()
}

/// The name in `<region>.<name>.<id>`, where it has one.
pub(in crate::cli) fn short_name(id: Uuid, full: &str) -> Option<&str> {
    // A region has no dots.
    let (_, name) = full.strip_suffix(&id.to_string())?.strip_suffix('.')?.split_once('.')?;
    Some(name)
}

/// The short name of an endpoint's service, or the full one.
fn service_title(endpoint: &EndpointDetails) -> String {
    service_names(endpoint.endpoint_service_id.0, &endpoint.endpoint_service_name).pop().unwrap_or_default()
}

/// `80:8080/tcp, 53:53/udp`
pub(super) fn ports(ports: &[Mapping]) -> String {
    if ports.is_empty() {
        return "all".to_owned();
    }
    let shown = |port: &Mapping| value::shown(port.client_port, port.server_port, &port.protocol);
    ports.iter().map(shown).collect::<Vec<_>>().join(", ")
}

/// `a=1, b=2`
pub(in crate::cli) fn tags(tags: &[Tag]) -> String {
    or_dash(tags.iter().map(|Tag { key, value }| format!("{key}={value}")).collect::<Vec<_>>().join(", "))
}

/// Who may dial an endpoint by its whitelist.
fn whitelist(endpoint: &EndpointDetails) -> String {
    if endpoint.enable_whitelist { endpoint.whitelist.join(", ") } else { "-".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_has_the_name_between_its_region_and_its_id() {
        let id = Uuid::from_u128(7);
        assert_eq!(short_name(id, &format!("region-1.web.{id}")), Some("web"));
        assert_eq!(short_name(id, &format!("region-1.{id}")), None);
        let names = service_names(id, &format!("region-1.web.{id}"));
        assert_eq!((names[0].clone(), names[2].as_str()), (id.to_string(), "web"));
    }
}
