//! The reaper: frees records whose timer ran out, or whose endpoint has moved on.

use crate::{
    dataplane::Dataplane,
    layout::{Admission, Ended, Endpoint, Flow},
    slots,
    state::{self, Change, ESTABLISHED},
    tcp::{self, Timer},
    wire::{TCP, UDP},
};

/// The opening timer is this many times shorter while half-open connections hold more than half of
/// an endpoint's limit.
pub const HASTE: u32 = 32;

/// What a look at records without a flow answers.
pub const NO_FLOW: u32 = u32::MAX;

/// Looks at one record, `now` in jiffies. Answers in how many its flow can be over, where no packet comes
/// and its endpoint stays; [`NO_FLOW`] where it has none.
///
/// The ends of an established connection are told, by way of the agent: neither shall wait for the
/// other for ever.
#[inline(always)]
pub fn reap<D: Dataplane>(plane: &D, slot: u32, now: u32) -> u32 {
    look(plane, slot, now).unwrap_or(NO_FLOW)
}

#[inline(always)]
fn look<D: Dataplane>(plane: &D, slot: u32, now: u32) -> Option<u32> {
    let flow = plane.flow(slot)?;
    let state = flow.state.load();
    if !state::usable(state) {
        return None;
    }
    let ends = flow.ends();
    let endpoint = plane.endpoint(ends.endpoint)?;
    let (limit, least) = timer(endpoint, plane.admission(ends.endpoint)?, state, ends.key.protocol);
    let idle = now.wrapping_sub(flow.touched.load()).cast_signed();
    if endpoint.generation == ends.generation && idle < limit.cast_signed() {
        return Some(least.cast_signed().wrapping_sub(idle).max(0).cast_unsigned());
    }
    let number = ends.endpoint;
    let believed = state & ESTABLISHED != 0 && !state::closed(state) && ends.key.protocol == TCP.into();
    let ended = believed.then(|| last_words(flow));
    if !slots::retire(plane, flow, slot, state) {
        // Somebody changed it just now.
        return Some(0);
    }
    slots::free(flow);
    if let Some(ended) = ended {
        plane.ended(&ended);
    }
    // A closed one was settled when it closed.
    slots::settle(plane, number, slot, Change::between(state, 0));
    None
}

/// The timer of a flow as things are, and the least that it can become: half-open ones may have to hurry
/// any time.
#[inline(always)]
fn timer(endpoint: &Endpoint, admission: &Admission, state: u32, protocol: u16) -> (u32, u32) {
    let always = |timer| (timer, timer);
    match tcp::timer(state) {
        _ if protocol == UDP.into() => always(endpoint.udp),
        Timer::Opening if admission.connections.half_open() > endpoint.limit / 2 => always(endpoint.opening / HASTE),
        Timer::Opening => (endpoint.opening, endpoint.opening / HASTE),
        Timer::Established => always(endpoint.established),
        Timer::Closing => always(endpoint.closing),
    }
}

/// What the ends need to be told. Each believes a RST that has the very number that it acknowledged
/// last (RFC 5961 §3).
#[inline(always)]
fn last_words(flow: &Flow) -> Ended {
    Ended {
        ends: *flow.ends(),
        client_link: flow.client_link.load(),
        client: flow.client(),
        client_next: [flow.client_ack.load(), flow.backend_end.load()],
        backend_next: [flow.backend_ack.load(), flow.client_end.load()],
        reserved: 0,
    }
}
