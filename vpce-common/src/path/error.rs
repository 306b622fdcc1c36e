//! ICMP errors about packets of a flow (RFC 5508 §4): translated whole, the quoted packet too.
//!
//! They tell a sender of a smaller MTU, of a port that nobody listens on, of a loop. An error never
//! ends or refreshes a flow (RFC 5508 REQ-6): everybody can forge one.

use super::{Arrival, Stage, Verdict, drop_at, hop, packet::Quoted};
use crate::{
    checksum::Delta,
    dataplane::Dataplane,
    layout::{Ends, FIRST_PORT, Flow, FlowKey},
    reason::DropReason,
    state,
    wire::{Be16, Be32, EthHdr, IcmpHdr, Ipv4Hdr, UDP},
};

/// Addresses and ports of a packet: of its source, then of its destination.
type Tuple = [(Be32, Be16); 2];

/// Translates an error that came from the client's side, about a packet that the flow sent there.
#[inline(always)]
pub(super) fn forward<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &mut EthHdr,
    ip: &mut Ipv4Hdr,
    icmp: &mut IcmpHdr,
    mut quoted: Quoted<'_>,
) -> Stage<Verdict> {
    let endpoint = arrival.endpoint(plane, ip).ok_or(Verdict::Pass)?;
    let stray = |reason| drop_at(plane, Some(endpoint), reason);
    let [(dialled, endpoint_port), (client, client_port)] = quoted.tuple();
    let key = FlowKey {
        client,
        endpoint: dialled,
        client_port,
        endpoint_port,
        vpc: arrival.link.vpc,
        protocol: quoted.ip.proto.into(),
    };
    let slot = plane.find(&key).ok_or_else(|| stray(DropReason::NoFlow))?;
    let flow = plane.flow(slot).ok_or_else(|| stray(DropReason::Internal))?;
    let state = flow.state.load();
    let ends = flow.ends();
    if !state::usable(state) || ends.key != key || dialled != Be32::from_wire(ip.dst_addr) {
        return Err(stray(DropReason::NoFlow));
    }
    current(plane, ends)?;
    let backend = plane.backend(ends.backend).filter(|backend| backend.reachable != 0);
    let Some(backend) = backend else { return Err(stray(DropReason::BackendUnreachable)) };
    hop(plane, ip, endpoint)?;

    eth.to = backend.mac;
    eth.from = backend.gateway_mac;
    address(ip, ends.transit, backend.address);
    requote(icmp, &mut quoted, [(backend.address, ends.server_port), (ends.transit, ends.transit_port)]);
    finish(flow, state, Verdict::Forward(backend.ifindex))
}

/// Translates an error that came from the backend's side, about a packet that the flow sent there.
///
/// The client is told by the endpoint, whoever told it to the gateway: nothing else of the backend's
/// network has an address for it.
#[inline(always)]
pub(super) fn reply<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &mut EthHdr,
    ip: &mut Ipv4Hdr,
    icmp: &mut IcmpHdr,
    mut quoted: Quoted<'_>,
) -> Stage<Verdict> {
    const STRAY: Verdict = Verdict::Drop(DropReason::NotAReply);
    let [(transit_address, transit_port), (server, server_port)] = quoted.tuple();
    let transit = plane.transit(arrival.settings.transit_number(Be32::from_wire(ip.dst_addr))).ok_or(STRAY)?;
    let port = u32::from(transit_port.get());
    if transit.slots == 0 || port < FIRST_PORT || transit_address != Be32::from_wire(ip.dst_addr) {
        return Err(STRAY);
    }
    let stray = |reason| drop_at(plane, Some(transit.endpoint), reason);
    let slot = transit.first_slot + ((port - FIRST_PORT) & (transit.slots - 1));
    let flow = plane.flow(slot).ok_or(STRAY)?;
    let state = flow.state.load();
    let ends = flow.ends();
    let backend = plane.backend(ends.backend).ok_or(STRAY)?;
    if backend.vpc != arrival.link.vpc {
        return Err(stray(DropReason::WrongVpc));
    }
    if !state::usable(state)
        || ends.endpoint != transit.endpoint
        || (ends.transit_port, ends.server_port, ends.key.protocol)
            != (transit_port, server_port, quoted.ip.proto.into())
        || backend.address != server
    {
        return Err(stray(DropReason::NotAReply));
    }
    current(plane, ends)?;
    let out = plane.link(flow.client_link.load()).filter(|link| link.ifindex != 0);
    let Some(out) = out else { return Err(stray(DropReason::LinkMissing)) };
    hop(plane, ip, transit.endpoint)?;

    eth.to = flow.client_mac();
    eth.from = out.mac;
    address(ip, ends.key.endpoint, ends.key.client);
    requote(icmp, &mut quoted, [(ends.key.client, ends.key.client_port), (ends.key.endpoint, ends.key.endpoint_port)]);
    finish(flow, state, Verdict::Reply(out.ifindex))
}

/// The flow's endpoint must be the one that it was made for.
#[inline(always)]
fn current<D: Dataplane>(plane: &D, ends: &Ends) -> Stage<()> {
    let endpoint = plane.endpoint(ends.endpoint).filter(|endpoint| endpoint.generation == ends.generation);
    endpoint.map(drop).ok_or_else(|| drop_at(plane, Some(ends.endpoint), DropReason::StaleFlow))
}

/// Gives the packet other addresses, one hop further.
#[inline(always)]
fn address(ip: &mut Ipv4Hdr, source: Be32, destination: Be32) {
    let delta = Delta::HOP
        .long(Be32::from_wire(ip.src_addr).raw(), source.raw())
        .long(Be32::from_wire(ip.dst_addr).raw(), destination.raw());
    ip.src_addr = source.to_wire();
    ip.dst_addr = destination.to_wire();
    ip.ttl -= 1;
    ip.check = delta.apply(ip.check);
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
        let new = addresses.and(ports).apply(old);
        message = message.word(u16::from_ne_bytes(old), u16::from_ne_bytes(new));
        (quoted.start.rest[2], quoted.start.rest[3]) = (new[0], new[1]);
    }
    quoted.ip.src_addr = tuple[0].0.to_wire();
    quoted.ip.dst_addr = tuple[1].0.to_wire();
    quoted.start.source = tuple[0].1.to_wire();
    quoted.start.destination = tuple[1].1.to_wire();
    icmp.check = message.apply(icmp.check);
}

#[inline(always)]
fn finish(flow: &Flow, state: u32, verdict: Verdict) -> Stage<Verdict> {
    if state::still(flow, state) { Ok(verdict) } else { Err(Verdict::Drop(DropReason::Contended)) }
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
