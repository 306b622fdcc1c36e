//! The packet path, as a list of stages.
//!
//! link -> ARP | IPv4 -> reply (to a transit address) | forward (of a known flow) | open a flow;
//! ICMP is answered (echo) or translated (an error about a flow).
//! A stage answers what the next one needs, or the [`Verdict`] that ends the packet. A packet that
//! is not ours is passed on untouched; one that is ours and can't be translated is dropped with a
//! reason, never passed on.

mod answer;
mod error;
mod forward;
mod open;
mod packet;
mod refuse;
mod reply;
#[cfg(test)]
mod tests;
mod transport;

use self::transport::Transport;
use crate::{
    dataplane::{Dataplane, Frame},
    layout::{Ingress, Link, Local, Settings, Totals},
    reason::DropReason,
    slots, state,
    wire::{
        Be32, ECHO_REQUEST, ETHERTYPE_ARP, ETHERTYPE_IPV4, EthHdr, ICMP, IcmpHdr, Ipv4Hdr, TCP, TIME_EXCEEDED, UDP,
        UNREACHABLE,
    },
};

/// How the path ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not ours: the kernel's, untouched.
    Pass,
    /// Translated towards the backend; leaves by this interface.
    Forward(u32),
    /// Translated towards the client; leaves by this interface.
    Reply(u32),
    /// Turned into the gateway's own answer; goes back where it came from.
    Answer,
    /// Turned into a RST; goes back where it came from. Counts as dropped for this reason.
    Refuse(DropReason),
    /// Ours, and not translated.
    Drop(DropReason),
}

/// What a stage answers: something for the next one, or the end.
type Stage<T> = Result<T, Verdict>;

/// A frame on its way: where it came in, what holds for the gateway.
struct Arrival<'p> {
    settings: &'p Settings,
    link_number: u32,
    link: &'p Link,
    /// Bytes of the frame.
    length: usize,
}

/// Takes one frame that came in by interface `ifindex` through the gateway.
#[inline(always)]
pub fn path<'f, D: Dataplane, F: Frame<'f>>(plane: &D, frame: F, ifindex: u32) -> Verdict {
    let (Ok(verdict) | Err(verdict)) = stages(plane, frame, ifindex);
    verdict
}

#[inline(always)]
fn stages<'f, D: Dataplane, F: Frame<'f>>(plane: &D, mut frame: F, ifindex: u32) -> Stage<Verdict> {
    let length = frame.length();
    let eth = frame.take::<EthHdr>().ok_or(Verdict::Pass)?;
    let link_number = plane.ingress(&Ingress { ifindex, vlan: 0 }).ok_or(Verdict::Pass)?;
    let link = plane.link(link_number).ok_or(Verdict::Pass)?;
    let settings = plane.settings().ok_or(Verdict::Pass)?;
    let arrival = Arrival { settings, link_number, link, length };
    match eth.kind {
        ETHERTYPE_ARP => answer::arp(plane, &arrival, eth, &mut frame),
        ETHERTYPE_IPV4 if eth.to == link.mac => ipv4(plane, &arrival, eth, frame),
        _ => Err(Verdict::Pass),
    }
}

#[inline(always)]
fn ipv4<'f, D: Dataplane, F: Frame<'f>>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &'f mut EthHdr,
    mut frame: F,
) -> Stage<Verdict> {
    let ip = frame.take::<Ipv4Hdr>().ok_or(Verdict::Pass)?;
    let payload = packet::ipv4(ip, &mut frame, arrival.length).map_err(|reason| unfit(plane, arrival, ip, reason))?;
    match ip.proto {
        TCP => {
            let tcp = packet::tcp(&mut frame, payload).map_err(|reason| unfit(plane, arrival, ip, reason))?;
            flow(plane, arrival, eth, ip, tcp, frame)
        }
        UDP => {
            let udp = packet::udp(&mut frame, payload).map_err(|reason| unfit(plane, arrival, ip, reason))?;
            flow(plane, arrival, eth, ip, udp, frame)
        }
        ICMP => {
            let icmp = packet::icmp(&mut frame, payload).map_err(|reason| unfit(plane, arrival, ip, reason))?;
            match icmp.kind {
                ECHO_REQUEST if icmp.code == 0 => answer::echo(plane, arrival, eth, ip, icmp),
                UNREACHABLE | TIME_EXCEEDED => error(plane, arrival, eth, ip, icmp, frame, payload),
                _ => Err(unfit(plane, arrival, ip, DropReason::Protocol)),
            }
        }
        _ => Err(unfit(plane, arrival, ip, DropReason::Protocol)),
    }
}

