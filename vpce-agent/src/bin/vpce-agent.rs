//! The gateway's agent.

use std::{io::IsTerminal as _, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use vpce_agent::{
    app::{self, Options},
    cli, socket,
};

/// Turns this host into a VPC-endpoint gateway.
#[derive(Debug, Parser)]
#[command(name = "vpce-agent", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Loads the dataplane and keeps it as the file says, until SIGTERM. Packets flow on after it.
    Run {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        #[command(flatten)]
        pins: Pins,
        #[command(flatten)]
        state: State,
        /// The socket that vpcectl asks.
        #[arg(long, env = "VPCE_SOCKET", default_value = socket::DEFAULT)]
        socket: PathBuf,
        /// Log each packet that is dropped, with its reason. Slow: for finding faults.
        #[arg(long)]
        log_drops: bool,
    },
    /// Tells every error of a file, each with its line.
    Check {
        /// The configuration file.
        #[arg(long)]
        config: PathBuf,
        /// Do not ask whether the interfaces and the certificate are on this host.
        #[arg(long)]
        elsewhere: bool,
    },
    /// Puts a backup that `vpcectl backup` made in the place of the state. Refused while an agent runs on it.
    Restore {
        /// The backup.
        #[arg(long)]
        from: PathBuf,
        #[command(flatten)]
        state: State,
    },
    /// Takes the dataplane off: detaches the programs and removes all maps and flows.
    Unload {
        #[command(flatten)]
        pins: Pins,
    },
}

#[derive(Debug, Args)]
struct Pins {
    /// Where programs, links and maps are pinned, on a BPF file system.
    #[arg(long, env = "VPCE_BPF_DIR", default_value = "/sys/fs/bpf/vpce")]
    bpf_dir: PathBuf,
}

#[derive(Debug, Args)]
struct State {
    /// Where everything that must outlive the agent is kept.
    #[arg(long, env = "VPCE_STATE_DIR", default_value = cli::STATE_DIR)]
    state_dir: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // The programs log what they drop as `vpce`, at level debug.
    let level =
        if matches!(arguments.command, Command::Run { log_drops: true, .. }) { "info,vpce=debug" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    log.with_ansi(std::io::stderr().is_terminal()).init();
    match act(arguments.command).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn act(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run { config, pins, state, socket, log_drops } => {
            let (bpf_dir, state_dir) = (pins.bpf_dir, state.state_dir);
            app::run(Options { config, bpf_dir, state_dir, socket, log_drops }).await?;
        }
        Command::Check { config, elsewhere } => {
            app::check(&config, !elsewhere).await?;
            println!("{}: no errors", config.display());
        }
        Command::Restore { from, state } => {
            app::restore(&from, &state.state_dir)?;
            println!("{}: restored from {}", state.state_dir.display(), from.display());
        }
        Command::Unload { pins } => {
            let removed = app::unload(&pins.bpf_dir)?;
            match removed {
                0 => println!("{}: no dataplane is there", pins.bpf_dir.display()),
                _ => println!("{removed} pins removed from {}", pins.bpf_dir.display()),
            }
        }
    }
    Ok(())
}
