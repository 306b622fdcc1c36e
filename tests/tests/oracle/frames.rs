//! Frames as clients and backends would send them, with right checksums.

use vpce_tests::oracle::{Link, Station};

pub const TCP: u8 = 6;
pub const UDP: u8 = 17;
pub const ICMP: u8 = 1;

/// What differs in IPv4 headers.
#[derive(Clone, Debug)]
pub struct Header {
    pub tos: u8,
    pub id: u16,
    pub fragment: u16,
    pub ttl: u8,
    pub protocol: u8,
    pub from: u32,
    pub to: u32,
    pub options: Vec<u8>,
}

/// What differs in TCP segments.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    pub ports: (u16, u16),
    pub seq: u32,
    pub ack: u32,
    pub flags: u8,
    pub options: Vec<u8>,
    pub data: Vec<u8>,
}

/// RFC 1071.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let bytes = parts.concat();
    let words = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!u16::try_from(sum).expect("folded")).to_be_bytes()
}

fn short(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a short packet").to_be_bytes()
}

fn pseudo(header: &Header, length: usize) -> Vec<u8> {
    [&header.from.to_be_bytes()[..], &header.to.to_be_bytes(), &[0, header.protocol], &short(length)].concat()
}

impl Header {
    pub fn new(protocol: u8, from: u32, to: u32) -> Self {
        Self { tos: 0, id: 1, fragment: 0x4000, ttl: 64, protocol, from, to, options: Vec::new() }
    }

    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        let length = 20 + self.options.len();
        let mut bytes = vec![0x40 | u8::try_from(length / 4).expect("at most 15"), self.tos];
        bytes.extend(short(length + payload.len()));
        bytes.extend([self.id.to_be_bytes(), self.fragment.to_be_bytes()].concat());
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend([self.from.to_be_bytes(), self.to.to_be_bytes()].concat());
        bytes.extend(&self.options);
        let check = checksum(&[&bytes]);
        bytes[10..12].copy_from_slice(&check);
        [&bytes, payload].concat()
    }

    pub fn tcp(&self, segment: &Segment) -> Vec<u8> {
        let mut bytes = [segment.ports.0.to_be_bytes(), segment.ports.1.to_be_bytes()].concat();
        bytes.extend([segment.seq.to_be_bytes(), segment.ack.to_be_bytes()].concat());
        let words = u8::try_from(5 + segment.options.len() / 4).expect("at most 15");
        bytes.extend([words << 4, segment.flags, 0x20, 0, 0, 0, 0, 0]);
        bytes.extend(&segment.options);
        bytes.extend(&segment.data);
        let check = checksum(&[&pseudo(self, bytes.len()), &bytes]);
        bytes[16..18].copy_from_slice(&check);
        bytes
    }

    pub fn udp(&self, ports: (u16, u16), data: &[u8], summed: bool) -> Vec<u8> {
        let mut bytes = [ports.0.to_be_bytes(), ports.1.to_be_bytes(), short(8 + data.len()), [0; 2]].concat();
        bytes.extend(data);
        if summed {
            let check = match checksum(&[&pseudo(self, bytes.len()), &bytes]) {
                [0, 0] => [0xff; 2],
                check => check,
            };
            bytes[6..8].copy_from_slice(&check);
        }
        bytes
    }
}

pub fn icmp(kind: u8, code: u8, rest: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = [&[kind, code, 0, 0], &rest[..], data].concat();
    let check = checksum(&[&bytes]);
    bytes[2..4].copy_from_slice(&check);
    bytes
}

/// A frame that a station sends to `to` on a link.
pub fn on(link: &Link, from: &Station, to: [u8; 6], kind: u16, body: &[u8]) -> Vec<u8> {
    let mut frame = [to, from.mac].concat();
    if link.vlan != 0 {
        frame.extend([0x8100u16.to_be_bytes(), link.vlan.to_be_bytes()].concat());
    }
    frame.extend(kind.to_be_bytes());
    frame.extend(body);
    let Some((vni, vtep)) = link.vxlan else { return frame };
    let header = Header::new(UDP, from.vtep, vtep);
    let vxlan = [&[8, 0, 0, 0][..], &(vni << 8).to_be_bytes(), &frame].concat();
    let packet = header.packet(&header.udp((50_000, 4789), &vxlan, false));
    [&link.mac[..], &from.hop, &[8, 0], &packet].concat()
}
