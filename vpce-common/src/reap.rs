//! The reaper: frees records whose timer ran out, or whose endpoint has moved on.

use crate::{
    dataplane::Dataplane,
    layout::Settings,
    slots, state,
    tcp::{self, Timer},
    wire::UDP,
};

/// Looks at one record, `now` in jiffies.
#[inline(always)]
pub fn reap<D: Dataplane>(plane: &D, settings: &Settings, slot: u32, now: u32) -> Option<()> {
    let flow = plane.flow(slot)?;
    let state = flow.state.load();
    if !state::usable(state) {
        return None;
    }
    let ends = flow.ends();
    let endpoint = plane.endpoint(ends.endpoint)?;
    let limit = match tcp::timer(state) {
        _ if ends.key.protocol == UDP.into() => settings.udp,
        Timer::Opening => settings.opening,
        Timer::Established => settings.established,
        Timer::Closing => settings.closing,
    };
    let idle = now.wrapping_sub(flow.touched.load()).cast_signed();
    if endpoint.generation == ends.generation && idle < limit.cast_signed() {
        return None;
    }
    let number = ends.endpoint;
    if slots::retire(plane, flow, state) {
        slots::free(flow);
        // A closed one was given back when it closed.
        if !state::closed(state) {
            slots::give_back(plane, number, slot);
        }
    }
    Some(())
}
