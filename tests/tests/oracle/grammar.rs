//! What comes in: conversations of clients and backends, and what attackers make of them.

use vpce_common::layout;
use vpce_tests::oracle::{Config, Flow, Key, Link, Oracle, Station};

use crate::{
    frames::{self, Header, ICMP, Segment, TCP, UDP},
    world::{self, Interfaces, Step},
};

const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// Numbers that look random and never change (xorshift64*).
pub struct Random(u64);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        u32::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32).expect("32 bits")
    }

    fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }

    /// Once in so many times.
    fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.next() as usize % all.len()]
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.byte()).collect()
    }
}

/// A conversation as its two ends believe it to be.
#[derive(Clone, Copy)]
struct Talk {
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

pub struct Grammar {
    random: Random,
    config: Config,
    interfaces: Interfaces,
    talks: Vec<Talk>,
    /// Frames that shall come soon: fragments.
    soon: Vec<Step>,
}

const fn address(last: u8) -> u32 {
    u32::from_be_bytes([10, 0, 0, last])
}

impl Grammar {
    pub fn new(seed: u64, interfaces: Interfaces) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.bytes(4);
        let config = Config::of(&world::plane(interfaces));
        Self { random, config, interfaces, talks: Vec::new(), soon: Vec::new() }
    }

    /// What happens next.
    pub fn step(&mut self, model: &Oracle) -> Step {
        if !self.soon.is_empty() && !self.random.once_in(4) {
            let place = self.random.next() as usize % self.soon.len();
            return self.soon.swap_remove(place);
        }
        match self.random.below(1000) {
            0 if self.random.once_in(2) => Step::Refuse(self.random.of(&[layout::DROP, layout::RESET, layout::ICMP])),
            0 => Step::Generation(self.random.of(&[0, 1, 2, 5, 8])),
            1 | 2 => Step::Reach(self.random.of(&[0, 1, 3, 5]), false),
            3..=8 => Step::Reach(self.random.of(&[0, 1, 3, 5]), true),
            9..=19 => self.noise(),
            20..=59 => self.arp(),
            60..=99 => self.echo(),
            100..=119 => self.other(),
            120..=219 => self.error(model),
            220..=269 => self.fragments(model),
            270..=419 => self.dial(),
            _ => self.talk(model),
        }
    }

    /// A station on a link: some machine, or a router.
    fn station(&mut self) -> Station {
        let number = self.random.of(&[1, 2, 3]);
        let vtep = u32::from_be_bytes([192, 0, 2, 10 + number]);
        Station { mac: [2, 0xd, 0, 0, 0, number], hop: [2, 0xe, 0, 0, 0, number & 1], vtep }
    }

    fn link(&mut self) -> usize {
        self.random.of(&[0, 0, 1, 2, 2, 3, 3, 4, 5, 6, 8])
    }

    fn client_link(&mut self) -> usize {
        self.random.of(&[0, 0, 1, 2, 2, 3, 3, 8])
    }

    fn dialled(&mut self) -> u32 {
        let mut gateway = u32::from_be_bytes([203, 0, 113, self.random.of(&[1, 63, 64, 100, 127, 128])]);
        if self.random.once_in(6) {
            gateway = u32::from_be_bytes([2, 4, 255, 1]);
        }
        let others = [address(102), address(103), address(104), address(106), address(200), gateway];
        let usual = [address(100), address(101), gateway];
        if self.random.once_in(5) { self.random.of(&others) } else { self.random.of(&usual) }
    }

