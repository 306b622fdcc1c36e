//! Formatting, clippy, the rules of this project, and its dependencies.

mod deny;
mod layers;
mod paths;
mod size;
mod source;

use std::process::ExitCode;

use anyhow::Result;

use crate::{
    build,
    cmd::{self, command},
    report::Report,
};

/// Runs every check, and tells which ran.
pub fn lint() -> Result<ExitCode> {
    let mut report = Report::default();

    report.run("format", cmd::cargo().args(["fmt", "--check"]));
    grouping(&mut report);

    let mut host = cmd::cargo();
    host.args(["clippy", "--workspace", "--all-targets", "--", "-Dwarnings"]);
    report.run("clippy", &mut host);
    let mut ebpf = build::ebpf_cargo("clippy")?;
    report.run("clippy, eBPF target", ebpf.args(["--release", "--", "-Dwarnings"]));

    report.add("size of files", size::check(cmd::workspace()));
    report.add("layers of the agent", layers::check(&cmd::workspace().join("vpce-agent/src")));

    deny::check(&mut report);
    Ok(report.finish())
}

/// How imports are grouped and merged: rustfmt has an opinion on that in the nightly toolchain only.
fn grouping(report: &mut Report) {
    const STEP: &str = "format of imports";

    let nightly = |argument| {
        let mut rustfmt = command("rustup", ["run", "nightly", "cargo", "fmt", argument]);
        rustfmt.current_dir(cmd::workspace());
        rustfmt
    };
    match cmd::output(&mut nightly("--version")) {
        Ok(_) => report.run(STEP, &mut nightly("--check")),
        Err(_) => report.skip(STEP, "it takes a nightly rustfmt"),
    }
}
