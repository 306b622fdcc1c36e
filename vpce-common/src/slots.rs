//! Flow records: who may take one, and how it comes back.
//!
//! A record is *open* (a connection that counts), *closed* (late segments are still translated) or
//! *free*. Closed and free ones are in their endpoint's ring, the longest unused first, so a closed
//! flow keeps its record for as long as there are others, and never at the price of a new one.
//! Each use takes the record's next transit port: late packets of an old flow meet another port,
//! and a port comes back only after all others of its record (RFC 6888 REQ-8).

use crate::{
    dataplane::Dataplane,
    layout::{ADDRESS_SLOTS, Admission, Endpoint, FIRST_PORT, Flow, PORTS},
    reason::DropReason,
    state::{self, BITS, BUSY, Change, TRIES, USE},
};

/// Takes the record of `endpoint` that was unused for longest; it is BUSY then.
///
/// # Errors
/// [`DropReason::NoFreeSlot`] when all hold open connections.
#[inline(always)]
pub fn take<D: Dataplane>(plane: &D, endpoint: &Endpoint, admission: &Admission) -> Result<u32, DropReason> {
    for _ in 0..TRIES {
        let head = admission.head.load();
        if head == admission.tail.load() {
            return Err(DropReason::NoFreeSlot);
        }
        let next = plane.free(endpoint.ring(head)).ok_or(DropReason::Internal)?;
        let entry = next.load();
        // Nothing there yet: whoever moved `tail` is about to write it.
        if entry == 0 || admission.head.swap_if(head, head.wrapping_add(1)).is_err() {
            continue;
        }
        next.store(0);
        let slot = entry - 1;
        let flow = plane.flow(slot).ok_or(DropReason::Internal)?;
        let state = flow.state.load();
        let over = state & BITS == 0 || state::usable(state) && state::closed(state);
        if over && retire(plane, flow, slot, state) {
            return Ok(slot);
        }
        put(plane, endpoint, admission, slot);
    }
    Err(DropReason::Contended)
}

/// Puts a record at the end of its endpoint's ring. Only for whoever took it out, or closed it.
#[inline(always)]
pub fn put<D: Dataplane>(plane: &D, endpoint: &Endpoint, admission: &Admission, slot: u32) {
    if endpoint.slots == 0 {
        return;
    }
    let tail = admission.tail.add(1);
    if let Some(place) = plane.free(endpoint.ring(tail)) {
        place.store(slot + 1);
    }
}

/// Takes the flow in `state` out of its record `slot`, which is BUSY then; answers whether it could.
///
/// It can't when the state has changed since.
#[inline(always)]
pub fn retire<D: Dataplane>(plane: &D, flow: &Flow, slot: u32, state: u32) -> bool {
    let retired = flow.state.swap_if(state, (state & !BITS) | BUSY).is_ok();
    if retired && state & BITS != 0 {
        plane.forget(&flow.ends().key, slot);
    }
    retired
}

/// Lets a record that was BUSY be taken again.
#[inline(always)]
pub fn free(flow: &Flow) {
    flow.state.store(flow.state.load() & !BITS);
}

/// Settles what became of the flow in `slot` with its endpoint's counts; for whoever changed it.
///
/// A connection that is over puts its record back in the ring, and gives its place in the limit back.
#[inline(always)]
pub fn settle<D: Dataplane>(plane: &D, number: u32, slot: u32, change: Change) {
    if !change.closed && !change.left_half_open {
        return;
    }
    let (Some(endpoint), Some(admission)) = (plane.endpoint(number), plane.admission(number)) else { return };
    if change.closed {
        // The record first: whoever gets the place finds a record.
        put(plane, endpoint, admission, slot);
    }
    admission.connections.give_back(change);
}

/// Transit address, counted from the endpoint's first, and transit port of the `index`th record of a
/// block of `slots`, for the flow that has `state`.
///
/// Each use of a record has the next of its ports.
#[must_use]
#[inline(always)]
pub const fn transit(index: u32, slots: u32, state: u32) -> (u32, u16) {
    let share = if slots < ADDRESS_SLOTS { slots } else { ADDRESS_SLOTS };
    let rotation = (state / USE) % (PORTS / share);
    #[expect(clippy::cast_possible_truncation, reason = "rotation < PORTS / share, so that it is below 2^16")]
    (index / ADDRESS_SLOTS, (FIRST_PORT + index % share + rotation * share) as u16)
}
