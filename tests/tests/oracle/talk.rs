//! Conversations, fragments and ICMP errors about them: as their ends would send them, or nearly so.

use vpce_tests::oracle::{Flow, Key, Oracle, Station};

use crate::{
    frames::{self, ICMP, Segment, TCP, UDP},
    grammar::Grammar,
    world::Step,
};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// A conversation as its two ends believe it to be.
#[derive(Clone, Copy)]
pub struct Talk {
    key: Key,
    link: usize,
    station: Station,
    client_next: u32,
    backend_next: u32,
}

/// Which end sends.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Client,
    Backend,
}

impl Grammar {
    fn data(&mut self) -> Vec<u8> {
        let few = [0, 0, 0, 1, 7, 100];
        let many = [1199, 1212, 1228, 1240, 1260, 1360, 1400, 1410, 1411, 1460, 1461, 1472, 1480];
        let count = if self.random.once_in(12) { self.random.of(&many) } else { self.random.of(&few) };
        self.random.bytes(count)
    }

    /// Options of a SYN.
    fn options(&mut self) -> Vec<u8> {
        let random = &mut self.random;
        let mss = random.of(&[0u16, 536, 1240, 1241, 1260, 1360, 1361, 1460, 1461, 8960, 65535]).to_be_bytes();
        let mut options = match random.below(8) {
            0 => vec![],
            1 => vec![2, 4, mss[0], mss[1]],
            2 => vec![1, 2, 4, mss[0], mss[1], 1, 1, 0],
            3 => vec![4, 2, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, mss[0], mss[1]],
            4 => [vec![1; random.below(10) as usize], vec![2, 4, mss[0], mss[1]]].concat(),
            5 => vec![2, random.byte() % 6, mss[0], mss[1], 2, 4, mss[0], mss[1]],
            6 => vec![3, random.byte() % 8, 7, 1, 2, 4, mss[0], mss[1], 1, 3, 3, 7],
            _ => random.bytes(12),
        };
        options.resize(options.len().next_multiple_of(4), 0);
        options
    }

    /// A first packet.
    pub fn dial(&mut self) -> Step {
        let (link, station) = (self.client_link(), self.station());
        let (client, dialled) = (self.client(), self.dialled());
        let (protocol, port) =
            self.random.of(&[(TCP, 80), (TCP, 80), (TCP, 80), (UDP, 53), (UDP, 80), (TCP, 443), (TCP, 81), (UDP, 54)]);
        let key = Key {
            vpc: self.config.links[link].vpc,
            protocol,
            client,
            client_port: 40_000 + self.random.word() % 12,
            dialled,
            dialled_port: port,
        };
        let client_next = self.random.of(&[0, 1, 0xffff_ffff, 0x8000_0000]);
        let client_next = if self.random.once_in(4) { client_next } else { self.random.next() };
        let mut talk = Talk { key, link, station, client_next, backend_next: self.random.next() };
        if self.talks.len() == 48 {
            let oldest = self.random.below(48) as usize;
            self.talks.swap_remove(oldest);
        }
        let header = self.header(protocol, client, dialled);
        let ports = (key.client_port, port);
        let payload = if protocol == UDP {
            let (data, summed) = (self.data(), !self.random.once_in(4));
            header.udp(ports, &data, summed)
        } else {
            let data = if self.random.once_in(20) { self.data() } else { Vec::new() };
            let flags = if self.random.once_in(12) { self.random.byte() } else { SYN };
            let segment =
                Segment { ports, seq: client_next, ack: 0, flags, options: self.options(), data: data.clone() };
            talk.client_next = client_next.wrapping_add(1 + u32::try_from(data.len()).expect("short data"));
            header.tcp(&segment)
        };
        self.talks.push(talk);
        self.send(link, &station, &header.packet(&payload))
    }

    fn pick(&mut self) -> Option<usize> {
        let count = u32::try_from(self.talks.len()).expect("few talks");
        // The latest ones most often: their ends are still in step.
        let back = if self.random.once_in(3) { self.random.below(count.max(1)) } else { self.random.below(4) };
        self.talks.len().checked_sub(1 + back as usize)
    }

