//! New TCP connections: dialled, a byte each way, reset.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream},
    os::fd::{AsRawFd, FromRawFd, IntoRawFd, RawFd},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags},
        socket::{
            AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, accept4, bind, connect, listen, setsockopt, socket,
            sockopt::{IpBindAddressNoPort, Linger},
        },
    },
};
use vpce_tests::object::on_cpu;

use super::{
    contestant::{Contestant, port},
    cpu,
};

/// Connections at once: enough to keep both CPUs busy.
const AT_ONCE: usize = 64;
/// How often the threads look whether it is over.
const TICK_MS: u16 = 20;
/// Before this the neighbours are found and caches fill.
const WARM: Duration = Duration::from_millis(300);

/// Connections a second.
pub fn run(on: &Contestant, lasting: Duration) -> f64 {
    let stop = AtomicBool::new(false);
    let listener = on.backend.run(|| TcpListener::bind(Contestant::served(port::CONNECT)).expect("a free port"));
    listen(&listener, Backlog::new(4096).expect("a backlog")).expect("a long backlog");
    listener.set_nonblocking(true).expect("a listener that does not block");
    thread::scope(|scope| {
        scope.spawn(|| {
            on_cpu(cpu::BACKEND);
            serve(&listener, &stop);
        });
        let rate = on.client.run(|| {
            on_cpu(cpu::CLIENT);
            dial(on, lasting)
        });
        stop.store(true, Ordering::Relaxed);
        rate
    })
}

fn readiness(fd: RawFd, flags: EpollFlags) -> EpollEvent {
    EpollEvent::new(flags | EpollFlags::EPOLLET, u64::try_from(fd).expect("an open descriptor"))
}

fn epoll() -> Epoll {
    Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll instance")
}

/// Answers a byte to the first one of each connection.
fn serve(listener: &TcpListener, stop: &AtomicBool) {
    let epoll = epoll();
    epoll.add(listener, readiness(listener.as_raw_fd(), EpollFlags::EPOLLIN)).expect("the listener watched");
    let mut streams: HashMap<RawFd, TcpStream> = HashMap::new();
    let mut events = [EpollEvent::empty(); 128];
    while !stop.load(Ordering::Relaxed) {
        let ready = epoll.wait(&mut events, TICK_MS).unwrap_or(0);
        for event in &events[..ready] {
            let fd = RawFd::try_from(event.data()).expect("the descriptor put in");
            if fd == listener.as_raw_fd() {
                while let Ok(fd) = accept4(listener.as_raw_fd(), SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC) {
                    // SAFETY: the kernel just made it, for nobody else.
                    let stream = unsafe { TcpStream::from_raw_fd(fd) };
                    epoll.add(&stream, readiness(fd, EpollFlags::EPOLLIN)).expect("a stream watched");
                    streams.insert(fd, stream);
                }
            } else if !streams.get(&fd).is_some_and(answer) {
                // Closing it takes it out of the epoll instance.
                streams.remove(&fd);
            }
        }
    }
}

/// False when the connection is over.
fn answer(mut stream: &TcpStream) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(1) => stream.write(&byte).is_ok(),
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// Dials from all the clients' addresses in turn.
fn dial(on: &Contestant, lasting: Duration) -> f64 {
    let to = on.dialled(port::CONNECT);
    let mut clients = on.clients().cycle();
    let mut next = move || clients.next().expect("a cycle has no end");
    let epoll = epoll();
    let mut streams: HashMap<RawFd, (TcpStream, bool)> = HashMap::new();
    for _ in 0..AT_ONCE {
        begin(&epoll, &mut streams, next(), to);
    }
    let mut events = [EpollEvent::empty(); AT_ONCE];
    let start = Instant::now();
    let mut counted: Option<(Instant, u32)> = None;
    let (mut done, mut failed) = (0, 0);
    while start.elapsed() < WARM + lasting {
        if counted.is_none() && start.elapsed() >= WARM {
            counted = Some((Instant::now(), done));
        }
        let ready = epoll.wait(&mut events, TICK_MS).unwrap_or(0);
        for event in &events[..ready] {
            let fd = RawFd::try_from(event.data()).expect("the descriptor put in");
            let Some((stream, said)) = streams.get_mut(&fd) else { continue };
            match talk(stream, said) {
                Talk::On => continue,
                Talk::Done => done += 1,
                Talk::Failed => failed += 1,
            }
            // It lingers for no time: closing resets it.
            streams.remove(&fd);
            begin(&epoll, &mut streams, next(), to);
        }
    }
    let (since, before) = counted.expect("longer than the warm-up");
    assert!(failed * 1000 <= done, "{failed} connections failed beside {done} that did not");
    f64::from(done - before) / since.elapsed().as_secs_f64()
}

enum Talk {
    On,
    Done,
    Failed,
}

fn talk(stream: &mut TcpStream, said: &mut bool) -> Talk {
    if !*said {
        match stream.write(b"x") {
            Ok(_) => *said = true,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => return Talk::On,
            Err(_) => return Talk::Failed,
        }
    }
    match stream.read(&mut [0]) {
        Ok(1) => Talk::Done,
        Err(error) if error.kind() == ErrorKind::WouldBlock => Talk::On,
        _ => Talk::Failed,
    }
}

fn begin(epoll: &Epoll, streams: &mut HashMap<RawFd, (TcpStream, bool)>, from: Ipv4Addr, to: SocketAddrV4) {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None).expect("a socket");
    setsockopt(&socket, Linger, &libc::linger { l_onoff: 1, l_linger: 0 }).expect("no lingering");
    setsockopt(&socket, IpBindAddressNoPort, &true).expect("a port when it is dialled");
    bind(socket.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(from, 0))).expect("one of the client's addresses");
    match connect(socket.as_raw_fd(), &SockaddrIn::from(to)) {
        Ok(()) | Err(Errno::EINPROGRESS) => {}
        Err(error) => panic!("no connection from {from} to {to}: {error}"),
    }
    let fd = socket.into_raw_fd();
    // SAFETY: it was just given up by its owner.
    let stream = unsafe { TcpStream::from_raw_fd(fd) };
    epoll.add(&stream, readiness(fd, EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT)).expect("a stream watched");
    streams.insert(fd, (stream, false));
}
