//! Which flow records the reaper looks at next. Pure.
//!
//! Each record is looked at once a second, but for those of endpoints that rest: whose connections
//! have all ended, long enough ago that no record keeps a closed one.

use std::{
    collections::BTreeMap,
    ops::Range,
    time::{Duration, Instant},
};

use vpce_common::layout::Pass;

/// Flow records that one run of the reaper looks at, at most: no softirq runs on its CPU meanwhile, and
/// `ENDED` holds a message for each.
pub(super) const MOST: u32 = 1 << 14;
/// The walk begins anew after so many steps.
const STEPS: u32 = 20;
/// A smaller block is looked at with its neighbours: a further run costs more.
const WORTH: u32 = 1024;
/// The reaper needs so long to look at every record, and more.
const ROUND: Duration = Duration::from_secs(3);

/// A walk over the flow records, again and again.
#[derive(Debug, Default)]
pub(super) struct Walk {
    next: u32,
    end: u32,
    /// Endpoints by number.
    quiet: BTreeMap<u32, Quiet>,
    /// Blocks where nothing is to be found, by their first record.
    rest: BTreeMap<u32, Range<u32>>,
}

/// An endpoint without a connection.
#[derive(Debug, Clone, Copy)]
struct Quiet {
    /// Records that were ever taken.
    taken: u32,
    since: Instant,
}

impl Walk {
    /// Notes what an endpoint holds now: its block, records ever taken, open connections, and how long it
    /// keeps a closed one.
    pub(super) fn note(&mut self, number: u32, block: Range<u32>, taken: u32, open: u32, kept: Duration, now: Instant) {
        // What it was counts only while it had no connection either.
        let was = self.quiet.remove(&number).filter(|was| was.taken == taken);
        let since = was.map_or(now, |was| was.since);
        if open == 0 {
            self.quiet.insert(number, Quiet { taken, since });
        }
        let rests = open == 0 && (taken == 0 || now.saturating_duration_since(since) > kept + ROUND);
        if rests && block.len() >= WORTH as usize {
            self.rest.insert(block.start, block);
        } else {
            self.rest.remove(&block.start);
        }
    }

    /// Endpoints have become others: no block rests until it was noted again.
    pub(super) fn forget(&mut self) {
        self.quiet.clear();
        self.rest.clear();
    }

    /// The records to look at in the next step, of those up to `end`.
    pub(super) fn step(&mut self, end: u32) -> Vec<Pass> {
        // Closed flows of a block that was given back keep their keys until they are looked at.
        self.end = self.end.max(end);
        let resting: u32 = self.rest.values().map(|block| block.end - block.start).sum();
        let mut left = (self.end - resting).div_ceil(STEPS);
        if self.next >= self.end {
            self.next = 0;
        }
        let mut passes = Vec::new();
        while left > 0 && self.next < self.end {
            let resting = self.rest.range(..=self.next).next_back().map(|(_, block)| block);
            if let Some(block) = resting.filter(|block| block.contains(&self.next)) {
                self.next = block.end;
                continue;
            }
            let until = self.rest.range(self.next..).next().map_or(self.end, |(first, _)| *first);
            let count = left.min(until - self.next).min(MOST);
            passes.push(Pass { first: self.next, count });
            (self.next, left) = (self.next + count, left - count);
        }
        passes
    }
}

#[cfg(test)]
mod tests {
    use vpce_common::layout::Ended;

    use super::*;
    use crate::maps::MAPS;

    const KEPT: Duration = Duration::from_mins(4);

    /// The records of one walk from the start to the end.
    fn round(walk: &mut Walk, end: u32) -> Vec<u32> {
        walk.next = 0;
        let mut records = Vec::new();
        for _ in 0..=STEPS {
            records.extend(walk.step(end).iter().flat_map(|pass| pass.first..pass.first + pass.count));
            if walk.next >= walk.end {
                break;
            }
        }
        records
    }

    #[test]
    fn every_record_is_looked_at_once_in_a_round_also_of_a_block_that_was_given_back() {
        let mut walk = Walk::default();
        assert!(round(&mut walk, 4099).into_iter().eq(0..4099));
        assert!(round(&mut walk, 64).into_iter().eq(0..4099));
        assert_eq!(walk.step(64).len(), 1, "and again");
        assert_eq!(Walk::default().step(0), []);
    }

    #[test]
    fn a_step_is_made_of_short_passes_whose_messages_have_room() {
        let mut walk = Walk::default();
        let passes = walk.step(1 << 22);
        assert_eq!(passes.iter().map(|pass| pass.count).sum::<u32>(), (1_u32 << 22).div_ceil(STEPS));
        assert!(passes.iter().all(|pass| pass.count <= MOST));
        let ended = MAPS.iter().find(|map| map.name == "ENDED").unwrap();
        // The kernel puts 8 bytes before each.
        assert!(ended.entries(0) as usize >= MOST as usize * (size_of::<Ended>() + 8));
    }

    #[test]
    fn a_block_that_never_had_a_connection_rests_until_it_has_one() {
        let (mut walk, now) = (Walk::default(), Instant::now());
        walk.note(1, 1024..2048, 0, 0, KEPT, now);
        assert!(round(&mut walk, 4096).into_iter().eq((0..1024).chain(2048..4096)));
        walk.note(1, 1024..2048, 1, 1, KEPT, now);
        assert!(round(&mut walk, 4096).into_iter().eq(0..4096));
        // All rest: nothing is to be done.
        walk.note(2, 0..1024, 0, 0, KEPT, now);
        walk.note(1, 1024..2048, 0, 0, KEPT, now);
        assert_eq!(round(&mut walk, 2048).len(), 2048, "beyond them there was something");
        let mut walk = Walk::default();
        walk.note(2, 0..1024, 0, 0, KEPT, now);
        assert_eq!(walk.step(1024), []);
    }

    #[test]
    fn a_block_rests_when_even_the_last_closed_connection_is_no_longer_kept() {
        let (mut walk, start) = (Walk::default(), Instant::now());
        let looks = |walk: &mut Walk| !round(walk, 1024).is_empty();
        walk.note(1, 0..1024, 5, 1, KEPT, start);
        let ended = start + Duration::from_mins(10);
        walk.note(1, 0..1024, 5, 0, KEPT, ended);
        walk.note(1, 0..1024, 5, 0, KEPT, ended + KEPT);
        assert!(looks(&mut walk));
        // One came and went between two looks.
        walk.note(1, 0..1024, 6, 0, KEPT, ended + KEPT + ROUND);
        walk.note(1, 0..1024, 6, 0, KEPT, ended + KEPT + ROUND * 2);
        assert!(looks(&mut walk));
        walk.note(1, 0..1024, 6, 0, KEPT, ended + KEPT * 3);
        assert!(!looks(&mut walk));
        walk.forget();
        assert!(looks(&mut walk));
    }

    #[test]
    fn a_small_block_is_looked_at_with_its_neighbours() {
        let (mut walk, now) = (Walk::default(), Instant::now());
        walk.note(1, 64..128, 0, 0, KEPT, now);
        assert!(round(&mut walk, 256).into_iter().eq(0..256));
    }
}
