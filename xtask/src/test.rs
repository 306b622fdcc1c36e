//! Runs the tests: all of them, or rows of the scorecard with their full figures.

use std::process::{Command, ExitCode};

use anyhow::{Result, bail, ensure};

use crate::{
    build::{Built, PROFILE},
    cmd,
    report::Report,
};

/// The scorecard: number and promise. The tests of a row have names that begin with `row_NN_`.
const ROWS: [(u8, &str); 17] = [
    (1, "counters exact"),
    (2, "limit exact"),
    (3, "load held"),
    (4, "isolation"),
    (5, "bad input"),
    (6, "blind reset"),
    (7, "one way"),
    (8, "path MTU"),
    (9, "agent killed"),
    (10, "upgrade and downgrade"),
    (11, "no silent drop"),
    (12, "exhaustion"),
    (13, "SYN flood"),
    (14, "link flap"),
    (15, "store"),
    (16, "API"),
    (17, "signing"),
];

/// The end-to-end tests that run on each hook: real traffic on rigs, and made frames.
const ON_EACH_HOOK: [&str; 17] = [
    "agent",
    "attachments",
    "errors",
    "flaps",
    "fragments",
    "isolation",
    "limit",
    "mtu",
    "object",
    "pins",
    "prefixes",
    "repoint",
    "restarts",
    "routed",
    "tools",
    "traffic",
    "udp",
];

/// What of the tests shall run.
#[derive(Debug, PartialEq, Eq)]
pub enum Which {
    /// All, with the figures that fit every run.
    All,
    /// All, with the full figures.
    Long,
    /// The rows that these names begin, with the full figures.
    Rows(Vec<String>),
}

impl Which {
    /// What `--long` asks for, where it was given, with the rows behind it.
    ///
    /// # Errors
    /// Where a row is not known: all that are.
    pub fn asked(long: Option<&[u8]>) -> Result<Self> {
        match long {
            None => Ok(Self::All),
            Some([]) => Ok(Self::Long),
            Some(rows) => Ok(Self::Rows(rows.iter().map(|row| name(*row)).collect::<Result<_>>()?)),
        }
    }
}

/// How the names of a row's tests begin.
fn name(row: u8) -> Result<String> {
    if ROWS.iter().any(|(number, _)| *number == row) {
        return Ok(format!("row_{row:02}_"));
    }
    let known = ROWS.map(|(number, promise)| format!("\n  {number:2}  {promise}")).concat();
    bail!("the scorecard has no row {row}; its rows are:{known}")
}

/// Runs them, also after one failed.
pub fn test(built: &Built, which: &Which) -> ExitCode {
    let mut report = Report::default();
    let mut tests = tests(built);
    if *which != Which::All {
        tests.env("VPCE_LONG", "1");
    }
    // The scorecard's lines are to be seen.
    if let Which::Rows(names) = which {
        for name in names {
            report.add("a test of every row", has_test(built, name));
        }
        // What documentation shows is no row.
        tests.args(["--tests", "--", "--nocapture"]).args(names);
    } else {
        tests.args(["--", "--nocapture"]);
    }
    report.run("tests", &mut tests);
    if !matches!(which, Which::Rows(_)) {
        report.run("end-to-end tests on TC", &mut on_tc(built));
    }
    report.finish()
}

/// Those whose rigs take the hook that they are told; those that choose their own, or run the object
/// by itself, have run. With our own binary, which is tested in a moment: so cargo unites the features of what all
/// packages need as it did before, and builds nothing anew.
fn on_tc(built: &Built) -> Command {
    let mut cargo = tests(built);
    cargo.env("VPCE_TEST_HOOK", "tc").arg("--bin=xtask").args(ON_EACH_HOOK.map(|target| format!("--test={target}")));
    cargo.args(["--", "--nocapture"]);
    cargo
}

/// Those of the host and those end to end, which refuse to run without the object of this build.
fn tests(built: &Built) -> Command {
    let mut cargo = built.profile.cargo("test");
    cargo.arg("--no-fail-fast").envs(built.env()).env(PROFILE, built.profile.name());
    cargo
}

/// A row without a test would pass by running nothing.
fn has_test(built: &Built, name: &str) -> Result<()> {
    let listed = cmd::output(tests(built).args(["--tests", "--", "--list", name]))?;
    ensure!(listed.contains(name), "no test's name has {name}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_asked_for_by_number_and_found_by_the_names_of_their_tests() {
        assert_eq!(Which::asked(None).expect("no rows"), Which::All);
        assert_eq!(Which::asked(Some(&[])).expect("no rows"), Which::Long);
        let rows = Which::asked(Some(&[5, 12])).expect("rows that are there");
        assert_eq!(rows, Which::Rows(vec!["row_05_".to_owned(), "row_12_".to_owned()]));
    }

    #[test]
    fn each_target_of_the_end_to_end_tests_runs_on_each_hook_or_is_known_to_need_one_run() {
        // Without traffic on a rig, without the object's hook, or on hooks of their own choice.
        let once = [
            "alarms",
            "api",
            "backup",
            "budget",
            "build_and_load",
            "cli",
            "ctl",
            "deploy",
            "documented",
            "hooks",
            "oracle",
            "rig",
            "scorecard",
            "sdk",
            "store",
        ];
        let targets = std::fs::read_dir(cmd::workspace().join("tests/tests")).expect("the targets");
        let mut found: Vec<String> = targets
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|is| is == "rs") || path.join("main.rs").exists())
            .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
            .collect();
        found.sort();
        let mut known: Vec<&str> = ON_EACH_HOOK.into_iter().chain(once).collect();
        known.sort_unstable();
        assert_eq!(found, known);
    }

    #[test]
    fn a_row_that_is_not_known_is_answered_by_those_that_are() {
        let error = Which::asked(Some(&[5, 18])).expect_err("row 18").to_string();
        assert!(error.contains("no row 18") && error.contains("\n   5  bad input"), "{error}");
    }
}
