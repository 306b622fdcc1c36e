//! `vpcectl set`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Resource, change, create::Approval};
use crate::{
    cli::{CliError, select, session::Session, value},
    client::{Method, Request},
    model::resource::{
        answer::{Connection, EndpointDetails, ServiceDetails},
        request::PortMapping,
    },
};

/// What is changed. What is not named stays.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Set {
    /// An endpoint service.
    Service(SetService),
    /// An endpoint.
    Endpoint(SetEndpoint),
    /// What a service's owner says of an endpoint.
    Connection {
        /// The service's name or id.
        service: String,
        /// The endpoint's id or number.
        endpoint: String,
        /// What is said.
        #[arg(long)]
        description: String,
    },
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SetService {
    /// Its name or id.
    service: String,
    /// Its new short name; '' for none.
    #[arg(long)]
    name: Option<String>,
    /// A port mapping; all that are given replace those there are.
    #[arg(long, value_parser = value::port, value_name = "CLIENT:SERVER")]
    port: Vec<PortMapping>,
    #[command(flatten)]
    approval: Approval,
    /// Another backend of its VPC.
    #[arg(long, value_name = "ID")]
    backend: Option<String>,
    /// What it is for.
    #[arg(long)]
    description: Option<String>,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct SetEndpoint {
    /// Its id, address or number, or the name of its service.
    endpoint: String,
    /// A client or a network of clients that may dial it; all that are given replace those there are.
    #[arg(long, value_name = "CIDR", conflicts_with = "no_whitelist")]
    whitelist: Vec<String>,
    /// All clients may dial it.
    #[arg(long)]
    no_whitelist: bool,
    /// A file with its policy; `-` reads it.
    #[arg(long, value_name = "FILE", conflicts_with = "no_policy")]
    policy: Option<PathBuf>,
    /// It has no policy.
    #[arg(long)]
    no_policy: bool,
    /// The id of the VPC's route table, for a service of type gateway.
    #[arg(long, value_name = "ID")]
    routetable: Vec<String>,
}

impl Set {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        match self {
            Self::Service(set) => set.run(session).await,
            Self::Endpoint(set) => set.run(session).await,
            Self::Connection { service, endpoint, description } => {
                let at = format!(
                    "{}/{}/connections",
                    ServiceDetails::PATH,
                    session.find::<ServiceDetails>(service).await?.id
                );
                let all: Vec<Connection> = session.pages(&at, "connections").await?;
                let names = |one: &Connection| vec![one.id.to_string(), one.marker_id.to_string()];
                let one = &all[select::pick("endpoint of the service", &all, names, endpoint)?];
                let body = json!({ "connections": [{ "id": one.id, "description": description }] });
                let path = session.path(&format!("{at}/description"))?;
                let told = session.write(Request::with(Method::PUT, path, body)).await?;
                let text = || format!("endpoint {}: {description}", one.id);
                told.map_or_else(|| Ok(String::new()), |told| session.output.show(&told, text))
            }
        }
    }
}

impl SetService {
    async fn run(&self, session: &Session) -> Result<String, CliError> {
        let fields = [
            ("service_name", self.name.as_ref().map(|name| json!(name))),
            ("ports", (!self.port.is_empty()).then(|| json!(self.port))),
            ("approval_enabled", self.approval.asked().map(Value::from)),
            ("port_id", self.backend.as_ref().map(|id| json!(id))),
            ("description", self.description.as_ref().map(|text| json!(text))),
        ];
        let body: serde_json::Map<String, Value> =
            fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        if body.is_empty() {
            return Err(CliError::Nothing { options: "use --name, --port, --approval, --backend or --description" });
        }
        let one = session.find::<ServiceDetails>(&self.service).await?;
        let path = session.path(&format!("{}/{}", ServiceDetails::PATH, one.id))?;
        session.write(Request::with(Method::PUT, path, Value::Object(body))).await?;
        change::again(session, &one).await
    }
}

impl SetEndpoint {
    async fn run(&self, session: &Session) -> Result<String, CliError> {
        let one = session.find::<EndpointDetails>(&self.endpoint).await?;
        let mut requests = Vec::new();
        let path = |rest: &str| session.path(&format!("{}/{}{rest}", EndpointDetails::PATH, one.id));
        if self.no_whitelist || !self.whitelist.is_empty() {
            let body = json!({ "whitelist": self.whitelist, "enable_whitelist": !self.no_whitelist });
            requests.push(Request::with(Method::PUT, path("")?, body));
        }
        if let Some((field, policy)) = self.policy.as_deref().map(change::policy).transpose()? {
            requests.push(Request::with(Method::PUT, path("/policy")?, json!({ field: policy })));
        }
        if self.no_policy {
            requests.push(Request::delete(path("/policy")?));
        }
        if !self.routetable.is_empty() {
            requests.push(Request::with(Method::PUT, path("/routetables")?, json!({ "routetables": self.routetable })));
        }
        if requests.is_empty() {
            return Err(CliError::Nothing {
                options: "use --whitelist, --no-whitelist, --policy, --no-policy or --routetable",
            });
        }
        for request in requests {
            session.write(request).await?;
        }
        change::again(session, &one).await
    }
}
