//! Runs the reaper's walk: the program looks, the agent only says when and where.

use aya::programs::{TestRun as _, TestRunOptions};

use super::{
    Dataplane, DataplaneError,
    load::{REAP, program},
};

/// The kernel's two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Ticks.
    pub jiffies: u64,
    /// Nanoseconds since boot.
    pub nanos: u64,
}

impl Clock {
    /// Ticks in a second, from two moments at least 50 ms apart: the `CONFIG_HZ` that is nearest.
    #[must_use]
    pub fn hertz(self, later: Self) -> u32 {
        let ticks = u128::from(later.jiffies.wrapping_sub(self.jiffies)) * 1_000_000_000;
        let nanos = u128::from(later.nanos.wrapping_sub(self.nanos).max(1));
        let measured = u32::try_from(ticks / nanos).unwrap_or(u32::MAX);
        [100, 250, 300, 1000].into_iter().min_by_key(|hertz| measured.abs_diff(*hertz)).unwrap_or(250)
    }
}

impl Dataplane {
    /// Looks at `count` flow records from `first` on, and frees what is over.
    ///
    /// A record goes in two passes at least: the first takes it off the path, the next frees it.
    ///
    /// # Errors
    /// When the kernel refuses the run.
    pub fn reap(&mut self, first: u32, count: u32) -> Result<Clock, DataplaneError> {
        // The frame is vpce-ebpf's `Pass`: first, count, jiffies, nanoseconds.
        let mut order = [0u8; 64];
        order[..4].copy_from_slice(&first.to_ne_bytes());
        order[4..8].copy_from_slice(&count.to_ne_bytes());
        let mut answer = [0u8; 64];
        let options =
            TestRunOptions { data_in: Some(&order), data_out: Some(&mut answer), ..TestRunOptions::default() };
        program(&mut self.object, REAP)?
            .test_run(options)
            .map_err(|source| DataplaneError::Program { name: REAP, source })?;
        let word = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&answer[at..at + 8]);
            u64::from_ne_bytes(bytes)
        };
        Ok(Clock { jiffies: word(8), nanos: word(16) })
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn a_short_look_at_both_clocks_tells_the_tick() {
        for (hertz, ticks) in [(100, 5), (250, 13), (250, 12), (300, 15), (1000, 50), (1000, 51)] {
            let first = Clock { jiffies: u64::MAX - 3, nanos: 7 };
            let later = Clock { jiffies: first.jiffies.wrapping_add(ticks), nanos: 7 + 50_000_000 };
            assert_eq!(first.hertz(later), hertz, "{ticks} ticks in 50 ms");
        }
    }
}
