//! What TCP segments say of a flow.
//!
//! The ends follow RFC 9293 §3.6, the resets RFC 5961 §3: only one whose sequence number is exactly
//! the next expected counts, so that a blind attacker changes nothing.

use crate::{
    layout::Flow,
    state::{ANSWERED, Change, ESTABLISHED, FIN_BACKEND, FIN_CLIENT, Noted, RESET, Side, closed, set},
};

/// TCP flag FIN.
pub const FIN: u8 = 0x01;
/// TCP flag SYN.
pub const SYN: u8 = 0x02;
/// TCP flag RST.
pub const RST: u8 = 0x04;
/// TCP flag ACK.
pub const ACK: u8 = 0x10;

/// What of a segment the state depends on.
#[derive(Debug, Clone, Copy)]
pub struct Segment {
    /// The flag bits, RFC 9293 §3.1.
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Bytes of payload.
    pub payload: u32,
}

/// Which of the timers applies to a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// The handshake is not complete.
    Opening,
    /// Both ends talk.
    Established,
    /// A FIN or RST was seen.
    Closing,
}

/// The timer of a state.
#[must_use]
#[inline(always)]
pub const fn timer(state: u32) -> Timer {
    if state & (FIN_CLIENT | FIN_BACKEND | RESET) != 0 {
        Timer::Closing
    } else if state & ESTABLISHED != 0 {
        Timer::Established
    } else {
        Timer::Opening
    }
}

/// Numbers this far from what was seen last can be of the connection: the largest window, 2^24
/// being what hosts use of the 2^30 that RFC 7323 allows.
const WINDOW: u32 = 1 << 24;

/// Whether two sequence numbers are within a window of each other.
#[inline(always)]
const fn near(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).wrapping_add(WINDOW) <= 2 * WINDOW
}

/// The later of two sequence numbers (RFC 9293 §3.4).
#[inline(always)]
const fn later(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b).cast_signed() > 0 { a } else { b }
}

impl Segment {
    /// A first segment: SYN alone.
    #[must_use]
    #[inline(always)]
    pub const fn opens(&self) -> bool {
        self.flags & (SYN | ACK | RST | FIN) == SYN
    }

    /// Sequence number after everything that the segment holds.
    #[must_use]
    #[inline(always)]
    pub const fn end(&self) -> u32 {
        let counted = (self.flags & SYN != 0) as u32 + (self.flags & FIN != 0) as u32;
        self.seq.wrapping_add(self.payload).wrapping_add(counted)
    }

    #[inline(always)]
    const fn has(&self, flags: u8) -> bool {
        self.flags & flags == flags
    }
}

/// Notes in a new flow what its first segment says.
#[inline(always)]
pub fn begin(flow: &Flow, segment: Segment) {
    flow.client_end.store(segment.end());
    // The least that the backend will acknowledge.
    flow.backend_ack.store(segment.seq.wrapping_add(1));
    flow.client_ack.store(0);
    flow.backend_end.store(0);
}

/// Notes a segment of a flow whose state was `state`; answers what that did.
#[inline(always)]
pub fn track(flow: &Flow, state: u32, side: Side, segment: Segment, now: u32) -> Noted {
    let bits = if segment.has(RST) {
        reset(flow, state, side, segment)
    } else if state & ANSWERED == 0 {
        handshake(flow, side, segment, now)
    } else if segment.has(SYN) {
        // RFC 5961 §4: the other end answers it with a challenge; here it changes nothing.
        None
    } else {
        data(flow, state, side, segment, now)
    };
    let Some(bits) = bits else { return Noted { change: Change::NONE, believed: false } };
    if bits & !state == 0 {
        return Noted { change: Change::NONE, believed: true };
    }
    flow.touched.store(now);
    Noted { change: set(flow, state, bits), believed: true }
}

/// A RST ends a flow when it is exactly where the connection is. As its fellows, answers the bits that
/// the segment sets; nothing where it is not believed.
#[inline(always)]
fn reset(flow: &Flow, state: u32, side: Side, segment: Segment) -> Option<u32> {
    let (end, other_ack) = match side {
        Side::Client => (&flow.client_end, &flow.backend_ack),
        Side::Backend => (&flow.backend_end, &flow.client_ack),
    };
    let exact = if state & ANSWERED == 0 && matches!(side, Side::Backend) {
        // The refusal of a SYN acknowledges it.
        segment.has(ACK) && acknowledges_opening(flow, segment.ack)
    } else {
        segment.seq == end.load() || segment.seq == other_ack.load()
    };
    exact.then_some(RESET)
}

/// Whether a backend's first answer belongs to the client's SYN: it acknowledges that, and of data
/// sent with it (RFC 7413) all, some or none.
#[inline(always)]
fn acknowledges_opening(flow: &Flow, ack: u32) -> bool {
    // Where there is no such data, both are the one number that can be acknowledged.
    flow.client_end.load().wrapping_sub(ack) <= flow.client_end.load().wrapping_sub(flow.backend_ack.load())
}

