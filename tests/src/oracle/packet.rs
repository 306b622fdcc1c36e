//! IPv4 packets as structs, and sums over whole packets.

use vpce_common::reason::DropReason;

/// Protocol number.
pub const ICMP: u8 = 1;
/// Protocol number.
pub const TCP: u8 = 6;
/// Protocol number.
pub const UDP: u8 = 17;

/// Flag of packets that must stay whole.
pub const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;

/// An IPv4 header.
#[derive(Clone, Debug)]
pub struct Ip {
    pub tos: u8,
    pub total: u16,
    pub id: u16,
    /// Flags and offset.
    pub fragment: u16,
    pub ttl: u8,
    pub protocol: u8,
    pub from: u32,
    pub to: u32,
    pub options: Vec<u8>,
    /// What its checksum is wrong by: 0 when right.
    pub error: u16,
}

/// A packet, and what came behind its end.
#[derive(Clone, Debug)]
pub struct Packet {
    pub ip: Ip,
    pub payload: Vec<u8>,
    pub padding: Vec<u8>,
}

/// Two bytes of a slice.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

/// Four bytes of a slice.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The sum of all 16-bit words (RFC 1071), as a number below 65535: in one's complement 0xFFFF is 0.
pub fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.chunks(2).map(|pair| u64::from(pair[0]) << 8 | pair.get(1).map_or(0, |byte| u64::from(*byte)));
    u16::try_from(words.sum::<u64>() % 65535).expect("below 65535")
}

/// The checksum that makes the sum of `bytes`, which hold zero in its place, be `error`: for 0 the
/// right one, else as wrong as it was (RFC 1624: routers must not mend what they change).
pub fn checksum(bytes: &[u8], error: u16) -> [u8; 2] {
    let right = (u32::from(error) + 65535 - u32::from(sum(bytes))) % 65535;
    u16::try_from(right).expect("below 65535").to_be_bytes()
}

/// What TCP and UDP sum before their own bytes.
pub fn pseudo(ip: &Ip, length: usize) -> Vec<u8> {
    let length = u16::try_from(length).expect("at most a packet's").to_be_bytes();
    [&ip.from.to_be_bytes()[..], &ip.to.to_be_bytes(), &[0, ip.protocol], &length].concat()
}

/// Where a packet goes to, if its header is there.
pub fn receiver(bytes: &[u8]) -> Option<u32> {
    (bytes.len() >= 20).then(|| u32_at(bytes, 16))
}

impl Ip {
    /// The header at the front of `bytes`; nothing where it is not IPv4, or not whole.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let length = usize::from(*bytes.first()? & 15) * 4;
        if bytes[0] >> 4 != 4 || length < 20 || bytes.len() < length {
            return None;
        }
        Some(Self {
            tos: bytes[1],
            total: u16_at(bytes, 2),
            id: u16_at(bytes, 4),
            fragment: u16_at(bytes, 6),
            ttl: bytes[8],
            protocol: bytes[9],
            from: u32_at(bytes, 12),
            to: u32_at(bytes, 16),
            options: bytes[20..length].to_vec(),
            error: sum(&bytes[..length]),
        })
    }

    /// One of the gateway's own.
    pub fn own(tos: u8, protocol: u8, from: u32, to: u32) -> Self {
        let (total, id, fragment, ttl) = (0, 0, DONT_FRAGMENT, 64);
        Self { tos, total, id, fragment, ttl, protocol, from, to, options: Vec::new(), error: 0 }
    }

    pub fn length(&self) -> usize {
        20 + self.options.len()
    }

    /// Where in its datagram a fragment is.
    pub fn offset(&self) -> u16 {
        self.fragment & 0x1fff
    }

    /// Whether fragments follow.
    pub fn more(&self) -> bool {
        self.fragment & MORE_FRAGMENTS != 0
    }

    pub fn bytes(&self) -> Vec<u8> {
        let words = u8::try_from(self.length() / 4).expect("at most 15");
        let mut bytes = vec![0x40 | words, self.tos];
        for word in [self.total, self.id, self.fragment] {
            bytes.extend(word.to_be_bytes());
        }
        bytes.extend([self.ttl, self.protocol, 0, 0]);
        bytes.extend(self.from.to_be_bytes());
        bytes.extend(self.to.to_be_bytes());
        bytes.extend(&self.options);
        let check = checksum(&bytes, self.error);
        bytes[10..12].copy_from_slice(&check);
        bytes
    }
}

impl Packet {
    /// Rule 3.1.
    pub fn parse(bytes: &[u8]) -> Result<Self, DropReason> {
        let ip = Ip::parse(bytes).ok_or(DropReason::MalformedIp)?;
        let total = usize::from(ip.total);
        if total < ip.length() || total > bytes.len() {
            return Err(DropReason::MalformedIp);
        }
        Ok(Self { payload: bytes[ip.length()..total].to_vec(), padding: bytes[total..].to_vec(), ip })
    }

    /// One of the gateway's own.
    pub fn own(tos: u8, protocol: u8, from: u32, to: u32, payload: Vec<u8>) -> Self {
        let mut ip = Ip::own(tos, protocol, from, to);
        ip.total = u16::try_from(20 + payload.len()).expect("a short one");
        Self { ip, payload, padding: Vec::new() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.ip.bytes(), self.payload.clone(), self.padding.clone()].concat()
    }
}
