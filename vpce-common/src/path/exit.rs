//! The way out of a packet of a known flow: everything that can keep it in is asked before the packet is
//! changed.

use super::{
    Stage,
    end::{As, Ended, Leave},
    link::Arrival,
    mss,
    refuse::Tell,
};
use crate::{
    checksum::Delta,
    dataplane::Dataplane,
    layout::{Ends, Flow, Link},
    reason::DropReason,
    state,
    wire::{Be16, Be32, Ipv4Hdr, TIME_EXCEEDED, UNREACHABLE},
};

/// The record that a packet from the backend's side answers.
pub(super) struct Answered {
    pub slot: u32,
    /// Its state.
    pub state: u32,
}

/// What a packet asks of its way out.
#[derive(Clone, Copy)]
pub(super) struct Needs {
    /// Room for so many bytes of IP packet: it, or the largest that it will be cut into.
    pub bytes: u32,
    /// It says how large the other end's segments may be.
    pub greets: bool,
}

impl Needs {
    /// A packet that is not cut, and says nothing of segments.
    #[inline(always)]
    pub(super) fn of(ip: &Ipv4Hdr) -> Self {
        Self { bytes: u16::from_be_bytes(ip.tot_len).into(), greets: false }
    }
}

/// The way of a flow to its backend.
#[inline(always)]
pub(super) fn to_backend<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &Ipv4Hdr,
    ends: &Ends,
    needs: Needs,
) -> Stage<Leave> {
    current(plane, arrival, ends)?;
    let backend = plane.backend(ends.backend).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    if backend.reachable == 0 {
        return Err(arrival.end.drop_at(ends.endpoint, DropReason::BackendUnreachable));
    }
    let leave =
        Leave { link: backend.link, to: backend.station, entropy: ends.transit_port, ..arrival.back(As::Forward) };
    way(plane, arrival, ip, ends, needs, leave)
}

/// The way of a flow to its client; as [`to_backend`].
#[inline(always)]
pub(super) fn to_client<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &Ipv4Hdr,
    flow: &Flow,
    ends: &Ends,
    needs: Needs,
) -> Stage<Leave> {
    current(plane, arrival, ends)?;
    let link = flow.client_link.load();
    let leave = Leave { link, to: flow.client(), entropy: ends.transit_port, ..arrival.back(As::Reply) };
    way(plane, arrival, ip, ends, needs, leave)
}

/// Asks the link that a packet leaves by.
#[inline(always)]
fn way<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &Ipv4Hdr,
    ends: &Ends,
    needs: Needs,
    leave: Leave,
) -> Stage<Leave> {
    let link = plane.link(leave.link).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    if link.ifindex == 0 {
        return Err(arrival.end.drop_at(ends.endpoint, DropReason::LinkMissing));
    }
    hop(arrival, ip, ends.endpoint)?;
    fits(arrival, ip, needs, ends.endpoint, link)?;
    let mss = if needs.greets { mss::largest(link.mtu.min(arrival.link.mtu)) } else { 0 };
    Ok(Leave { mss, ..leave })
}

/// The flow's endpoint must be the one that it was made for.
#[inline(always)]
fn current<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ends: &Ends) -> Stage<()> {
    let endpoint = plane.endpoint(ends.endpoint).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    if endpoint.generation == ends.generation {
        Ok(())
    } else {
        Err(arrival.end.drop_at(ends.endpoint, DropReason::StaleFlow))
    }
}

/// A packet must have a hop left, else its sender is told by the gateway (RFC 791, RFC 1812 §5.3.1).
#[inline(always)]
pub(super) fn hop(arrival: &Arrival<'_>, ip: &Ipv4Hdr, endpoint: u32) -> Stage<()> {
    if ip.ttl > 1 {
        return Ok(());
    }
    let tell = Tell { kind: TIME_EXCEEDED, code: 0, mtu: 0, from: arrival.link.address };
    Err(arrival.tell(DropReason::TtlExpired, tell, endpoint))
}

/// A packet must fit its way out, else its sender is told what would (RFC 1191 §4), by the very
/// address that it writes to.
#[inline(always)]
fn fits(arrival: &Arrival<'_>, ip: &Ipv4Hdr, needs: Needs, endpoint: u32, link: &Link) -> Stage<()> {
    if needs.bytes <= link.mtu {
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "below the packet's length")]
    let mtu = link.mtu as u16;
    let tell = Tell { kind: UNREACHABLE, code: 4, mtu, from: Be32::from_wire(ip.dst_addr) };
    Err(arrival.tell(DropReason::TooBig, tell, endpoint))
}

/// The record that a packet from a backend answers, `to` being the transit address and port that it is
/// for, `from` the backend's. Both tell the record, so no hash is asked.
///
/// What matches no flow is dropped silently: it makes no state and refreshes nothing
/// (RFC 4787 REQ-8).
#[inline(always)]
pub(super) fn answered<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    to: (Be32, Be16),
    from: (Be32, Be16),
    protocol: u8,
) -> Stage<Answered> {
    let nobodys = || arrival.end.drop(DropReason::NotAReply);
    let transit = plane.transit(arrival.settings.transit_number(to.0)).ok_or_else(nobodys)?;
    let slot = transit.slot(to.1).ok_or_else(nobodys)?;
    let stray = |reason| arrival.end.drop_at(transit.endpoint, reason);
    let flow = plane.flow(slot).ok_or_else(nobodys)?;
    let state = flow.state.load();
    let ends = flow.ends();
    if !state::usable(state)
        || ends.endpoint != transit.endpoint
        || ends.transit_port != to.1
        || ends.server_port != from.1
        || ends.key.protocol != u16::from(protocol)
    {
        return Err(stray(DropReason::NotAReply));
    }
    let backend = plane.backend(ends.backend).ok_or_else(nobodys)?;
    if backend.vpc != arrival.link.vpc {
        return Err(stray(DropReason::WrongVpc));
    }
    if ends.server != from.0 {
        return Err(stray(DropReason::NotAReply));
    }
    Ok(Answered { slot, state })
}

/// Lets a translated packet go, unless its record was taken for another flow meanwhile.
#[inline(always)]
pub(super) fn finish(arrival: &Arrival<'_>, flow: &Flow, state: u32, leave: Leave, endpoint: u32) -> Ended {
    if state::still(flow, state) {
        return arrival.end.leave(leave, endpoint);
    }
    arrival.end.drop_at(endpoint, DropReason::Contended);
    // No refusal can be made of what was changed.
    Ended::Done
}

/// Gives a packet other addresses, one hop further; `delta` is what both change in the checksum.
#[inline(always)]
pub(super) fn readdress(ip: &mut Ipv4Hdr, source: Be32, destination: Be32, delta: Delta) {
    ip.src_addr = source.to_wire();
    ip.dst_addr = destination.to_wire();
    ip.ttl -= 1;
    ip.check = delta.apply(ip.check);
}
