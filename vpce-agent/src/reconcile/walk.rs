//! Which flow records the reaper looks at next. Pure.
//!
//! The records are looked at in chunks. A look tells when the first of a chunk's flows can be over; until
//! then nothing is to be found there, but for flows that begin or change meanwhile, and these last at least
//! as long as the shortest timer. So a chunk is looked at again when the earlier of both is over, and at most
//! once in a [`ROUND`]: a flow is gone at most a second after its time. A chunk without flows rests until one of its
//! records was taken in the last second, and no longer than [`REST`].

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use vpce_common::layout::{Endpoint, Pass};

/// Flow records that one run of the reaper looks at, at most: no softirq runs on its CPU meanwhile, and
/// `ENDED` holds a message for each.
pub(super) const MOST: u32 = 1 << 14;
/// Flow records of a chunk: a smaller one rests more often, and a run costs more than its share.
const CHUNK: u32 = 1 << 12;
/// A chunk without flows is looked at again after this all the same: a record that was just being taken at the
/// look counted as none.
const REST: Duration = Duration::from_mins(1);
/// A chunk is not looked at again before this: a second, less a step, and another one that comes late.
const ROUND: Duration = Duration::from_millis(900);
/// All chunks are looked at in so many steps, where all are due. There are 18 in a [`ROUND`], less some that
/// come late.
const STEPS: usize = 15;

/// A walk over the flow records, again and again.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// The chunk that is looked at first in the next step, if it is due.
    next: usize,
    /// When each chunk is due; none: at once.
    due: Vec<Option<Instant>>,
    /// No flow is over sooner after its last packet.
    shortest: Duration,
}

impl Walk {
    /// Endpoints have become others, with records up to `end` and other timers: every chunk is due.
    pub(super) fn forget(&mut self, end: u32, shortest: Duration) {
        // Closed flows of a block that was given back keep their keys until they are looked at.
        let chunks = self.due.len().max(end.div_ceil(CHUNK) as usize);
        self.due = vec![None; chunks];
        self.shortest = shortest;
    }

    /// These endpoints are or were others, and have such timers where they are shorter: the chunks of their
    /// records are due.
    pub(super) fn disturb<'e>(
        &mut self,
        endpoints: impl IntoIterator<Item = &'e Endpoint>,
        shortest: Option<Duration>,
    ) {
        for &Endpoint { first_slot, slots, .. } in endpoints {
            self.chunks(first_slot..first_slot + slots).fill(None);
        }
        if let Some(shortest) = shortest.filter(|shortest| *shortest < self.shortest) {
            self.due.fill(None);
            self.shortest = shortest;
        }
    }

    /// Some of these records were taken in the last second: those of their chunks that rest for longer than a flow
    /// lasts are due.
    pub(super) fn wake(&mut self, records: Range<u32>, now: Instant) {
        let first_end = now + self.shortest;
        for due in self.chunks(records) {
            *due = due.filter(|due| *due <= first_end);
        }
    }

    /// When the chunks of these records are due.
    fn chunks(&mut self, records: Range<u32>) -> &mut [Option<Instant>] {
        let chunks = (records.start / CHUNK) as usize..records.end.div_ceil(CHUNK) as usize;
        self.due.resize(self.due.len().max(chunks.end), None);
        &mut self.due[chunks]
    }

    /// When the next step has something to look at; none: it has no chunks.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        self.due.iter().map(|due| due.unwrap_or(now)).min()
    }

    /// The records to look at in the next step.
    pub(super) fn step(&mut self, now: Instant) -> Vec<Pass> {
        let chunks = self.due.len();
        let order = (self.next..chunks).chain(0..self.next);
        let due = |chunk: &usize| self.due[*chunk].is_none_or(|due| due <= now);
        let chosen: Vec<_> = order.filter(due).take(chunks.div_ceil(STEPS)).collect();
        self.next = chosen.last().map_or(self.next, |last| (last + 1) % chunks);
        let pass = |chunk| Pass { first: u32::try_from(chunk).unwrap_or(u32::MAX).saturating_mul(CHUNK), count: CHUNK };
        chosen.into_iter().map(pass).collect()
    }

    /// Notes when the first flow of a pass can be over, as seen now; none: there is no flow.
    pub(super) fn looked(&mut self, pass: Pass, soonest: Option<Duration>, now: Instant) {
        let rests = soonest.map_or(REST, |soonest| soonest.min(self.shortest)).max(ROUND);
        if let Some(due) = self.due.get_mut((pass.first / CHUNK) as usize) {
            *due = Some(now + rests);
        }
    }
}

#[cfg(test)]
mod tests {
    use vpce_common::layout::Ended;

    use super::*;
    use crate::maps::MAPS;

    const SHORTEST: Duration = Duration::from_secs(7);

