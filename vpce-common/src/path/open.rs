//! Opens flows, and holds every endpoint to its limit of open connections.
//!
//! The order, and what undoes it: a place in the limit (given back), a record from the ring (put
//! back), the key in the hash, which publishes the flow.

use super::{Stage, link::Arrival, refuse::is_host, transport::Transport};
use crate::{
    checksum::Delta,
    dataplane::Dataplane,
    index::Place,
    layout::{Admission, Client, Dialled, Endpoint, Ends, Flow, FlowKey},
    reason::DropReason,
    slots,
    state::{self, BITS, Change, TRIES, USE},
    wire::{Be16, Be32},
};

/// Opens a flow for a first segment, whose key has the place `at`; answers the number of its record.
///
/// On `Ok` the flow can be found and its endpoint is charged for it exactly once. Of TCP only a
/// first segment opens one, so that stray segments cannot use up the limit.
#[inline(always)]
pub(super) fn open<D: Dataplane, T: Transport>(
    plane: &D,
    arrival: &Arrival<'_>,
    packet: &T,
    at: Place,
    key: &FlowKey,
    number: u32,
) -> Stage<u32> {
    let internal = || arrival.end.drop(DropReason::Internal);
    let refused = |reason| arrival.end.drop_at(number, reason);
    if !packet.opens() {
        return Err(refused(DropReason::NoFlow));
    }
    if martian(arrival, key) {
        return Err(refused(DropReason::MartianSource));
    }
    let endpoint = plane.endpoint(number).ok_or_else(internal)?.snapshot();
    let dialled = Dialled { endpoint: number, endpoint_port: key.endpoint_port, protocol: key.protocol };
    let server_port = match plane.mapping(&dialled) {
        Some(mapping) => mapping.server_port,
        None if endpoint.all_ports != 0 => key.endpoint_port,
        None => return Err(refused(DropReason::NoMapping)),
    };
    if endpoint.accepted == 0 || endpoint.slots == 0 {
        return Err(refused(DropReason::NotAccepted));
    }
    if plane.bars(number, key.client) {
        return Err(refused(DropReason::NotListed));
    }
    let backend = plane.backend(endpoint.backend).ok_or_else(internal)?;
    if backend.reachable == 0 {
        return Err(refused(DropReason::BackendUnreachable));
    }
    // A gateway endpoint keeps the destination.
    let server = if backend.address == Be32::new(0) { key.endpoint } else { backend.address };
    let admission = plane.admission(number).ok_or_else(internal)?;
    let bits = T::BEGINS;
    let open = admission.connections.take(endpoint.limit, state::half_open(bits)).map_err(refused)?;
    note_peak(admission, open);
    let slot = match slots::take(plane, &endpoint, admission) {
        Ok(slot) => slot,
        Err(reason) => {
            admission.connections.give_back(Change::between(bits, 0));
            return Err(refused(reason));
        }
    };
    let flow = plane.flow(slot).ok_or_else(internal)?;
    let state = (flow.state.load() & !BITS).wrapping_add(USE);
    let (address, port) = slots::transit(slot - endpoint.first_slot, endpoint.slots, state);
    let transit = (Be32::new(endpoint.transit.get() + address), Be16::new(port));
    let ends = ends(&endpoint, key, number, (server, server_port), transit);
    // SAFETY: the record was taken, and is BUSY.
    unsafe { begin(plane, flow, packet, ends) };
    flow.meet(arrival.link_number, arrival.station);
    flow.state.store(state | bits);
    if plane.enter(at, key, slot) {
        if state::still(flow, state) {
            return Ok(slot);
        }
        // The reaper freed it before it was entered, its endpoint being re-pointed: nobody else
        // would take the entry out.
        plane.forget(key, slot);
        return Err(refused(DropReason::Contended));
    }
    // Another CPU opened the flow for the same packet: theirs counts. The reaper may have freed
    // this one meanwhile.
    if flow.state.swap_if(state | bits, state).is_ok() {
        slots::settle(plane, number, slot, Change::between(state | bits, state));
    }
    plane.find(at, key).ok_or_else(|| refused(DropReason::Contended))
}

/// Whether an endpoint lists its clients, and this one is not among them.
#[inline(always)]
pub fn barred<D: Dataplane>(plane: &D, endpoint: u32, client: Be32) -> bool {
    plane.endpoint(endpoint).is_some_and(|is| is.listed != 0) && !plane.lists(&Client { endpoint, network: client })
}

#[inline(always)]
fn note_peak(admission: &Admission, open: u32) {
    let mut peak = admission.peak.load();
    for _ in 0..TRIES {
        if peak >= open {
            return;
        }
        match admission.peak.swap_if(peak, open) {
            Ok(()) => return,
            Err(now) => peak = now,
        }
    }
}

/// No client has these: the transit range, what is no single host, and the endpoint's own address.
#[inline(always)]
fn martian(arrival: &Arrival<'_>, key: &FlowKey) -> bool {
    arrival.settings.is_transit(key.client) || !is_host(key.client) || key.client == key.endpoint
}

#[inline(always)]
fn ends(endpoint: &Endpoint, key: &FlowKey, number: u32, server: (Be32, Be16), transit: (Be32, Be16)) -> Ends {
    let addresses = |old: (Be32, Be32), new: (Be32, Be32)| {
        Delta::NONE.long(old.0.raw(), new.0.raw()).long(old.1.raw(), new.1.raw())
    };
    let ports = |old: (Be16, Be16), new: (Be16, Be16)| {
        Delta::NONE.word(old.0.raw(), new.0.raw()).word(old.1.raw(), new.1.raw())
    };
    let seen_by_client = (key.client, key.endpoint);
    let seen_by_backend = (transit.0, server.0);
    let client_ports = (key.client_port, key.endpoint_port);
    let backend_ports = (transit.1, server.1);
    let forward = addresses(seen_by_client, seen_by_backend);
    let reply = addresses(seen_by_backend, seen_by_client);
    Ends {
        key: *key,
        transit: transit.0,
        server: server.0,
        backend: endpoint.backend,
        transit_port: transit.1,
        server_port: server.1,
        endpoint: number,
        generation: endpoint.generation,
        forward_ip: forward.and(Delta::HOP),
        forward_transport: forward.and(ports(client_ports, backend_ports)),
        reply_ip: reply.and(Delta::HOP),
        reply_transport: reply.and(ports(backend_ports, client_ports)),
    }
}

/// Writes a record for the flow that `packet` opens.
///
/// # Safety
/// As [`Flow::set_ends`].
#[inline(always)]
unsafe fn begin<D: Dataplane, T: Transport>(plane: &D, flow: &Flow, packet: &T, ends: Ends) {
    // SAFETY: the caller's promise.
    unsafe { flow.set_ends(ends) };
    flow.touched.store(plane.jiffies());
    packet.begin(flow);
}
