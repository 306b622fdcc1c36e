//! Opens flows, and holds every endpoint to its limit of open connections.
//!
//! The order, and what undoes it: a place in the limit (given back), a record from the free ring
//! (marked DEAD, the reaper frees it), the key in the hash, which publishes the flow.

use super::{Arrival, Stage, Verdict, drop_at, packet::Tcp};
use crate::{
    checksum::Delta,
    dataplane::Dataplane,
    layout::{Admission, Backend, Dialled, Endpoint, Ends, FIRST_PORT, Flow, FlowKey, PORTS},
    reason::DropReason,
    tcp::{BUSY, DEAD, OPEN},
    wire::{Be16, Be32, EthHdr},
};

/// Tries of a compare-and-swap against other CPUs before the packet is dropped.
const TRIES: u32 = 16;

/// Opens a flow for a first segment; answers the number of its record.
///
/// On `Ok` the flow can be found and its endpoint is charged for it exactly once. Only a first
/// segment opens one, so that stray segments cannot use up the limit.
#[inline(always)]
pub(super) fn open<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &EthHdr,
    tcp: &Tcp<'_>,
    key: &FlowKey,
    number: u32,
) -> Stage<u32> {
    const INTERNAL: Verdict = Verdict::Drop(DropReason::Internal);
    let refused = |reason| drop_at(plane, Some(number), reason);
    if !tcp.segment.opens() {
        return Err(refused(DropReason::NoFlow));
    }
    if martian(arrival, key) {
        return Err(refused(DropReason::MartianSource));
    }
    let dialled = Dialled {
        endpoint: key.endpoint,
        vpc: key.vpc,
        endpoint_port: key.endpoint_port,
        protocol: key.protocol.into(),
    };
    let Some(mapping) = plane.mapping(&dialled) else { return Err(refused(DropReason::NoMapping)) };
    let endpoint = plane.endpoint(number).ok_or(INTERNAL)?;
    if mapping.endpoint != number || endpoint.accepted == 0 || endpoint.slots == 0 {
        return Err(refused(DropReason::NotAccepted));
    }
    let backend = plane.backend(endpoint.backend).ok_or(INTERNAL)?;
    if backend.reachable == 0 {
        return Err(refused(DropReason::BackendUnreachable));
    }
    let admission = plane.admission(number).ok_or(INTERNAL)?;
    admit(admission, endpoint.limit).map_err(refused)?;
    let slot = match take(plane, endpoint, admission) {
        Ok(slot) => slot,
        Err(reason) => {
            admission.open.sub(1);
            return Err(refused(reason));
        }
    };
    let Some(flow) = plane.flow(slot) else {
        admission.open.sub(1);
        return Err(INTERNAL);
    };
    let offset = slot - endpoint.first_slot;
    let rotation = next_rotation(flow.ends().rotation, endpoint.slots);
    let ends = ends(endpoint, backend, key, eth, number, mapping.server_port, offset, rotation);
    // SAFETY: the record came off the free ring, so no other CPU can reach it.
    unsafe { begin(plane, flow, arrival, tcp, ends) };
    if plane.enter(key, slot) {
        return Ok(slot);
    }
    // Another CPU opened the flow for the same segment: theirs counts.
    flow.state.store(OPEN | DEAD);
    admission.open.sub(1);
    plane.find(key).ok_or_else(|| refused(DropReason::Contended))
}

/// Makes a closed flow new whole: its client dials the same again (RFC 6888 REQ-8 lets it).
///
/// The flow keeps its record and takes the record's next port. References to [`Flow::ends`] from
/// before are void.
#[inline(always)]
pub(super) fn reopen<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &EthHdr,
    tcp: &Tcp<'_>,
    flow: &Flow,
    state: u32,
) -> Stage<()> {
    const INTERNAL: Verdict = Verdict::Drop(DropReason::Internal);
    let old = *flow.ends();
    let number = old.endpoint;
    let refused = |reason| drop_at(plane, Some(number), reason);
    let endpoint = plane.endpoint(number).ok_or(INTERNAL)?;
    let backend = plane.backend(endpoint.backend).ok_or(INTERNAL)?;
    let admission = plane.admission(number).ok_or(INTERNAL)?;
    let dialled = Dialled {
        endpoint: old.key.endpoint,
        vpc: old.key.vpc,
        endpoint_port: old.key.endpoint_port,
        protocol: old.key.protocol.into(),
    };
    let Some(mapping) = plane.mapping(&dialled) else { return Err(refused(DropReason::NoMapping)) };
    if endpoint.generation != old.generation {
        return Err(refused(DropReason::StaleFlow));
    }
    if endpoint.accepted == 0 || mapping.endpoint != number {
        return Err(refused(DropReason::NotAccepted));
    }
    if backend.reachable == 0 {
        return Err(refused(DropReason::BackendUnreachable));
    }
    admit(admission, endpoint.limit).map_err(refused)?;
    if flow.state.swap_if(state, BUSY).is_err() {
        admission.open.sub(1);
        return Err(refused(DropReason::Contended));
    }
    let offset = (u32::from(old.transit_port.get()) - FIRST_PORT) & (endpoint.slots - 1);
    let rotation = next_rotation(old.rotation, endpoint.slots);
    let ends = ends(endpoint, backend, &old.key, eth, number, mapping.server_port, offset, rotation);
    // SAFETY: BUSY keeps every other CPU and the reaper off the record.
    unsafe { begin(plane, flow, arrival, tcp, ends) };
    Ok(())
}

