//! The fast lane: what nearly every packet is, in one go.
//!
//! A packet in the midst of a connection that both ends know, from one untagged link to another, changes
//! nothing of its flow but clocks and numbers. For it, this does what the stages would do; for any other
//! it does nothing at all, and says so: then the stages decide, from the beginning.

use super::{
    exit,
    leave::{Outcome, What, count},
    link::{ETH, endpoint},
    packet::{self, Part},
    transport::Transport,
};
use crate::{
    checksum::Delta,
    dataplane::{Dataplane, Frame},
    index::{self, Place},
    layout::{Epoch, Exit, Flow, Ingress, Link, Segment, Settings, Station},
    reason::DropReason,
    state::{self, ANSWERED, BITS, ESTABLISHED, OPEN, Side},
    wire::{Be32, ETHERTYPE_IPV4, EthHdr, Ipv4Hdr, Mac, TCP, UDP},
};

/// What is known of a packet before its flow is.
struct Packet<'p> {
    settings: &'p Settings,
    link_number: u32,
    link: &'p Link,
    eth: &'p mut EthHdr,
    ip: &'p mut Ipv4Hdr,
    /// Bytes of payload in each packet that it will be cut into; 0: it is one packet.
    cut_into: u32,
    /// Bytes of the frame.
    length: usize,
}

/// Takes a packet through the fast lane, counts it for its endpoint, and hands its end to `done`; nothing
/// where it is not of those.
#[inline(always)]
pub fn fast<'f, D: Dataplane, F: Frame<'f>, R>(
    plane: &D,
    mut frame: F,
    ifindex: u32,
    done: impl Fn(Outcome) -> R,
) -> Option<R> {
    let (length, cut_into) = (frame.at_hand(), frame.cut_into());
    let eth = frame.take::<EthHdr>()?;
    if eth.kind != ETHERTYPE_IPV4 || frame.tag().is_some() {
        return None;
    }
    let ip = frame.take::<Ipv4Hdr>()?;
    let Some((link_number, link)) = plane.ingress(&Ingress { ifindex, segment: Segment::UNTAGGED }) else {
        // VXLAN comes by interfaces that are no attachments themselves.
        return (ip.proto != UDP).then(|| done(Outcome::PASSED));
    };
    if eth.to != link.mac {
        return Some(done(Outcome::PASSED));
    }
    let to = Be32::from_wire(ip.dst_addr);
    let settings = plane.settings()?;
    if !settings.is_transit(to) && !link.dialables.may_have(to) {
        return Some(done(Outcome::PASSED));
    }
    let total = u16::from_be_bytes(ip.tot_len);
    let fits = ETH as usize + usize::from(total) <= length;
    if ip.vihl != 0x45 || packet::part(ip) != Part::Whole || ip.ttl < 2 || !fits {
        return None;
    }
    let payload = usize::from(total).checked_sub(size_of::<Ipv4Hdr>())?;
    let protocol = ip.proto;
    let mut packet = Packet { settings, link_number, link, eth, ip, cut_into, length };
    match protocol {
        TCP => flow(plane, &mut packet, packet::tcp(&mut frame, payload).ok()?, &frame, done),
        UDP => flow(plane, &mut packet, packet::udp(&mut frame, payload, Part::Whole).ok()?, &frame, done),
        _ => None,
    }
}

#[inline(always)]
fn flow<'f, D: Dataplane, F: Frame<'f>, T: Transport, R>(
    plane: &D,
    packet: &mut Packet<'_>,
    transport: T,
    frame: &F,
    done: impl Fn(Outcome) -> R,
) -> Option<R> {
    if !transport.is_plain() {
        return None;
    }
    if packet.settings.is_transit(Be32::from_wire(packet.ip.dst_addr)) {
        reply(plane, packet, transport, frame, done)
    } else {
        forward(plane, packet, transport, frame, done)
    }
}

#[inline(always)]
fn forward<'f, D: Dataplane, F: Frame<'f>, T: Transport, R>(
    plane: &D,
    packet: &mut Packet<'_>,
    mut transport: T,
    frame: &F,
    done: impl Fn(Outcome) -> R,
) -> Option<R> {
    let key = transport.key(packet.ip, packet.link.vpc);
    let at = Place::of(&packet.settings.index, &key);
    let guess = index::guess(plane, at).and_then(|slot| plane.flow(slot));
    let (flow, state) = match guess.map(|flow| (flow, flow.state.load())) {
        Some((flow, state)) if flow.ends().key.halves() == key.halves() => (flow, state),
        _ => {
            let Some(slot) = plane.find(at, &key) else {
                let nobodys = endpoint(plane, packet.link, packet.ip).is_none();
                return nobodys.then(|| done(Outcome::PASSED));
            };
            let flow = plane.flow(slot)?;
            let state = flow.state.load();
            // The record may have been taken for another flow since it was found.
            (flow.ends().key.halves() == key.halves()).then_some((flow, state))?
        }
    };
    let ends = flow.ends();
    let station = Station::new(packet.eth.from, Mac([0; 6]), Be32::new(0));
    if !in_midst::<T>(state) || !flow.knows(packet.link_number, station) {
        return None;
    }
    let epoch = packet.settings.epoch;
    let exit = flow.epoch.is(epoch).then(|| flow.way.forward())?;
    if !open(&exit, transport.needs(packet.cut_into, packet.ip).bytes) {
        return None;
    }
    if !transport.track(flow, state, Side::Client, plane.jiffies()).believed {
        return None;
    }
    packet.eth.readdress(exit.ethernet);
    exit::readdress(packet.ip, ends.transit, ends.server, ends.forward_ip);
    let addresses = ends.forward_ip.without(Delta::HOP);
    transport.translate(frame, ends.transit_port, ends.server_port, ends.forward_transport, addresses);
    Some(leave(plane, flow, state, epoch, Outcome::by(What::Forwarded, &exit), packet.length, done))
}