    /// A walk over so many chunks.
    fn walk(chunks: u32) -> (Walk, Instant) {
        let mut walk = Walk::default();
        walk.forget(chunks * CHUNK, SHORTEST);
        (walk, Instant::now())
    }

    /// The records of one round, each of whose chunks has its first flow over after `soonest`.
    fn round(walk: &mut Walk, soonest: Option<Duration>, now: Instant) -> Vec<u32> {
        let mut records = Vec::new();
        for _ in 0..STEPS {
            for pass in walk.step(now) {
                walk.looked(pass, soonest, now);
                records.extend(pass.first..pass.first + pass.count);
            }
        }
        records.sort_unstable();
        records
    }

    #[test]
    fn every_record_is_looked_at_once_in_a_round_also_of_a_block_that_was_given_back() {
        let (mut walk, start) = walk(50);
        assert!(round(&mut walk, None, start).into_iter().eq(0..CHUNK * 50));
        walk.forget(64, SHORTEST);
        assert!(round(&mut walk, None, start).into_iter().eq(0..CHUNK * 50));
        assert_eq!(Walk::default().step(start), []);
    }

    #[test]
    fn a_step_looks_at_its_share_by_runs_whose_messages_have_room() {
        let (mut walk, start) = walk(1 << 10);
        let passes = walk.step(start);
        assert_eq!(passes.len(), (1_usize << 10).div_ceil(STEPS));
        assert!(passes.iter().all(|pass| pass.count <= MOST));
        let ended = MAPS.iter().find(|map| map.name == "ENDED").unwrap();
        // The kernel puts 8 bytes before each.
        assert!(ended.entries(0) as usize >= MOST as usize * (size_of::<Ended>() + 8));
    }

    #[test]
    fn a_chunk_rests_until_its_first_flow_is_over_and_no_longer_than_the_shortest_timer() {
        let looks_after = |soonest: Option<Duration>, after: Duration| {
            let (mut walk, start) = walk(1);
            round(&mut walk, soonest, start);
            !walk.step(start + after).is_empty()
        };
        let secs = Duration::from_secs;
        for (soonest, rests) in [(None, REST), (Some(secs(3)), secs(3)), (Some(secs(60)), SHORTEST)] {
            assert!(!looks_after(soonest, rests * 99 / 100), "{soonest:?}");
            assert!(looks_after(soonest, rests), "{soonest:?}");
        }
    }

    #[test]
    fn a_step_is_due_as_soon_as_a_chunk_is() {
        let (mut walk, start) = walk(2);
        assert_eq!(Walk::default().due(start), None);
        assert_eq!(walk.due(start), Some(start));
        round(&mut walk, None, start);
        assert_eq!(walk.due(start), Some(start + REST));
        walk.wake(0..CHUNK, start);
        assert_eq!(walk.due(start), Some(start));
        round(&mut walk, Some(SHORTEST), start);
        assert_eq!(walk.due(start), Some(start + SHORTEST));
    }

    #[test]
    fn a_flow_that_is_over_soon_is_looked_at_within_a_second_and_not_at_every_step() {
        let (mut walk, start) = walk(1);
        round(&mut walk, Some(Duration::ZERO), start);
        assert_eq!(walk.step(start + ROUND / 2), []);
        assert_eq!(walk.step(start + ROUND).len(), 1);
    }

    #[test]
    fn no_chunk_waits_for_others_that_are_due_more_often() {
        let (mut walk, mut now) = walk(40);
        let mut looked = vec![0; 40];
        for _ in 0..60 {
            for pass in walk.step(now) {
                walk.looked(pass, Some(Duration::ZERO), now);
                looked[(pass.first / CHUNK) as usize] += 1;
            }
            now += ROUND / 20;
        }
        assert!(looked.iter().all(|times| *times == 3), "{looked:?}");
    }

    #[test]
    fn a_chunk_at_rest_is_due_when_one_of_its_records_is_taken() {
        let (mut walk, start) = walk(3);
        round(&mut walk, None, start);
        walk.wake(CHUNK + 64..CHUNK + 128, start);
        assert!(round(&mut walk, Some(SHORTEST), start).into_iter().eq(CHUNK..CHUNK * 2));
        // The one that has a flow now is looked at in time for another one.
        walk.wake(0..CHUNK * 2, start);
        assert!(round(&mut walk, None, start).into_iter().eq(0..CHUNK));
    }

    #[test]
    fn a_change_makes_every_chunk_due() {
        let (mut walk, start) = walk(3);
        round(&mut walk, None, start);
        assert!(round(&mut walk, None, start).is_empty());
        walk.forget(CHUNK, SHORTEST);
        assert_eq!(round(&mut walk, None, start).len(), CHUNK as usize * 3);
    }
}
