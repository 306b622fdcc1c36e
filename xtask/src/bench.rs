//! Runs the benchmark on what was just built.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context, Result};

use crate::{build::Built, cmd};

/// Runs it, optimised; its exit code is ours.
pub fn bench(built: &Built, arguments: &[OsString]) -> Result<ExitCode> {
    let mut bench = cmd::cargo();
    bench.args(["run", "--quiet", "--release", "--package=vpce-bench", "--bin=bench", "--"]).args(arguments);
    let status = bench.envs(built.env()).status().context("cannot start the benchmark")?;
    // No code: killed by a signal.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
