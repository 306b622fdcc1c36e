//! `vpcectl create`, `delete`, and `get` of what outlives the agent.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    CliError,
    output::{fields, text, with_header},
    session::{Session, in_path},
    tenant::{self, CreateEndpoint, CreateService},
};
use crate::{
    client::{Method, Request},
    model::resource::answer::{EndpointDetails, ServiceDetails},
};

#[derive(Debug, Subcommand)]
pub(super) enum Create {
    /// A user of the API, or another one in the place of that of this name.
    User {
        /// Its name.
        name: String,
        /// The tenant: `domain` of its VPCs in the file.
        #[arg(long)]
        domain: String,
        /// A project to act in; may be given several times.
        #[arg(long, required = true)]
        project: Vec<String>,
        /// `Administrator`, `FullAccess`, `ReadOnlyAccess`, or actions with commas between them.
        #[arg(long, default_value = "FullAccess")]
        role: String,
    },
    /// An access key of a user. Its secret is shown this once.
    Key {
        /// The user's name.
        user: String,
    },
    /// A token of a user. It is shown this once.
    Token {
        /// The user's name.
        user: String,
        /// How long it is good.
        #[arg(long, default_value = "86400")]
        expires_in_secs: u64,
    },
    /// A backend that services can lead to. Its id is their `port_id`.
    Backend {
        /// The VPC's name or id.
        #[arg(long)]
        vpc: String,
        /// `vm`, `lb` or `bms`.
        #[arg(long, default_value = "vm")]
        kind: String,
        /// Its address in the VPC.
        #[arg(long)]
        address: String,
    },
    /// An endpoint service of a project.
    Service(CreateService),
    /// An endpoint of a project.
    Endpoint(CreateEndpoint),
}

impl Create {
    pub(super) async fn run(&self, session: &Session) -> Result<String, CliError> {
        let (at, body) = match self {
            Self::Service(create) => return create.run(session).await,
            Self::Endpoint(create) => return create.run(session).await,
            Self::User { name, domain, project, role } => {
                let role = if role.contains(':') { json!(role.split(',').collect::<Vec<_>>()) } else { json!(role) };
                let body = json!({ "name": name, "domain": domain, "projects": project, "role": role });
                ("/operator/users".to_owned(), body)
            }
            Self::Key { user } => (format!("/operator/users/{}/keys", in_path(user)), json!({})),
            Self::Token { user, expires_in_secs } => {
                let body = json!({ "expires_in_secs": expires_in_secs });
                (format!("/operator/users/{}/tokens", in_path(user)), body)
            }
            Self::Backend { vpc, kind, address } => {
                ("/operator/backends".to_owned(), json!({ "vpc": vpc, "kind": kind, "address": address }))
            }
        };
        session.check_operator()?;
        let made = session.write(Request::with(Method::POST, at, body)).await?;
        made.map_or_else(|| Ok(String::new()), |made| session.output.show(&made, || fields(&made)))
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum Delete {
    /// A user, with its keys and tokens. What it made stays.
    User {
        /// Its name.
        name: String,
    },
    /// An access key.
    Key {
        /// The AK.
        id: String,
    },
    /// A token.
    Token {
        /// Its id, as `vpcectl get tokens` tells it.
        id: String,
    },
    /// A backend that no service leads to.
    Backend {
        /// Its id.
        id: String,
    },
    /// Endpoint services of a project.
    #[command(alias = "services")]
    Service {
        /// Each by its name or id.
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Endpoints of a project.
    #[command(alias = "endpoints")]
    Endpoint {
        /// Each by its id, address or number, or the name of its service.
        #[arg(required = true)]
        names: Vec<String>,
    },
}

impl Delete {
    pub(super) async fn run(&self, session: &Session) -> Result<String, CliError> {
        let (kind, id) = match self {
            Self::Service { names } => return tenant::delete::<ServiceDetails>(session, names).await,
            Self::Endpoint { names } => return tenant::delete::<EndpointDetails>(session, names).await,
            Self::User { name } => ("user", name),
            Self::Key { id } => ("key", id),
            Self::Token { id } => ("token", id),
            Self::Backend { id } => ("backend", id),
        };
        session.check_operator()?;
        if session.write(Request::delete(format!("/operator/{kind}s/{}", in_path(id)))).await?.is_none() {
            return Ok(String::new());
        }
        session.output.show(&json!({ "deleted": kind, "id": id }), || format!("{kind} {id} deleted"))
    }
}

/// What is kept for the operator.
#[derive(Debug, Subcommand)]
pub(super) enum Kept {
    /// Users of the API.
    #[command(alias = "user")]
    Users,
    /// Access keys.
    #[command(alias = "key")]
    Keys,
    /// Tokens.
    #[command(alias = "token")]
    Tokens,
    /// Backends that services can lead to, those of the file too.
    #[command(alias = "backend")]
    Backends,
    /// Who changed what, the newest first.
    Audit(Audit),
}

#[derive(Debug, Args)]
pub(super) struct Audit {
    /// How many records at most.
    #[arg(long, default_value = "100")]
    limit: usize,
    /// Only records with lower numbers: for the next page.
    #[arg(long)]
    before: Option<u64>,
    /// Only those of this user.
    #[arg(long)]
    user: Option<String>,
    /// Only those of this tenant.
    #[arg(long)]
    domain: Option<String>,
    /// Only those about this: usually an id.
    #[arg(long)]
    target: Option<String>,
}

impl Kept {
    pub(super) async fn list(&self, session: &Session) -> Result<String, CliError> {
        session.check_operator()?;
        let (at, columns): (_, &[&str]) = match self {
            Self::Users => ("users".to_owned(), &["name", "domain", "projects", "role", "created_at"]),
            Self::Keys => ("keys".to_owned(), &["access", "user", "created_at"]),
            Self::Tokens => ("tokens".to_owned(), &["id", "user", "created_at", "expires_at"]),
            Self::Backends => ("backends".to_owned(), &["id", "vpc_id", "server_type", "address", "created_at"]),
            Self::Audit(audit) => (audit.resource(), &["seq", "at", "user", "project", "action", "target", "result"]),
        };
        let all: Value = session.read(format!("/operator/{at}")).await?;
        session.output.show(&all, || {
            let mut table = with_header(&columns.iter().map(|name| name.to_uppercase()).collect::<Vec<_>>());
            for row in all.as_object().into_iter().flat_map(|all| all.values()).filter_map(Value::as_array).flatten() {
                table.add_row(columns.iter().map(|name| row.get(name).map_or_else(String::new, text)));
            }
            table.to_string()
        })
    }
}

impl Audit {
    fn resource(&self) -> String {
        let before = self.before.map(|before| before.to_string());
        let filters = [("before", &before), ("user", &self.user), ("domain", &self.domain), ("target", &self.target)];
        let filters =
            filters.into_iter().filter_map(|(name, value)| Some(format!("&{name}={}", in_path(value.as_ref()?))));
        format!("audit?limit={}{}", self.limit, filters.collect::<String>())
    }
}
