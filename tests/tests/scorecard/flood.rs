//! Row 13: a flood of first segments is its endpoint's own trouble.

use std::{
    net::Ipv4Addr,
    os::fd::AsRawFd,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike, sendto, socket,
};
use vpce_tests::{
    Rig,
    address::endpoint,
    frames::flag::SYN,
    object::{CLIENT_MACS, Random, Segment, Sides},
    port,
    scorecard::{figure, report},
    tcp::Talk,
};

use crate::turn;

const LIVE: usize = 100;
/// Clients of the flood.
const FLOODERS: u32 = 0x0a02_0000;

#[test]
fn row_13_a_syn_flood_costs_other_endpoints_no_connection_and_its_victim_no_live_flow() {
    let _turn = turn();
    let rig = Rig::same_cidr().start();
    let _echoes = [rig.echo(1), rig.echo(2)];
    let sides = Sides::of(&rig, 1);
    let mut live: Vec<_> = rig.client(1).run(|| (0..LIVE).map(|_| dial()).collect());
    let lasting = Duration::from_secs(figure(5, 60));

    let over = AtomicBool::new(false);
    let (sent, opened) = thread::scope(|scope| {
        let flood = scope.spawn(|| rig.client(1).run(|| flood(&sides, &over)));
        let opened = rig.client(2).run(|| {
            let start = Instant::now();
            let mut opened = 0;
            while start.elapsed() < lasting {
                let mut talk = dial();
                talk.say("none of my business").expect("an echo beside a flood");
                talk.reset();
                opened += 1;
            }
            opened
        });
        over.store(true, Relaxed);
        (flood.join().expect("the flood"), opened)
    });
    let told = rig.endpoint(1);
    assert!(told.number("refused") > 1000, "the flood hardly reached its endpoint: {told}");
    assert_eq!(told.number("connections.peak"), told.number("connections.limit"), "{told}");
    assert!(opened > 10, "only {opened} connections were tried");
    for talk in &mut live {
        talk.say("still here").expect("a live connection of the victim");
    }
    let rate = sent / lasting.as_secs();
    let text = format!("SYN flood of {} s at {rate}/s, {opened} of {opened} connections", lasting.as_secs());
    report(13, format_args!("{text} of another endpoint opened, 0 of {LIVE} live flows of the victim touched"));
}

fn dial() -> Talk {
    Talk::open(endpoint(port::ECHO)).expect("a connection")
}

/// Sends first segments from ever other clients, as fast as one thread can; answers how many.
fn flood(sides: &Sides, over: &AtomicBool) -> u64 {
    let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
    let socket = socket(AddressFamily::Packet, kind, flags, None::<SockProtocol>).expect("a packet socket");
    let interface = link_address(nix::net::if_::if_nametoindex("eth0").expect("the client's interface"));
    let (mut random, mut sent) = (Random(13), 0);
    while !over.load(Relaxed) {
        let client = Ipv4Addr::from(FLOODERS | (random.word() & 0xffff));
        let [a, b, ..] = random.word().to_be_bytes();
        let ports = (u16::from_be_bytes([a, b]).max(1), port::ECHO);
        let segment = Segment { ports, flags: SYN, seq: random.word(), ack: 0 };
        let frame = segment.frame(&sides.forward(CLIENT_MACS[0], client));
        // A queue that is full is the very end of a flood.
        sent += u64::from(sendto(socket.as_raw_fd(), &frame, &interface, MsgFlags::empty()).is_ok());
    }
    sent
}

fn link_address(index: u32) -> LinkAddr {
    let address = nix::libc::sockaddr_ll {
        sll_family: u16::try_from(nix::libc::AF_PACKET).expect("a family"),
        sll_protocol: 0,
        sll_ifindex: i32::try_from(index).expect("an interface index"),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [0xff; 8],
    };
    let length = u32::try_from(size_of_val(&address)).expect("a small size");
    // SAFETY: the pointer is to a whole `sockaddr_ll` of that length, alive during the call.
    unsafe { LinkAddr::from_raw((&raw const address).cast(), Some(length)) }.expect("a link address")
}