/// Takes a place in the limit.
#[inline(always)]
fn admit(admission: &Admission, limit: u32) -> Result<(), DropReason> {
    let mut open = admission.open.load();
    for _ in 0..TRIES {
        if open >= limit {
            return Err(DropReason::LimitReached);
        }
        match admission.open.swap_if(open, open + 1) {
            Ok(()) => {
                note_peak(admission, open + 1);
                return Ok(());
            }
            Err(now) => open = now,
        }
    }
    Err(DropReason::Contended)
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

/// Gives a closed connection's place back; for whoever closed it, once.
#[inline(always)]
pub(super) fn give_back<D: Dataplane>(plane: &D, endpoint: u32) {
    if let Some(admission) = plane.admission(endpoint) {
        admission.open.sub(1);
    }
}

/// Takes the oldest free record of the endpoint's block.
#[inline(always)]
fn take<D: Dataplane>(plane: &D, endpoint: &Endpoint, admission: &Admission) -> Result<u32, DropReason> {
    let mut head = admission.head.load();
    for _ in 0..TRIES {
        if head == admission.tail.load() {
            return Err(DropReason::NoFreeSlot);
        }
        // Read before the swap: once `head` moved on, the reaper may write the place again.
        let slot = plane.free(endpoint.ring(head)).ok_or(DropReason::Internal)?.load();
        match admission.head.swap_if(head, head.wrapping_add(1)) {
            Ok(()) => return Ok(slot),
            Err(now) => head = now,
        }
    }
    Err(DropReason::Contended)
}

/// A record of a block walks through all its ports before one comes back: late packets of its old
/// flows meet another port, and the backend another tuple.
#[inline(always)]
fn next_rotation(rotation: u16, slots: u32) -> u16 {
    #[expect(clippy::cast_possible_truncation, reason = "slots are at least 2, so rotations fit")]
    let rotations = (PORTS / slots) as u16;
    if rotation + 1 < rotations { rotation + 1 } else { 0 }
}

/// No client has these: the transit range, this-network, loopback, multicast (RFC 6890), and the
/// endpoint's own address.
#[inline(always)]
fn martian(arrival: &Arrival<'_>, key: &FlowKey) -> bool {
    let first = key.client.to_wire()[0];
    arrival.settings.is_transit(key.client) || first == 0 || first == 127 || first >= 224 || key.client == key.endpoint
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "inlined; a struct would only be unpacked again")]
fn ends(
    endpoint: &Endpoint,
    backend: &Backend,
    key: &FlowKey,
    eth: &EthHdr,
    number: u32,
    server_port: Be16,
    offset: u32,
    rotation: u16,
) -> Ends {
    #[expect(clippy::cast_possible_truncation, reason = "offset < slots and rotation < PORTS / slots")]
    let transit_port = Be16::new((FIRST_PORT + offset + u32::from(rotation) * endpoint.slots) as u16);
    let addresses = |old: (Be32, Be32), new: (Be32, Be32)| {
        Delta::NONE.long(old.0.raw(), new.0.raw()).long(old.1.raw(), new.1.raw())
    };
    let ports = |old: (Be16, Be16), new: (Be16, Be16)| {
        Delta::NONE.word(old.0.raw(), new.0.raw()).word(old.1.raw(), new.1.raw())
    };
    let seen_by_client = (key.client, key.endpoint);
    let seen_by_backend = (endpoint.transit, backend.address);
    let client_ports = (key.client_port, key.endpoint_port);
    let backend_ports = (transit_port, server_port);
    let forward = addresses(seen_by_client, seen_by_backend);
    let reply = addresses(seen_by_backend, seen_by_client);
    Ends {
        key: *key,
        transit: endpoint.transit,
        backend: backend.address,
        transit_port,
        server_port,
        endpoint: number,
        generation: endpoint.generation,
        client_mac: eth.from,
        rotation,
        forward_ip: forward.and(Delta::HOP),
        forward_tcp: forward.and(ports(client_ports, backend_ports)),
        reply_ip: reply.and(Delta::HOP),
        reply_tcp: reply.and(ports(backend_ports, client_ports)),
    }
}

/// Writes a record for the flow that `tcp` opens.
///
/// # Safety
/// As [`Flow::set_ends`].
#[inline(always)]
unsafe fn begin<D: Dataplane>(plane: &D, flow: &Flow, arrival: &Arrival<'_>, tcp: &Tcp<'_>, ends: Ends) {
    // SAFETY: the caller's promise.
    unsafe { flow.set_ends(ends) };
    flow.touched.store(plane.jiffies());
    flow.client_link.store(arrival.link_number);
    flow.client_end.store(tcp.segment.end());
    flow.client_ack.store(0);
    flow.backend_end.store(0);
    flow.backend_ack.store(0);
    flow.state.store(OPEN);
}
