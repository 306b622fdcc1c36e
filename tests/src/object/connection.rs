//! Connections of clients that are nobody's but the test's, written without allocation: the program
//! is to be the slow part of a run.

use std::net::Ipv4Addr;

use vpce_common::checksum::sum;

use super::{Runner, Sides, action};
use crate::{
    frames::{
        Envelope,
        flag::{ACK, FIN, RST, SYN},
    },
    port,
};

/// Ethernet, IPv4 and TCP headers.
pub const SEGMENT: usize = 14 + 20 + 20;
/// The client's Ethernet address, different on each tenant's side.
pub const CLIENT_MACS: [[u8; 6]; 2] = [[2, 0, 0, 0, 1, 0xc], [2, 0, 0, 0, 2, 0xc]];
/// Clients are counted from here.
const FIRST_CLIENT: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 0);
/// Ports of one client.
const CLIENT_PORTS: u32 = 60_000;

/// A segment without data.
#[derive(Clone, Copy, Debug)]
pub struct Segment {
    /// From and to.
    pub ports: (u16, u16),
    /// [`crate::frames::flag`].
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
}

impl Segment {
    /// The frame that carries it, checksums right.
    #[must_use]
    pub fn frame(&self, envelope: &Envelope) -> [u8; SEGMENT] {
        let mut frame = [0; SEGMENT];
        frame[..6].copy_from_slice(&envelope.to_mac);
        frame[6..12].copy_from_slice(&envelope.from_mac);
        frame[12..24].copy_from_slice(&[8, 0, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6]);
        frame[26..30].copy_from_slice(&envelope.from.octets());
        frame[30..34].copy_from_slice(&envelope.to.octets());
        frame[34..36].copy_from_slice(&self.ports.0.to_be_bytes());
        frame[36..38].copy_from_slice(&self.ports.1.to_be_bytes());
        frame[38..42].copy_from_slice(&self.seq.to_be_bytes());
        frame[42..46].copy_from_slice(&self.ack.to_be_bytes());
        frame[46..50].copy_from_slice(&[5 << 4, self.flags, 0xff, 0xff]);
        let header = !sum(&frame[14..34]);
        frame[24..26].copy_from_slice(&header.to_ne_bytes());
        let segment = !tcp_sum(&frame);
        frame[50..52].copy_from_slice(&segment.to_ne_bytes());
        frame
    }
}

/// The sum of a TCP segment and its pseudo header.
fn tcp_sum(frame: &[u8]) -> u16 {
    let pseudo = [frame[26..34].try_into().expect("eight bytes"), [0, 6, 0, 20, 0, 0, 0, 0]];
    let parts = [sum(&pseudo.concat()), sum(&frame[34..])];
    vpce_common::checksum::fold(u32::from(parts[0]) + u32::from(parts[1]))
}

/// Whether both checksums of a frame of [`SEGMENT`] are right.
#[must_use]
pub fn sound(frame: &[u8]) -> bool {
    frame.len() == SEGMENT && sum(&frame[14..34]) == 0xffff && tcp_sum(frame) == 0xffff
}

/// An address and a port as they lie in a frame.
pub type Place = ([u8; 4], [u8; 2]);

/// Where a frame comes from, and where it goes.
#[must_use]
pub fn places(frame: &[u8]) -> (Place, Place) {
    let address = |at: usize| frame[at..at + 4].try_into().expect("four bytes");
    let port = |at: usize| frame[at..at + 2].try_into().expect("two bytes");
    ((address(26), port(34)), (address(30), port(36)))
}

/// Random numbers, the same in every run.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next one (splitmix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One below `end`.
    #[must_use]
    pub fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.number()) * end as u128;
        usize::try_from(wide >> 64).expect("less than end")
    }

    /// 32 bits of the next one.
    #[expect(clippy::cast_possible_truncation, reason = "32 bits are wanted")]
    pub fn word(&mut self) -> u32 {
        self.number() as u32
    }
}

/// A connection of a client that is nobody's but the test's, with an exact notion of its numbers.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    forward: Envelope,
    reply: Envelope,
    client: (u32, u16),
    backend: (u32, u16),
    endpoint_port: u16,
    /// The source that the backend sees.
    pub transit: Place,
    client_next: u32,
    backend_next: u32,
}

impl Connection {
    /// Number `number` of all that a tenant's clients can have to one endpoint, not opened yet.
    #[must_use]
    pub fn new(sides: &Sides, tenant: usize, number: u32, endpoint: Ipv4Addr, backend: Ipv4Addr) -> Self {
        let client = Ipv4Addr::from(u32::from(FIRST_CLIENT) + number / CLIENT_PORTS);
        let client_port = u16::try_from(number % CLIENT_PORTS).expect("a port") + 1;
        Self {
            forward: Envelope { to: endpoint, ..sides.forward(CLIENT_MACS[tenant - 1], client) },
            reply: sides.reply(backend),
            client: (sides.client.0, client_port),
            backend: (sides.backend.0, port::WEB_SERVER),
            endpoint_port: port::WEB,
            transit: Place::default(),
            client_next: number.wrapping_mul(2_654_435_761),
            backend_next: number.wrapping_mul(40_503),
        }
    }

    /// Notes which backend answers it.
    pub fn led_to(&mut self, backend: Ipv4Addr) {
        self.reply.from = backend;
    }

