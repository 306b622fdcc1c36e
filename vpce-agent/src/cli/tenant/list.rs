//! `vpcectl get` and `describe`, in a project.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{Of, Resource, tags};
use crate::{
    cli::{
        CliError,
        output::{Column, lines, or_dash, table},
        session::Session,
        value,
    },
    client::{Method, Request},
    model::resource::{
        answer::{
            Connection, EndpointDetails, Instances, PermissionDetails, ProjectTags, PublicService, Quota, Quotas,
            ResourceInstance, ServiceDetails,
        },
        request::TagValues,
    },
};

/// Lists that only projects have.
#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Listed {
    /// The endpoints of a service, as its owner sees them.
    #[command(alias = "connection")]
    Connections {
        /// The service's name or id.
        service: String,
    },
    /// Who may make endpoints to a service.
    #[command(alias = "permission")]
    Permissions {
        /// The service's name or id.
        service: String,
    },
    /// Services that everyone may use.
    Public,
    /// How much there is of what, and may be.
    #[command(alias = "quota")]
    Quotas,
    /// The tags of the project's services and endpoints.
    #[command(alias = "tag")]
    Tags,
    /// The services or endpoints that have tags.
    Tagged {
        /// What they are.
        of: Of,
        /// All of these: KEY=VALUE, or KEY with whatever value.
        #[arg(required = true, value_name = "KEY=VALUE|KEY")]
        tags: Vec<String>,
    },
}

impl Listed {
    pub(in crate::cli) async fn run(&self, session: &Session) -> Result<String, CliError> {
        match self {
            Self::Connections { service } => {
                let path = format!(
                    "{}/{}/connections",
                    ServiceDetails::PATH,
                    session.find::<ServiceDetails>(service).await?.id
                );
                let all: Vec<Connection> = session.pages(&path, "connections").await?;
                show(session, "connections", &all, CONNECTIONS, CONNECTIONS_WIDE)
            }
            Self::Permissions { service } => {
                let path = format!(
                    "{}/{}/permissions",
                    ServiceDetails::PATH,
                    session.find::<ServiceDetails>(service).await?.id
                );
                let all: Vec<PermissionDetails> = session.pages(&path, "permissions").await?;
                show(session, "permissions", &all, PERMISSIONS, PERMISSIONS_WIDE)
            }
            Self::Public => {
                let path = format!("{}/public", ServiceDetails::PATH);
                let all: Vec<PublicService> = session.pages(&path, ServiceDetails::ANSWER).await?;
                show(session, "services", &all, PUBLIC, PUBLIC_WIDE)
            }
            Self::Quotas => {
                let all: Quotas = session.read(session.path("quotas")?).await?;
                quotas(session, &all)
            }
            Self::Tags => {
                let mut told = serde_json::Map::new();
                let mut rows = Vec::new();
                for (kind, tagged) in
                    [(ServiceDetails::KIND, ServiceDetails::TAGGED), (EndpointDetails::KIND, EndpointDetails::TAGGED)]
                {
                    let all: ProjectTags = session.read(session.path(&format!("{tagged}/tags"))?).await?;
                    told.insert(kind.to_owned(), json!(all.tags));
                    rows.extend(all.tags.into_iter().map(|tag| (kind, tag)));
                }
                session.output.show(&json!({ "tags": told }), || table(TAGS, &rows))
            }
            Self::Tagged { of: Of::Service, tags } => tagged::<ServiceDetails>(session, tags).await,
            Self::Tagged { of: Of::Endpoint, tags } => tagged::<EndpointDetails>(session, tags).await,
        }
    }
}

/// Those of a kind that have all these tags.
async fn tagged<T: Resource>(session: &Session, tags: &[String]) -> Result<String, CliError> {
    let wanted: Vec<TagValues> = tags.iter().map(|text| value::tag_wanted(text)).collect();
    let path = session.path(&format!("{}/resource_instances/action", T::TAGGED))?;
    let mut all: Vec<ResourceInstance> = Vec::new();
    loop {
        let body = json!({ "action": "filter", "tags": wanted, "offset": all.len().to_string() });
        let page: Instances = session.ask(&Request::with(Method::POST, path.clone(), body)).await?;
        let found = page.resources.unwrap_or_default();
        let is_last = found.is_empty();
        all.extend(found);
        if is_last || all.len() >= page.total_count {
            return show(session, T::KINDS, &all, TAGGED, &[]);
        }
    }
}

