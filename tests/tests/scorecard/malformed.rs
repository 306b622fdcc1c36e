//! Row 5: whatever comes in, the kernel does what the host-compiled path does.

use std::net::Ipv4Addr;

use vpce_common::{host::HostPlane, path::Verdict, wire};
use vpce_tests::{
    Rig,
    address::{BACKEND, CLIENT, ENDPOINT},
    frames::{
        BROADCAST, Envelope,
        flag::{ACK, FIN, RST, SYN},
    },
    object::{CLIENT_MACS, Object, Random, Runner, Segment, Sides, action},
    port,
    scorecard::{figure, report},
};

use crate::{kernel_log::KernelLog, on_two_cpus, turn};

/// Timers that no run lasts, and as many errors as there are, since the model has no clock.
const NO_TIMERS: &str = "icmp_per_sec = 1000000\n[gateway.timers]\nopening_secs = 86400\nestablished_secs = 86400\nclosing_secs = 86400\nudp_secs = 86400";
/// A port that is published for UDP.
const UDP: u16 = 53;
/// Longest change of a frame: the headers, a quoted packet's too.
const DEEP: usize = 90;

/// A sound frame, to be broken.
type Sound = (Vec<u8>, u32);

#[test]
fn row_05_malformed_frames_end_as_the_host_says_and_none_leaves_untranslated() {
    let _turn = turn();
    let log = KernelLog::watch();
    let mut rig = Rig::same_cidr().publish("udp", UDP, 5353).gateway(NO_TIMERS).start();
    // It would believe what broken ARP says of where the backends are; the model has nobody to do so.
    rig.agent().kill();
    let object = Object::of(&rig);
    let sides = [Sides::of(&rig, 1), Sides::of(&rig, 2)];
    let frames: u64 = figure(10_000_000, 1_000_000_000);
    let start = std::time::Instant::now();
    // Each CPU has a tenant of its own, and a model that knows of no other.
    let ends = on_two_cpus(&rig, |cpu| {
        let model = object.model();
        let ends = compare(&mut object.runner(), &model, &sides[cpu], cpu, frames / 2);
        let open = model.admissions[sides[cpu].endpoint as usize].connections.open();
        assert_eq!(object.open(sides[cpu].endpoint), open, "open connections");
        ends
    });
    let rate = u128::from(frames) * 1000 / start.elapsed().as_millis();
    let hardly = ends.iter().any(|ends| ends.iter().any(|count| *count < 1000));
    assert!(!hardly, "the frames hardly reach every end of the path: {ends:?}");
    assert_eq!(log.complaints(), [] as [String; 0], "the kernel's warnings");
    let text = format!("{frames} malformed frames, 0 differences, 0 kernel warnings, 0 forwarded untranslated");
    report(5, format_args!("{text}, {rate}/s"));
}

/// Runs broken frames on both; answers how many came to each end of the path.
fn compare(runner: &mut Runner<'_>, model: &HostPlane, sides: &Sides, cpu: usize, frames: u64) -> [u64; 6] {
    let mut breaker = Breaker::new(sides, cpu);
    let mut ends = [0; 6];
    let (mut frame, mut expected) = (Vec::new(), Vec::new());
    for round in 0..frames {
        let ifindex = breaker.next(&mut frame);
        expected.clone_from(&frame);
        let (verdict, out) = runner.run(&frame, ifindex);
        let wanted = model.run(&mut expected, ifindex);
        let [transit, backend] = [sides.transit, BACKEND].map(|address| address.octets());
        let (end, right) = match wanted {
            Verdict::Pass => (0, verdict == action::PASS && out == frame),
            Verdict::Drop(_) => (1, verdict == action::DROP),
            Verdict::Forward(to) => {
                breaker.saw(out);
                (2, to == sides.backend.0 && out[26..30] == transit && out[30..34] == backend)
            }
            Verdict::Reply(to) => (3, to == sides.client.0 && out[26..30] == ENDPOINT.octets()),
            Verdict::Answer(to) => (4, to == ifindex && out[..6] == frame[6..12]),
            Verdict::Refuse(_, to) => {
                (5, to == ifindex && out[..6] == frame[6..12] && (out[23] == 1 || out[47] & RST != 0))
            }
        };
        let same = end == 1 || (end == 0) != (verdict == action::REDIRECT) && out == expected;
        // The model never forgets a first fragment.
        let forgotten = verdict == action::DROP && is_later_fragment(&frame);
        assert!(
            right && same || forgotten,
            "CPU {cpu}, round {round}, interface {ifindex}: {frame:02x?}\nbecame {verdict} {out:02x?}\n\
             the host says {wanted:?} {expected:02x?}"
        );
        ends[end] += 1;
    }
    ends
}

fn is_later_fragment(frame: &[u8]) -> bool {
    matches!(frame, [_, _, _, _, _, _, _, _, _, _, _, _, 8, 0, 0x40..0x50, _, _, _, _, _, high, low, ..]
        if u16::from_be_bytes([high & 0x1f, *low]) != 0)
}

