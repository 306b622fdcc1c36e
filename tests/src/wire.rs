//! Raw frames to and from an interface (`AF_PACKET`).

use std::{
    mem,
    net::Ipv4Addr,
    os::fd::{AsRawFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    ifaddrs::{InterfaceAddress, getifaddrs},
    libc,
    net::if_::if_nametoindex,
    sys::{
        socket::{
            AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike, bind, recvfrom, send,
            setsockopt, socket, sockopt::ReceiveTimeout,
        },
        time::TimeVal,
    },
};

use crate::{
    Namespace,
    frames::{BROADCAST, Envelope, Mac, Packet, arp_reply},
};

/// How long a question on the wire waits for its answer.
const ANSWER: Duration = Duration::from_secs(2);

/// How long one look at the wire lasts.
const LOOK: TimeVal = TimeVal::new(0, 20_000);

/// An interface, frame by frame. It hears what comes in, not what its machine sends.
#[derive(Debug)]
pub struct Wire {
    socket: OwnedFd,
    mac: Mac,
}

impl Wire {
    /// Listens on an interface of a namespace.
    pub(crate) fn open(namespace: &Namespace, interface: &str) -> Self {
        namespace.run(|| {
            let (kind, flags) = (SockType::Raw, SockFlag::SOCK_CLOEXEC);
            let socket = socket(AddressFamily::Packet, kind, flags, SockProtocol::EthAll);
            let socket = socket.expect("a packet socket (are you root?)");
            let index = if_nametoindex(interface).expect("the interface");
            bind(socket.as_raw_fd(), &all_frames_of(index)).expect("the interface's frames");
            setsockopt(&socket, ReceiveTimeout, &LOOK).expect("a time to look up");
            Self { socket, mac: mac_of(interface).expect("an Ethernet interface") }
        })
    }

    /// The interface's Ethernet address.
    #[must_use]
    pub fn mac(&self) -> Mac {
        self.mac
    }

    /// Sends a frame as it is.
    pub fn send(&self, frame: &[u8]) {
        let sent = send(self.socket.as_raw_fd(), frame, MsgFlags::empty()).expect("a frame sent");
        assert_eq!(sent, frame.len(), "the interface took a part of a frame");
    }

    /// Waits for a frame in which `find` finds something; `None` when none comes within `limit`.
    pub fn receive<T>(&self, limit: Duration, find: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        let mut buffer = [0; 2048];
        while start.elapsed() < limit {
            let Ok((length, from)) = recvfrom::<LinkAddr>(self.socket.as_raw_fd(), &mut buffer) else {
                continue;
            };
            if from.is_none_or(|from| from.pkttype() != libc::PACKET_OUTGOING)
                && let Some(found) = find(&buffer[..length])
            {
                return Some(found);
            }
        }
        None
    }

    /// Every IPv4 packet that comes in within `limit`.
    #[must_use]
    pub fn listen(&self, limit: Duration) -> Vec<Packet> {
        let end = Instant::now() + limit;
        let next = || self.receive(end.saturating_duration_since(Instant::now()), Packet::parse);
        std::iter::from_fn(next).collect()
    }

    /// Sends the echo request of a ping, and gives the answer to it.
    #[must_use]
    pub fn ping(&self, envelope: &Envelope) -> Option<Packet> {
        let rest = [b"\x12\x34\x00\x01", &b"how do you do"[..]].concat();
        self.send(&envelope.icmp(8, 0, &rest));
        self.receive(ANSWER, |frame| {
            Packet::parse(frame).filter(|answer| {
                let is_answer = answer.payload.starts_with(&[0, 0]) && answer.payload[4..] == rest;
                is_answer && answer.from == envelope.to
            })
        })
    }

    /// An envelope from this interface.
    #[must_use]
    pub fn envelope(&self, to_mac: Mac, from: Ipv4Addr, to: Ipv4Addr) -> Envelope {
        Envelope { from_mac: self.mac, to_mac, from, to }
    }

    /// Asks by ARP who has an address; `None` when nobody answers.
    #[must_use]
    pub fn resolve(&self, from: Ipv4Addr, to: Ipv4Addr) -> Option<Mac> {
        let question = Envelope { from_mac: self.mac, to_mac: BROADCAST, from, to };
        self.send(&question.arp_request());
        self.receive(ANSWER, |frame| arp_reply(frame).and_then(|(mac, of)| (of == to).then_some(mac)))
    }
}

fn mac_of(interface: &str) -> Option<Mac> {
    let mut addresses = getifaddrs().expect("the addresses of the interfaces");
    let own = |one: InterfaceAddress| one.address.and_then(|own| own.as_link_addr()?.addr());
    addresses.find_map(|one| if one.interface_name == interface { own(one) } else { None })
}

fn all_frames_of(index: libc::c_uint) -> LinkAddr {
    let bound = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).expect("a family"),
        sll_protocol: u16::try_from(libc::ETH_P_ALL).expect("a protocol").to_be(),
        sll_ifindex: i32::try_from(index).expect("an interface index"),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let length = u32::try_from(mem::size_of_val(&bound)).expect("a small size");
    // SAFETY: the pointer is to a whole `sockaddr_ll` of that length, alive during the call.
    let address = unsafe { LinkAddr::from_raw((&raw const bound).cast(), Some(length)) };
    address.expect("a link address")
}
