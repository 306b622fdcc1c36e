//! ICMP errors about packets of a flow (RFC 5508 §4): translated whole, the quoted packet too.
//!
//! They tell a sender of a smaller MTU, of a port that nobody listens on, of a loop. An error never
//! ends or refreshes a flow (RFC 5508 REQ-6): everybody can forge one.

use super::{Ended, Stage, exit, exit::Needs, link::Arrival, packet::Quoted};
use crate::{
    checksum::Delta,
    dataplane::Dataplane,
    layout::FlowKey,
    reason::DropReason,
    state,
    wire::{Be16, Be32, IcmpHdr, Ipv4Hdr, UDP},
};

/// Addresses and ports of a packet: of its source, then of its destination.
type Tuple = [(Be32, Be16); 2];

/// Translates an error that came from the client's side, about a packet that the flow sent there.
#[inline(always)]
pub(super) fn forward<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    icmp: &mut IcmpHdr,
    mut quoted: Quoted<'_>,
) -> Stage<Ended> {
    let endpoint = arrival.endpoint(plane, ip).ok_or(Ended::Done)?;
    let stray = |reason| arrival.end.drop_at(endpoint, reason);
    let [dialled, client] = quoted.tuple();
    let key = FlowKey::new(client, dialled, arrival.link.vpc, quoted.ip.proto);
    let slot = plane.find(plane.place(&key), &key).ok_or_else(|| stray(DropReason::NoFlow))?;
    let flow = plane.flow(slot).ok_or_else(|| stray(DropReason::Internal))?;
    let state = flow.state.load();
    let ends = flow.ends();
    if !state::usable(state) || ends.key != key || dialled.0 != Be32::from_wire(ip.dst_addr) {
        return Err(stray(DropReason::NoFlow));
    }
    let leave = exit::to_backend(plane, arrival, ip, ends, Needs::of(ip))?;
    address(ip, ends.transit, ends.server);
    requote(icmp, &mut quoted, [(ends.server, ends.server_port), (ends.transit, ends.transit_port)]);
    Ok(exit::finish(arrival, flow, state, leave, endpoint))
}

/// Translates an error that came from the backend's side, about a packet that the flow sent there.
///
/// The client is told by the endpoint, whoever told it to the gateway: nothing else of the backend's
/// network has an address for it.
#[inline(always)]
pub(super) fn reply<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    icmp: &mut IcmpHdr,
    mut quoted: Quoted<'_>,
) -> Stage<Ended> {
    let [sent_by, sent_to] = quoted.tuple();
    if sent_by.0 != Be32::from_wire(ip.dst_addr) {
        return Err(arrival.end.drop(DropReason::NotAReply));
    }
    let exit::Answered { slot, state } = exit::answered(plane, arrival, sent_by, sent_to, quoted.ip.proto)?;
    let flow = plane.flow(slot).ok_or_else(|| arrival.end.drop(DropReason::Internal))?;
    let ends = flow.ends();
    let leave = exit::to_client(plane, arrival, ip, flow, ends, Needs::of(ip))?;
    address(ip, ends.key.endpoint, ends.key.client);
    requote(icmp, &mut quoted, [(ends.key.client, ends.key.client_port), (ends.key.endpoint, ends.key.endpoint_port)]);
    Ok(exit::finish(arrival, flow, state, leave, ends.endpoint))
}

/// Gives the packet other addresses, one hop further. Its own need not be the flow's: anybody on the
/// way may have sent it.
#[inline(always)]
fn address(ip: &mut Ipv4Hdr, source: Be32, destination: Be32) {
    let delta = Delta::HOP
        .long(Be32::from_wire(ip.src_addr).raw(), source.raw())
        .long(Be32::from_wire(ip.dst_addr).raw(), destination.raw());
    exit::readdress(ip, source, destination, delta);
}

/// Makes the quoted packet what its sender had sent, and the checksum of the message right.
#[inline(always)]
fn requote(icmp: &mut IcmpHdr, quoted: &mut Quoted<'_>, tuple: Tuple) {
    let old = quoted.tuple();
    let addresses = Delta::NONE.long(old[0].0.raw(), tuple[0].0.raw()).long(old[1].0.raw(), tuple[1].0.raw());
    let ports = Delta::NONE.word(old[0].1.raw(), tuple[0].1.raw()).word(old[1].1.raw(), tuple[1].1.raw());
    let mut message = addresses.and(ports);

    let check = addresses.apply(quoted.ip.check);
    message = message.word(u16::from_ne_bytes(quoted.ip.check), u16::from_ne_bytes(check));
    quoted.ip.check = check;
    // Of TCP the checksum lies beyond the eight bytes that are surely quoted.
    let old = [quoted.start.rest[2], quoted.start.rest[3]];
    if quoted.ip.proto == UDP && old != [0, 0] {
        let new = match addresses.and(ports).apply(old) {
            // Zero would say that there was none (RFC 768).
            [0, 0] => [0xff, 0xff],
            new => new,
        };
        message = message.word(u16::from_ne_bytes(old), u16::from_ne_bytes(new));
        (quoted.start.rest[2], quoted.start.rest[3]) = (new[0], new[1]);
    }
    quoted.ip.src_addr = tuple[0].0.to_wire();
    quoted.ip.dst_addr = tuple[1].0.to_wire();
    quoted.start.source = tuple[0].1.to_wire();
    quoted.start.destination = tuple[1].1.to_wire();
    icmp.check = message.apply(icmp.check);
}

impl Quoted<'_> {
    #[inline(always)]
    fn tuple(&self) -> Tuple {
        [
            (Be32::from_wire(self.ip.src_addr), Be16::from_wire(self.start.source)),
            (Be32::from_wire(self.ip.dst_addr), Be16::from_wire(self.start.destination)),
        ]
    }
}
