//! What runs the built agent: in the foreground, in the demo.

use std::{ffi::OsString, os::unix::process::CommandExt, path::Path, process::ExitCode};

use anyhow::{Context, Error, Result};

use crate::{build::Built, cmd};

/// Becomes the agent, in the user's own directory; returns only if that fails.
pub fn load(built: &Built, config: &Path, extra: &[OsString]) -> Error {
    let mut agent = std::process::Command::new(&built.agent);
    agent.arg("run").arg("--config").arg(config).args(extra);
    Error::new(agent.exec()).context(format!("cannot start {}", built.agent.display()))
}

/// Runs the demo; its exit code is ours.
pub fn demo(built: &Built) -> Result<ExitCode> {
    let mut demo = cmd::cargo();
    demo.args(["run", "--quiet", "--release", "--package=vpce-tests", "--bin=demo"]).envs(built.env());
    let status = demo.status().context("cannot start the demo")?;
    // No code: killed by a signal.
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
