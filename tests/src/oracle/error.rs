//! Rule 5: ICMP errors about a flow.

use vpce_common::reason::DropReason;

use super::{
    Done, Oracle, Stop, Verdict,
    arrive::Arrival,
    echo::seal,
    flow::{Key, Side},
    packet::{Ip, Packet, TCP, UDP, checksum, pseudo, sum, u16_at},
};

/// The packet that an error is about, as far as it is quoted.
struct Quoted {
    ip: Ip,
    from_port: u16,
    to_port: u16,
    /// What follows the ports.
    rest: Vec<u8>,
}

impl Quoted {
    fn parse(bytes: &[u8]) -> Result<Self, DropReason> {
        let ip = Ip::parse(bytes).ok_or(DropReason::MalformedIcmp)?;
        let payload = &bytes[ip.length()..];
        if payload.len() < 8 || ip.offset() != 0 {
            return Err(DropReason::MalformedIcmp);
        }
        if ip.protocol != TCP && ip.protocol != UDP {
            return Err(DropReason::Protocol);
        }
        let (from_port, to_port) = (u16_at(payload, 0), u16_at(payload, 2));
        Ok(Self { ip, from_port, to_port, rest: payload[4..].to_vec() })
    }

    /// The sum of what is there, with the pseudo header.
    fn sum(&self, udp: &[u8]) -> Vec<u8> {
        [pseudo(&self.ip, 0), sum(udp).to_be_bytes().to_vec()].concat()
    }

    fn transport(&self) -> Vec<u8> {
        [&self.from_port.to_be_bytes()[..], &self.to_port.to_be_bytes(), &self.rest].concat()
    }

    /// The same packet as it was between these two.
    fn translated(mut self, from: (u32, u16), to: (u32, u16)) -> Vec<u8> {
        let error = sum(&self.sum(&self.transport()));
        (self.ip.from, self.from_port) = from;
        (self.ip.to, self.to_port) = to;
        if self.ip.protocol == UDP && self.rest[2..4] != [0, 0] {
            self.rest[2..4].fill(0);
            let check = match checksum(&self.sum(&self.transport()), error) {
                [0, 0] => [0xff; 2],
                check => check,
            };
            self.rest[2..4].copy_from_slice(&check);
        }
        [self.ip.bytes(), self.transport()].concat()
    }
}

impl Oracle {
    pub(super) fn error(&mut self, arrival: &Arrival, mut packet: Packet) -> Done {
        let quoted = Quoted::parse(&packet.payload[8..]).map_err(Stop::Drop)?;
        let (vpc, protocol, to) = (arrival.link.vpc, quoted.ip.protocol, packet.ip.to);
        let (source, target) = ((quoted.ip.from, quoted.from_port), (quoted.ip.to, quoted.to_port));
        let side = if self.config.in_transit(to) { Side::Backend } else { Side::Client };
        let record = match side {
            Side::Backend if source.0 != to => return Err(Stop::Drop(DropReason::NotAReply)),
            Side::Backend => self.replied(vpc, protocol, target, source).map_err(Stop::Drop)?,
            Side::Client => {
                let key = Key {
                    vpc,
                    protocol,
                    client: target.0,
                    client_port: target.1,
                    dialled: source.0,
                    dialled_port: source.1,
                };
                let found = self.keys.get(&key).filter(|_| source.0 == to);
                *found.ok_or(Stop::Drop(DropReason::NoFlow))?
            }
        };
        let flow = self.flow(record).expect("it was found just now");
        let exit = self.exit(arrival, flow, side, &packet)?;
        let (client, dialled) = ((flow.key.client, flow.key.client_port), (flow.key.dialled, flow.key.dialled_port));
        let (server, transit) = ((flow.server, flow.server_port), (flow.transit, flow.transit_port));
        let (from, to, inner, verdict) = match side {
            Side::Backend => {
                (dialled.0, client.0, quoted.translated(client, dialled), Verdict::Reply(exit.link.ifindex))
            }
            Side::Client => {
                (transit.0, server.0, quoted.translated(server, transit), Verdict::Forward(exit.link.ifindex))
            }
        };
        let error = sum(&packet.payload);
        packet.payload.splice(8.., inner);
        seal(&mut packet.payload, error);
        (packet.ip.from, packet.ip.to, packet.ip.ttl) = (from, to, packet.ip.ttl - 1);
        Ok((verdict, exit.frame(&packet)))
    }
}
