//! Frames made and read by hand, with right checksums.

use std::net::Ipv4Addr;

/// An Ethernet address.
pub type Mac = [u8; 6];

/// What is sent to all.
pub const BROADCAST: Mac = [0xff; 6];

/// TCP's flags, as in the header.
pub mod flag {
    /// The connection's end.
    pub const FIN: u8 = 0x01;
    /// Its start.
    pub const SYN: u8 = 0x02;
    /// Its refusal or abortion.
    pub const RST: u8 = 0x04;
    /// The acknowledgement counts.
    pub const ACK: u8 = 0x10;
}

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ETHERNET_LENGTH: usize = 14;
const IPV4_LENGTH: usize = 20;

/// Who writes to whom.
#[derive(Clone, Copy, Debug)]
pub struct Envelope {
    /// The sender's Ethernet address.
    pub from_mac: Mac,
    /// The receiver's, or the next hop's.
    pub to_mac: Mac,
    /// The sender's IP address.
    pub from: Ipv4Addr,
    /// The receiver's.
    pub to: Ipv4Addr,
}

impl Envelope {
    /// A TCP segment with these flags and no data.
    #[must_use]
    pub fn tcp(&self, from_port: u16, to_port: u16, flags: u8) -> Vec<u8> {
        let mut segment = ports(from_port, to_port);
        segment.extend([0, 0, 0x10, 0x01, 0, 0, 0x20, 0x01]); // sequence and acknowledgement
        segment.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]); // length, window, checksum
        let sum = checksum(&[&self.pseudo_header(TCP, segment.len()), &segment]);
        segment[16..18].copy_from_slice(&sum.to_be_bytes());
        self.ipv4(TCP, &segment)
    }

    /// A UDP datagram.
    #[must_use]
    pub fn udp(&self, from_port: u16, to_port: u16, data: &[u8]) -> Vec<u8> {
        let mut datagram = ports(from_port, to_port);
        datagram.extend(length(8 + data.len()));
        datagram.extend([0, 0]);
        datagram.extend(data);
        let sum = checksum(&[&self.pseudo_header(UDP, datagram.len()), &datagram]);
        // RFC 768: zero would mean that there is no checksum.
        let sum = if sum == 0 { 0xffff } else { sum };
        datagram[6..8].copy_from_slice(&sum.to_be_bytes());
        self.ipv4(UDP, &datagram)
    }

    /// An ICMP message; `rest` is all behind the checksum.
    #[must_use]
    pub fn icmp(&self, kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
        let mut message = [&[kind, code, 0, 0], rest].concat();
        let sum = checksum(&[&message]);
        message[2..4].copy_from_slice(&sum.to_be_bytes());
        self.ipv4(ICMP, &message)
    }

    /// The question for the receiver's Ethernet address.
    #[must_use]
    pub fn arp_request(&self) -> Vec<u8> {
        let mut frame = self.ethernet(ARP);
        frame.extend([0, 1, 8, 0, 6, 4, 0, 1]); // Ethernet, IPv4, their lengths, request
        frame.extend(self.from_mac);
        frame.extend(self.from.octets());
        frame.extend([0; 6]);
        frame.extend(self.to.octets());
        frame
    }

    fn ipv4(&self, protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0x45, 0];
        header.extend(length(IPV4_LENGTH + payload.len()));
        header.extend([0, 1, 0x40, 0, 64, protocol, 0, 0]); // id, don't fragment, TTL, checksum
        header.extend(self.from.octets());
        header.extend(self.to.octets());
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        [self.ethernet(IPV4), header, payload.to_vec()].concat()
    }

    fn ethernet(&self, kind: u16) -> Vec<u8> {
        [&self.to_mac[..], &self.from_mac, &kind.to_be_bytes()].concat()
    }

    fn pseudo_header(&self, protocol: u8, segment: usize) -> [u8; 12] {
        pseudo_header(self.from, self.to, protocol, segment)
    }
}

/// An IPv4 packet that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// The sender.
    pub from: Ipv4Addr,
    /// The receiver.
    pub to: Ipv4Addr,
    /// ICMP 1, TCP 6, UDP 17.
    pub protocol: u8,
    /// Everything behind the IP header.
    pub payload: Vec<u8>,
    /// Whether the checksums of the IP header and of the payload are right.
    pub sound: bool,
}

impl Packet {
    /// Reads an IPv4 frame; `None` for other frames.
    #[must_use]
    pub fn parse(frame: &[u8]) -> Option<Self> {
        let ip = of_kind(frame, IPV4)?;
        let header = ip.get(..usize::from(ip.first()? & 15) * 4)?;
        let total = usize::from(u16::from_be_bytes(header.get(2..4)?.try_into().ok()?));
        let payload = ip.get(header.len()..total)?.to_vec();
        let (from, to, protocol) = (address(header, 12)?, address(header, 16)?, header[9]);
        let pseudo = match protocol {
            ICMP => vec![],
            _ => pseudo_header(from, to, protocol, payload.len()).to_vec(),
        };
        let sound = checksum(&[header]) == 0 && checksum(&[&pseudo, &payload]) == 0;
        Some(Self { from, to, protocol, payload, sound })
    }
}

/// Reads an ARP answer: whose Ethernet address it is, and for which IP address.
#[must_use]
pub fn arp_reply(frame: &[u8]) -> Option<(Mac, Ipv4Addr)> {
    let arp = of_kind(frame, ARP)?;
    let is_reply = arp.get(6..8)? == [0, 2];
    is_reply.then_some((arp.get(8..14)?.try_into().ok()?, address(arp, 14)?))
}

fn of_kind(frame: &[u8], kind: u16) -> Option<&[u8]> {
    let is_kind = frame.get(12..ETHERNET_LENGTH)? == kind.to_be_bytes();
    is_kind.then_some(&frame[ETHERNET_LENGTH..])
}

fn address(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

fn ports(from: u16, to: u16) -> Vec<u8> {
    [from.to_be_bytes(), to.to_be_bytes()].concat()
}

fn length(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("a length within a packet").to_be_bytes()
}

fn pseudo_header(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, segment: usize) -> [u8; 12] {
    let mut header = [0; 12];
    header[..4].copy_from_slice(&from.octets());
    header[4..8].copy_from_slice(&to.octets());
    header[9] = protocol;
    header[10..].copy_from_slice(&length(segment));
    header
}

/// The checksum of RFC 1071 over parts, each of even length but the last.
fn checksum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let sum: u32 = words.map(|word| u32::from(word[0]) << 8 | u32::from(word.get(1).copied().unwrap_or(0))).sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).expect("two folds leave 16 bits")
}
