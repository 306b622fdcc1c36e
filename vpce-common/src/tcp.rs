//! The state of a TCP flow as bits that are only ever set while the flow lives.
//!
//! The state is a function of the bits, so two CPUs cannot race it back. What each segment sets
//! follows RFC 9293 §3.6 for the ends, and RFC 5961 §3 for the resets: only one whose sequence
//! number is exactly the next expected counts, so that a blind attacker changes nothing.

use crate::layout::Flow;

/// The record holds a flow.
pub const OPEN: u32 = 1 << 0;
/// The backend answered the client's SYN.
pub const ANSWERED: u32 = 1 << 1;
/// The client acknowledged that.
pub const ESTABLISHED: u32 = 1 << 2;
/// The client sent FIN.
pub const FIN_CLIENT: u32 = 1 << 3;
/// The backend sent FIN.
pub const FIN_BACKEND: u32 = 1 << 4;
/// Either side reset the connection.
pub const RESET: u32 = 1 << 5;
/// One CPU writes or frees the record: no packet uses it.
pub const BUSY: u32 = 1 << 6;
/// All of these bits; above them the state counts the record's uses.
pub const BITS: u32 = 0xff;
/// One use of the record.
pub const USE: u32 = 1 << 8;

/// TCP flag FIN.
pub const FIN: u8 = 0x01;
/// TCP flag SYN.
pub const SYN: u8 = 0x02;
/// TCP flag RST.
pub const RST: u8 = 0x04;
/// TCP flag ACK.
pub const ACK: u8 = 0x10;

/// Tries of a compare-and-swap against other CPUs before one gives up.
pub const TRIES: u32 = 16;

/// Who sent a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one who opened the connection.
    Client,
    /// The one who answers.
    Backend,
}

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

/// A flow that packets may use.
#[must_use]
#[inline(always)]
pub const fn usable(state: u32) -> bool {
    state & (OPEN | BUSY) == OPEN
}

/// No longer an open connection: it does not count towards the limit.
#[must_use]
#[inline(always)]
pub const fn closed(state: u32) -> bool {
    state & RESET != 0 || state & (FIN_CLIENT | FIN_BACKEND) == FIN_CLIENT | FIN_BACKEND
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
}

/// Notes a segment of a flow whose state was `state`; answers whether it closed the connection.
///
/// Of all CPUs exactly one is told so, and it alone gives the connection back to the limit.
#[inline(always)]
pub fn track(flow: &Flow, state: u32, side: Side, segment: Segment, now: u32) -> bool {
    let (end, ack, other_ack, fin) = match side {
        Side::Client => (&flow.client_end, &flow.client_ack, &flow.backend_ack, FIN_CLIENT),
        Side::Backend => (&flow.backend_end, &flow.backend_ack, &flow.client_ack, FIN_BACKEND),
    };
    let bits = if segment.flags & RST != 0 {
        let refused = state & ANSWERED == 0
            && matches!(side, Side::Backend)
            && segment.flags & ACK != 0
            && segment.ack == flow.client_end.load();
        let expected = state & ANSWERED != 0 || matches!(side, Side::Client);
        let exact = expected && (segment.seq == end.load() || segment.seq == other_ack.load());
        if refused || exact { RESET } else { 0 }
    } else {
        let mut bits = 0;
        if matches!(side, Side::Backend) {
            if segment.flags & (SYN | ACK) == SYN | ACK
                && segment.ack == flow.client_end.load()
                && state & ANSWERED == 0
            {
                flow.backend_end.store(segment.end());
                bits |= ANSWERED;
            }
        } else if segment.flags & (SYN | ACK) == ACK && state & ANSWERED != 0 {
            bits |= ESTABLISHED;
        }
        if segment.flags & SYN == 0 {
            if segment.flags & FIN != 0 && state & ANSWERED != 0 {
                bits |= fin;
            }
            if segment.end().wrapping_sub(end.load()).cast_signed() > 0 {
                end.store(segment.end());
            }
            if segment.flags & ACK != 0 {
                ack.store(segment.ack);
            }
        }
        if !closed(state) && flow.touched.load() != now {
            flow.touched.store(now);
        }
        bits
    };
    if bits & !state == 0 {
        return false;
    }
    if bits & (FIN_CLIENT | FIN_BACKEND | RESET) != 0 {
        flow.touched.store(now);
    }
    let mut before = state;
    for _ in 0..TRIES {
        match flow.state.swap_if(before, before | bits) {
            Ok(()) => return !closed(before) && closed(before | bits),
            // The record was freed, or freed and used again: the segment is of a flow that is over.
            Err(now) if now / USE != state / USE || !usable(now) => return false,
            Err(now) => before = now,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISN: u32 = 0xffff_fff0;

    fn note(flow: &Flow, side: Side, segment: Segment, now: u32) -> bool {
        track(flow, flow.state.load(), side, segment, now)
    }

    fn opened() -> Flow {
        let flow = Flow::default();
        flow.state.store(OPEN);
        flow.client_end.store(ISN + 1);
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
        assert!(!track(&flow, before, Side::Client, segment(FIN | ACK, ISN + 1, 101, 0), 1));
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
}
