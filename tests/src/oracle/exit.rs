//! Rule 8: the way out.

use vpce_common::reason::DropReason;

use super::{
    Oracle, Stop,
    arrive::{self, Arrival},
    config::{Link, Station},
    echo::seal,
    flow::{Flow, Side},
    packet::{ICMP, Packet},
};

/// Where a translated packet leaves.
pub struct Exit {
    pub link: Link,
    pub station: Station,
    transit_port: u16,
}

impl Exit {
    pub fn frame(&self, packet: &Packet) -> Vec<u8> {
        arrive::frame(&self.link, &self.station, arrive::IPV4, &packet.bytes(), self.transit_port)
    }
}

impl Oracle {
    /// The way of a packet that `side` sent, as it came.
    pub(super) fn exit(&self, arrival: &Arrival, flow: &Flow, side: Side, packet: &Packet) -> Result<Exit, Stop> {
        if self.config.endpoints[flow.endpoint].generation != flow.generation {
            return Err(Stop::Drop(DropReason::StaleFlow));
        }
        let (link, station) = match side {
            Side::Backend => flow.client_at,
            Side::Client => {
                let backend = &self.config.backends[flow.backend];
                if !backend.found {
                    return Err(Stop::Drop(DropReason::BackendUnreachable));
                }
                (backend.link, backend.station)
            }
        };
        let link = self.config.links.get(link).filter(|link| link.ifindex != 0);
        let link = link.ok_or(Stop::Drop(DropReason::LinkMissing))?.clone();
        lives(arrival, packet)?;
        // What is too long for the way in, an offload has put together: the kernel takes it apart again.
        let total = u32::from(packet.ip.total);
        if total > link.mtu && total <= arrival.link.mtu {
            let mtu = u16::try_from(link.mtu).expect("smaller than a packet").to_be_bytes();
            return Err(tell(arrival, packet, DropReason::TooBig, (3, 4), [0, 0, mtu[0], mtu[1]], packet.ip.to));
        }
        Ok(Exit { link, station, transit_port: flow.transit_port })
    }
}

/// Rule 8.3.
pub fn lives(arrival: &Arrival, packet: &Packet) -> Result<(), Stop> {
    if packet.ip.ttl >= 2 {
        return Ok(());
    }
    Err(tell(arrival, packet, DropReason::TtlExpired, (11, 0), [0; 4], arrival.link.address))
}

/// Drops a packet, and tells its sender by ICMP, unless it must not be told.
pub fn tell(
    arrival: &Arrival,
    packet: &Packet,
    reason: DropReason,
    (kind, code): (u8, u8),
    rest: [u8; 4],
    from: u32,
) -> Stop {
    // RFC 1122 §3.2.2: nobody is told of ICMP, of later fragments, and who is not one host.
    let [first, ..] = packet.ip.from.to_be_bytes();
    if packet.ip.protocol == ICMP || packet.ip.offset() != 0 || matches!(first, 0 | 127 | 224..) {
        return Stop::Drop(reason);
    }
    let quoted = packet.ip.length() + 8;
    let mut message = [&[kind, code, 0, 0], &rest[..], &arrival.body[..quoted]].concat();
    seal(&mut message, 0);
    let error = Packet::own(packet.ip.tos, ICMP, from, packet.ip.from, message);
    Stop::Tell(reason, arrival.link.ifindex, arrival.answer(&error.bytes()))
}