#[inline(always)]
fn error<'f, D: Dataplane, F: Frame<'f>>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &'f mut EthHdr,
    ip: &'f mut Ipv4Hdr,
    icmp: &'f mut IcmpHdr,
    mut frame: F,
    payload: usize,
) -> Stage<Verdict> {
    let quoted = packet::quoted(&mut frame, payload).map_err(|reason| unfit(plane, arrival, ip, reason))?;
    if arrival.settings.is_transit(Be32::from_wire(ip.dst_addr)) {
        error::reply(plane, arrival, eth, ip, icmp, quoted)
    } else {
        error::forward(plane, arrival, eth, ip, icmp, quoted)
    }
}

#[inline(always)]
fn flow<'f, D: Dataplane, F: Frame<'f>, T: Transport>(
    plane: &D,
    arrival: &Arrival<'_>,
    eth: &'f mut EthHdr,
    ip: &'f mut Ipv4Hdr,
    mut packet: T,
    frame: F,
) -> Stage<Verdict> {
    if arrival.settings.is_transit(Be32::from_wire(ip.dst_addr)) {
        return reply::reply(plane, arrival, eth, ip, &mut packet);
    }
    let key = packet.key(ip, arrival.link.vpc);
    let known = plane.find(&key).filter(|slot| !dials_again(plane, &packet, *slot));
    let slot = if let Some(slot) = known {
        Ok(slot)
    } else {
        let endpoint = arrival.endpoint(plane, ip).ok_or(Verdict::Pass)?;
        hop(plane, ip, endpoint)?;
        open::open(plane, arrival, eth, &packet, &key, endpoint)
    };
    match slot.and_then(|slot| forward::forward(plane, arrival, eth, ip, &mut packet, &key, slot)) {
        Err(Verdict::Drop(reason)) if packet.opens() => {
            if let Some(stats) = arrival.endpoint(plane, ip).and_then(|number| plane.stats(number)) {
                stats.refused.add(1);
            }
            Err(packet.refuse(reason, arrival, eth, ip, frame))
        }
        outcome => outcome,
    }
}

/// Whether a client dials again what it closed. Its old flow is over then: it gets one that is new
/// in everything, the transit port too.
#[inline(always)]
fn dials_again<D: Dataplane, T: Transport>(plane: &D, packet: &T, slot: u32) -> bool {
    if !packet.opens() {
        return false;
    }
    let Some(flow) = plane.flow(slot) else { return false };
    let state = flow.state.load();
    let over = state::usable(state) && state::closed(state) && slots::retire(plane, flow, state);
    if over {
        // The record is in the ring since it closed: now it is a free one there.
        slots::free(flow);
    }
    over
}

/// What becomes of a packet that can't be translated: dropped where it is ours, else passed on.
#[inline(always)]
fn unfit<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ip: &Ipv4Hdr, reason: DropReason) -> Verdict {
    if arrival.settings.is_transit(Be32::from_wire(ip.dst_addr)) {
        return Verdict::Drop(reason);
    }
    match arrival.endpoint(plane, ip) {
        endpoint @ Some(_) => drop_at(plane, endpoint, reason),
        None => Verdict::Pass,
    }
}

impl Arrival<'_> {
    /// The endpoint that a packet is for.
    #[inline(always)]
    fn endpoint<D: Dataplane>(&self, plane: &D, ip: &Ipv4Hdr) -> Option<u32> {
        plane.address(&Local { vpc: self.link.vpc.into(), address: Be32::from_wire(ip.dst_addr) })
    }
}

/// A packet must have a hop left (RFC 791).
#[inline(always)]
fn hop<D: Dataplane>(plane: &D, ip: &Ipv4Hdr, endpoint: u32) -> Stage<()> {
    if ip.ttl > 1 { Ok(()) } else { Err(drop_at(plane, Some(endpoint), DropReason::TtlExpired)) }
}

/// Ends a packet of an endpoint, and counts it there.
#[inline(always)]
fn drop_at<D: Dataplane>(plane: &D, endpoint: Option<u32>, reason: DropReason) -> Verdict {
    if let Some(stats) = endpoint.and_then(|number| plane.stats(number)) {
        stats.dropped[reason.place()].add(1);
    }
    Verdict::Drop(reason)
}

impl Settings {
    /// Whether the address is of the transit range.
    #[inline(always)]
    fn is_transit(&self, address: Be32) -> bool {
        address.raw() & self.transit_mask.raw() == self.transit.raw()
    }

    /// Number of a transit address within the range.
    #[inline(always)]
    fn transit_number(&self, address: Be32) -> u32 {
        address.get() & !self.transit_mask.get()
    }
}

impl Totals {
    /// Counts one packet: once on entry, once as what became of it.
    #[inline(always)]
    pub fn record(&self, verdict: Verdict) {
        self.packets_in.add(1);
        match verdict {
            Verdict::Pass => self.passed.add(1),
            Verdict::Forward(_) => self.forwarded.add(1),
            Verdict::Reply(_) => self.replied.add(1),
            Verdict::Answer => self.answered.add(1),
            Verdict::Refuse(reason) | Verdict::Drop(reason) => self.dropped[reason.place()].add(1),
        }
    }
}