/// Makes malformed frames of sound ones.
struct Breaker<'s> {
    sides: &'s Sides,
    sound: Vec<Sound>,
    random: Random,
    /// Transit ports of the last flows, of TCP and of UDP: a reply must hit one.
    ports: [[[u8; 2]; 4]; 2],
}

impl<'s> Breaker<'s> {
    fn new(sides: &'s Sides, cpu: usize) -> Self {
        Self { sides, sound: sound(sides, cpu), random: Random(500 + cpu as u64), ports: <_>::default() }
    }

    /// Notes a frame that was forwarded.
    fn saw(&mut self, out: &[u8]) {
        if out[23] != wire::ICMP && out[14] == 0x45 {
            let place = usize::from(out[35]) % 4;
            self.ports[usize::from(out[23] == wire::UDP)][place] = [out[34], out[35]];
        }
    }

    /// Writes the next frame; answers the interface that it comes in by.
    fn next(&mut self, frame: &mut Vec<u8>) -> u32 {
        let (whole, ifindex) = &self.sound[self.random.below(self.sound.len())];
        frame.clone_from(whole);
        // One number has the dice for most of a frame: numbers are dearer than frames.
        let dice = self.random.number().to_le_bytes();
        if *ifindex == self.sides.backend.0 {
            let at = match (&frame[12..14], frame[23]) {
                ([8, 0], wire::TCP | wire::UDP) => Some((36, frame[23])),
                ([8, 0], wire::ICMP) => Some((62, frame[51])),
                // Of ARP that byte is anything: a part of a MAC.
                _ => None,
            };
            if let Some((at, protocol)) = at {
                let port = self.ports[usize::from(protocol == wire::UDP)][usize::from(dice[6]) % 4];
                frame[at..at + 2].copy_from_slice(&port);
            }
        }
        for n in 0..usize::from(dice[0] % 5) {
            let [value, at, ..] = self.random.number().to_le_bytes();
            let at = usize::from(at) % DEEP.min(frame.len());
            // A bit here, a whole byte there.
            frame[at] = if n % 2 == 0 { value } else { frame[at] ^ (1 << (value % 8)) };
        }
        if dice[1] < 64 {
            frame.truncate(14 + usize::from(dice[2]) % 80);
        } else if dice[1] < 80 {
            frame.extend_from_slice(&[dice[3]; 200][..usize::from(dice[4]) % 200]);
        }
        let elsewhere = dice[5] < 12;
        if elsewhere { self.sides.client.0 + self.sides.backend.0 - ifindex } else { *ifindex }
    }
}

/// Frames worth breaking: each kind that the path knows, on both sides.
fn sound(sides: &Sides, cpu: usize) -> Vec<Sound> {
    let (client, backend) = (sides.client.0, sides.backend.0);
    let mut frames: Vec<Sound> = Vec::new();
    let to_endpoint = sides.forward(CLIENT_MACS[cpu], CLIENT);
    let to_transit = sides.reply(BACKEND);
    for client_port in 1..5 {
        for (flags, seq) in [(SYN, 7), (ACK, 8), (RST, 8), (FIN | ACK, 8)] {
            let segment = Segment { ports: (client_port, port::WEB), flags, seq, ack: 2 };
            frames.push((segment.frame(&to_endpoint).to_vec(), client));
        }
        frames.push((to_endpoint.udp(client_port, UDP, b"who is it"), client));
    }
    // The breaker puts in a transit port that is in use.
    let transit_port = 1024;
    for _ in 0..8 {
        for (flags, seq) in [(SYN | ACK, 1), (ACK, 2), (FIN | ACK, 2)] {
            let segment = Segment { ports: (port::WEB_SERVER, transit_port), flags, seq, ack: 8 };
            frames.push((segment.frame(&to_transit).to_vec(), backend));
        }
        frames.push((to_transit.udp(5353, transit_port, b"it is me"), backend));
    }
    let asks = |to: Ipv4Addr, envelope: &Envelope| Envelope { to, to_mac: BROADCAST, ..*envelope }.arp_request();
    for _ in 0..4 {
        frames.push((to_endpoint.icmp(8, 0, b"\0\x01\0\x02ping"), client));
        frames.push((asks(ENDPOINT, &to_endpoint), client));
        frames.push((asks(sides.transit, &to_transit), backend));
    }
    for n in 0..4 {
        let of_client = Segment { ports: (port::WEB, n + 1), flags: ACK, seq: 1, ack: 1 };
        let of_backend = Segment { ports: (transit_port, port::WEB_SERVER), flags: ACK, seq: 1, ack: 1 };
        let turned = |envelope: &Envelope| Envelope { from: envelope.to, to: envelope.from, ..*envelope };
        for (kind, code) in [(3, 4), (11, 0)] {
            for (envelope, quoted, ifindex) in [(&to_endpoint, of_client, client), (&to_transit, of_backend, backend)] {
                let quote = &quoted.frame(&turned(envelope))[14..];
                frames.push((envelope.icmp(kind, code, &[&[0, 0, 5, 0], quote].concat()), ifindex));
            }
        }
    }
    frames
}
