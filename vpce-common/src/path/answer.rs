//! What the gateway answers itself: ARP (RFC 826) and echo (RFC 792).

use super::{Arrival, Stage, Verdict, drop_at};
use crate::{
    checksum::Delta,
    dataplane::{Dataplane, Frame},
    layout::Local,
    reason::DropReason,
    wire::{ARP_REPLY, ARP_REQUEST, ArpHdr, Be32, ECHO_REPLY, ECHO_REQUEST, EthHdr, IcmpHdr, Ipv4Hdr},
};

/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const ETHERNET_IPV4: ([u8; 2], [u8; 2], u8, u8) = ([0, 1], [8, 0], 6, 4);

/// Answers who has an endpoint's address, the gateway's own, or a transit address of this VPC.
///
/// All other ARP is the kernel's: the agent reads the backends' answers there.
#[inline(always)]
pub(super) fn arp<'f, D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &mut EthHdr,
    frame: &mut impl Frame<'f>,
) -> Stage<Verdict> {
    let arp = frame.take::<ArpHdr>().ok_or(Verdict::Pass)?;
    if (arp.htype, arp.ptype, arp.hlen, arp.plen) != ETHERNET_IPV4 || arp.oper != ARP_REQUEST {
        return Err(Verdict::Pass);
    }
    let wanted = Be32::from_wire(arp.tpa);
    if arp.spa == arp.tpa || !ours(plane, arrival, wanted) {
        return Err(Verdict::Pass);
    }
    arp.oper = ARP_REPLY;
    arp.tha = arp.sha;
    arp.tpa = arp.spa;
    arp.sha = arrival.link.mac.0;
    arp.spa = wanted.to_wire();
    eth.to = eth.from;
    eth.from = arrival.link.mac;
    Ok(Verdict::Answer)
}

#[inline(always)]
fn ours<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, wanted: Be32) -> bool {
    let vpc = arrival.link.vpc;
    if arrival.settings.is_transit(wanted) {
        let Some(transit) = plane.transit(arrival.settings.transit_number(wanted)) else { return false };
        let endpoint = plane.endpoint(transit.endpoint).filter(|_| transit.slots != 0);
        return endpoint.and_then(|endpoint| plane.backend(endpoint.backend)).is_some_and(|backend| backend.vpc == vpc);
    }
    wanted == arrival.link.address || plane.address(&Local { vpc: vpc.into(), address: wanted }).is_some()
}

/// Answers an echo request to an accepted endpoint or to the gateway's own address.
#[inline(always)]
pub(super) fn echo<D: Dataplane>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &mut EthHdr,
    ip: &mut Ipv4Hdr,
    echo: &mut IcmpHdr,
) -> Stage<Verdict> {
    let dialled = Be32::from_wire(ip.dst_addr);
    if arrival.settings.is_transit(dialled) {
        return Err(Verdict::Drop(DropReason::Protocol));
    }
    if dialled != arrival.link.address {
        let number = arrival.endpoint(plane, ip).ok_or(Verdict::Pass)?;
        let accepted = plane.endpoint(number).is_some_and(|endpoint| endpoint.accepted != 0);
        if !accepted {
            return Err(drop_at(plane, Some(number), DropReason::NotAccepted));
        }
    }
    echo.kind = ECHO_REPLY;
    echo.check = Delta::NONE.word(u16::from_ne_bytes([ECHO_REQUEST, 0]), 0).apply(echo.check);
    turn_round(eth, ip);
    Ok(Verdict::Answer)
}

/// Sends a packet back to where it came from, with a fresh TTL.
#[inline(always)]
pub(super) fn turn_round(eth: &mut EthHdr, ip: &mut Ipv4Hdr) {
    core::mem::swap(&mut eth.to, &mut eth.from);
    core::mem::swap(&mut ip.src_addr, &mut ip.dst_addr);
    let old = u16::from_ne_bytes([ip.ttl, ip.proto]);
    ip.ttl = 64;
    ip.check = Delta::NONE.word(old, u16::from_ne_bytes([ip.ttl, ip.proto])).apply(ip.check);
}
