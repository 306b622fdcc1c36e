//! `vpcectl`: asks the agent and prints, for people or for programs.

mod describe;
mod list;
mod operator;

use std::{
    error::Error,
    path::{Path, PathBuf},
};

use clap::{Parser, Subcommand, ValueEnum};

use self::operator::{Create, Delete, Kept};
use crate::{
    model::status::Status,
    socket::{self, ClientError},
};

/// Where the agent keeps its state unless told otherwise.
pub const STATE_DIR: &str = "/var/lib/vpce";

/// How the state of a directory is copied to a file.
pub type Backup = fn(dir: &Path, to: &Path) -> Result<(), Box<dyn Error + Send + Sync>>;

/// The operator's client of vpce-agent.
#[derive(Debug, Parser)]
#[command(name = "vpcectl", version)]
pub struct Arguments {
    /// Form of the output.
    #[arg(short, long, value_enum, default_value = "table", global = true)]
    output: Output,
    /// The agent's socket.
    #[arg(long, env = "VPCE_SOCKET", default_value = socket::DEFAULT, global = true)]
    socket: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists resources of a kind.
    Get {
        #[command(subcommand)]
        what: Listed,
    },
    /// Makes something that outlives the agent.
    Create {
        #[command(subcommand)]
        what: Create,
    },
    /// Removes it.
    Delete {
        #[command(subcommand)]
        what: Delete,
    },
    /// Tells everything of one resource.
    Describe {
        #[command(subcommand)]
        what: Described,
    },
    /// Copies the agent's state to a file, whether it runs or not. `vpce-agent restore` puts it back.
    Backup {
        /// The file; one of that name is replaced.
        file: PathBuf,
        /// Where the agent keeps its state.
        #[arg(long, env = "VPCE_STATE_DIR", default_value = STATE_DIR)]
        state_dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
enum Described {
    /// One endpoint.
    Endpoint {
        /// Its name.
        name: String,
    },
    /// One tenant network, and how each of its attachments is attached.
    Vpc {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
enum Listed {
    #[command(flatten)]
    Now(Kind),
    #[command(flatten)]
    Kept(Kept),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Kind {
    /// Tenant networks and where they meet the gateway.
    Vpcs,
    /// Endpoint services.
    Services,
    /// Endpoints.
    Endpoints,
    /// Packets of the whole gateway, and why some were dropped.
    Drops,
    /// What is wrong now.
    Alarms,
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The agent did not answer.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The agent is of another version.
    #[error("the agent's answer is not understood: {0}; are vpcectl and vpce-agent of one version?")]
    Answer(#[from] serde_json::Error),
    /// The state could not be copied.
    #[error(transparent)]
    Backup(Box<dyn Error + Send + Sync>),
    /// No such endpoint or VPC.
    #[error("there is no {kind} {name:?}; {known}")]
    Unknown {
        /// What it would be.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
}

/// Does what the arguments say; answers the text to print.
///
/// # Errors
/// [`CliError`]
pub async fn run(arguments: &Arguments, backup: Backup) -> Result<String, CliError> {
    let json = arguments.output == Output::Json;
    match &arguments.command {
        Command::Get { what: Listed::Now(kind) } => {
            let status = ask(&arguments.socket).await?;
            if json { list::json(*kind, &status) } else { Ok(list::table(*kind, &status)) }
        }
        Command::Get { what: Listed::Kept(kept) } => kept.list(&arguments.socket, json).await,
        Command::Create { what } => what.run(&arguments.socket, json).await,
        Command::Delete { what } => what.run(&arguments.socket, json).await,
        Command::Describe { what } => describe(what, &ask(&arguments.socket).await?, json),
        Command::Backup { file, state_dir } => {
            backup(state_dir, file).map_err(CliError::Backup)?;
            let told = serde_json::json!({ "file": file, "state_dir": state_dir });
            let text = format!("{}: backup of {}", file.display(), state_dir.display());
            if json { Ok(serde_json::to_string_pretty(&told)?) } else { Ok(text) }
        }
    }
}

async fn ask(socket: &Path) -> Result<Status, CliError> {
    Ok(serde_json::from_slice(&socket::get(socket, socket::STATUS).await?)?)
}

fn describe(what: &Described, status: &Status, json: bool) -> Result<String, CliError> {
    match what {
        Described::Endpoint { name } => {
            let endpoint = status.endpoints.iter().find(|endpoint| endpoint.name == *name);
            let endpoint = endpoint
                .ok_or_else(|| unknown("endpoint", name, status.endpoints.iter().map(|endpoint| &*endpoint.name)))?;
            if json { Ok(serde_json::to_string_pretty(endpoint)?) } else { Ok(describe::endpoint(endpoint)) }
        }
        Described::Vpc { name } => {
            let vpc = status.vpcs.iter().find(|vpc| vpc.name == *name);
            let vpc = vpc.ok_or_else(|| unknown("vpc", name, status.vpcs.iter().map(|vpc| &*vpc.name)))?;
            if json { Ok(serde_json::to_string_pretty(vpc)?) } else { Ok(describe::vpc(vpc)) }
        }
    }
}

fn unknown<'n>(kind: &'static str, name: &str, all: impl Iterator<Item = &'n str>) -> CliError {
    let all: Vec<&str> = all.collect();
    let known = if all.is_empty() { "there are none".to_owned() } else { format!("there are {}", all.join(", ")) };
    CliError::Unknown { kind, name: name.to_owned(), known }
}
