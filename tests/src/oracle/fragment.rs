//! Rule 6: fragments.

use vpce_common::reason::DropReason;

use super::{Done, Oracle, Stop, Verdict, arrive::Arrival, flow::Side, packet::Packet};

/// What fragments of one datagram have in common (RFC 791 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Datagram {
    from: u32,
    to: u32,
    vpc: u16,
    protocol: u8,
    id: u16,
}

fn datagram(arrival: &Arrival, packet: &Packet) -> Datagram {
    let ip = &packet.ip;
    Datagram { from: ip.from, to: ip.to, vpc: arrival.link.vpc, protocol: ip.protocol, id: ip.id }
}

impl Oracle {
    /// Notes a first fragment that was translated: its flow is this use of this record.
    pub(super) fn remember(&mut self, arrival: &Arrival, packet: &Packet, record: u32) {
        if packet.ip.more() {
            let uses = self.records[&record].uses;
            self.fragments.insert(datagram(arrival, packet), (record, uses));
        }
    }

    pub(super) fn later_fragment(&mut self, arrival: &Arrival, packet: &Packet) -> Done {
        let orphan = || Stop::Drop(DropReason::Fragment);
        let (record, uses) = *self.fragments.get(&datagram(arrival, packet)).ok_or_else(orphan)?;
        let record = self.records.get(&record).filter(|record| record.uses == uses).ok_or_else(orphan)?;
        let flow = record.flow.as_ref().ok_or_else(orphan)?;
        let side = if self.config.in_transit(packet.ip.to) { Side::Backend } else { Side::Client };
        let exit = self.exit(arrival, flow, side, packet)?;
        let mut out = packet.clone();
        let (from, to, verdict) = match side {
            Side::Client => (flow.transit, flow.server, Verdict::Forward(exit.link.ifindex)),
            Side::Backend => (flow.key.dialled, flow.key.client, Verdict::Reply(exit.link.ifindex)),
        };
        (out.ip.from, out.ip.to, out.ip.ttl) = (from, to, packet.ip.ttl - 1);
        Ok((verdict, exit.frame(&out)))
    }
}
