//! Which endpoints are looked at next for alarms. Pure.

use std::collections::BTreeSet;

/// Looks until every endpoint was looked at.
pub(super) const LOOKS: u32 = 4;
/// Numbers of endpoints of one look at least; where there are more, a look is at a share of them.
const LEAST: u32 = 64;

/// Endpoints that have connections, or had since they were looked at, by number.
#[derive(Debug, Default)]
pub(super) struct Awake {
    numbers: BTreeSet<u32>,
    /// Where the next look begins.
    next: u32,
}

impl Awake {
    /// One is to be looked at, again and again.
    pub(super) fn wake(&mut self, number: u32) {
        self.numbers.insert(number);
    }

    /// One need not be looked at any more.
    pub(super) fn rest(&mut self, number: u32) {
        self.numbers.remove(&number);
    }

    /// Those to look at now, where all numbers are below `end`. Numbers take turns, not those that are awake: so each
    /// has its turn in time, whatever others do.
    pub(super) fn turn(&mut self, end: u32) -> Vec<u32> {
        let first = if self.next < end { self.next } else { 0 };
        let after = first + end.div_ceil(LOOKS).max(LEAST);
        self.next = after;
        self.numbers.range(first..after).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_awake_is_looked_at_within_four_looks_whatever_others_do() {
        for end in [1, 64, 65, 300, 10_000] {
            let mut awake = Awake::default();
            (0..end).for_each(|number| awake.wake(number));
            for round in 0..3 {
                let mut looked = BTreeSet::new();
                for _ in 0..LOOKS {
                    for number in awake.turn(end) {
                        looked.insert(number);
                        // Others rest, and the first one of all wakes behind the look.
                        if number % 7 != 0 {
                            awake.rest(number);
                        }
                    }
                    awake.wake(0);
                }
                assert!((0..end).filter(|number| round == 0 || number % 7 == 0).all(|number| looked.contains(&number)));
            }
        }
    }

    #[test]
    fn few_are_looked_at_each_time_and_who_rests_no_more() {
        let mut awake = Awake::default();
        awake.wake(3);
        awake.wake(63);
        assert_eq!(awake.turn(64), [3, 63]);
        assert_eq!(awake.turn(64), [3, 63]);
        awake.rest(3);
        assert_eq!(awake.turn(64), [63]);
    }
}
