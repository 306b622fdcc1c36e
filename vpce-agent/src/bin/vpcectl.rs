//! The operator's client.

use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use vpce_agent::{
    app,
    cli::{self, Arguments},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match cli::run(&Arguments::parse(), |dir, to| Ok(app::backup(dir, to)?)).await {
        Ok(text) => match writeln!(std::io::stdout(), "{text}") {
            // Who reads no further has seen enough.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                eprintln!("can't print: {error}");
                ExitCode::FAILURE
            }
            _ => ExitCode::SUCCESS,
        },
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