#[inline(always)]
fn reply<'f, D: Dataplane, F: Frame<'f>, T: Transport, R>(
    plane: &D,
    packet: &mut Packet<'_>,
    mut transport: T,
    frame: &F,
    done: impl Fn(Outcome) -> R,
) -> Option<R> {
    let (to, from) = (Be32::from_wire(packet.ip.dst_addr), Be32::from_wire(packet.ip.src_addr));
    let owner = plane.transit(packet.settings.transit_number(to))?;
    let flow = plane.flow(owner.slot(transport.destination())?)?;
    let state = flow.state.load();
    let ends = flow.ends();
    let transit = (ends.transit, ends.transit_port) == (to, transport.destination());
    let server = (ends.server, ends.server_port) == (from, transport.source());
    let same = ends.endpoint == owner.endpoint && ends.key.protocol == T::PROTOCOL.into();
    if !in_midst::<T>(state) || !transit || !server || !same {
        return None;
    }
    let epoch = packet.settings.epoch;
    if !flow.epoch.is(epoch) || flow.way.vpc() != u32::from(packet.link.vpc) {
        return None;
    }
    let exit = flow.way.reply(flow.client_mac());
    if !open(&exit, transport.needs(packet.cut_into, packet.ip).bytes) {
        return None;
    }
    if !transport.track(flow, state, Side::Backend, plane.jiffies()).believed {
        return None;
    }
    packet.eth.readdress(exit.ethernet);
    exit::readdress(packet.ip, ends.key.endpoint, ends.key.client, ends.reply_ip);
    let addresses = ends.reply_ip.without(Delta::HOP);
    transport.translate(frame, ends.key.endpoint_port, ends.key.client_port, ends.reply_transport, addresses);
    Some(leave(plane, flow, state, epoch, Outcome::by(What::Replied, &exit), packet.length, done))
}

/// A flow whose packets change nothing of its state: of UDP it does not matter whether there was an answer.
#[inline(always)]
fn in_midst<T: Transport>(state: u32) -> bool {
    let state = if T::PROTOCOL == UDP { state | ANSWERED } else { state };
    state & BITS == OPEN | ANSWERED | ESTABLISHED
}

/// Whether a packet of so many bytes can leave there.
#[inline(always)]
const fn open(exit: &Exit, bytes: u32) -> bool {
    exit.out != 0 && bytes <= exit.mtu
}

/// Lets a flow in the midst of its connection learn where its packets leave, for the next one to go by
/// the fast lane; `slot` is its record's number.
#[inline(always)]
pub(super) fn learn<D: Dataplane, T: Transport>(plane: &D, settings: &Settings, flow: &Flow, state: u32, slot: u32) {
    if in_midst::<T>(state) && settings.epoch & Epoch::OVER == 0 && !flow.epoch.is(settings.epoch) {
        plane.learn(slot, state);
    }
}

/// Learns the way of the flow in `slot` anew, if it is still the one that had `state`.
#[inline(always)]
pub fn relearn<D: Dataplane>(plane: &D, slot: u32, state: u32) -> Option<()> {
    // Before all that is learnt: should the agent change it meanwhile, it is of an epoch that is over.
    let epoch = plane.settings()?.epoch_now();
    let flow = plane.flow(slot)?;
    let ends = flow.ends();
    let current = plane.endpoint(ends.endpoint)?.generation == ends.generation;
    let backend = plane.backend(ends.backend)?;
    let to_backend = plane.link(backend.link)?;
    if epoch & Epoch::OVER != 0 || !current || !flow.epoch.lock() {
        return None;
    }
    // Only now: from here on it is forgotten when the client moves.
    let to_client = plane.link(flow.client_link.load());
    let plain = |link: &&Link| link.ifindex != 0 && link.segment == Segment::UNTAGGED;
    let ways = to_client.filter(plain).filter(|_| backend.reachable != 0 && plain(&to_backend));
    flow.way.write(ways.map(|to_client| (backend, to_backend, to_client)));
    if !state::still(flow, state) {
        flow.epoch.forget();
    }
    flow.epoch.publish(epoch);
    Some(())
}

/// Lets a translated packet go, unless its record was taken for another flow meanwhile, or its way is
/// being learnt anew.
#[inline(always)]
fn leave<D: Dataplane, R>(
    plane: &D,
    flow: &Flow,
    state: u32,
    epoch: u32,
    left: Outcome,
    bytes: usize,
    done: impl Fn(Outcome) -> R,
) -> R {
    if state::still(flow, state) && flow.epoch.is(epoch) {
        end(plane, flow, left, bytes, done)
    } else {
        end(plane, flow, Outcome::dropped(DropReason::Contended), bytes, done)
    }
}

#[inline(always)]
fn end<D: Dataplane, R>(plane: &D, flow: &Flow, outcome: Outcome, bytes: usize, done: impl Fn(Outcome) -> R) -> R {
    count(plane, flow.ends().endpoint, 0, outcome, bytes as u64);
    done(outcome)
}
