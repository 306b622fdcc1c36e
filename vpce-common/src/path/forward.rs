//! From the client to the backend, on a known flow.

use super::{Arrival, Stage, Verdict, drop_at, hop, transport::Transport};
use crate::{
    dataplane::Dataplane,
    layout::FlowKey,
    reason::DropReason,
    slots,
    state::{self, Side},
    wire::{EthHdr, Ipv4Hdr},
};

/// Translates a packet of the flow in `slot` and notes what it says of the connection.
#[inline(always)]
pub(super) fn forward<D: Dataplane, T: Transport>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &mut EthHdr,
    ip: &mut Ipv4Hdr,
    packet: &mut T,
    key: &FlowKey,
    slot: u32,
) -> Stage<Verdict> {
    let flow = plane.flow(slot).ok_or(Verdict::Drop(DropReason::Internal))?;
    let state = flow.state.load();
    let ends = flow.ends();
    if !state::usable(state) || ends.key != *key {
        return Err(Verdict::Drop(DropReason::Contended));
    }
    let number = Some(ends.endpoint);
    let endpoint = plane.endpoint(ends.endpoint).ok_or(Verdict::Drop(DropReason::Internal))?;
    if endpoint.generation != ends.generation {
        return Err(drop_at(plane, number, DropReason::StaleFlow));
    }
    let backend = plane.backend(ends.backend).ok_or(Verdict::Drop(DropReason::Internal))?;
    if backend.reachable == 0 {
        return Err(drop_at(plane, number, DropReason::BackendUnreachable));
    }
    hop(plane, ip, ends.endpoint)?;
    if packet.track(flow, state, Side::Client, plane.jiffies()) {
        slots::give_back(plane, ends.endpoint, slot);
    }
    flow.meet(arrival.link_number, eth.from);

    eth.to = backend.mac;
    eth.from = backend.gateway_mac;
    ip.src_addr = ends.transit.to_wire();
    ip.dst_addr = backend.address.to_wire();
    ip.ttl -= 1;
    ip.check = ends.forward_ip.apply(ip.check);
    packet.translate(ends.transit_port, ends.server_port, ends.forward_transport);

    if !state::still(flow, state) {
        return Err(Verdict::Drop(DropReason::Contended));
    }
    if let Some(stats) = plane.stats(ends.endpoint) {
        stats.forward_packets.add(1);
        stats.forward_bytes.add(arrival.length as u64);
    }
    Ok(Verdict::Forward(backend.ifindex))
}