    /// Both ends of what one side sends: addresses and ports, link and station.
    fn ends(&mut self, talk: Talk, flow: Option<&Flow>, side: Side) -> ((u32, u16), (u32, u16), usize, Station) {
        let key = talk.key;
        if let (Side::Backend, Some(flow)) = (side, flow) {
            let mut link = self.config.backends[flow.backend].link;
            if self.random.once_in(12) {
                link = self.random.of(&[4, 5, 6, 0, 3]);
            }
            let (mut server, mut transit) = ((flow.server, flow.server_port), (flow.transit, flow.transit_port));
            match self.random.below(100) {
                0 => server.0 ^= 1,
                1 => server.1 ^= 1,
                2 => transit.0 ^= 1,
                3 => transit.1 = transit.1.wrapping_add(self.random.of(&[1, 4, 8, 16, 64])),
                4 => transit.1 = self.random.of(&[0, 1, 1023, 1024, 65535]),
                _ => {}
            }
            return (server, transit, link, self.station());
        }
        let moved = self.random.once_in(12);
        let station = if moved { self.station() } else { talk.station };
        let links = [0, 1, 2, 3, 8];
        let link = if self.random.once_in(20) { self.random.of(&links) } else { talk.link };
        ((key.client, key.client_port), (key.dialled, key.dialled_port), link, station)
    }

    /// The next packet of a conversation, or one that its ends would not send.
    pub fn talk(&mut self, model: &Oracle) -> Step {
        let Some(place) = self.pick() else { return self.dial() };
        let talk = self.talks[place];
        let flow = model.find(&talk.key);
        let side = if flow.is_some() && self.random.once_in(2) { Side::Backend } else { Side::Client };
        let (from, to, link, station) = self.ends(talk, flow, side);
        let header = self.header(talk.key.protocol, from.0, to.0);
        let ports = (from.1, to.1);
        if talk.key.protocol == UDP {
            let (data, summed) = (self.data(), !self.random.once_in(4));
            return self.send(link, &station, &header.packet(&header.udp(ports, &data, summed)));
        }
        let fresh = flow.is_some_and(|flow| !flow.phase.answered);
        let segment = self.segment(place, side, fresh, ports);
        self.send(link, &station, &header.packet(&header.tcp(&segment)))
    }

    fn segment(&mut self, place: usize, side: Side, fresh: bool, ports: (u16, u16)) -> Segment {
        let talk = self.talks[place];
        let (own, other) = match side {
            Side::Client => (talk.client_next, talk.backend_next),
            Side::Backend => (talk.backend_next, talk.client_next),
        };
        let usual = if fresh && side == Side::Backend { SYN | ACK } else { ACK };
        let flags = match self.random.below(16) {
            0 => RST,
            1 => RST | ACK,
            2 | 3 => FIN | ACK,
            4 => SYN,
            5 => SYN | ACK,
            6 => self.random.byte(),
            _ => usual,
        };
        let data = if flags & (SYN | RST) == 0 { self.data() } else { Vec::new() };
        let options = if flags & SYN != 0 { self.options() } else { Vec::new() };
        let (mut seq, mut ack) = (own, other);
        if self.random.once_in(5) {
            let far = [1u32, 2, 100, 1 << 16, (1 << 24) - 1, 1 << 24, (1 << 24) + 1, (1 << 24) + 2, 1 << 30, 1 << 31];
            let mut jump = self.random.of(&far);
            if self.random.once_in(2) {
                jump = jump.wrapping_neg();
            }
            let which = self.random.below(3);
            if which != 1 {
                seq = seq.wrapping_add(jump);
            }
            if which != 0 {
                ack = ack.wrapping_add(jump);
            }
        } else {
            let length = u32::try_from(data.len()).expect("short data") + u32::from(flags & FIN != 0);
            let next = match side {
                Side::Client => &mut self.talks[place].client_next,
                Side::Backend => &mut self.talks[place].backend_next,
            };
            let length = length + u32::from(flags & SYN != 0 && side == Side::Backend && fresh);
            // At times it gets lost.
            if !self.random.once_in(8) {
                *next = next.wrapping_add(length);
            }
        }
        Segment { ports, seq, ack, flags, options, data }
    }

