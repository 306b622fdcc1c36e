//! From the backend to the client.

use super::{Arrival, Stage, Verdict, drop_at, hop, transport::Transport};
use crate::{
    dataplane::Dataplane,
    layout::FIRST_PORT,
    reason::DropReason,
    slots,
    state::{self, Side},
    wire::{Be32, EthHdr, Ipv4Hdr},
};

/// Translates an answer. Transit address and port tell the record, so no hash is asked.
///
/// What matches no flow is dropped silently: it makes no state and refreshes nothing
/// (RFC 4787 REQ-8).
#[inline(always)]
pub(super) fn reply<D: Dataplane, T: Transport>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &mut EthHdr,
    ip: &mut Ipv4Hdr,
    packet: &mut T,
) -> Stage<Verdict> {
    const STRAY: Verdict = Verdict::Drop(DropReason::NotAReply);
    let transit = plane.transit(arrival.settings.transit_number(Be32::from_wire(ip.dst_addr))).ok_or(STRAY)?;
    let port = packet.destination();
    if transit.slots == 0 || u32::from(port.get()) < FIRST_PORT {
        return Err(STRAY);
    }
    let number = Some(transit.endpoint);
    let stray = |reason| drop_at(plane, number, reason);
    let endpoint = plane.endpoint(transit.endpoint).ok_or(STRAY)?;
    let slot = transit.first_slot + ((u32::from(port.get()) - FIRST_PORT) & (transit.slots - 1));
    let flow = plane.flow(slot).ok_or(STRAY)?;
    let state = flow.state.load();
    let ends = flow.ends();
    if !state::usable(state)
        || ends.endpoint != transit.endpoint
        || ends.transit_port != port
        || ends.server_port != packet.source()
        || ends.key.protocol != u16::from(T::PROTOCOL)
    {
        return Err(stray(DropReason::NotAReply));
    }
    let backend = plane.backend(ends.backend).ok_or(STRAY)?;
    if backend.vpc != arrival.link.vpc {
        return Err(stray(DropReason::WrongVpc));
    }
    if backend.address != Be32::from_wire(ip.src_addr) {
        return Err(stray(DropReason::NotAReply));
    }
    if endpoint.generation != ends.generation {
        return Err(stray(DropReason::StaleFlow));
    }
    let out = plane.link(flow.client_link.load()).filter(|link| link.ifindex != 0);
    let Some(out) = out else { return Err(stray(DropReason::LinkMissing)) };
    hop(plane, ip, transit.endpoint)?;
    if packet.track(flow, state, Side::Backend, plane.jiffies()) {
        slots::give_back(plane, transit.endpoint, slot);
    }

    eth.to = flow.client_mac();
    eth.from = out.mac;
    ip.src_addr = ends.key.endpoint.to_wire();
    ip.dst_addr = ends.key.client.to_wire();
    ip.ttl -= 1;
    ip.check = ends.reply_ip.apply(ip.check);
    packet.translate(ends.key.endpoint_port, ends.key.client_port, ends.reply_transport);

    if !state::still(flow, state) {
        return Err(Verdict::Drop(DropReason::Contended));
    }
    if let Some(stats) = plane.stats(transit.endpoint) {
        stats.reply_packets.add(1);
        stats.reply_bytes.add(arrival.length as u64);
    }
    Ok(Verdict::Reply(out.ifindex))
}
