//! The state of a UDP flow: there is one, until its client has been silent for long enough.

use crate::{
    layout::Flow,
    state::{self, ANSWERED, Change, Noted, Side},
};

/// Notes a datagram of a flow whose state was `state`; answers what that did.
///
/// Only the client's keep the flow (RFC 4787 REQ-6): a backend can't hold a flow open by itself.
#[inline(always)]
pub fn track(flow: &Flow, state: u32, side: Side, now: u32) -> Noted {
    let change = match side {
        Side::Client => {
            if flow.touched.load() != now {
                flow.touched.store(now);
            }
            Change::NONE
        }
        Side::Backend if state & ANSWERED == 0 => state::set(flow, state, ANSWERED),
        Side::Backend => Change::NONE,
    };
    Noted { change, believed: true }
}
