//! TCP segments and UDP datagrams as structs.

use vpce_common::reason::DropReason;

use super::packet::{Ip, Packet, TCP, checksum, pseudo, sum, u16_at, u32_at};

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

/// The first packet of a datagram: TCP or UDP.
#[derive(Clone, Debug)]
pub struct Segment {
    pub from_port: u16,
    pub to_port: u16,
    pub kind: Kind,
    /// What its checksum is wrong by.
    error: u16,
    /// Bytes that the checksum is over. Of a first fragment those that are here: what is wrong in
    /// them stays wrong by the same.
    covered: usize,
}

#[derive(Clone, Debug)]
pub enum Kind {
    Tcp(Tcp),
    Udp { length: u16, summed: bool, rest: Vec<u8> },
}

#[derive(Clone, Debug)]
pub struct Tcp {
    pub seq: u32,
    pub ack: u32,
    /// Data offset and reserved bits.
    pub offset: u8,
    pub flags: u8,
    pub window: [u8; 2],
    pub urgent: [u8; 2],
    pub options: Vec<u8>,
    pub data: Vec<u8>,
}

impl Tcp {
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// SYN without ACK, RST, FIN.
    pub fn opens(&self) -> bool {
        self.flags & (SYN | ACK | RST | FIN) == SYN
    }

    /// The number after its last byte; SYN and FIN count as one.
    pub fn end(&self) -> u32 {
        let data = u32::try_from(self.data.len()).expect("a short one");
        let marks = u32::from(self.has(SYN)) + u32::from(self.has(FIN));
        self.seq.wrapping_add(data).wrapping_add(marks)
    }

    /// An MSS option among the first 8 becomes this where it is larger (RFC 9293 §3.2).
    pub fn clamp(&mut self, most: u16) {
        let mut at = 0;
        for _ in 0..8 {
            match self.options[at.min(self.options.len())..] {
                [1, ..] => at += 1,
                [2, 4, high, low, ..] => {
                    let mss = u16::from_be_bytes([high, low]).min(most);
                    self.options[at + 2..at + 4].copy_from_slice(&mss.to_be_bytes());
                    return;
                }
                [0, ..] | [] | [_] | [_, 0 | 1, ..] => return,
                [_, length, ..] => at += usize::from(length),
            }
        }
    }
}

impl Segment {
    /// Rule 3.3.
    pub fn parse(packet: &Packet) -> Result<Self, DropReason> {
        let bytes = &packet.payload[..];
        let (kind, covered, pseudo_length) = if packet.ip.protocol == TCP {
            let tcp = tcp(bytes).ok_or(DropReason::MalformedTcp)?;
            (Kind::Tcp(tcp), bytes.len(), bytes.len())
        } else {
            if bytes.len() < 8 {
                return Err(DropReason::MalformedUdp);
            }
            let length = u16_at(bytes, 4);
            if length < 8 || !packet.ip.more() && usize::from(length) > bytes.len() {
                return Err(DropReason::MalformedUdp);
            }
            let udp = Kind::Udp { length, summed: bytes[6..8] != [0, 0], rest: bytes[8..].to_vec() };
            (udp, usize::from(length).min(bytes.len()), usize::from(length))
        };
        let error = sum(&[pseudo(&packet.ip, pseudo_length), sum(&bytes[..covered]).to_be_bytes().to_vec()].concat());
        Ok(Self { from_port: u16_at(bytes, 0), to_port: u16_at(bytes, 2), kind, error, covered })
    }

    /// A TCP segment of the gateway's own.
    pub fn own(from_port: u16, to_port: u16, seq: u32, ack: u32, flags: u8) -> Self {
        let tcp = Tcp {
            seq,
            ack,
            offset: 5 << 4,
            flags,
            window: [0; 2],
            urgent: [0; 2],
            options: Vec::new(),
            data: Vec::new(),
        };
        Self { from_port, to_port, kind: Kind::Tcp(tcp), error: 0, covered: 20 }
    }

    pub fn tcp(&self) -> Option<&Tcp> {
        if let Kind::Tcp(tcp) = &self.kind { Some(tcp) } else { None }
    }

    /// Whether it may open a flow.
    pub fn opens(&self) -> bool {
        self.tcp().is_none_or(Tcp::opens)
    }

    /// As the payload of a packet with this header.
    pub fn bytes(&self, ip: &Ip) -> Vec<u8> {
        let mut bytes = [self.from_port.to_be_bytes(), self.to_port.to_be_bytes()].concat();
        let (check_at, length) = match &self.kind {
            Kind::Tcp(tcp) => {
                bytes.extend(tcp.seq.to_be_bytes());
                bytes.extend(tcp.ack.to_be_bytes());
                bytes.extend([tcp.offset, tcp.flags]);
                bytes.extend([tcp.window, [0; 2], tcp.urgent].concat());
                bytes.extend(&tcp.options);
                bytes.extend(&tcp.data);
                (16, bytes.len())
            }
            Kind::Udp { length, rest, .. } => {
                bytes.extend(length.to_be_bytes());
                bytes.extend([0; 2]);
                bytes.extend(rest);
                (6, usize::from(*length))
            }
        };
        let sums = [pseudo(ip, length), sum(&bytes[..self.covered]).to_be_bytes().to_vec()].concat();
        let check = match (&self.kind, checksum(&sums, self.error)) {
            (Kind::Udp { summed: false, .. }, _) => [0; 2],
            (Kind::Udp { .. }, [0, 0]) => [0xff; 2],
            (_, check) => check,
        };
        bytes[check_at..check_at + 2].copy_from_slice(&check);
        bytes
    }
}

fn tcp(bytes: &[u8]) -> Option<Tcp> {
    let offset = *bytes.get(12)?;
    let length = usize::from(offset >> 4) * 4;
    if length < 20 || length > bytes.len() {
        return None;
    }
    let tcp = Tcp {
        seq: u32_at(bytes, 4),
        ack: u32_at(bytes, 8),
        offset,
        flags: bytes[13],
        window: [bytes[14], bytes[15]],
        urgent: [bytes[18], bytes[19]],
        options: bytes[20..length].to_vec(),
        data: bytes[length..].to_vec(),
    };
    (!(tcp.has(SYN) && (tcp.has(FIN) || tcp.has(RST)))).then_some(tcp)
}
