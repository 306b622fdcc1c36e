//! Small datagrams, as many as one CPU sends.
//!
//! Frames go out by `AF_PACKET`, so that the sender costs little beside what it measures. On veth all
//! of the way is walked on the sender's CPU. What arrives at the backend's interface is counted and
//! dropped there: its stack is not what is measured.

use std::{
    fs, io, mem,
    os::fd::AsRawFd,
    ptr, thread,
    time::{Duration, Instant},
};

use nix::{
    libc,
    net::if_::if_nametoindex,
    sys::socket::{AddressFamily, LinkAddr, SockFlag, SockType, SockaddrLike, bind, socket},
};
use vpce_tests::{
    Namespace,
    frames::Envelope,
    object::{Random, on_cpu},
};

use super::{
    contestant::{Contestant, port},
    cpu,
};

/// Frames of one system call.
const BATCH: u32 = 64;
/// Payload that makes the shortest Ethernet frame.
const DATA: [u8; 18] = [0; 18];

/// Millions of datagrams a second that arrive, over so many flows.
pub fn run(on: &Contestant, flows: usize, lasting: Duration) -> f64 {
    let frames = frames(on, flows);
    on.client.run(|| {
        on_cpu(cpu::CLIENT);
        let mut sender = Sender::open(&frames);
        // Every flow opens, and neighbours are found.
        sender.send_for(Duration::from_millis(300), flows);
        thread::sleep(Duration::from_millis(100));
        let before = arrived(&on.backend);
        let took = sender.send_for(lasting, 0);
        thread::sleep(Duration::from_millis(50));
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let count = (arrived(&on.backend) - before) as f64;
        count / took.as_secs_f64() / 1e6
    })
}

/// One frame of each flow, in an order that no cache foresees.
fn frames(on: &Contestant, flows: usize) -> Vec<Vec<u8>> {
    let [from_mac, to_mac] = on.macs();
    let to = on.dialled(port::FLOOD);
    let ports = 10_000..60_000_u16;
    let places = on.clients().flat_map(|client| ports.clone().map(move |port| (client, port)));
    let frame = |(from, from_port)| Envelope { from_mac, to_mac, from, to: *to.ip() }.udp(from_port, to.port(), &DATA);
    let mut frames: Vec<_> = places.take(flows).map(frame).collect();
    let mut random = Random(1);
    for n in (1..frames.len()).rev() {
        frames.swap(n, random.below(n + 1));
    }
    frames
}

/// Frames that a backend has received.
fn arrived(backend: &Namespace) -> u64 {
    let text = backend.run(|| fs::read_to_string("/proc/thread-self/net/dev")).expect("the interfaces' counters");
    let counters =
        text.lines().find_map(|line| line.trim_start().strip_prefix("eth0:")).expect("the backend's interface");
    counters.split_whitespace().nth(1).expect("a count of frames").parse().expect("a number")
}

/// Sends frames again and again.
struct Sender<'f> {
    socket: std::os::fd::OwnedFd,
    headers: Vec<libc::mmsghdr>,
    next: usize,
    // The headers point here.
    _vectors: Vec<libc::iovec>,
    _frames: &'f [Vec<u8>],
}

impl<'f> Sender<'f> {
    fn open(frames: &'f [Vec<u8>]) -> Self {
        let socket =
            socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None).expect("a packet socket");
        let index = if_nametoindex("eth0").expect("the client's interface");
        bind(socket.as_raw_fd(), &link(index)).expect("the interface");
        let on: libc::c_int = 1;
        let (at, size) = (ptr::from_ref(&on).cast(), u32::try_from(size_of_val(&on)).expect("a short option"));
        // SAFETY: an option of this size, alive during the call.
        let set =
            unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_QDISC_BYPASS, at, size) };
        assert_eq!(set, 0, "no way around the queue: {}", io::Error::last_os_error());
        let count = frames.len().next_multiple_of(BATCH as usize);
        let vector = |frame: &Vec<u8>| libc::iovec { iov_base: frame.as_ptr().cast_mut().cast(), iov_len: frame.len() };
        let mut vectors: Vec<_> = frames.iter().cycle().take(count).map(vector).collect();
        let header = |vector: &mut libc::iovec| {
            // SAFETY: all zeros is an empty message header.
            let mut header: libc::mmsghdr = unsafe { mem::zeroed() };
            (header.msg_hdr.msg_iov, header.msg_hdr.msg_iovlen) = (ptr::from_mut(vector), 1);
            header
        };
        let headers = vectors.iter_mut().map(header).collect();
        Self { socket, headers, next: 0, _vectors: vectors, _frames: frames }
    }

    /// Sends for so long, and each frame of so many at least once; answers how long that took.
    fn send_for(&mut self, lasting: Duration, least: usize) -> Duration {
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < lasting || sent < least {
            let batch = &mut self.headers[self.next..self.next + BATCH as usize];
            // SAFETY: the headers point to vectors, and these to frames, that outlive the call.
            let done = unsafe { libc::sendmmsg(self.socket.as_raw_fd(), batch.as_mut_ptr(), BATCH, 0) };
            let error = io::Error::last_os_error();
            let full = matches!(error.raw_os_error(), Some(libc::ENOBUFS | libc::EAGAIN));
            assert!(done >= 0 || full, "a frame was not sent: {error}");
            sent += BATCH as usize;
            self.next = (self.next + BATCH as usize) % self.headers.len();
        }
        start.elapsed()
    }
}

/// An interface's link-layer address, of no protocol: nothing is to be received.
fn link(index: u32) -> LinkAddr {
    // SAFETY: all zeros is an address of no family.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).expect("a small number");
    address.sll_ifindex = i32::try_from(index).expect("an interface index");
    let length = u32::try_from(size_of_val(&address)).expect("a short address");
    // SAFETY: a `sockaddr_ll` of this length, alive during the call.
    unsafe { LinkAddr::from_raw(ptr::from_ref(&address).cast(), Some(length)) }.expect("a link-layer address")
}
