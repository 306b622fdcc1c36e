//! Licences, bans, sources and advisories of the dependencies, by cargo-deny.

use std::process::Command;

use crate::{cmd, report::Report};

const TREE: &str = "licences, bans, sources";
const ADVISORIES: &str = "advisories";

/// Runs what can run here: cargo-deny is optional, and the advisories have to be fetched.
pub fn check(report: &mut Report) {
    if cmd::find("cargo-deny").is_none() {
        for step in [TREE, ADVISORIES] {
            report.skip(step, "no cargo-deny; `cargo install cargo-deny --locked` brings it");
        }
        return;
    }
    report.run(TREE, deny().args(["check", "licenses", "bans", "sources"]));
    match cmd::output(deny().args(["fetch", "db"])) {
        Ok(_) => report.run(ADVISORIES, deny().args(["check", "--disable-fetch", "advisories"])),
        Err(why) => {
            let why = why.to_string();
            let last = why.lines().last().unwrap_or_default();
            report.skip(ADVISORIES, format!("their database is out of reach: {last}"));
        }
    }
}

fn deny() -> Command {
    let mut cargo = cmd::cargo();
    cargo.arg("deny");
    cargo
}
