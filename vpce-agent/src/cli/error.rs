//! What vpcectl fails with.

use std::{error::Error, io, path::PathBuf};

use super::apply::PlanError;
use crate::client::{ClientError, ProfileError};

/// Why it was not done, or there is nothing to print.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// There is no answer, or it is no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The profile can't be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The agent is of another version.
    #[error("the agent's answer is not understood: {0}; are vpcectl and vpce-agent of one version?")]
    Answer(#[from] serde_json::Error),
    /// It can't be written as YAML.
    #[error("can't be written as YAML: {reason}; use -o json")]
    Yaml {
        /// Why.
        reason: String,
    },
    /// The state could not be copied.
    #[error(transparent)]
    Backup(Box<dyn Error + Send + Sync>),
    /// Nothing of that name.
    #[error("there is no {kind} {name:?}; {known}")]
    Unknown {
        /// What it would be.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// More than one of that name.
    #[error("{name:?} is the name of more than one {kind}: {ids}; use the id")]
    Ambiguous {
        /// What it would be.
        kind: &'static str,
        /// What was asked for.
        name: String,
        /// Those that there are.
        ids: String,
    },
    /// What tenants make is in projects.
    #[error(
        "that is in a project: say which by --project, VPCE_PROJECT or `project` of the profile; the operator's `vpcectl get users` lists each user's"
    )]
    NoProject,
    /// Only on the socket.
    #[error("that is the operator's: ask on the gateway, without --profile and VPCE_PROFILE")]
    Operator,
    /// Names of networks are the operator's.
    #[error(
        "{kind}: {name:?} is no id; over HTTPS give the id, which `vpcectl describe vpc NAME` tells on the gateway"
    )]
    NoId {
        /// What it would be.
        kind: &'static str,
        /// What was asked for.
        name: String,
    },
    /// A file can't be read.
    #[error("{path}: {source}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A file is not as it should be.
    #[error("{path}: {reason}", path = .path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file asks for what can't be.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A file was applied in part.
    #[error("{what}: {source}; before it: {done}; `vpcectl diff` with the file tells what is left")]
    Applied {
        /// What failed.
        what: String,
        /// What was done.
        done: String,
        /// Why it failed.
        source: Box<CliError>,
    },
    /// Nothing is asked for.
    #[error("there is nothing to change; {options}")]
    Nothing {
        /// What could be.
        options: &'static str,
    },
    /// It is not as it was waited for.
    #[error("{what} is {state}, not {wanted}{why}")]
    Waited {
        /// What was waited for.
        what: String,
        /// Its last state.
        state: String,
        /// The state that it should have.
        wanted: String,
        /// What is known of the cause.
        why: String,
    },
    /// It can't be printed.
    #[error("can't print: {0}")]
    Print(#[from] io::Error),
}
