//! What the gateway answers itself: ARP (RFC 826) and echo (RFC 792).

use super::{
    Ended, Stage,
    end::{As, NOBODY},
    link::Arrival,
    pace,
    refuse::turn_round,
};
use crate::{
    checksum::Delta,
    dataplane::{Dataplane, Frame},
    layout::{Heard, Local, Station},
    reason::DropReason,
    wire::{ARP_REPLY, ARP_REQUEST, ArpHdr, Be32, ECHO_REPLY, ECHO_REQUEST, IcmpHdr, Ipv4Hdr, Mac},
};

/// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const ETHERNET_IPV4: ([u8; 2], [u8; 2], u8, u8) = ([0, 1], [8, 0], 6, 4);

/// Answers who has an endpoint's address, the gateway's own, or a transit address of this VPC.
///
/// All other ARP is the kernel's. The agent hears who speaks to the gateway or to all: it looks for
/// backends.
#[inline(always)]
pub(super) fn arp<'f, D: Dataplane>(plane: &D, arrival: &Arrival<'_>, frame: &mut impl Frame<'f>) -> Stage<Ended> {
    let arp = frame.take::<ArpHdr>().ok_or(Ended::Done)?;
    if (arp.htype, arp.ptype, arp.hlen, arp.plen) != ETHERNET_IPV4 {
        return Err(Ended::Done);
    }
    let wanted = Be32::from_wire(arp.tpa);
    if (wanted == arrival.link.address || arp.spa == arp.tpa) && pace::may_say(plane, arrival.link_number) {
        let address = Be32::from_wire(arp.spa);
        plane.heard(&Heard {
            link: arrival.link_number,
            address,
            station: Station::new(Mac(arp.sha), arrival.station.hop, arrival.station.vtep),
        });
    }
    if arp.oper != ARP_REQUEST || arp.spa == arp.tpa || !ours(plane, arrival, wanted) {
        return Err(Ended::Done);
    }
    arp.oper = ARP_REPLY;
    arp.tha = arp.sha;
    arp.tpa = arp.spa;
    arp.sha = arrival.link.mac.0;
    arp.spa = wanted.to_wire();
    Ok(arrival.end.leave(arrival.back(As::Answer), NOBODY))
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
    ip: &mut Ipv4Hdr,
    echo: &mut IcmpHdr,
) -> Stage<Ended> {
    let dialled = Be32::from_wire(ip.dst_addr);
    if dialled != arrival.link.address {
        let local = Local { vpc: arrival.link.vpc.into(), address: dialled };
        // What a gateway endpoint leads to answers for itself, and an echo has no ports to come back by.
        let number = plane.address(&local).ok_or_else(|| arrival.end.unfit(DropReason::Protocol))?;
        let accepted = plane.endpoint(number).is_some_and(|endpoint| endpoint.accepted != 0);
        if !accepted {
            return Err(arrival.end.drop_at(number, DropReason::NotAccepted));
        }
    }
    echo.kind = ECHO_REPLY;
    echo.check = Delta::NONE.word(u16::from_ne_bytes([ECHO_REQUEST, 0]), 0).apply(echo.check);
    turn_round(ip);
    Ok(arrival.end.leave(arrival.back(As::Answer), NOBODY))
}
