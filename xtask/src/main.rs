//! Sets up, builds, tests and demonstrates the project: `cargo xtask help`.

mod bench;
mod build;
mod cmd;
mod fuzz;
mod lint;
mod report;
mod rig;
mod setup;
mod test;
mod toolchain;

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{build::Profile, setup::Purpose, test::Which};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

/// Every task but `setup` begins by installing what it lacks.
#[derive(Subcommand)]
enum Task {
    /// Install what is missing on this machine, and say so.
    Setup {
        /// Only tell what is missing and how to mend it; exit 1 if anything is.
        #[arg(long)]
        check: bool,
    },
    /// Build the eBPF object, and the agent and vpcectl around it.
    Build,
    /// Build, then run the agent in the foreground.
    BuildAndLoad {
        /// The gateway's configuration.
        #[arg(long)]
        config: PathBuf,
        /// Further arguments of `vpce-agent run`.
        #[arg(last = true)]
        extra: Vec<OsString>,
    },
    /// Send real HTTP through an endpoint between two networks that use the same addresses.
    Demo,
    /// Run every test: on the host, then end to end on namespaces.
    Test {
        /// Reach the full figures of the scorecard: of these rows alone, or else of all, with every test.
        #[arg(long, value_name = "ROW", num_args = 0..)]
        long: Option<Vec<u8>>,
    },
    /// Measure what the project promises in figures: `cargo xtask bench --help` tells how.
    #[command(disable_help_flag = true)]
    Bench {
        /// Arguments of the benchmark: `--quick`, `--json FILE`, `--section NAME…`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Try ever other inputs on the packet path or the configuration, guided by what code they reach.
    Fuzz {
        /// What to try them on.
        target: fuzz::Target,
        /// For so long.
        #[arg(default_value_t = 60)]
        seconds: u64,
    },
    /// Formatting, clippy, the rules of this project, and its dependencies.
    Lint,
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Setup { check: true } => return Ok(setup::check()),
        Task::Setup { check: false } => setup::install()?,
        Task::Build => {
            setup::ensure(&[Purpose::Build])?;
            println!("{}", build::build(Profile::asked()?)?);
        }
        Task::BuildAndLoad { config, extra } => {
            setup::ensure(&[Purpose::Build, Purpose::Rig])?;
            return Err(rig::load(&build::build(Profile::asked()?)?, &config, &extra));
        }
        Task::Demo => {
            setup::ensure(&[Purpose::Build, Purpose::Rig])?;
            return rig::demo(&build::build(Profile::Release)?);
        }
        Task::Test { long } => {
            let which = Which::asked(long.as_deref())?;
            setup::ensure(&[Purpose::Build, Purpose::Rig])?;
            return Ok(test::test(&build::build(Profile::Checked)?, &which));
        }
        Task::Bench { arguments } => {
            setup::ensure(&[Purpose::Build, Purpose::Rig, Purpose::Bench])?;
            return bench::bench(&build::build(Profile::Release)?, &arguments);
        }
        Task::Fuzz { target, seconds } => fuzz::fuzz(target, seconds)?,
        Task::Lint => {
            setup::ensure(&[Purpose::Build, Purpose::Lint])?;
            return lint::lint();
        }
    }
    Ok(ExitCode::SUCCESS)
}
