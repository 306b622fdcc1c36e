//! Fragments (RFC 4787 REQ-14): the first has the ports, the later ones follow its flow.
//!
//! One that comes before the first is dropped: nothing is kept of it, so nobody fills memory with
//! orphans. Its sender sends the whole datagram again.

use super::{Ended, Stage, exit, exit::Needs, link::Arrival, packet::Part};
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
    let (sender, receiver) = (Be32::from_wire(ip.src_addr), Be32::from_wire(ip.dst_addr));
    let Some(first) = plane.first_fragment(&datagram(arrival, ip)) else {
        return Err(arrival.end.unfit(DropReason::Fragment));
    };
    let flow = plane.flow(first.slot).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    if plane.jiffies().wrapping_sub(first.at) > arrival.settings.fragments || !state::still(flow, first.state) {
        return Err(arrival.end.unfit(DropReason::Fragment));
    }
    let ends = flow.ends();
    // The entry may be another datagram's by now: maps that forget reuse what they forgot.
    let seen_by_client = (ends.key.client, ends.key.endpoint, ends.key.vpc) == (sender, receiver, arrival.link.vpc);
    let backend_vpc = plane.backend(ends.backend).map(|backend| backend.vpc);
    let seen_by_backend = (ends.server, ends.transit, backend_vpc) == (sender, receiver, Some(arrival.link.vpc));
    if ends.key.protocol != u16::from(ip.proto) || !seen_by_client && !seen_by_backend {
        return Err(arrival.end.unfit(DropReason::Fragment));
    }
    let leave = if seen_by_backend {
        let leave = exit::to_client(plane, arrival, ip, flow, ends, Needs::of(ip))?;
        exit::readdress(ip, ends.key.endpoint, ends.key.client, ends.reply_ip);
        leave
    } else {
        let leave = exit::to_backend(plane, arrival, ip, ends, Needs::of(ip))?;
        exit::readdress(ip, ends.transit, ends.server, ends.forward_ip);
        leave
    };
    Ok(exit::finish(arrival, flow, first.state, leave, ends.endpoint))
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