    /// An ICMP error about what a side of a conversation received.
    pub fn error(&mut self, model: &Oracle) -> Step {
        let Some(place) = self.pick() else { return self.dial() };
        let talk = self.talks[place];
        let flow = model.find(&talk.key);
        let side = if flow.is_some() && self.random.once_in(2) { Side::Backend } else { Side::Client };
        // The quoted packet went the other way.
        let (own, other, link, station) = self.ends(talk, flow, side);
        let mut quoted = self.header(talk.key.protocol, other.0, own.0);
        if self.random.once_in(20) {
            quoted.protocol = self.random.of(&[1, 6, 17, 47]);
        }
        if self.random.once_in(20) {
            quoted.fragment = self.random.of(&[1, 0x2000, 0x2001, 0x1fff]);
        }
        let ports = (other.1, own.1);
        let payload = if quoted.protocol == UDP {
            let (data, summed) = (self.data(), !self.random.once_in(4));
            quoted.udp(ports, &data, summed)
        } else {
            quoted.tcp(&Segment { ports, seq: self.random.next(), flags: ACK, data: self.data(), ..Segment::default() })
        };
        let mut packet = quoted.packet(&payload);
        match self.random.below(8) {
            0..=4 => packet.truncate(20 + quoted.options.len() + 8),
            5 => packet.truncate(self.random.below(60) as usize),
            _ => {}
        }
        if self.random.once_in(12) && !packet.is_empty() {
            let at = self.random.next() as usize % packet.len().min(40);
            packet[at] = self.random.byte();
        }
        let rest = [0, 0, 4, self.random.byte()];
        let kind = self.random.of(&[3, 3, 3, 11, 11, 4, 12]);
        let message = frames::icmp(kind, self.random.of(&[0, 1, 3, 4, 13]), rest, &packet);
        let router = u32::from_be_bytes([172, 16, 0, self.random.byte()]);
        let from = if self.random.once_in(2) { own.0 } else { router };
        let header = self.header(ICMP, from, other.0);
        self.send(link, &station, &header.packet(&message))
    }

    /// A datagram in pieces, in any order.
    pub fn fragments(&mut self, model: &Oracle) -> Step {
        let Some(place) = self.pick() else { return self.dial() };
        let talk = self.talks[place];
        let flow = model.find(&talk.key);
        let side = if flow.is_some() && self.random.once_in(2) { Side::Backend } else { Side::Client };
        let (from, to, link, station) = self.ends(talk, flow, side);
        let mut header = self.header(talk.key.protocol, from.0, to.0);
        header.id = self.random.of(&[7, 8, 9, 10]);
        let count = self.random.of(&[16, 40, 100, 800, 1500]);
        let data = self.random.bytes(count);
        let whole = if talk.key.protocol == UDP {
            let summed = !self.random.once_in(4);
            header.udp((from.1, to.1), &data, summed)
        } else {
            let segment = self.segment(place, side, false, (from.1, to.1));
            header.tcp(&Segment { data, ..segment })
        };
        let piece = self.random.of(&[8, 16, 24, 40, 80, 480]);
        let last = (whole.len() - 1) / piece;
        for (number, part) in whole.chunks(piece).enumerate().take(5) {
            let more = if number == last { 0 } else { 0x2000 };
            header.fragment = more | u16::try_from(number * piece / 8).expect("13 bits");
            let step = self.send(link, &station, &header.packet(part));
            self.soon.push(step);
        }
        // The first one first, mostly: it must be translated for the others to follow.
        if self.random.once_in(4) { self.step(model) } else { self.soon.remove(self.soon.len() - (last + 1).min(5)) }
    }
}