    /// A segment of the client; `ahead` is how far its number is from the right one.
    #[must_use]
    pub fn from_client(&self, flags: u8, ahead: u32) -> [u8; SEGMENT] {
        let ports = (self.client.1, self.endpoint_port);
        let seq = self.client_next.wrapping_add(ahead);
        let ack = if flags & ACK == 0 { 0 } else { self.backend_next };
        Segment { ports, flags, seq, ack }.frame(&self.forward)
    }

    /// A segment of the backend.
    #[must_use]
    pub fn from_backend(&self, flags: u8, ahead: u32) -> [u8; SEGMENT] {
        let ports = (self.backend.1, u16::from_be_bytes(self.transit.1));
        let seq = self.backend_next.wrapping_add(ahead);
        let ack = if flags & ACK == 0 { 0 } else { self.client_next };
        let reply = Envelope { to: self.transit.0.into(), ..self.reply };
        Segment { ports, flags, seq, ack }.frame(&reply)
    }

    /// Interface that the client's frames come in by.
    #[must_use]
    pub fn client_side(&self) -> u32 {
        self.client.0
    }

    /// Interface that the backend's frames come in by.
    #[must_use]
    pub fn backend_side(&self) -> u32 {
        self.backend.0
    }

    /// Sends the first segment; answers what became of it.
    pub fn dial(&mut self, runner: &mut Runner<'_>) -> Dialled {
        let (verdict, out) = runner.run(&self.from_client(SYN, 0), self.client_side());
        if verdict != action::REDIRECT {
            return Dialled::Dropped;
        }
        if out[47] & RST != 0 {
            self.check_refusal(out);
            return Dialled::Refused;
        }
        assert!(out[..6] == self.reply.from_mac && sound(out), "a SYN goes to the backend: {out:02x?}");
        let (from, to) = places(out);
        self.transit = from;
        self.client_next = self.client_next.wrapping_add(1);
        Dialled::Open(to)
    }

    /// Sends a segment of the client that must arrive, with the same source as all others.
    pub fn say(&mut self, runner: &mut Runner<'_>, flags: u8) {
        assert!(self.try_say(runner, flags), "a segment of the client was lost: {self:?}");
    }

    /// Sends a segment of the backend that must arrive at this client.
    pub fn hear(&mut self, runner: &mut Runner<'_>, flags: u8) {
        assert!(self.try_hear(runner, flags), "a segment of the backend was lost: {self:?}");
    }

    /// As [`Connection::say`], where it may be dropped or refused; answers whether it arrived.
    pub fn try_say(&mut self, runner: &mut Runner<'_>, flags: u8) -> bool {
        let (verdict, out) = runner.run(&self.from_client(flags, 0), self.client_side());
        if verdict != action::REDIRECT {
            return false;
        }
        if out[47] & RST != flags & RST {
            self.check_refusal(out);
            return false;
        }
        let to = (self.reply.from.octets(), self.backend.1.to_be_bytes());
        let right = out[..6] == self.reply.from_mac && places(out) == (self.transit, to) && sound(out);
        assert!(right, "{self:?} became {out:02x?}");
        self.client_next = self.client_next.wrapping_add(u32::from(flags & (SYN | FIN) != 0));
        true
    }

    /// As [`Connection::hear`], where it may be dropped; answers whether it arrived.
    pub fn try_hear(&mut self, runner: &mut Runner<'_>, flags: u8) -> bool {
        let (verdict, out) = runner.run(&self.from_backend(flags, 0), self.backend_side());
        if verdict != action::REDIRECT {
            return false;
        }
        let from = (self.forward.to.octets(), self.endpoint_port.to_be_bytes());
        let to = (self.forward.from.octets(), self.client.1.to_be_bytes());
        let right = out[..6] == self.forward.from_mac && places(out) == (from, to) && sound(out);
        assert!(right && out[6..12] == self.forward.to_mac, "{self:?} became {out:02x?}");
        self.backend_next = self.backend_next.wrapping_add(u32::from(flags & (SYN | FIN) != 0));
        true
    }

    /// A refusal is a RST from the endpoint to this very client.
    fn check_refusal(&self, out: &[u8]) {
        let from = (self.forward.to.octets(), self.endpoint_port.to_be_bytes());
        let to = (self.forward.from.octets(), self.client.1.to_be_bytes());
        let back = out[..6] == self.forward.from_mac && out[6..12] == self.forward.to_mac;
        assert!(back && places(out) == (from, to) && sound(out), "{self:?} was refused by {out:02x?}");
    }

    /// Opens the connection whole; it must be admitted.
    pub fn open(&mut self, runner: &mut Runner<'_>) {
        // Where two CPUs meet in one ring the client's second try gets through, as with real SYNs.
        let mut tries = (0..8).map(|_| self.dial(runner));
        let dialled = tries.find(|dialled| *dialled != Dialled::Dropped);
        assert!(matches!(dialled, Some(Dialled::Open(_))), "{dialled:?} in place of a connection");
        self.hear(runner, SYN | ACK);
        self.say(runner, ACK);
    }

    /// Ends it by both FINs.
    pub fn finish(&mut self, runner: &mut Runner<'_>) {
        self.say(runner, FIN | ACK);
        self.hear(runner, FIN | ACK);
        self.say(runner, ACK);
    }

    /// Ends it by the RST that is exact.
    pub fn reset(&mut self, runner: &mut Runner<'_>) {
        self.say(runner, RST);
    }
}

/// What became of a first segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialled {
    /// It went to this backend.
    Open(Place),
    /// A RST came back.
    Refused,
    /// Nothing.
    Dropped,
}
