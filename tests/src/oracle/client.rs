//! Rule 4, from a client.

use vpce_common::reason::DropReason;

use super::{
    Done, Oracle, Stop, Verdict,
    arrive::Arrival,
    exit::{Exit, lives},
    flow::{Flow, Key, Side},
    packet::Packet,
    record::transit,
    refuse,
    segment::{Kind, SYN, Segment},
};

impl Oracle {
    pub(super) fn forward(&mut self, arrival: &Arrival, packet: Packet, segment: Segment) -> Done {
        let key = Key {
            vpc: arrival.link.vpc,
            protocol: packet.ip.protocol,
            client: packet.ip.from,
            client_port: segment.from_port,
            dialled: packet.ip.to,
            dialled_port: segment.to_port,
        };
        match self.towards_backend(arrival, &packet, &segment, key) {
            Ok((record, exit)) => {
                let flow = self.flow(record).expect("it was found just now").clone();
                self.remember(arrival, &packet, record);
                let (source, target) = ((flow.transit, flow.transit_port), (flow.server, flow.server_port));
                let out = translate(packet, segment, source, target, arrival, &exit);
                Ok((Verdict::Forward(exit.link.ifindex), out))
            }
            Err(Stop::Drop(reason)) => Err(refuse::told(&self.config, arrival, &packet, &segment, reason)),
            Err(stop) => Err(stop),
        }
    }

    /// The record of the flow, found or opened, and the way out.
    fn towards_backend(
        &mut self,
        arrival: &Arrival,
        packet: &Packet,
        segment: &Segment,
        key: Key,
    ) -> Result<(u32, Exit), Stop> {
        let found = self.keys.get(&key).copied();
        let found = found.filter(|record| {
            let closed = self.flow(*record).is_some_and(|flow| flow.phase.closed());
            !(closed && segment.opens())
        });
        let (record, new) = match found {
            Some(record) => (record, false),
            None => (self.open(arrival, packet, segment, key)?, true),
        };
        let flow = self.flow(record).expect("found or opened");
        let exit = self.exit(arrival, flow, Side::Client, packet)?;
        // Answers must not go to whoever forges a segment.
        if new || self.note(record, Side::Client, segment) {
            let flow = self.records.get_mut(&record).and_then(|record| record.flow.as_mut()).expect("as before");
            flow.client_at = (arrival.number, arrival.station);
        }
        Ok((record, exit))
    }

    fn open(&mut self, arrival: &Arrival, packet: &Packet, segment: &Segment, key: Key) -> Result<u32, Stop> {
        let drop = |reason| Err(Stop::Drop(reason));
        self.end(&key);
        let Some(number) = self.config.endpoint_at(key.vpc, key.dialled) else { return Err(Stop::Pass) };
        lives(arrival, packet)?;
        if !segment.opens() {
            return drop(DropReason::NoFlow);
        }
        let client = key.client.to_be_bytes();
        if self.config.in_transit(key.client) || matches!(client[0], 0 | 127 | 224..) || key.client == key.dialled {
            return drop(DropReason::MartianSource);
        }
        let endpoint = self.config.endpoints[number].clone();
        let mapped = self.config.mappings.get(&(number, key.protocol, key.dialled_port)).copied();
        let Some(server_port) = mapped.or(endpoint.all_ports.then_some(key.dialled_port)) else {
            return drop(DropReason::NoMapping);
        };
        if !endpoint.accepted {
            return drop(DropReason::NotAccepted);
        }
        if endpoint.listed && !self.config.lists(number, key.client) {
            return drop(DropReason::NotListed);
        }
        let backend = &self.config.backends[endpoint.backend];
        if !backend.found {
            return drop(DropReason::BackendUnreachable);
        }
        let server = (backend.address.unwrap_or(key.dialled), server_port);
        if self.counts[number].open >= endpoint.limit {
            return drop(DropReason::LimitReached);
        }
        let Some((record, uses)) = self.take(number) else { return drop(DropReason::NoFreeSlot) };
        let records = endpoint.records.end - endpoint.records.start;
        let transit = transit(endpoint.transit, records, record - endpoint.records.start, uses);
        let of = (number, endpoint.generation, endpoint.backend);
        self.enter(record, Flow::begin(key, of, transit, server, (arrival.number, arrival.station), segment));
        Ok(record)
    }
}

/// Both addresses and ports, TTL, MSS, checksums.
pub fn translate(
    mut packet: Packet,
    mut segment: Segment,
    source: (u32, u16),
    target: (u32, u16),
    arrival: &Arrival,
    exit: &Exit,
) -> Vec<u8> {
    (packet.ip.from, segment.from_port) = source;
    (packet.ip.to, segment.to_port) = target;
    packet.ip.ttl -= 1;
    if let Kind::Tcp(tcp) = &mut segment.kind
        && tcp.has(SYN)
    {
        let most = arrival.link.mtu.min(exit.link.mtu).saturating_sub(40);
        tcp.clamp(u16::try_from(most).unwrap_or(u16::MAX));
    }
    packet.payload = segment.bytes(&packet.ip);
    exit.frame(&packet)
}
