//! The commands.

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::Shell;

use super::{
    STATE_DIR,
    apply::{Apply, Diff},
    operator::{Create, Delete, Kept},
    tenant::{Act, Listed as InProject, Permit, Set, Standby, Tagged, Upgrade, Wait, Watch},
};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists resources of a kind: those of the project, or of the whole gateway where none is named.
    Get {
        #[command(subcommand)]
        what: Listed,
    },
    /// Tells everything of one resource.
    Describe {
        #[command(subcommand)]
        what: Described,
    },
    /// Makes something.
    Create {
        #[command(subcommand)]
        what: Create,
    },
    /// Changes something.
    Set {
        #[command(subcommand)]
        what: Set,
    },
    /// Removes something.
    Delete {
        #[command(subcommand)]
        what: Delete,
    },
    /// Lets endpoints connect to a service.
    Accept(Act),
    /// Ends what endpoints have open to a service, and lets them connect no more.
    Reject(Act),
    /// Sets and removes tags.
    Tag(Tagged),
    /// Says who may make endpoints to a service.
    Permit(Permit),
    /// Makes a service or an endpoint professional: with room for a million connections.
    Upgrade(Upgrade),
    /// Gives a service a backend for when the first does not answer.
    Standby(Standby),
    /// Tells or sets how much a tenant may have.
    Quota {
        /// The tenant.
        domain: String,
        /// Endpoint services.
        #[arg(long)]
        services: Option<u32>,
        /// Endpoints.
        #[arg(long)]
        endpoints: Option<u32>,
    },
    /// Says whether there is a service of a full name, <region>.<name>.<id>.
    Verify {
        /// The name.
        name: String,
    },
    /// Makes a project have what a file says.
    Apply(Apply),
    /// Shows what `apply` would do, or what of the gateway is not as it is wanted; ends with 1 if there is something.
    Diff(Diff),
    /// Lists, then tells each change.
    Watch(Watch),
    /// Waits until something is in a state.
    Wait(Wait),
    /// Copies the agent's state to a file, whether it runs or not. `vpce-agent restore` puts it back.
    Backup {
        /// The file; one of that name is replaced.
        file: PathBuf,
        /// Where the agent keeps its state.
        #[arg(long, env = "VPCE_STATE_DIR", default_value = STATE_DIR)]
        state_dir: PathBuf,
    },
    /// Prints what a shell completes commands by.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Described {
    /// One endpoint service of a project.
    Service {
        /// Its name or id.
        name: String,
    },
    /// One endpoint.
    Endpoint {
        /// Its name; in a project its id, address or number, or the name of its service.
        name: String,
    },
    /// One tenant network, and how each of its attachments is attached.
    Vpc {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Listed {
    #[command(flatten)]
    Now(Kind),
    #[command(flatten)]
    Kept(Kept),
    #[command(flatten)]
    InProject(InProject),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(super) enum Kind {
    /// Tenant networks and where they meet the gateway.
    #[command(alias = "vpc")]
    Vpcs,
    /// Endpoint services.
    #[command(alias = "service")]
    Services,
    /// Endpoints.
    #[command(alias = "endpoint")]
    Endpoints,
    /// Packets of the whole gateway, and why some were dropped.
    Drops,
    /// What is wrong now.
    #[command(alias = "alarm")]
    Alarms,
}
