//! TCP as a client does it: from a chosen port, with a limit on every wait.
//!
//! A socket belongs to the namespace that its thread was in: call these inside
//! [`crate::Namespace::run`].

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddrV4, TcpStream},
    os::fd::AsRawFd,
    time::Duration,
};

use nix::{
    errno::Errno,
    libc::linger,
    sys::{
        socket::{
            AddressFamily, SockFlag, SockType, SockaddrIn, bind, connect, setsockopt, socket,
            sockopt::{Linger, ReuseAddr, SendTimeout},
        },
        time::{TimeVal, TimeValLike},
    },
};

/// How long a connection may take where it is expected to come: some lost SYNs long.
pub const PATIENCE: Duration = Duration::from_secs(8);

/// Opens a connection, from any port.
///
/// # Errors
/// As the kernel says: refused, timed out, unreachable.
pub fn dial(to: SocketAddrV4, limit: Duration) -> io::Result<TcpStream> {
    dial_from(0, to, limit)
}

/// Opens a connection from this port.
///
/// # Errors
/// As the kernel says: refused, timed out, unreachable, port in use.
pub fn dial_from(port: u16, to: SocketAddrV4, limit: Duration) -> io::Result<TcpStream> {
    let socket = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    if port != 0 {
        setsockopt(&socket, ReuseAddr, &true)?;
        let own = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port);
        bind(socket.as_raw_fd(), &SockaddrIn::from(own))?;
    }
    // On Linux this limits connect() too.
    let micros = limit.as_micros().try_into().expect("a limit of less than ages");
    setsockopt(&socket, SendTimeout, &TimeVal::microseconds(micros))?;
    connect(socket.as_raw_fd(), &SockaddrIn::from(to)).map_err(|error| match error {
        Errno::EINPROGRESS => io::ErrorKind::TimedOut.into(),
        other => io::Error::from(other),
    })?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// How a closed door answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Knock {
    /// Somebody let us in.
    Open,
    /// A RST came.
    Refused,
    /// Nothing came.
    Silent,
}

/// Tries a port for a second.
#[must_use]
pub fn knock(to: SocketAddrV4) -> Knock {
    match dial(to, Duration::from_secs(1)).map_err(|error| error.kind()) {
        Ok(_) => Knock::Open,
        Err(io::ErrorKind::ConnectionRefused) => Knock::Refused,
        Err(io::ErrorKind::TimedOut) => Knock::Silent,
        Err(other) => panic!("a knock on {to} ended with {other}"),
    }
}

/// A connection to an [`crate::Echo`] server.
#[derive(Debug)]
pub struct Talk {
    stream: BufReader<TcpStream>,
    server: String,
    seen_as: SocketAddrV4,
}

impl Talk {
    /// Dials and hears the greeting.
    ///
    /// # Errors
    /// As [`dial`], or when no greeting comes.
    pub fn open(to: SocketAddrV4) -> io::Result<Self> {
        Self::greeted(dial(to, PATIENCE)?)
    }

    /// Dials from this port and hears the greeting.
    ///
    /// # Errors
    /// As [`dial_from`], or when no greeting comes.
    pub fn open_from(port: u16, to: SocketAddrV4) -> io::Result<Self> {
        Self::greeted(dial_from(port, to, PATIENCE)?)
    }

    fn greeted(stream: TcpStream) -> io::Result<Self> {
        let mut stream = BufReader::new(stream);
        let mut greeting = String::new();
        stream.read_line(&mut greeting)?;
        let (server, seen_as) = greeting.trim_end().split_once(' ').ok_or(io::ErrorKind::UnexpectedEof)?;
        let (server, seen_as) = (server.to_owned(), seen_as.parse().map_err(io::Error::other)?);
        Ok(Self { stream, server, seen_as })
    }

    /// Who answered.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The source that the server saw.
    #[must_use]
    pub fn seen_as(&self) -> SocketAddrV4 {
        self.seen_as
    }

    /// The connection itself.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        self.stream.get_ref()
    }

    /// Says something, and hears it back.
    ///
    /// # Errors
    /// When the connection is broken, silent, or says something else.
    pub fn say(&mut self, words: &str) -> io::Result<()> {
        writeln!(self.stream.get_ref(), "{words}")?;
        let mut heard = String::new();
        self.stream.read_line(&mut heard)?;
        if heard.trim_end() == words {
            return Ok(());
        }
        Err(io::Error::other(format!("said {words:?}, heard {heard:?}")))
    }

    /// Ends the connection by RST in place of FIN.
    pub fn reset(self) {
        let at_once = linger { l_onoff: 1, l_linger: 0 };
        setsockopt(self.stream.get_ref(), Linger, &at_once).expect("no lingering");
    }
}
