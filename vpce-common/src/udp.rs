//! The state of a UDP flow: there is one, until its client has been silent for long enough.

use crate::{
    layout::Flow,
    tcp::{ANSWERED, Side},
};

/// Notes a datagram of a flow whose state was `state`.
///
/// Only the client's keep the flow (RFC 4787 REQ-6): a backend can't hold a flow open by itself.
#[inline(always)]
pub fn track(flow: &Flow, state: u32, side: Side, now: u32) {
    match side {
        Side::Client if flow.touched.load() != now => flow.touched.store(now),
        // Lost to another change of the state: the next answer notes it.
        Side::Backend if state & ANSWERED == 0 => drop(flow.state.swap_if(state, state | ANSWERED)),
        _ => {}
    }
}
