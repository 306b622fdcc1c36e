//! The packet path, as a list of stages.
//!
//! link -> ARP | IPv4 -> reply (to a transit address) | forward (of a known flow) | open a flow;
//! ICMP is answered (echo) or translated (an error about a flow); later fragments follow the first.
//! A stage answers what the next one needs, or the [`End`] of the packet, which `leave` carries out.
//! A packet that is not ours is passed on untouched; one that is ours and can't be translated is
//! dropped with a reason, never passed on.

mod answer;
mod end;
mod error;
mod exit;
mod fast;
mod forward;
mod fragment;
mod leave;
mod link;
mod mss;
mod open;
mod pace;
mod packet;
mod refuse;
mod reply;
#[cfg(test)]
mod tests;
mod transport;

pub use self::{
    end::End,
    fast::{fast, relearn},
    leave::{Outcome, leave},
    open::barred,
    refuse::refuse,
};
use self::{end::Ended, link::Arrival, packet::Part, transport::Transport};
use crate::{
    dataplane::{Dataplane, Frame},
    layout::Settings,
    reason::DropReason,
    slots, state,
    wire::{
        Be32, ECHO_REQUEST, ETHERTYPE_ARP, ETHERTYPE_IPV4, ICMP, IcmpHdr, Ipv4Hdr, TCP, TIME_EXCEEDED, UDP, UNREACHABLE,
    },
};

/// How the path ends. Numbers are those of the interface that the frame leaves by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not ours: the kernel's, untouched.
    Pass,
    /// Translated towards the backend.
    Forward(u32),
    /// Translated towards the client.
    Reply(u32),
    /// Turned into the gateway's own answer.
    Answer(u32),
    /// Turned into what tells its sender of this reason, for which it counts as dropped.
    Refuse(DropReason, u32),
    /// Ours, and not translated.
    Drop(DropReason),
}

/// What a stage answers: something for the next one, or the end.
type Stage<T> = Result<T, Ended>;

/// Takes one frame that came in by interface `ifindex` through the gateway: decides what becomes of it,
/// and does what can be done in place. What [`leave`] has to do is written into `end`, which is new.
#[inline(always)]
pub fn path<'f, D: Dataplane, F: Frame<'f>>(plane: &D, mut frame: F, ifindex: u32, end: &End) {
    if let Some(arrival) = link::arrive(plane, &mut frame, ifindex, end) {
        let (Ok(_) | Err(_)) = stages(plane, &arrival, frame);
        end.frame(arrival.kind, arrival.head);
    }
}

#[inline(always)]
fn stages<'f, D: Dataplane, F: Frame<'f>>(plane: &D, arrival: &Arrival<'_>, mut frame: F) -> Stage<Ended> {
    match arrival.kind {
        ETHERTYPE_ARP => answer::arp(plane, arrival, &mut frame),
        ETHERTYPE_IPV4 if arrival.to == arrival.link.mac => ipv4(plane, arrival, frame),
        _ => Err(Ended::Done),
    }
}

#[inline(always)]
fn ipv4<'f, D: Dataplane, F: Frame<'f>>(plane: &D, arrival: &Arrival<'_>, mut frame: F) -> Stage<Ended> {
    let ip = frame.take::<Ipv4Hdr>().ok_or(Ended::Done)?;
    let (Ok(ended) | Err(ended)) = carried(plane, arrival, ip, frame);
    if ended == Ended::Unfit {
        unfit(plane, arrival, ip);
    }
    Ok(ended)
}

