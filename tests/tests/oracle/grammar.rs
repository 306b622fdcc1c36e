//! What comes in: conversations of clients and backends, and what attackers make of them.

use vpce_common::layout;
use vpce_tests::oracle::{Config, Link, Oracle, Station};

use crate::{
    frames::{self, Header, ICMP},
    random::Random,
    talk::Talk,
    world::{self, Interfaces, Step},
};

pub struct Grammar {
    pub random: Random,
    pub config: Config,
    interfaces: Interfaces,
    pub talks: Vec<Talk>,
    /// Frames that shall come soon: fragments.
    pub soon: Vec<Step>,
}

const fn address(last: u8) -> u32 {
    u32::from_be_bytes([10, 0, 0, last])
}

impl Grammar {
    pub fn new(seed: u64, interfaces: Interfaces) -> Self {
        let config = Config::of(&world::plane(interfaces));
        Self { random: Random::new(seed), config, interfaces, talks: Vec::new(), soon: Vec::new() }
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
    pub fn station(&mut self) -> Station {
        let number = self.random.of(&[1, 2, 3]);
        let vtep = u32::from_be_bytes([192, 0, 2, 10 + number]);
        Station { mac: [2, 0xd, 0, 0, 0, number], hop: [2, 0xe, 0, 0, 0, number & 1], vtep }
    }

    fn link(&mut self) -> usize {
        self.random.of(&[0, 0, 1, 2, 2, 3, 3, 4, 5, 6, 8])
    }

    pub fn client_link(&mut self) -> usize {
        self.random.of(&[0, 0, 1, 2, 2, 3, 3, 8])
    }

    pub fn dialled(&mut self) -> u32 {
        let mut gateway = u32::from_be_bytes([203, 0, 113, self.random.of(&[1, 63, 64, 100, 127, 128])]);
        if self.random.once_in(6) {
            gateway = u32::from_be_bytes([2, 4, 255, 1]);
        }
        let others = [address(102), address(103), address(104), address(106), address(200), gateway];
        let usual = [address(100), address(101), gateway];
        if self.random.once_in(5) { self.random.of(&others) } else { self.random.of(&usual) }
    }

    pub fn client(&mut self) -> u32 {
        if self.random.once_in(40) {
            let martians = [[0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4], [198, 19, 128, 1], [10, 0, 0, 100]];
            return u32::from_be_bytes(self.random.of(&martians));
        }
        address(self.random.of(&[5, 6, 7]))
    }

    fn transit(&mut self) -> u32 {
        u32::from_be_bytes([198, 19, 128, self.random.of(&[0, 1, 2, 3, 6, 7, 9, 30, 255])])
    }

    pub fn header(&mut self, protocol: u8, from: u32, to: u32) -> Header {
        let mut header = Header::new(protocol, from, to);
        let random = &mut self.random;
        if random.once_in(8) {
            header.tos = random.byte();
        }
        if random.once_in(8) {
            header.id = random.word();
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
    pub fn send(&mut self, link: usize, station: &Station, packet: &[u8]) -> Step {
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
        let sender = if self.random.once_in(10) { asked } else { self.client() };
        let operation = if self.random.once_in(10) { self.random.byte() } else { 1 };
        let mut body = vec![0, 1, 8, 0, 6, 4, 0, operation];
        body.extend(if self.random.once_in(4) { [2, 9, 9, 9, 9, 9] } else { station.mac });
        body.extend(sender.to_be_bytes());
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
}
