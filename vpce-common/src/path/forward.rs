//! From the client to the backend, on a known flow.

use super::{Ended, Stage, exit, fast, fragment, link::Arrival, packet::Part, transport::Transport};
use crate::{
    checksum::Delta,
    dataplane::{Dataplane, Frame},
    layout::FlowKey,
    reason::DropReason,
    slots,
    state::{self, Side},
    wire::Ipv4Hdr,
};

/// Translates a packet of the flow in `slot` and notes what it says of the connection.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "all that the stages before it found")]
pub(super) fn forward<'f, D: Dataplane, F: Frame<'f>, T: Transport>(
    plane: &D,
    frame: &F,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    part: Part,
    packet: &mut T,
    key: &FlowKey,
    slot: u32,
) -> Stage<Ended> {
    let flow = plane.flow(slot).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    let state = flow.state.load();
    let ends = flow.ends();
    if !state::usable(state) || ends.key != *key {
        return Err(arrival.end.drop_at(ends.endpoint, DropReason::Contended));
    }
    let leave = exit::to_backend(plane, arrival, ip, ends, packet.needs(arrival.cut_into, ip))?;
    let noted = packet.track(flow, state, Side::Client, plane.jiffies());
    slots::settle(plane, ends.endpoint, slot, noted.change);
    if noted.believed {
        // Answers must not go to whoever forges a segment.
        flow.meet(arrival.link_number, arrival.station);
    }
    fast::learn::<D, T>(plane, arrival.settings, flow, state, slot);
    fragment::note(plane, arrival, ip, part, slot, state);

    exit::readdress(ip, ends.transit, ends.server, ends.forward_ip);
    let addresses = ends.forward_ip.without(Delta::HOP);
    packet.translate(frame, ends.transit_port, ends.server_port, ends.forward_transport, addresses);

    Ok(exit::finish(arrival, flow, state, leave, ends.endpoint))
}
