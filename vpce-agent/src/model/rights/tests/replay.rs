use super::*;
use crate::model::rights::SKEW_SECS;

const HERE: Origin = Origin(1);
const ELSEWHERE: Origin = Origin(2);

fn signature(number: u64) -> String {
    format!("{number:064x}").chars().rev().collect()
}

#[test]
fn a_signature_counts_once_for_as_long_as_its_date_is_let_in() {
    let mut replays = Replays::new(100, NOW - 200);
    for now in [NOW, NOW + SKEW_SECS] {
        assert_eq!(replays.note(&signature(now), now, (HERE, false), now), Ok(()));
        assert_eq!(replays.note(&signature(now), now, (HERE, false), now + SKEW_SECS), Err(Denied::Replayed));
    }
    assert_eq!(replays.len(), 1, "the first is over");
}

#[test]
fn what_only_reads_may_be_asked_again_on_its_connection_alone() {
    let mut replays = Replays::new(100, NOW - 200);
    assert_eq!(replays.note(&signature(1), NOW, (HERE, true), NOW), Ok(()));
    assert_eq!(replays.note(&signature(1), NOW, (HERE, true), NOW), Ok(()));
    assert_eq!(replays.note(&signature(1), NOW, (ELSEWHERE, true), NOW), Err(Denied::Replayed));
    assert_eq!(replays.len(), 1);
}

#[test]
fn without_room_the_oldest_dates_are_let_in_no_more() {
    let mut replays = Replays::new(100, NOW - 200);
    for number in 0..1000 {
        let date = NOW - 100 + number / 10;
        assert_eq!(replays.note(&signature(number), date, (HERE, false), NOW), Ok(()));
        assert!(replays.len() <= 100);
    }
    // Those of the last ten seconds are remembered, and of those before no signature counts.
    assert_eq!(replays.note(&signature(999), NOW - 1, (HERE, false), NOW), Err(Denied::Replayed));
    assert_eq!(replays.note(&signature(0), NOW - 100, (HERE, false), NOW), Err(Denied::Forgotten));
    assert_eq!(replays.note(&signature(5000), NOW - 50, (HERE, false), NOW), Err(Denied::Forgotten));
    assert_eq!(replays.note(&signature(5001), NOW, (HERE, false), NOW), Ok(()));
}

#[test]
fn what_was_signed_before_the_start_may_have_been_seen_by_another_agent() {
    let mut replays = Replays::new(100, NOW);
    assert_eq!(replays.note(&signature(1), NOW - 1, (HERE, false), NOW), Err(Denied::Forgotten));
    assert_eq!(replays.note(&signature(2), NOW, (HERE, false), NOW), Ok(()));
}
