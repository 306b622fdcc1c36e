//! One run of vpcectl: whom it asks, in which project, and how it tells.

use std::{cell::RefCell, collections::BTreeMap, env, path::PathBuf};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    Arguments, CliError,
    output::Output,
    select,
    tenant::{Resource, service_names},
};
use crate::{
    client::{Client, Profile, Request},
    model::{
        resource::answer::{PublicService, ServiceDescription, ServiceDetails},
        status::{Status, VpcStatus},
    },
    socket,
};

/// As many as a list has at most at once.
const PAGE: usize = 1000;
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) struct Session {
    client: Client,
    project: Option<String>,
    pub(super) output: Output,
    /// Of a dry run: what would have been sent.
    noted: Option<RefCell<Vec<Request>>>,
}

impl Session {
    pub(super) fn open(arguments: &Arguments) -> Result<Self, CliError> {
        let mut project = arguments.project.clone();
        let client = match &arguments.profile {
            None => Client::on_socket(arguments.socket.clone()),
            Some(name) => {
                let profile = Profile::load(&arguments.profiles.clone().unwrap_or_else(profiles), name)?;
                project = project.or_else(|| profile.project.clone());
                Client::over_https(profile)?
            }
        };
        let noted = arguments.dry_run.then(RefCell::default);
        Ok(Self { client, project, output: arguments.output, noted })
    }

    /// Whether what a project has is asked for, and not the gateway.
    pub(super) const fn is_in_project(&self) -> bool {
        self.project.is_some() || !self.client.is_operator()
    }

    /// Whether the operator asks, on the socket.
    pub(super) const fn is_operator(&self) -> bool {
        self.client.is_operator()
    }

    /// Refuses what is asked over HTTPS.
    pub(super) const fn check_operator(&self) -> Result<(), CliError> {
        if self.client.is_operator() { Ok(()) } else { Err(CliError::Operator) }
    }

    /// A path in the project.
    pub(super) fn path(&self, rest: &str) -> Result<String, CliError> {
        self.path_of("v1", rest)
    }

    /// A path in the project, of this version of the API.
    pub(super) fn path_of(&self, version: &str, rest: &str) -> Result<String, CliError> {
        let project = self.project.as_deref().ok_or(CliError::NoProject)?;
        Ok(format!("/{version}/{}/{rest}", in_path(project)))
    }

