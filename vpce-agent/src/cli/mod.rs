//! `vpcectl`: asks the agent and prints, for people or for programs.

mod describe;
mod list;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

use crate::{
    model::status::Status,
    socket::{self, ClientError},
};

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
        /// Which.
        #[arg(value_enum)]
        kind: Kind,
    },
    /// Tells everything of one resource.
    Describe {
        #[command(subcommand)]
        what: Described,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
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
pub async fn run(arguments: &Arguments) -> Result<String, CliError> {
    let status: Status = serde_json::from_slice(&socket::get(&arguments.socket, socket::STATUS).await?)?;
    let json = arguments.output == Output::Json;
    match &arguments.command {
        Command::Get { kind } if json => list::json(*kind, &status),
        Command::Get { kind } => Ok(list::table(*kind, &status)),
        Command::Describe { what: Described::Endpoint { name } } => {
            let endpoint = status.endpoints.iter().find(|endpoint| endpoint.name == *name);
            let endpoint = endpoint
                .ok_or_else(|| unknown("endpoint", name, status.endpoints.iter().map(|endpoint| &*endpoint.name)))?;
            if json { Ok(serde_json::to_string_pretty(endpoint)?) } else { Ok(describe::endpoint(endpoint)) }
        }
        Command::Describe { what: Described::Vpc { name } } => {
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
