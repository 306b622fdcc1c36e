//! The reaper: the only one that frees flow records.
//!
//! It looks at each record in turn. One whose timer ran out, or whose endpoint has moved on, is
//! marked DEAD, its key removed, its connection given back; the *next* pass puts it on the free
//! ring. No CPU can then still hold it from before, and its late packets miss.

use crate::{
    dataplane::Dataplane,
    layout::{Endpoint, Settings},
    tcp::{self, BUSY, DEAD, Timer},
};

/// A block with less than one in this many records free is short of them.
const SHORT: u32 = 4;
/// A closed flow of a short block goes after this share of the closing timer.
const HURRY: u32 = 240;

/// Looks at one record, `now` in jiffies.
#[inline(always)]
pub fn reap<D: Dataplane>(plane: &D, settings: &Settings, slot: u32, now: u32) -> Option<()> {
    let flow = plane.flow(slot)?;
    let state = flow.state.load();
    if state == 0 || state & BUSY != 0 {
        return None;
    }
    let ends = flow.ends();
    let endpoint = plane.endpoint(ends.endpoint)?;
    let admission = plane.admission(ends.endpoint)?;
    if state & DEAD != 0 {
        let tail = admission.tail.load();
        let free = plane.free(endpoint.ring(tail))?;
        flow.state.store(0);
        free.store(slot);
        admission.tail.store(tail.wrapping_add(1));
        return None;
    }
    let idle = now.wrapping_sub(flow.touched.load()).cast_signed();
    let live = endpoint.generation == ends.generation;
    if live && idle < timeout(settings, endpoint, admission.tail.load().wrapping_sub(admission.head.load()), state).cast_signed() {
        return None;
    }
    flow.state.swap_if(state, state | DEAD).ok()?;
    plane.forget(&ends.key);
    if !tcp::closed(state) {
        admission.open.sub(1);
    }
    None
}

/// Idle time that a flow of this state may have, in jiffies.
///
/// Closed flows keep their record for late segments, but never at the price of a new connection:
/// when the block runs short of records they go early. Each use of a record takes another transit
/// port, so going early brings no port back (RFC 6888 REQ-8).
#[inline(always)]
fn timeout(settings: &Settings, endpoint: &Endpoint, free: u32, state: u32) -> u32 {
    match tcp::timer(state) {
        Timer::Opening => settings.opening,
        Timer::Established => settings.established,
        Timer::Closing if tcp::closed(state) && free < endpoint.slots / SHORT => settings.closing / HURRY,
        Timer::Closing => settings.closing,
    }
}
