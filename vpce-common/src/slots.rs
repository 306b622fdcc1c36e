//! Flow records: who may take one, and how it comes back.
//!
//! A record is *open* (a connection that counts), *closed* (late segments are still translated) or
//! *free*. Closed and free ones are in their endpoint's ring, the longest unused first, so a closed
//! flow keeps its record for as long as there are others, and never at the price of a new one.
//! Each use takes the record's next transit port: late packets of an old flow meet another port,
//! and a port comes back only after all others of its record (RFC 6888 REQ-8).

use crate::{
    dataplane::Dataplane,
    layout::{Admission, Endpoint, Flow, PORTS},
    reason::DropReason,
    tcp::{self, BITS, BUSY, TRIES, USE},
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
        if clear(plane, flow, flow.state.load()) {
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

/// Makes a closed or free record BUSY and removes the key that leads to it; answers whether it
/// could. A record that is open, or BUSY elsewhere, stays as it is.
#[inline(always)]
pub fn clear<D: Dataplane>(plane: &D, flow: &Flow, state: u32) -> bool {
    let free = state & BITS == 0;
    let closed = tcp::usable(state) && tcp::closed(state);
    if !(free || closed) || flow.state.swap_if(state, state & !BITS | BUSY).is_err() {
        return false;
    }
    if closed {
        plane.forget(&flow.ends().key);
    }
    true
}

/// A closed connection: gives its place in the limit back, and its record to the ring.
///
/// For whoever closed it, once.
#[inline(always)]
pub fn give_back<D: Dataplane>(plane: &D, number: u32, slot: u32) {
    let (Some(endpoint), Some(admission)) = (plane.endpoint(number), plane.admission(number)) else { return };
    admission.open.sub(1);
    put(plane, endpoint, admission, slot);
}

/// Which of its ports a record has, from its state. A record of `slots` has `PORTS / slots` ports.
#[must_use]
#[inline(always)]
pub const fn rotation(state: u32, slots: u32) -> u32 {
    (state / USE) % (PORTS / slots)
}
