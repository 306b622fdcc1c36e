//! Rule 4, to a transit address.

use vpce_common::reason::DropReason;

use super::{
    Done, Oracle, Stop, Verdict, arrive::Arrival, client::translate, flow::Side, packet::Packet, segment::Segment,
};

impl Oracle {
    pub(super) fn reply(&mut self, arrival: &Arrival, packet: Packet, segment: Segment) -> Done {
        let (server, transit) = ((packet.ip.from, segment.from_port), (packet.ip.to, segment.to_port));
        let record = self.replied(arrival.link.vpc, packet.ip.protocol, server, transit).map_err(Stop::Drop)?;
        let flow = self.flow(record).expect("it was found just now").clone();
        let exit = self.exit(arrival, &flow, Side::Backend, &packet)?;
        self.note(record, Side::Backend, &segment);
        self.remember(arrival, &packet, record);
        let (source, target) = ((flow.key.dialled, flow.key.dialled_port), (flow.key.client, flow.key.client_port));
        let out = translate(packet, segment, source, target, arrival, &exit);
        Ok((Verdict::Reply(exit.link.ifindex), out))
    }

    /// The record of the flow in which this server writes to this transit address and port.
    pub(super) fn replied(
        &self,
        vpc: u16,
        protocol: u8,
        server: (u32, u16),
        transit: (u32, u16),
    ) -> Result<u32, DropReason> {
        let none = DropReason::NotAReply;
        let block = self.config.blocks.get(&transit.0).ok_or(none)?;
        let place = u32::from(transit.1.checked_sub(1024).ok_or(none)?);
        let record = block.records.start + place % (block.records.end - block.records.start);
        let flow = self.flow(record).ok_or(none)?;
        let same = flow.endpoint == block.endpoint
            && flow.transit_port == transit.1
            && flow.server_port == server.1
            && flow.key.protocol == protocol;
        if !same {
            return Err(none);
        }
        if self.config.backends[flow.backend].vpc != vpc {
            return Err(DropReason::WrongVpc);
        }
        if flow.server == server.0 { Ok(record) } else { Err(none) }
    }
}
