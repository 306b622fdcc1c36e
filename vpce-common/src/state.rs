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

/// A TCP connection whose client has not shown yet that it gets answers.
#[must_use]
#[inline(always)]
pub const fn half_open(state: u32) -> bool {
    counts(state) && state & ESTABLISHED == 0
}

/// An open connection: it counts towards the limit.
#[inline(always)]
const fn counts(state: u32) -> bool {
    usable(state) && !closed(state)
}

/// What a change of state means to the endpoint's counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// One open connection less.
    pub closed: bool,
    /// One half-open connection less.
    pub left_half_open: bool,
}

impl Change {
    /// Nothing changes.
    pub const NONE: Self = Self { closed: false, left_half_open: false };

    /// From one state to the next.
    #[must_use]
    #[inline(always)]
    pub const fn between(before: u32, after: u32) -> Self {
        Self { closed: counts(before) && !counts(after), left_half_open: half_open(before) && !half_open(after) }
    }
}

/// What a packet did to its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// What of it the endpoint's counts follow.
    pub change: Change,
    /// Whether it is of the connection, as far as its numbers tell: not forged blindly.
    pub believed: bool,
}

/// Sets bits of a flow that was in `state`; answers what that changed.
///
/// Of all CPUs exactly one is told of each change, and it alone settles it with the endpoint's counts.
#[inline(always)]
pub fn set(flow: &Flow, state: u32, bits: u32) -> Change {
    let mut before = state;
    for _ in 0..TRIES {
        match flow.state.swap_if(before, before | bits) {
            Ok(()) => return Change::between(before, before | bits),
            // The record was freed, or freed and used again: the packet is of a flow that is over.
            Err(now) if now / USE != state / USE || !usable(now) => return Change::NONE,
            Err(now) => before = now,
        }
    }
    Change::NONE
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
        assert_eq!(set(&flow, state, FIN_CLIENT), Change::NONE);
        assert_eq!(set(&flow, state, FIN_BACKEND), Change { closed: true, left_half_open: true });
        assert_eq!(set(&flow, state, RESET), Change::NONE);
        flow.state.store(SIXTH | OPEN);
        assert_eq!(set(&flow, state, RESET), Change::NONE);
        assert_eq!(flow.state.load(), SIXTH | OPEN);
    }
}
