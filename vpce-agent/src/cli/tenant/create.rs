//! `vpcectl create service` and `create endpoint`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Resource, list};
use crate::{
    cli::{CliError, session::Session, value},
    client::{Method, Request},
    model::resource::{
        answer::{EndpointDetails, ServiceDetails},
        request::{PortMapping, Tag},
    },
};

/// Whether a service's owner accepts each endpoint.
#[derive(Debug, Args)]
pub(super) struct Approval {
    /// Its owner accepts each endpoint.
    #[arg(long, conflicts_with = "no_approval")]
    approval: bool,
    /// Endpoints are accepted at once.
    #[arg(long)]
    no_approval: bool,
}

impl Approval {
    /// What is asked for, if anything.
    pub(super) const fn asked(&self) -> Option<bool> {
        if self.approval || self.no_approval { Some(self.approval) } else { None }
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateService {
    /// Its short name, of up to 16 letters; consumers type it within <region>.<name>.<id>.
    name: String,
    /// The VPC of the backend: its id, or on the gateway its name.
    #[arg(long)]
    vpc: String,
    /// The backend's id, as `vpcectl get backends` tells it on the gateway.
    #[arg(long, value_name = "ID")]
    backend: String,
    /// What the backend was registered as: `vm`, `lb` or `bms`.
    #[arg(long, default_value = "vm")]
    kind: String,
    /// A port mapping, CLIENT:SERVER or CLIENT:SERVER/udp; may be given several times.
    #[arg(long, value_parser = value::port, value_name = "CLIENT:SERVER", required = true)]
    port: Vec<PortMapping>,
    #[command(flatten)]
    approval: Approval,
    /// A label, KEY=VALUE; may be given several times.
    #[arg(long, value_parser = value::tag, value_name = "KEY=VALUE")]
    tag: Vec<Tag>,
    /// What it is for.
    #[arg(long)]
    description: Option<String>,
}

impl CreateService {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        let body = json!({
            "service_name": self.name,
            "vpc_id": session.vpc(&self.vpc).await?,
            "port_id": self.backend,
            "server_type": self.kind.to_uppercase(),
            "ports": self.port,
            "approval_enabled": self.approval.asked(),
            "tags": self.tag,
            "description": self.description,
        });
        create::<ServiceDetails>(session, body).await
    }
}

#[derive(Debug, Args)]
pub(in crate::cli) struct CreateEndpoint {
    /// The service: its id, its full name, or the short name of one's own or a public one.
    #[arg(long)]
    service: String,
    /// The VPC that it is dialled from: its id, or on the gateway its name.
    #[arg(long)]
    vpc: String,
    /// Its subnet: the id, or on the gateway the name. Not for a service of type gateway.
    #[arg(long)]
    subnet: Option<String>,
    /// Its address; the next free one of the subnet where none is given.
    #[arg(long)]
    address: Option<String>,
    /// Notes that it shall have a domain name; none is served yet.
    #[arg(long)]
    dns: bool,
    /// A client or a network of clients that may dial it; may be given several times. All may where none is given.
    #[arg(long, value_name = "CIDR")]
    whitelist: Vec<String>,
    /// The id of the VPC's route table, for a service of type gateway.
    #[arg(long, value_name = "ID")]
    routetable: Vec<String>,
    /// A file with its policy; `-` reads it.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// A label, KEY=VALUE; may be given several times.
    #[arg(long, value_parser = value::tag, value_name = "KEY=VALUE")]
    tag: Vec<Tag>,
    /// What it is for.
    #[arg(long)]
    description: Option<String>,
}

impl CreateEndpoint {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        let subnet = match &self.subnet {
            Some(subnet) => Some(session.subnet(&self.vpc, subnet).await?),
            None => None,
        };
        let mut body = json!({
            "endpoint_service_id": session.service_id(&self.service).await?,
            "vpc_id": session.vpc(&self.vpc).await?,
            "subnet_id": subnet,
            "port_ip": self.address,
            "enable_dns": self.dns.then_some(true),
            "whitelist": self.whitelist,
            "enable_whitelist": (!self.whitelist.is_empty()).then_some(true),
            "routetables": self.routetable,
            "tags": self.tag,
            "description": self.description,
        });
        if let Some((field, policy)) = self.policy.as_deref().map(super::change::policy).transpose()? {
            body[field] = policy;
        }
        create::<EndpointDetails>(session, body).await
    }
}

async fn create<T: Resource>(session: &Session, mut body: Value) -> Result<String, CliError> {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty()));
    }
    let request = Request::with(Method::POST, session.path(T::PATH)?, body);
    let Some(made) = session.write(request).await? else { return Ok(String::new()) };
    list::told::<T>(session, &serde_json::from_value(made)?)
}