/// A segment before the backend has answered.
#[inline(always)]
fn handshake(flow: &Flow, side: Side, segment: Segment, now: u32) -> Option<u32> {
    match side {
        Side::Client if segment.opens() => {
            // The same again, or a new attempt of the same port with another number.
            begin(flow, segment);
            touch(flow, now);
            Some(0)
        }
        Side::Backend if segment.has(SYN | ACK) && acknowledges_opening(flow, segment.ack) => {
            flow.backend_end.store(segment.end());
            flow.client_ack.store(segment.end());
            flow.backend_ack.store(segment.ack);
            Some(ANSWERED)
        }
        _ => None,
    }
}

/// A segment of a connection that both sides know.
#[inline(always)]
fn data(flow: &Flow, state: u32, side: Side, segment: Segment, now: u32) -> Option<u32> {
    let (end, other_end, ack, other_ack, fin) = match side {
        Side::Client => (&flow.client_end, &flow.backend_end, &flow.client_ack, &flow.backend_ack, FIN_CLIENT),
        Side::Backend => (&flow.backend_end, &flow.client_end, &flow.backend_ack, &flow.client_ack, FIN_BACKEND),
    };
    let next = later(end.load(), other_ack.load());
    // What is forged blindly guesses neither number.
    if !segment.has(ACK) || !near(segment.ack, other_end.load()) || !near(segment.seq, next) {
        return None;
    }
    // Who forged the SYN knows its number; only who got the SYN-ACK knows the other one.
    let answers = || segment.ack.wrapping_sub(ack.load()) <= other_end.load().wrapping_sub(ack.load());
    if matches!(side, Side::Client) && state & ESTABLISHED == 0 && !answers() {
        return None;
    }
    if !closed(state) {
        touch(flow, now);
    }
    if ack.load() != segment.ack {
        ack.store(segment.ack);
    }
    // Only what follows what was seen: a gap is filled later, or acknowledged.
    let follows = next.wrapping_sub(segment.seq).cast_signed() >= 0;
    if follows && segment.end().wrapping_sub(end.load()).cast_signed() > 0 {
        end.store(segment.end());
    }
    let established = if matches!(side, Side::Client) { ESTABLISHED } else { 0 };
    Some(established | if segment.has(FIN) { fin } else { 0 })
}

