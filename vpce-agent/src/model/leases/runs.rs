//! Free numbers, given out in runs: each as long as a power of two, and aligned to it.

use std::{collections::BTreeSet, ops::Range};

/// Free numbers, in the longest aligned runs: a set of first numbers for each power of two.
#[derive(PartialEq, Eq)]
pub(super) struct Runs([BTreeSet<u32>; 32]);

impl Runs {
    /// All numbers of these gaps.
    pub(super) fn new(gaps: impl IntoIterator<Item = Range<u32>>) -> Self {
        let mut runs = Self(<[BTreeSet<u32>; 32]>::default());
        gaps.into_iter().for_each(|gap| runs.add(gap));
        runs
    }

    /// The first number of the lowest run of so many, a power of two.
    pub(super) fn take(&mut self, count: u32) -> Option<u32> {
        let orders = count.trailing_zeros() as usize..self.0.len();
        let (first, order) = orders.filter_map(|order| Some((*self.0[order].first()?, order))).min()?;
        self.0[order].remove(&first);
        self.add(first + count..first + (1 << order));
        Some(first)
    }

    /// Gives numbers back; what they make whole again can be taken as one.
    pub(super) fn add(&mut self, mut gap: Range<u32>) {
        while !gap.is_empty() {
            let order = gap.start.trailing_zeros().min((gap.end - gap.start).ilog2());
            let (mut first, mut at) = (gap.start, order as usize);
            while at + 1 < self.0.len() && self.0[at].remove(&(first ^ (1 << at))) {
                first &= !(1 << at);
                at += 1;
            }
            self.0[at].insert(first);
            gap.start += 1 << order;
        }
    }
}

/// The gaps between some ranges, in any order, within a whole.
pub(super) fn gaps(whole: Range<u32>, mut taken: Vec<Range<u32>>) -> Vec<Range<u32>> {
    taken.sort_unstable_by_key(|range| range.start);
    let mut gaps = Vec::new();
    let mut free = whole.start;
    for range in taken {
        gaps.push(free..range.start.min(whole.end));
        free = free.max(range.end);
    }
    gaps.push(free..whole.end);
    gaps.retain(|gap| !gap.is_empty());
    gaps
}

#[cfg(test)]
mod tests {
    use std::iter;

    use super::*;

    #[test]
    fn a_run_is_the_lowest_that_is_aligned_to_its_length() {
        let mut runs = Runs::new(iter::once(1..64));
        assert_eq!([1, 1, 1, 4, 1].map(|count| runs.take(count)), [1, 2, 3, 4, 8].map(Some));
        assert_eq!([32, 16, 2, 4, 1].map(|count| runs.take(count)), [32, 16, 10, 12, 9].map(Some));
        assert_eq!(runs.take(1), None);
    }

    #[test]
    fn runs_that_are_given_back_are_whole_again() {
        let mut runs = Runs::new(iter::once(1..64));
        assert_eq!([32, 16, 16].map(|count| runs.take(count)), [Some(32), Some(16), None]);
        runs.add(32..48);
        runs.add(48..64);
        assert_eq!([32, 1].map(|count| runs.take(count)), [Some(32), Some(1)]);
    }

    #[test]
    fn what_is_taken_leaves_gaps_in_whatever_order_it_is_told() {
        assert_eq!(gaps(1..20, vec![8..10, 0..3, 9..12, 18..25]), [3..8, 12..18]);
        assert_eq!(gaps(0..9, vec![]).len(), 1);
        assert_eq!(gaps(0..9, vec![5..9, 0..5]), []);
    }
}
