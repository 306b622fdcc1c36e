//! A server that says who it is and whom it sees, and then says back what it hears.

use std::{
    collections::HashMap,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::fd::{AsRawFd, RawFd},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags},
    socket::{Backlog, listen},
};

use crate::{Namespace, port::ECHO_SERVER};

/// How often the server looks whether it shall end.
const TICK_MS: u16 = 20;

/// An echo server for thousands of connections, on a thread of this process.
///
/// Each connection is greeted with `<name> <address>:<port>`: who answers, and the source
/// that it sees.
#[derive(Debug)]
pub struct Echo {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    open: AtomicUsize,
}

impl Echo {
    /// Serves on [`ECHO_SERVER`] in a namespace.
    #[must_use]
    pub fn serve(namespace: &Namespace, name: &str) -> Self {
        let at = (Ipv4Addr::UNSPECIFIED, ECHO_SERVER);
        let listener = namespace.run(|| TcpListener::bind(at).expect("a free port for echo"));
        // Hundreds of clients dial at once.
        listen(&listener, Backlog::new(4096).expect("a backlog")).expect("a long backlog");
        let shared = Arc::new(Shared::default());
        let (name, theirs) = (name.to_owned(), Arc::clone(&shared));
        let thread = thread::spawn(move || serve(&name, &listener, &theirs));
        Self { shared, thread: Some(thread) }
    }

    /// How many connections the server has open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            eprintln!("an echo server ended by a panic");
        }
    }
}

fn serve(name: &str, listener: &TcpListener, shared: &Shared) {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll instance");
    epoll.add(listener, readable(listener.as_raw_fd())).expect("the listener watched");
    let mut streams: HashMap<RawFd, TcpStream> = HashMap::new();
    let mut events = [EpollEvent::empty(); 64];
    while !shared.stop.load(Ordering::Relaxed) {
        let ready = epoll.wait(&mut events, TICK_MS).unwrap_or(0);
        for event in &events[..ready] {
            let fd = RawFd::try_from(event.data()).expect("the descriptor put in");
            if fd == listener.as_raw_fd() {
                if let Some(stream) = greet(name, listener) {
                    epoll.add(&stream, readable(stream.as_raw_fd())).expect("a stream watched");
                    streams.insert(stream.as_raw_fd(), stream);
                }
            } else if !say_back(&streams[&fd]) {
                // Closing it would not do: a process that another thread is just starting has
                // copies of all descriptors, and keeps what they share in the epoll instance.
                epoll.delete(&streams[&fd]).expect("a stream that was watched");
                streams.remove(&fd);
            }
            shared.open.store(streams.len(), Ordering::Relaxed);
        }
    }
}

fn readable(fd: RawFd) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN, u64::try_from(fd).expect("an open descriptor"))
}

/// `None` when the client has gone again already.
fn greet(name: &str, listener: &TcpListener) -> Option<TcpStream> {
    let (mut stream, client) = listener.accept().ok()?;
    stream.set_nodelay(true).ok()?;
    writeln!(stream, "{name} {client}").ok()?;
    Some(stream)
}

/// False when the connection is over.
fn say_back(mut stream: &TcpStream) -> bool {
    let mut heard = [0; 4096];
    match stream.read(&mut heard) {
        Ok(0) | Err(_) => false,
        Ok(length) => stream.write_all(&heard[..length]).is_ok(),
    }
}
