//! From the backend to the client.

use super::{Ended, Stage, exit, fast, fragment, link::Arrival, packet::Part, transport::Transport};
use crate::{
    checksum::Delta,
    dataplane::{Dataplane, Frame},
    reason::DropReason,
    slots,
    state::Side,
    wire::{Be32, Ipv4Hdr},
};

/// Translates an answer and notes what it says of the connection.
#[inline(always)]
pub(super) fn reply<'f, D: Dataplane, F: Frame<'f>, T: Transport>(
    plane: &D,
    frame: &F,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    part: Part,
    packet: &mut T,
) -> Stage<Ended> {
    let to = (Be32::from_wire(ip.dst_addr), packet.destination());
    let from = (Be32::from_wire(ip.src_addr), packet.source());
    let exit::Answered { slot, state } = exit::answered(plane, arrival, to, from, T::PROTOCOL)?;
    let flow = plane.flow(slot).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    let ends = flow.ends();
    let leave = exit::to_client(plane, arrival, ip, flow, ends, packet.needs(arrival.cut_into, ip))?;
    let noted = packet.track(flow, state, Side::Backend, plane.jiffies());
    slots::settle(plane, ends.endpoint, slot, noted.change);
    fast::learn::<D, T>(plane, arrival.settings, flow, state, slot);
    fragment::note(plane, arrival, ip, part, slot, state);

    exit::readdress(ip, ends.key.endpoint, ends.key.client, ends.reply_ip);
    let addresses = ends.reply_ip.without(Delta::HOP);
    packet.translate(frame, ends.key.endpoint_port, ends.key.client_port, ends.reply_transport, addresses);

    Ok(exit::finish(arrival, flow, state, leave, ends.endpoint))
}
