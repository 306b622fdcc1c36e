//! Rule 4.4: what a client is told whose packet was dropped.

use vpce_common::reason::DropReason;

use super::{
    Stop,
    arrive::Arrival,
    config::{Config, Refusal},
    exit::tell,
    packet::{DONT_FRAGMENT, Packet},
    segment::{ACK, RST, Segment},
};

pub fn told(config: &Config, arrival: &Arrival, packet: &Packet, segment: &Segment, reason: DropReason) -> Stop {
    let code = match reason {
        DropReason::NoMapping => Some(3),
        DropReason::BackendUnreachable => Some(1),
        DropReason::NotAccepted | DropReason::NotListed | DropReason::LimitReached | DropReason::NoFreeSlot => Some(13),
        _ => None,
    };
    if matches!(reason, DropReason::TtlExpired | DropReason::TooBig) {
        // Told by the way out, or not at all.
        return Stop::Drop(reason);
    }
    let silent = matches!(reason, DropReason::MartianSource | DropReason::Contended | DropReason::LinkMissing)
        || !segment.opens() && !matches!(reason, DropReason::NoFlow | DropReason::StaleFlow);
    match (config.refuse, segment.tcp(), code) {
        (Refusal::Reset, Some(tcp), _) if !silent && !tcp.has(RST) => {
            // RFC 9293 §3.10.7.1.
            let (seq, ack, flags) = if tcp.has(ACK) { (tcp.ack, 0, RST) } else { (0, tcp.end(), RST | ACK) };
            let mut reset = packet.clone();
            (reset.ip.from, reset.ip.to, reset.ip.ttl) = (packet.ip.to, packet.ip.from, 64);
            reset.ip.total = u16::try_from(packet.ip.length() + 20).expect("a short one");
            // Whole, also where it answers a first fragment; the reserved bit must be zero (RFC 791 §3.1).
            reset.ip.fragment &= DONT_FRAGMENT;
            reset.payload = Segment::own(segment.to_port, segment.from_port, seq, ack, flags).bytes(&reset.ip);
            reset.padding.clear();
            Stop::Tell(reason, arrival.link.ifindex, arrival.answer(&reset.bytes()))
        }
        (Refusal::Icmp, _, Some(code)) | (Refusal::Reset, None, Some(code)) if segment.opens() => {
            tell(arrival, packet, reason, (3, code), [0; 4], packet.ip.to)
        }
        _ => Stop::Drop(reason),
    }
}
