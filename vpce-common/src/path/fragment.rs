//! Fragments (RFC 4787 REQ-14): the first has the ports, the later ones follow its flow.
//!
//! One that comes before the first is dropped: nothing is kept of it, so nobody fills memory with
//! orphans. Its sender sends the whole datagram again.

use super::{Ended, Stage, exit, link::Arrival, packet::Part};
use crate::{
    dataplane::Dataplane,
    layout::{Datagram, FirstFragment},
    reason::DropReason,
    state,
    wire::{Be16, Be32, Ipv4Hdr},
};

/// Notes the flow of a first fragment, which was not changed yet.
#[inline(always)]
pub(super) fn note<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ip: &Ipv4Hdr, part: Part, slot: u32, state: u32) {
    if matches!(part, Part::First) {
        plane.note_fragment(&datagram(arrival, ip), &FirstFragment { slot, state, at: plane.jiffies() });
    }
}

/// Translates a later fragment as the first one of its datagram.
#[inline(always)]
pub(super) fn follow<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ip: &mut Ipv4Hdr) -> Stage<Ended> {
    let Some(first) = plane.first_fragment(&datagram(arrival, ip)) else {
        return Err(arrival.end.unfit(DropReason::Fragment));
    };
    let flow = plane.flow(first.slot).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    if plane.jiffies().wrapping_sub(first.at) > arrival.settings.fragments || !state::still(flow, first.state) {
        return Err(arrival.end.unfit(DropReason::Fragment));
    }
    let ends = flow.ends();
    let leave = if arrival.settings.is_transit(Be32::from_wire(ip.dst_addr)) {
        let leave = exit::to_client(plane, arrival, ip, flow, ends, false)?;
        exit::readdress(ip, ends.key.endpoint, ends.key.client, ends.reply_ip);
        leave
    } else {
        let leave = exit::to_backend(plane, arrival, ip, ends, false)?;
        exit::readdress(ip, ends.transit, ends.server, ends.forward_ip);
        leave
    };
    if state::still(flow, first.state) {
        Ok(arrival.end.leave(leave, ends.endpoint))
    } else {
        Err(arrival.end.drop_at(ends.endpoint, DropReason::Contended))
    }
}

#[inline(always)]
fn datagram(arrival: &Arrival<'_>, ip: &Ipv4Hdr) -> Datagram {
    Datagram {
        sender: Be32::from_wire(ip.src_addr),
        receiver: Be32::from_wire(ip.dst_addr),
        vpc: arrival.link.vpc,
        id: Be16::from_wire(ip.id),
        protocol: ip.proto.into(),
    }
}
