//! Rule 7: echo.

use vpce_common::reason::DropReason;

use super::{
    Done, Stop, Verdict,
    arrive::Arrival,
    config::Config,
    packet::{Packet, checksum, sum},
};

pub fn answer(config: &Config, arrival: &Arrival, mut packet: Packet) -> Done {
    let to = packet.ip.to;
    if to != arrival.link.address {
        match config.addresses.get(&(arrival.link.vpc, to)) {
            Some(number) if !config.endpoints[*number].accepted => return Err(Stop::Drop(DropReason::NotAccepted)),
            Some(_) => {}
            None => return Err(Stop::Drop(DropReason::Protocol)),
        }
    }
    (packet.ip.from, packet.ip.to, packet.ip.ttl) = (to, packet.ip.from, 64);
    let error = sum(&packet.payload);
    packet.payload[0] = 0;
    seal(&mut packet.payload, error);
    Ok((Verdict::Answer(arrival.link.ifindex), arrival.answer(&packet.bytes())))
}

/// Writes the checksum of an ICMP message that is wrong by `error`.
pub fn seal(message: &mut [u8], error: u16) {
    message[2..4].fill(0);
    let check = checksum(message, error);
    message[2..4].copy_from_slice(&check);
}
