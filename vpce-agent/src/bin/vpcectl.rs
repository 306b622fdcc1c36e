//! The client of the gateway: of its operator, and of tenants.

use std::process::ExitCode;

use clap::Parser as _;
use vpce_agent::{
    app,
    cli::{self, Arguments, CliError, Told},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match told().await {
        Ok(Told { is_good: true, .. }) => ExitCode::SUCCESS,
        Ok(Told { is_good: false, .. }) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn told() -> Result<Told, CliError> {
    let told = cli::run(&Arguments::parse(), |dir, to| Ok(app::backup(dir, to)?)).await?;
    cli::print(&told.text)?;
    Ok(told)
}
