//! Rule 1: where a frame came in; and the way back, rule 8.5.

use super::{
    config::{Config, Link, Station},
    packet::{Ip, UDP, u16_at, u32_at},
};

pub const ARP: u16 = 0x0806;
pub const IPV4: u16 = 0x0800;
const VLAN: u16 = 0x8100;
const VXLAN_PORT: u16 = 4789;
/// UDP source port of VXLAN packets that are of no flow.
pub const ANSWERS: u16 = 49152;

/// A frame on a link.
pub struct Arrival {
    /// Number of the link.
    pub number: usize,
    pub link: Link,
    /// Who sent it.
    pub station: Station,
    pub to: [u8; 6],
    pub kind: u16,
    /// What follows the Ethernet header.
    pub body: Vec<u8>,
}

fn mac(bytes: &[u8]) -> [u8; 6] {
    bytes.try_into().expect("six bytes")
}

/// The link, if there is one.
pub fn arrive(config: &Config, frame: &[u8], ifindex: u32) -> Option<Arrival> {
    if frame.len() < 14 {
        return None;
    }
    let (vlan, kind, body) = match u16_at(frame, 12) {
        VLAN if frame.len() < 18 => return None,
        VLAN => (Some(u16_at(frame, 14) & 0xfff), u16_at(frame, 16), &frame[18..]),
        kind => (None, kind, &frame[14..]),
    };
    if let Some(&number) = config.plain.get(&(ifindex, vlan.unwrap_or(0))) {
        let station = Station { mac: mac(&frame[6..12]), ..Station::default() };
        let (link, to) = (config.links[number].clone(), mac(&frame[..6]));
        return Some(Arrival { number, link, station, to, kind, body: body.to_vec() });
    }
    // Outer IPv4 and UDP, VXLAN, the inner Ethernet header.
    if vlan.is_some() || kind != IPV4 || body.len() < 20 + 8 + 8 + 14 {
        return None;
    }
    let (ip, udp, header, inner) = (&body[..20], &body[20..28], &body[28..36], &body[36..]);
    let fragment = u16_at(ip, 6) & 0x3fff != 0;
    if ip[0] != 0x45 || fragment || ip[9] != UDP || u16_at(udp, 2) != VXLAN_PORT || header[0] & 8 == 0 {
        return None;
    }
    let &number = config.vxlan.get(&(ifindex, u32_at(header, 4) >> 8))?;
    let link = config.links[number].clone();
    if link.vxlan?.1 != u32_at(ip, 16) {
        return None;
    }
    let station = Station { mac: mac(&inner[6..12]), hop: mac(&frame[6..12]), vtep: u32_at(ip, 12) };
    let (to, kind, body) = (mac(&inner[..6]), u16_at(inner, 12), inner[14..].to_vec());
    Some(Arrival { number, link, station, to, kind, body })
}

/// A frame of the gateway on a link.
pub fn frame(link: &Link, station: &Station, kind: u16, body: &[u8], port: u16) -> Vec<u8> {
    let mut frame = [station.mac, link.mac].concat();
    if link.vlan != 0 {
        frame.extend([VLAN.to_be_bytes(), link.vlan.to_be_bytes()].concat());
    }
    frame.extend(kind.to_be_bytes());
    frame.extend(body);
    let Some((vni, vtep)) = link.vxlan else { return frame };
    let mut ip = Ip::own(0, UDP, vtep, station.vtep);
    let length = u16::try_from(8 + 8 + frame.len()).expect("a short frame");
    ip.total = 20 + length;
    let udp = [port | 0xc000, VXLAN_PORT, length, 0].map(u16::to_be_bytes).concat();
    let vxlan = [[8, 0, 0, 0], (vni << 8).to_be_bytes()].concat();
    [station.hop.to_vec(), link.mac.to_vec(), IPV4.to_be_bytes().to_vec(), ip.bytes(), udp, vxlan, frame].concat()
}

impl Arrival {
    /// A frame back to who sent this one.
    pub fn answer(&self, body: &[u8]) -> Vec<u8> {
        frame(&self.link, &self.station, self.kind, body, ANSWERS)
    }
}