/// Quotas of a tenant.
pub(super) fn quotas(session: &Session, all: &Quotas) -> Result<String, CliError> {
    session.output.show(all, || table(QUOTAS, &all.quotas.resources))
}

/// The project's resources of a kind.
pub(in crate::cli) async fn list<T: Resource>(session: &Session) -> Result<String, CliError> {
    shown(session, &session.all::<T>().await?)
}

/// Those that are known already.
pub(super) fn shown<T: Resource>(session: &Session, all: &[T]) -> Result<String, CliError> {
    show(session, T::KINDS, all, T::NARROW, T::WIDE)
}

/// Everything of one.
pub(in crate::cli) async fn describe<T: Resource>(session: &Session, name: &str) -> Result<String, CliError> {
    told(session, &session.find::<T>(name).await?)
}

/// Everything of one that is known already.
pub(super) fn told<T: Resource>(session: &Session, one: &T) -> Result<String, CliError> {
    let text = || {
        let columns = T::columns(true);
        let mut rows: Vec<(&str, String)> = columns.iter().map(|(name, cell)| (*name, cell(one))).collect();
        rows.retain(|(name, _)| *name != "ID" && *name != "TAGS");
        rows.insert(0, ("ID", one.id().to_string()));
        rows.push(("TAGS", tags(one.tags())));
        rows.push(("ERROR", or_dash(one.failure().unwrap_or_default())));
        let rows: Vec<(String, String)> = rows.into_iter().map(|(name, value)| (capital(name), value)).collect();
        lines(&rows.iter().map(|(name, value)| (name.as_str(), value.clone())).collect::<Vec<_>>())
    };
    session.output.show(one, text)
}

/// `Service name`
fn capital(header: &str) -> String {
    header.chars().take(1).chain(header.chars().skip(1).flat_map(char::to_lowercase)).collect()
}

fn show<T: serde::Serialize + 'static>(
    session: &Session,
    kinds: &str,
    all: &[T],
    narrow: &[Column<T>],
    wide: &[Column<T>],
) -> Result<String, CliError> {
    let told: Value = json!({ kinds: all });
    let more = if session.output.is_wide() { wide } else { &[] };
    session.output.show(&told, || table(&[narrow, more].concat(), all))
}

const CONNECTIONS: &[Column<Connection>] = &[
    ("ENDPOINT", |one| one.id.to_string()),
    ("NUMBER", |one| one.marker_id.to_string()),
    ("STATE", |one| one.status.name().to_owned()),
    ("DOMAIN", |one| or_dash(&*one.domain_id)),
    ("DESCRIPTION", |one| or_dash(&*one.description)),
];
const CONNECTIONS_WIDE: &[Column<Connection>] =
    &[("CREATED", |one| one.created_at.to_string()), ("UPDATED", |one| one.updated_at.to_string())];
const PERMISSIONS: &[Column<PermissionDetails>] =
    &[("PERMISSION", |one| one.permission.clone()), ("DESCRIPTION", |one| or_dash(&*one.description))];
const PERMISSIONS_WIDE: &[Column<PermissionDetails>] =
    &[("ID", |one| one.id.to_string()), ("CREATED", |one| one.created_at.to_string())];
const PUBLIC: &[Column<PublicService>] = &[
    ("SERVICE NAME", |one| one.service_name.clone()),
    ("TYPE", |one| one.service_type.clone()),
    ("OWNER", |one| one.owner.clone()),
];
const PUBLIC_WIDE: &[Column<PublicService>] =
    &[("ID", |one| one.id.to_string()), ("CREATED", |one| one.created_at.to_string())];
const QUOTAS: &[Column<Quota>] =
    &[("TYPE", |one| one.kind.clone()), ("USED", |one| one.used.to_string()), ("QUOTA", |one| one.quota.to_string())];
const TAGGED: &[Column<ResourceInstance>] = &[
    ("ID", |one| one.resource_id.clone()),
    ("SERVICE NAME", |one| one.resource_name.clone()),
    ("TAGS", |one| tags(&one.tags)),
];
const TAGS: &[Column<(&str, TagValues)>] = &[
    ("KIND", |(kind, _)| (*kind).to_owned()),
    ("KEY", |(_, tag)| tag.key.clone()),
    ("VALUES", |(_, tag)| tag.values.join(", ")),
];