#[inline(always)]
fn carried<'f, D: Dataplane, F: Frame<'f>>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    mut frame: F,
) -> Stage<Ended> {
    let payload = packet::ipv4(ip, &mut frame, arrival.length).map_err(|reason| arrival.end.unfit(reason))?;
    let part = packet::part(ip);
    if matches!(part, Part::Later) {
        return fragment::follow(plane, arrival, ip);
    }
    match ip.proto {
        TCP => {
            let tcp = packet::tcp(&mut frame, payload).map_err(|reason| arrival.end.unfit(reason))?;
            flow(plane, arrival, ip, part, tcp, &frame)
        }
        UDP => {
            let udp = packet::udp(&mut frame, payload, part).map_err(|reason| arrival.end.unfit(reason))?;
            flow(plane, arrival, ip, part, udp, &frame)
        }
        // Of a message in parts neither the length nor the checksum is known here.
        ICMP if matches!(part, Part::Whole) => {
            let icmp = packet::icmp(&mut frame, payload).map_err(|reason| arrival.end.unfit(reason))?;
            match icmp.kind {
                ECHO_REQUEST if icmp.code == 0 => answer::echo(plane, arrival, ip, icmp),
                UNREACHABLE | TIME_EXCEEDED => error(plane, arrival, ip, icmp, frame, payload),
                _ => Err(arrival.end.unfit(DropReason::Protocol)),
            }
        }
        _ => Err(arrival.end.unfit(DropReason::Protocol)),
    }
}

#[inline(always)]
fn error<'f, D: Dataplane, F: Frame<'f>>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    icmp: &mut IcmpHdr,
    mut frame: F,
    payload: usize,
) -> Stage<Ended> {
    let quoted = packet::quoted(&mut frame, payload).map_err(|reason| arrival.end.unfit(reason))?;
    if arrival.settings.is_transit(Be32::from_wire(ip.dst_addr)) {
        error::reply(plane, arrival, ip, icmp, quoted)
    } else {
        error::forward(plane, arrival, ip, icmp, quoted)
    }
}

#[inline(always)]
fn flow<'f, D: Dataplane, F: Frame<'f>, T: Transport>(
    plane: &D,
    arrival: &Arrival<'_>,
    ip: &mut Ipv4Hdr,
    part: Part,
    mut packet: T,
    frame: &F,
) -> Stage<Ended> {
    if arrival.settings.is_transit(Be32::from_wire(ip.dst_addr)) {
        return reply::reply(plane, frame, arrival, ip, part, &mut packet);
    }
    let key = packet.key(ip, arrival.link.vpc);
    let at = plane.place(&key);
    let known = plane.find(at, &key).filter(|slot| !dials_again(plane, &packet, *slot));
    let slot = if let Some(slot) = known {
        Ok(slot)
    } else {
        let endpoint = arrival.endpoint(plane, ip).ok_or(Ended::Done)?;
        exit::hop(arrival, ip, endpoint)?;
        open::open(plane, arrival, &packet, at, &key, endpoint)
    };
    let done = slot.and_then(|slot| forward::forward(plane, frame, arrival, ip, part, &mut packet, &key, slot));
    if done == Err(Ended::Dropped) {
        arrival.end.was_first(packet.opens());
        packet.refuse(arrival.end.reason(), arrival, ip);
    }
    done
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
    let over = state::usable(state) && state::closed(state) && slots::retire(plane, flow, slot, state);
    if over {
        // The record is in the ring since it closed: now it is a free one there.
        slots::free(flow);
    }
    over
}

/// What becomes of a packet that can't be translated: dropped where it is ours, else passed on.
#[inline(always)]
fn unfit<D: Dataplane>(plane: &D, arrival: &Arrival<'_>, ip: &Ipv4Hdr) {
    if arrival.settings.is_transit(Be32::from_wire(ip.dst_addr)) {
        return;
    }
    match arrival.endpoint(plane, ip) {
        Some(endpoint) => drop(arrival.end.drop_at(endpoint, arrival.end.reason())),
        None => arrival.end.pass(),
    }
}

impl Settings {
    /// The epoch at this moment, read before whatever is read after it.
    #[inline(always)]
    fn epoch_now(&self) -> u32 {
        // SAFETY: a valid reference.
        unsafe { (&raw const self.epoch).read_volatile() }
    }

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