    /// What is there.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: String) -> Result<T, CliError> {
        self.ask(&Request::get(path)).await
    }

    /// What is there, of what a request with a body asks for.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T, CliError> {
        Ok(serde_json::from_slice(&self.client.send(request).await?)?)
    }

    /// Changes something; answers what is told of it, which is nothing in a dry run.
    pub(super) async fn write(&self, request: Request) -> Result<Option<Value>, CliError> {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().push(request);
            return Ok(None);
        }
        let told = self.client.send(&request).await?;
        Ok(Some(if told.is_empty() { Value::Null } else { serde_json::from_slice(&told)? }))
    }

    /// What a dry run would have sent; none where it is none, or nothing is to be sent.
    pub(super) fn noted(&self) -> Result<Option<String>, CliError> {
        let Some(noted) = self.noted.as_ref().map(RefCell::borrow).filter(|noted| !noted.is_empty()) else {
            return Ok(None);
        };
        let told = |request: &Request| json!({ "method": request.method.as_str(), "path": request.path, "body": request.body });
        let all: Vec<Value> = noted.iter().map(told).collect();
        let text = |request: &Request| {
            let body = request.body.as_ref().map(|body| format!("\n{body:#}")).unwrap_or_default();
            format!("{} {}{body}", request.method, request.path)
        };
        let text = || noted.iter().map(text).collect::<Vec<_>>().join("\n");
        self.output.show(&json!({ "requests": all }), text).map(Some)
    }

    /// A list of the project: all its pages.
    pub(super) async fn pages<T: DeserializeOwned>(&self, rest: &str, list: &str) -> Result<Vec<T>, CliError> {
        let mut all = Vec::new();
        loop {
            let query = format!("{rest}?limit={PAGE}&offset={}&sort_key=created_at&sort_dir=asc", all.len());
            let mut page: Value = self.read(self.path(&query)?).await?;
            let items: Vec<T> = serde_json::from_value(page[list].take())?;
            let is_last = items.len() < PAGE;
            all.extend(items);
            if is_last {
                return Ok(all);
            }
        }
    }

    /// All of a kind in the project, the oldest first.
    pub(super) async fn all<T: Resource>(&self) -> Result<Vec<T>, CliError> {
        self.pages(T::PATH, T::ANSWER).await
    }

    /// The one of this id.
    pub(super) async fn one<T: Resource>(&self, id: Uuid) -> Result<T, CliError> {
        self.read(self.path(&format!("{}/{id}", T::PATH))?).await
    }

    /// The one that is meant by an id or another name.
    pub(super) async fn find<T: Resource>(&self, name: &str) -> Result<T, CliError> {
        if let Ok(id) = name.parse() {
            return self.one(id).await;
        }
        let mut all = self.all().await?;
        let at = select::pick(T::KIND, &all, T::names, name)?;
        Ok(all.swap_remove(at))
    }

    /// The id of a service that may be anybody's: of an id, a full name, or a name of one's own or a public one.
    pub(super) async fn service_id(&self, name: &str) -> Result<Uuid, CliError> {
        if let Ok(id) = name.parse() {
            return Ok(id);
        }
        if name.contains('.') {
            return Ok(self.described(name).await?.id.0);
        }
        let own = self.all::<ServiceDetails>().await?;
        let public: Vec<PublicService> =
            self.pages(&format!("{}/public", ServiceDetails::PATH), ServiceDetails::ANSWER).await?;
        let mut all: BTreeMap<Uuid, String> =
            own.into_iter().map(|service| (service.id.0, service.service_name)).collect();
        all.extend(public.into_iter().map(|service| (service.id.0, service.service_name)));
        let all: Vec<(Uuid, String)> = all.into_iter().collect();
        let at = select::pick(ServiceDetails::KIND, &all, |(id, full)| service_names(*id, full), name)?;
        Ok(all[at].0)
    }

    /// What a consumer is told of a service whose full name or id it knows.
    pub(super) async fn described(&self, name: &str) -> Result<ServiceDescription, CliError> {
        let field = if name.parse::<Uuid>().is_ok() { "id" } else { "endpoint_service_name" };
        let rest = format!("{}/describe?{field}={}", ServiceDetails::PATH, in_path(name));
        self.read(self.path(&rest)?).await
    }

    /// Everything of the gateway.
    pub(super) async fn status(&self) -> Result<Status, CliError> {
        self.check_operator()?;
        self.read(socket::STATUS.to_owned()).await
    }

    /// The id of a VPC.
    pub(super) async fn vpc(&self, name: &str) -> Result<String, CliError> {
        if let Ok(id) = name.parse::<Uuid>() {
            return Ok(id.to_string());
        }
        Ok(self.vpc_status("vpc", name, name).await?.id.to_string())
    }

    /// The id of a subnet of a VPC.
    pub(super) async fn subnet(&self, vpc: &str, name: &str) -> Result<String, CliError> {
        if let Ok(id) = name.parse::<Uuid>() {
            return Ok(id.to_string());
        }
        let vpc = self.vpc_status("subnet", vpc, name).await?;
        let id = vpc.subnet_ids.get(name).map(ToString::to_string);
        id.ok_or_else(|| select::unknown("subnet", name, vpc.subnet_ids.keys().map(String::as_str)))
    }

    async fn vpc_status(&self, kind: &'static str, vpc: &str, name: &str) -> Result<VpcStatus, CliError> {
        if !self.is_operator() {
            return Err(CliError::NoId { kind, name: name.to_owned() });
        }
        let mut all = self.status().await?.vpcs;
        let at = select::pick("vpc", &all, |vpc| vec![vpc.id.to_string(), vpc.name.clone()], vpc)?;
        Ok(all.swap_remove(at))
    }
}

/// A text as a part of a path or a query.
pub(super) fn in_path(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Where profiles are unless told otherwise.
fn profiles() -> PathBuf {
    let home = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".config");
    let config = env::var_os("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty()).map_or_else(home, PathBuf::from);
    config.join("vpce/profiles.toml")
}
