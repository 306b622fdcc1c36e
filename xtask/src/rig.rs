//! What runs the built agent: in the foreground, in the demo, under test.

use std::{ffi::OsString, os::unix::process::CommandExt, path::Path, process::ExitCode};

use anyhow::{Context, Error, Result};

use crate::{build::Built, cmd, report::Report};

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

/// Runs all tests, also after one failed.
pub fn test(built: &Built, long: bool) -> ExitCode {
    let mut report = Report::default();

    let mut host = cmd::cargo();
    host.args(["test", "--no-fail-fast", "--package=vpce-common", "--package=vpce-agent", "--package=xtask"]);
    report.run("host tests", &mut host);

    // Optimised, since they also measure; and with the object of this build, or they refuse to run.
    let mut end_to_end = cmd::cargo();
    end_to_end.args(["test", "--no-fail-fast", "--release", "--package=vpce-tests"]).envs(built.env());
    if long {
        end_to_end.env("VPCE_LONG", "1");
    }
    report.run("end-to-end tests", &mut end_to_end);

    report.finish()
}
