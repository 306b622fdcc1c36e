//! The way out of a packet of a known flow: everything that can keep it in is asked before the packet is
//! changed.

use super::{
    Stage,
    leave::{As, End, Leave},
    link::Arrival,
    mss,
    packet::{self, Part},
    refuse::Tell,
};
use crate::{
    checksum::Delta,
    dataplane::Dataplane,
    layout::{Ends, FIRST_PORT, Flow, Link, Station},
    reason::DropReason,
    state,
    wire::{self, Be16, Be32, Ipv4Hdr, TIME_EXCEEDED, UNREACHABLE},
};

/// The record that a packet from the backend's side answers.
pub(super) struct Answered {
    pub slot: u32,
    /// Its state.
    pub state: u32,
}

/// The way of a flow to its backend.
#[inline(always)]
pub(super) fn to_backend<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ip: &Ipv4Hdr, ends: &Ends) -> Stage<Leave> {
    let number = Some(ends.endpoint);
    current(plane, ends)?;
    let backend = plane.backend(ends.backend).ok_or(End::drop(DropReason::Internal))?;
    if backend.reachable == 0 {
        return Err(drop_at(plane, number, DropReason::BackendUnreachable));
    }
    way(plane, arrival, ip, ends, As::Forward, backend.link, backend.station)
}

/// The way of a flow to its client.
#[inline(always)]
pub(super) fn to_client<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &Ipv4Hdr,
    flow: &Flow,
    ends: &Ends,
) -> Stage<Leave> {
    current(plane, ends)?;
    way(plane, arrival, ip, ends, As::Reply, flow.client_link.load(), flow.client())
}

#[inline(always)]
fn way<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &Ipv4Hdr,
    ends: &Ends,
    as_what: As,
    number: u32,
    to: Station,
) -> Stage<Leave> {
    let link = plane.link(number).ok_or(End::drop(DropReason::Internal))?;
    if link.ifindex == 0 {
        return Err(drop_at(plane, Some(ends.endpoint), DropReason::LinkMissing));
    }
    hop(plane, arrival, ip, ends.endpoint)?;
    fits(plane, arrival, ip, ends.endpoint, link)?;
    let mss = mss::largest(link.mtu.min(arrival.link.mtu));
    Ok(Leave { link: number, to, entropy: ends.transit_port, mss, as_what, pad: [0; 3] })
}

/// The flow's endpoint must be the one that it was made for.
#[inline(always)]
fn current<D: Dataplane>(plane: &D, ends: &Ends) -> Stage<()> {
    let endpoint = plane.endpoint(ends.endpoint).ok_or(End::drop(DropReason::Internal))?;
    if endpoint.generation == ends.generation {
        Ok(())
    } else {
        Err(drop_at(plane, Some(ends.endpoint), DropReason::StaleFlow))
    }
}

/// A packet must have a hop left, else its sender is told by the gateway (RFC 791, RFC 1812 §5.3.1).
#[inline(always)]
pub(super) fn hop<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ip: &Ipv4Hdr, endpoint: u32) -> Stage<()> {
    if ip.ttl > 1 {
        return Ok(());
    }
    Err(told(
        plane,
        arrival,
        ip,
        endpoint,
        DropReason::TtlExpired,
        Tell { kind: TIME_EXCEEDED, code: 0, mtu: 0, from: arrival.link.address },
    ))
}

/// A packet must fit its way out, else its sender is told what would (RFC 1191 §4), by the very
/// address that it writes to.
///
/// One that is too long for the way in, too, was put together by an offload on the way here; the
/// kernel takes it apart again.
#[inline(always)]
fn fits<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ip: &Ipv4Hdr, endpoint: u32, link: &Link) -> Stage<()> {
    let length = u32::from(u16::from_be_bytes(ip.tot_len));
    if length <= link.mtu || length > arrival.link.mtu {
        return Ok(());
    }
    #[expect(clippy::cast_possible_truncation, reason = "below the packet's length")]
    let mtu = link.mtu as u16;
    let from = Be32::from_wire(ip.dst_addr);
    Err(told(plane, arrival, ip, endpoint, DropReason::TooBig, Tell { kind: UNREACHABLE, code: 4, mtu, from }))
}

/// Drops a packet of an endpoint and tells its sender, but not of an ICMP message or a later fragment,
/// nor one that is no single host (RFC 1122 §3.2.2).
#[inline(always)]
fn told<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &Ipv4Hdr,
    endpoint: u32,
    reason: DropReason,
    tell: Tell,
) -> End {
    let drop = drop_at(plane, Some(endpoint), reason);
    if ip.proto == wire::ICMP || matches!(packet::part(ip), Part::Later) || !is_host(Be32::from_wire(ip.src_addr)) {
        drop
    } else {
        End::tell(reason, arrival, tell)
    }
}

/// Whether an address can be a single host's: neither this-network, loopback, multicast nor reserved
/// (RFC 6890).
#[inline(always)]
pub(super) fn is_host(address: Be32) -> bool {
    let first = address.to_wire()[0];
    first != 0 && first != 127 && first < 224
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
    const STRAY: End = End::drop(DropReason::NotAReply);
    let transit = plane.transit(arrival.settings.transit_number(to.0)).ok_or(STRAY)?;
    let port = u32::from(to.1.get());
    if transit.slots == 0 || port < FIRST_PORT {
        return Err(STRAY);
    }
    let stray = |reason| drop_at(plane, Some(transit.endpoint), reason);
    let slot = transit.first_slot + ((port - FIRST_PORT) & (transit.slots - 1));
    let flow = plane.flow(slot).ok_or(STRAY)?;
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
    let backend = plane.backend(ends.backend).ok_or(STRAY)?;
    if backend.vpc != arrival.link.vpc {
        return Err(stray(DropReason::WrongVpc));
    }
    if ends.server != from.0 {
        return Err(stray(DropReason::NotAReply));
    }
    Ok(Answered { slot, state })
}

/// Gives a packet other addresses, one hop further; `delta` is what both change in the checksum.
#[inline(always)]
pub(super) fn readdress(ip: &mut Ipv4Hdr, source: Be32, destination: Be32, delta: Delta) {
    ip.src_addr = source.to_wire();
    ip.dst_addr = destination.to_wire();
    ip.ttl -= 1;
    ip.check = delta.apply(ip.check);
}

/// Ends a packet of an endpoint, and counts it there.
#[inline(always)]
pub(super) fn drop_at<D: Dataplane>(plane: &D, endpoint: Option<u32>, reason: DropReason) -> End {
    if let Some(stats) = endpoint.and_then(|number| plane.stats(number)) {
        stats.dropped[reason.place()].add(1);
    }
    End::drop(reason)
}
