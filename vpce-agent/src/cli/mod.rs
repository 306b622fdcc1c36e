//! `vpcectl`: asks the agent or the API and prints, for people or for programs.

mod apply;
mod command;
mod describe;
mod error;
mod list;
mod operator;
mod output;
mod select;
mod session;
mod tenant;
#[cfg(test)]
mod tests;
mod value;

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use clap::{CommandFactory as _, Parser};
use serde_json::json;

pub use self::{apply::PlanError, error::CliError, output::print};
use self::{
    command::{Command, Described, Kind, Listed},
    output::Output,
    select::unknown,
    session::Session,
};
use crate::{
    model::{
        resource::answer::{EndpointDetails, ServiceDetails},
        status::Status,
    },
    socket,
};

/// Where the agent keeps its state unless told otherwise.
pub const STATE_DIR: &str = "/var/lib/vpce";

/// How the state of a directory is copied to a file.
pub type Backup = fn(dir: &Path, to: &Path) -> Result<(), Box<dyn Error + Send + Sync>>;

/// The client of vpce-agent: as the operator on the gateway's socket, or over HTTPS with a profile.
///
/// Ends with 0 where it was done, 1 where it was refused, failed or differs, 2 where the command is wrong.
#[derive(Debug, Parser)]
#[command(name = "vpcectl", version)]
pub struct Arguments {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value = "table", global = true)]
    output: Output,
    /// The agent's socket.
    #[arg(long, env = "VPCE_SOCKET", default_value = socket::DEFAULT, global = true)]
    socket: PathBuf,
    /// Ask over HTTPS, with this profile.
    #[arg(long, env = "VPCE_PROFILE", global = true)]
    profile: Option<String>,
    /// The file of profiles; ~/.config/vpce/profiles.toml where none is named.
    #[arg(long, env = "VPCE_PROFILES", value_name = "FILE", global = true)]
    profiles: Option<PathBuf>,
    /// The project to act in; that of the profile where none is named.
    #[arg(long, env = "VPCE_PROJECT", global = true)]
    project: Option<String>,
    /// Print what would be sent to change something, and send nothing.
    #[arg(long, global = true)]
    dry_run: bool,
    #[command(subcommand)]
    command: Command,
}

/// What was found out, and whether it is what was hoped for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// To print.
    pub text: String,
    /// Whether it ends with 0.
    pub is_good: bool,
}

impl Told {
    const fn yes(text: String) -> Self {
        Self { text, is_good: true }
    }

    const fn no(text: String) -> Self {
        Self { text, is_good: false }
    }
}

/// Does what the arguments say; answers what to print.
///
/// # Errors
/// [`CliError`]
pub async fn run(arguments: &Arguments, backup: Backup) -> Result<Told, CliError> {
    if let Command::Completions { shell } = arguments.command {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut Arguments::command(), "vpcectl", &mut text);
        return Ok(Told::yes(String::from_utf8_lossy(&text).trim_end().to_owned()));
    }
    if let Command::Backup { file, state_dir } = &arguments.command {
        return copy(arguments, file, state_dir, backup).map(Told::yes);
    }
    let session = Session::open(arguments)?;
    let told = act(&arguments.command, &session).await?;
    Ok(session.noted()?.map_or(told, Told::yes))
}

async fn act(command: &Command, session: &Session) -> Result<Told, CliError> {
    let text = match command {
        Command::Get { what } => get(what, session).await,
        Command::Describe { what } => describe(what, session).await,
        Command::Create { what } => what.run(session).await,
        Command::Set { what } => what.run(session).await,
        Command::Delete { what } => what.run(session).await,
        Command::Accept(act) => act.run(session, "receive").await,
        Command::Reject(act) => act.run(session, "reject").await,
        Command::Tag(tagged) => tagged.run(session).await,
        Command::Permit(permit) => permit.run(session).await,
        Command::Upgrade(upgrade) => upgrade.run(session).await,
        Command::Standby(standby) => standby.run(session).await,
        Command::Quota { domain, services, endpoints } => tenant::quota(session, domain, *services, *endpoints).await,
        Command::Verify { name } => return tenant::verify(session, name).await,
        Command::Apply(apply) => apply.run(session).await,
        Command::Diff(diff) => return diff.run(session).await,
        Command::Watch(watch) => watch.run(session).await.map(|()| String::new()),
        Command::Wait(wait) => wait.run(session).await,
        // They ask nobody.
        Command::Backup { .. } | Command::Completions { .. } => Ok(String::new()),
    };
    text.map(Told::yes)
}

fn copy(arguments: &Arguments, file: &Path, state_dir: &Path, backup: Backup) -> Result<String, CliError> {
    let text = format!("{}: backup of {}", file.display(), state_dir.display());
    if arguments.dry_run {
        return Ok(format!("not made: {text}"));
    }
    backup(state_dir, file).map_err(CliError::Backup)?;
    arguments.output.show(&json!({ "file": file, "state_dir": state_dir }), || text)
}

async fn get(what: &Listed, session: &Session) -> Result<String, CliError> {
    match what {
        Listed::Now(Kind::Services) if session.is_in_project() => tenant::list::<ServiceDetails>(session).await,
        Listed::Now(Kind::Endpoints) if session.is_in_project() => tenant::list::<EndpointDetails>(session).await,
        Listed::Now(kind) => list::show(*kind, &session.status().await?, session.output),
        Listed::Kept(kept) => kept.list(session).await,
        Listed::InProject(listed) => listed.run(session).await,
    }
}

async fn describe(what: &Described, session: &Session) -> Result<String, CliError> {
    match what {
        Described::Service { name } => tenant::describe::<ServiceDetails>(session, name).await,
        Described::Endpoint { name } if session.is_in_project() => {
            tenant::describe::<EndpointDetails>(session, name).await
        }
        Described::Endpoint { name } => {
            let status: Status = session.status().await?;
            let endpoint = status.endpoints.iter().find(|endpoint| endpoint.name == *name);
            let endpoint = endpoint
                .ok_or_else(|| unknown("endpoint", name, status.endpoints.iter().map(|endpoint| &*endpoint.name)))?;
            session.output.show(endpoint, || describe::endpoint(endpoint))
        }
        Described::Vpc { name } => {
            let status: Status = session.status().await?;
            let vpc = status.vpcs.iter().find(|vpc| vpc.name == *name);
            let vpc = vpc.ok_or_else(|| unknown("vpc", name, status.vpcs.iter().map(|vpc| &*vpc.name)))?;
            session.output.show(vpc, || describe::vpc(vpc))
        }
    }
}