#[inline(always)]
fn touch(flow: &Flow, now: u32) {
    if flow.touched.load() != now {
        flow.touched.store(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{BITS, OPEN, USE};

    const ISN: u32 = 0xffff_fff0;

    fn note(flow: &Flow, side: Side, segment: Segment, now: u32) -> bool {
        track(flow, flow.state.load(), side, segment, now).change.closed
    }

    fn opened() -> Flow {
        let flow = Flow::default();
        flow.state.store(OPEN);
        begin(&flow, segment(SYN, ISN, 0, 0));
        flow
    }

    fn segment(flags: u8, seq: u32, ack: u32, payload: u32) -> Segment {
        Segment { flags, seq, ack, payload }
    }

    fn established() -> Flow {
        let flow = opened();
        assert!(!note(&flow, Side::Backend, segment(SYN | ACK, 100, ISN + 1, 0), 1));
        assert!(!note(&flow, Side::Client, segment(ACK, ISN + 1, 101, 0), 1));
        assert_eq!(timer(flow.state.load()), Timer::Established);
        flow
    }

    #[test]
    fn a_handshake_establishes() {
        established();
    }

    #[test]
    fn two_fins_close_once() {
        let flow = established();
        assert!(!note(&flow, Side::Client, segment(FIN | ACK, ISN + 1, 101, 0), 1));
        assert!(note(&flow, Side::Backend, segment(FIN | ACK, 101, ISN + 2, 0), 1));
        assert!(!note(&flow, Side::Backend, segment(FIN | ACK, 101, ISN + 2, 0), 1));
        assert!(!note(&flow, Side::Client, segment(RST, ISN + 2, 0, 0), 1));
    }

    #[test]
    fn an_exact_reset_closes_and_an_inexact_one_changes_nothing() {
        for side in [Side::Client, Side::Backend] {
            let flow = established();
            note(&flow, Side::Client, segment(ACK, ISN + 1, 101, 10), 2);
            let exact = if side == Side::Client { ISN.wrapping_add(11) } else { 101 };
            for off in [1, 2, 1000, u32::MAX - 20, 1 << 31] {
                assert!(!note(&flow, side, segment(RST, exact.wrapping_add(off), 0, 0), 9));
                assert_eq!((flow.state.load() & RESET, flow.touched.load()), (0, 2));
            }
            assert!(note(&flow, side, segment(RST, exact, 0, 0), 9));
            assert!(closed(flow.state.load()));
        }
    }

    #[test]
    fn a_refused_connection_closes_and_a_forged_refusal_does_not() {
        let flow = opened();
        assert!(!note(&flow, Side::Backend, segment(RST | ACK, 0, ISN, 0), 1));
        assert!(!note(&flow, Side::Backend, segment(RST, 0, ISN + 1, 0), 1));
        assert!(note(&flow, Side::Backend, segment(RST | ACK, 0, ISN + 1, 0), 1));
    }

    #[test]
    fn a_fin_before_the_answer_counts_for_nothing() {
        let flow = opened();
        assert!(!note(&flow, Side::Client, segment(FIN | ACK, ISN + 1, 0, 0), 1));
        assert!(!note(&flow, Side::Backend, segment(FIN | ACK, 0, 0, 0), 1));
        assert_eq!(timer(flow.state.load()), Timer::Opening);
    }

    #[test]
    fn a_segment_of_a_record_that_was_used_again_changes_nothing() {
        let flow = established();
        let before = flow.state.load();
        let next = ((before & !BITS) + USE) | OPEN | ANSWERED | ESTABLISHED | FIN_BACKEND;
        flow.state.store(next);
        assert_eq!(track(&flow, before, Side::Client, segment(FIN | ACK, ISN + 1, 101, 0), 1).change, Change::NONE);
        assert_eq!(flow.state.load(), next);
    }

    #[test]
    fn a_closed_flow_is_not_kept_by_late_segments() {
        let flow = established();
        note(&flow, Side::Client, segment(FIN | ACK, ISN + 1, 101, 0), 5);
        note(&flow, Side::Backend, segment(FIN | ACK, 101, ISN + 2, 0), 6);
        note(&flow, Side::Client, segment(ACK, ISN + 2, 102, 0), 700);
        assert_eq!(flow.touched.load(), 6);
    }

    #[test]
    fn a_reset_with_number_zero_is_no_better_than_another() {
        let flow = opened();
        assert!(!note(&flow, Side::Client, segment(RST, 0, 0, 0), 1));
        note(&flow, Side::Backend, segment(SYN | ACK, 100, ISN + 1, 0), 1);
        assert!(!note(&flow, Side::Client, segment(RST, 0, 0, 0), 1));
        assert!(!note(&flow, Side::Backend, segment(RST, 0, 0, 0), 1));
    }

    #[test]
    fn forged_data_does_not_make_a_forged_reset_exact() {
        let flow = established();
        for seq in [ISN.wrapping_add(5000), 0x7000_0000, 101] {
            note(&flow, Side::Client, segment(ACK, seq, 101, 1000), 1);
            assert!(!note(&flow, Side::Client, segment(RST, seq.wrapping_add(1000), 0, 0), 1), "{seq:#x}");
        }
        note(&flow, Side::Client, segment(ACK, ISN + 1, 0x4000_0000, 1000), 1);
        assert!(!note(&flow, Side::Client, segment(RST, (ISN + 1).wrapping_add(1000), 0, 0), 1));
        assert!(!note(&flow, Side::Client, segment(FIN | ACK, 0x7000_0000, 101, 0), 1));
        assert_eq!(timer(flow.state.load()), Timer::Established);
    }

    #[test]
    fn data_that_is_not_acknowledged_yet_may_be_followed_by_a_reset() {
        let flow = established();
        for n in 0..10 {
            note(&flow, Side::Client, segment(ACK, (ISN + 1).wrapping_add(n * 1000), 101, 1000), 1);
        }
        assert!(note(&flow, Side::Client, segment(RST, (ISN + 1).wrapping_add(10_000), 0, 0), 1));
    }

    #[test]
    fn a_gap_is_passed_when_it_was_acknowledged() {
        let flow = established();
        // The first thousand bytes never come by here; the backend acknowledges everything all the same.
        note(&flow, Side::Client, segment(ACK, (ISN + 1).wrapping_add(1000), 101, 1000), 1);
        note(&flow, Side::Backend, segment(ACK, 101, (ISN + 1).wrapping_add(2000), 0), 1);
        note(&flow, Side::Client, segment(ACK, (ISN + 1).wrapping_add(2000), 101, 500), 1);
        assert!(note(&flow, Side::Client, segment(RST, (ISN + 1).wrapping_add(2500), 0, 0), 1));
    }

    #[test]
    fn a_second_attempt_with_another_number_is_answered_and_established() {
        let flow = opened();
        note(&flow, Side::Client, segment(SYN, 7, 0, 0), 1);
        assert!(!note(&flow, Side::Backend, segment(SYN | ACK, 100, 8, 0), 1));
        note(&flow, Side::Client, segment(ACK, 8, 101, 0), 1);
        assert_eq!(timer(flow.state.load()), Timer::Established);
    }

    #[test]
    fn data_in_the_first_segment_may_be_taken_or_not() {
        for taken in [0, 20, 7] {
            let flow = opened();
            note(&flow, Side::Client, segment(SYN, 1000, 0, 20), 1);
            note(&flow, Side::Backend, segment(SYN | ACK, 100, 1001 + taken, 0), 1);
            note(&flow, Side::Client, segment(ACK, 1001 + taken, 101, 0), 1);
            assert_eq!(timer(flow.state.load()), Timer::Established, "{taken} bytes taken");
        }
    }

    #[test]
    fn a_syn_on_a_live_flow_refreshes_nothing() {
        let flow = established();
        note(&flow, Side::Client, segment(SYN, 5, 0, 0), 900);
        note(&flow, Side::Backend, segment(SYN | ACK, 5, ISN + 1, 0), 900);
        assert_eq!(flow.touched.load(), 1);
    }
}
