//! The state of a flow record: one word that says what the flow has seen, and which flow it is.
//!
//! Low 8 bits: what happened; they are only ever set while the flow lives, and the state is a
//! function of them, so two CPUs cannot race it back. High 24 bits: how often the record was used,
//! so that nobody takes its next flow for the last one.

use crate::layout::Flow;

/// The record holds a flow.
pub const OPEN: u32 = 1 << 0;
/// The backend answered.
pub const ANSWERED: u32 = 1 << 1;
/// The client acknowledged that (TCP).
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

/// Tries of a compare-and-swap against other CPUs before one gives up.
pub const TRIES: u32 = 16;

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one who opened the flow.
    Client,
    /// The one who answers.
    Backend,
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

/// Whether the record still holds the flow that it held in `state`.
///
/// Asked after a packet was translated: the record may have been taken meanwhile, and what was
/// read of it be another flow's. A packet for which it says no must not leave.
#[inline(always)]
pub fn still(flow: &Flow, state: u32) -> bool {
    let now = flow.state.load();
    now / USE == state / USE && usable(now)
}

/// Sets bits of a flow that was in `state`; answers whether they closed it.
///
/// Of all CPUs exactly one is told so, and it alone gives the connection back to the limit.
#[inline(always)]
pub fn set(flow: &Flow, state: u32, bits: u32) -> bool {
    let mut before = state;
    for _ in 0..TRIES {
        match flow.state.swap_if(before, before | bits) {
            Ok(()) => return !closed(before) && closed(before | bits),
            // The record was freed, or freed and used again: the packet is of a flow that is over.
            Err(now) if now / USE != state / USE || !usable(now) => return false,
            Err(now) => before = now,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIFTH: u32 = 5 * USE;
    const SIXTH: u32 = 6 * USE;

    #[test]
    fn a_record_that_is_written_or_was_used_again_is_not_the_flow_that_it_was() {
        let flow = Flow::default();
        let state = FIFTH | OPEN | ANSWERED;
        for (now, same) in [
            (state, true),
            (state | ESTABLISHED | RESET, true),
            (FIFTH | BUSY, false),
            (FIFTH, false),
            (SIXTH | OPEN | ANSWERED, false),
        ] {
            flow.state.store(now);
            assert_eq!(still(&flow, state), same, "{now:#x}");
        }
    }

    #[test]
    fn bits_are_set_in_the_same_flow_only() {
        let flow = Flow::default();
        let state = FIFTH | OPEN;
        flow.state.store(state | ANSWERED);
        assert!(!set(&flow, state, FIN_CLIENT));
        assert!(set(&flow, state, FIN_BACKEND));
        assert!(!set(&flow, state, RESET));
        flow.state.store(SIXTH | OPEN);
        assert!(!set(&flow, state, RESET));
        assert_eq!(flow.state.load(), SIXTH | OPEN);
    }
}
