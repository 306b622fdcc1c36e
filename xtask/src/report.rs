//! A list of steps that all run, whatever becomes of the others, and what became of each.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::cmd;

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

/// What ran, and how it ended.
#[derive(Default)]
pub struct Report {
    steps: Vec<(&'static str, Outcome)>,
}

impl Report {
    /// Runs a command as one step.
    pub fn run(&mut self, step: &'static str, command: &mut Command) {
        self.add(step, cmd::run(command));
    }

    /// Adds a step that has run.
    pub fn add(&mut self, step: &'static str, result: Result<()>) {
        let outcome = match result {
            Ok(()) => Outcome::Passed,
            Err(error) => Outcome::Failed(format!("{error:#}")),
        };
        self.steps.push((step, outcome));
    }

    /// Says that a step did not run: never the same as passed.
    pub fn skip(&mut self, step: &'static str, why: impl Into<String>) {
        self.steps.push((step, Outcome::Skipped(why.into())));
    }

    /// Prints the list; success only if nothing failed.
    pub fn finish(self) -> ExitCode {
        println!();
        for (step, outcome) in &self.steps {
            match outcome {
                Outcome::Passed => println!("passed   {step}"),
                Outcome::Failed(why) => println!("FAILED   {step}: {why}"),
                Outcome::Skipped(why) => println!("skipped  {step}: {why}"),
            }
        }
        let failed = self.steps.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_)));
        if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn one_failed_step_fails_the_whole_and_a_skipped_one_does_not() {
        let mut report = Report::default();
        report.add("first", Ok(()));
        report.skip("second", "its tool is not installed");
        assert_eq!(report.finish(), ExitCode::SUCCESS);

        let mut report = Report::default();
        report.add("first", Err(anyhow!("no")));
        report.add("second", Ok(()));
        assert_eq!(report.finish(), ExitCode::FAILURE);
    }
}
