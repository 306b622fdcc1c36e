//! Runs the reaper's walk: the program looks, the agent only says when and where.

use aya::programs::{TestRun as _, TestRunOptions};
use vpce_common::{layout::Pass, reap::NO_FLOW};

use super::{Dataplane, DataplaneError, programs::REAP};

impl Dataplane {
    /// Looks at flow records, and frees what is over. Answers in how many kernel ticks the first of the
    /// others can be; none: there is no other.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn reap(&mut self, pass: Pass) -> Result<Option<u32>, DataplaneError> {
        // As long as the shortest frame that the kernel takes.
        let mut order = [0u8; 64];
        order[..4].copy_from_slice(&pass.first.to_ne_bytes());
        order[4..8].copy_from_slice(&pass.count.to_ne_bytes());
        let options = TestRunOptions { data_in: Some(&order), ..TestRunOptions::default() };
        let ran =
            self.programs.reap()?.test_run(options).map_err(|source| DataplaneError::Program { name: REAP, source })?;
        Ok(Some(ran.return_value).filter(|ticks| *ticks != NO_FLOW))
    }
}

/// Kernel ticks in a second, `CONFIG_HZ`: the coarse clock's resolution is one tick.
#[must_use]
pub fn hertz() -> u32 {
    let clock = nix::time::ClockId::CLOCK_MONOTONIC_COARSE;
    let tick = clock.res().map_or(4_000_000, |tick| tick.tv_nsec().max(1));
    u32::try_from(1_000_000_000 / tick).unwrap_or(250)
}