    fn client(&mut self) -> u32 {
        if self.random.once_in(40) {
            let martians = [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4], [198, 19, 128, 1], [10, 0, 0, 100]];
            return u32::from_be_bytes(self.random.of(&martians));
        }
        address(self.random.of(&[5, 6, 7]))
    }

    fn transit(&mut self) -> u32 {
        u32::from_be_bytes([198, 19, 128, self.random.of(&[0, 1, 2, 3, 6, 7, 9, 30, 255])])
    }

    fn header(&mut self, protocol: u8, from: u32, to: u32) -> Header {
        let mut header = Header::new(protocol, from, to);
        let random = &mut self.random;
        if random.once_in(8) {
            header.tos = random.byte();
        }
        if random.once_in(8) {
            header.id = random.next() as u16;
        }
        if random.once_in(4) {
            header.fragment = 0;
        }
        if random.once_in(16) {
            header.ttl = random.of(&[0, 1, 2, 3, 255]);
        }
        if random.once_in(16) {
            let words = random.of(&[1, 2, 3, 10]);
            header.options = random.bytes(words * 4);
        }
        header
    }

    /// A frame with an IPv4 packet, perhaps broken.
    fn send(&mut self, link: usize, station: &Station, packet: &[u8]) -> Step {
        self.frame(link, station, 0x0800, packet)
    }

    fn frame(&mut self, number: usize, station: &Station, kind: u16, body: &[u8]) -> Step {
        let link = self.config.links[number].clone();
        let to = if self.random.once_in(100) { [0xff; 6] } else { link.mac };
        let mut body = body.to_vec();
        if self.random.once_in(12) {
            let padding = self.random.below(24) as usize;
            body.extend(self.random.bytes(padding));
        }
        let mut frame = frames::on(&link, station, to, kind, &body);
        let mut ifindex = link.ifindex;
        if link.vlan == 0 && link.vxlan.is_none() && self.random.once_in(20) {
            let tag = [0x81, 0, self.random.byte() & 0xe0, 0];
            frame.splice(12..12, tag);
        }
        self.harm(&mut frame, &link);
        if self.random.once_in(60) {
            ifindex = self.random.of(&self.interfaces);
        }
        Step::Frame(ifindex, frame)
    }

    fn harm(&mut self, frame: &mut Vec<u8>, link: &Link) {
        let random = &mut self.random;
        if !random.once_in(8) {
            return;
        }
        // Where the headers are that matter.
        let ip = 14 + if link.vlan == 0 { 0 } else { 4 } + if link.vxlan.is_some() { 50 } else { 0 };
        match random.below(8) {
            0 => frame.truncate(random.below(u32::try_from(frame.len()).expect("a short frame") + 1) as usize),
            1 => frame.truncate(ip + random.below(64) as usize),
            2 => {
                let at = random.next() as usize % frame.len();
                frame[at] = random.byte();
            }
            3 => {
                let at = (ip + random.below(60) as usize) % frame.len();
                frame[at] ^= 1 << random.below(8);
            }
            // A length: of the packet, of the header, of the datagram, of the segment.
            4 => {
                let at = ip + random.of(&[0, 2, 3, 6, 24, 25, 32, 33]);
                if let Some(byte) = frame.get_mut(at) {
                    *byte = byte.wrapping_add(random.of(&[1, 2, 4, 8, 16, 255, 254, 252, 248, 240]));
                }
            }
            // A checksum.
            5 => {
                let at = ip + random.of(&[10, 11, 22, 23, 26, 27, 36, 37]);
                if let Some(byte) = frame.get_mut(at) {
                    *byte = random.of(&[0, 0xff, 1, 0x80]);
                }
            }
            6 => {
                for _ in 0..random.below(5) {
                    let at = random.next() as usize % frame.len();
                    frame[at] = random.byte();
                }
            }
            _ => {
                let at = random.of(&[0, 6, 12, 13, 14, 15, 16, 17, 18, 20, 23, 30, 36, 37, 42, 46, 47, 48, 62]);
                let end = frame.len();
                frame[at % end] = random.of(&[0, 1, 4, 7, 8, 10, 0x81, 0xff, 0x12]);
            }
        }
    }

    fn noise(&mut self) -> Step {
        let count = self.random.below(120) as usize;
        let mut frame = self.random.bytes(count);
        if self.random.once_in(2) && count > 14 {
            let link = self.link();
            frame[..6].copy_from_slice(&self.config.links[link].mac);
            frame[12..14].copy_from_slice(&[8, 0]);
            frame[14] = 0x45;
        }
        Step::Frame(self.random.of(&self.interfaces), frame)
    }

    fn arp(&mut self) -> Step {
        let (link, station) = (self.link(), self.station());
        let asked = match self.random.below(4) {
            0 => address(254),
            1 => self.transit(),
            _ => self.dialled(),
        };
        let asker = if self.random.once_in(10) { asked } else { self.client() };
        let operation = if self.random.once_in(10) { self.random.byte() } else { 1 };
        let mut body = vec![0, 1, 8, 0, 6, 4, 0, operation];
        body.extend(if self.random.once_in(4) { [2, 9, 9, 9, 9, 9] } else { station.mac });
        body.extend(asker.to_be_bytes());
        body.extend(self.random.bytes(6));
        body.extend(asked.to_be_bytes());
        self.frame(link, &station, 0x0806, &body)
    }

    fn echo(&mut self) -> Step {
        let (link, station) = (self.link(), self.station());
        let to = match self.random.below(4) {
            0 => address(254),
            1 => self.transit(),
            _ => self.dialled(),
        };
        let from = self.client();
        let count = self.random.below(60) as usize;
        let data = self.random.bytes(count);
        let (kind, code) = self.random.of(&[(8, 0), (8, 0), (8, 0), (8, 0), (8, 1), (0, 0), (13, 0), (5, 1), (12, 0)]);
        let message = frames::icmp(kind, code, [0, 1, 0, 2], &data);
        let header = self.header(ICMP, from, to);
        self.send(link, &station, &header.packet(&message))
    }

    /// Another protocol, or an orphan fragment.
    fn other(&mut self) -> Step {
        let (link, station) = (self.link(), self.station());
        let to = if self.random.once_in(3) { self.transit() } else { self.dialled() };
        let from = self.client();
        let protocol = self.random.of(&[0, 1, 2, 6, 17, 47, 50, 132, 255]);
        let mut header = self.header(protocol, from, to);
        if self.random.once_in(2) {
            header.fragment = self.random.of(&[0x2000, 1, 185, 0x2001, 0x1fff, 0x6000]);
        }
        let count = self.random.below(40) as usize;
        let payload = self.random.bytes(count);
        self.send(link, &station, &header.packet(&payload))
    }

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
    fn dial(&mut self) -> Step {
        let (link, station) = (self.client_link(), self.station());
        let (client, dialled) = (self.client(), self.dialled());
        let (protocol, port) =
            self.random.of(&[(TCP, 80), (TCP, 80), (TCP, 80), (UDP, 53), (UDP, 80), (TCP, 443), (TCP, 81), (UDP, 54)]);
        let key = Key {
            vpc: self.config.links[link].vpc,
            protocol,
            client,
            client_port: 40_000 + self.random.below(12) as u16,
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
        match (side, flow) {
            (Side::Backend, Some(flow)) => {
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
                (server, transit, link, self.station())
            }
            _ => {
                let moved = self.random.once_in(12);
                let station = if moved { self.station() } else { talk.station };
                let links = [0, 1, 2, 3, 8];
                let link = if self.random.once_in(20) { self.random.of(&links) } else { talk.link };
                ((key.client, key.client_port), (key.dialled, key.dialled_port), link, station)
            }
        }
    }

    /// The next packet of a conversation, or one that its ends would not send.
    fn talk(&mut self, model: &Oracle) -> Step {
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
    fn error(&mut self, model: &Oracle) -> Step {
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
    fn fragments(&mut self, model: &Oracle) -> Step {
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
