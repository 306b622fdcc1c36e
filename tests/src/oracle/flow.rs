//! One flow, and what TCP tells of it: rule 9.

use super::{
    config::Station,
    segment::{ACK, FIN, RST, SYN, Segment, Tcp},
};

/// Numbers farther than this from what is expected are somebody else's.
const NEAR: u32 = 1 << 24;

/// A flow as its client sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "they say it")]
pub struct Key {
    pub vpc: u16,
    pub protocol: u8,
    pub client: u32,
    pub client_port: u16,
    pub dialled: u32,
    pub dialled_port: u16,
}

/// How far a flow is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "they say it")]
#[expect(clippy::struct_excessive_bools, reason = "each comes by itself, in any order")]
pub struct Phase {
    pub answered: bool,
    pub established: bool,
    pub fin_client: bool,
    pub fin_backend: bool,
    pub reset: bool,
}

/// Who sent a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Client,
    Backend,
}

/// What one side of a connection has said.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// The number after its last byte that left no gap.
    end: u32,
    /// What it acknowledged last; before it did, the least that it can.
    ack: u32,
}

/// One connection.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "they say it")]
pub struct Flow {
    pub key: Key,
    pub endpoint: usize,
    pub generation: u32,
    pub backend: usize,
    pub transit: u32,
    pub transit_port: u16,
    pub server: u32,
    pub server_port: u16,
    /// Where the client was last: link and station.
    pub client_at: (usize, Station),
    pub phase: Phase,
    client: Said,
    backend_said: Said,
}

impl Phase {
    /// No longer counts.
    #[must_use]
    pub fn closed(self) -> bool {
        self.reset || self.fin_client && self.fin_backend
    }
}

/// Whether a number is near another one, before or after it (serial arithmetic, RFC 1982).
fn near(a: u32, b: u32) -> bool {
    let apart = a.wrapping_sub(b);
    apart <= NEAR || apart.wrapping_neg() <= NEAR
}

/// The later of two numbers.
fn later(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b) < 1 << 31 { a } else { b }
}

impl Flow {
    /// What a first packet begins.
    pub(super) fn begin(
        key: Key,
        (endpoint, generation, backend): (usize, u32, usize),
        (transit, transit_port): (u32, u16),
        (server, server_port): (u32, u16),
        client_at: (usize, Station),
        first: &Segment,
    ) -> Self {
        let mut flow = Self {
            key,
            endpoint,
            generation,
            backend,
            transit,
            transit_port,
            server,
            server_port,
            client_at,
            phase: Phase::default(),
            client: Said::default(),
            backend_said: Said::default(),
        };
        first.tcp().into_iter().for_each(|syn| flow.dial(syn));
        flow
    }

    /// A TCP connection whose handshake is not complete.
    #[must_use]
    pub fn half_open(&self) -> bool {
        self.key.protocol == super::packet::TCP && !self.phase.established && !self.phase.closed()
    }

    /// Where the numbers of a connection begin.
    fn dial(&mut self, syn: &Tcp) {
        self.client = Said { end: syn.end(), ack: 0 };
        self.backend_said = Said { end: 0, ack: syn.seq.wrapping_add(1) };
    }

    /// Notes a segment of this flow; answers whether it is believed to be of the connection.
    pub(super) fn note(&mut self, side: Side, tcp: &Tcp) -> bool {
        if tcp.has(RST) {
            let exact = self.exact(side, tcp);
            self.phase.reset |= exact;
            return exact;
        }
        if self.phase.answered {
            return tcp.has(ACK) && !tcp.has(SYN) && self.count(side, tcp);
        }
        match side {
            // A new attempt may have a new number.
            Side::Client => {
                let opens = tcp.opens();
                if opens {
                    self.dial(tcp);
                }
                return opens;
            }
            Side::Backend if tcp.has(SYN) && self.answers(tcp) => {
                self.phase.answered = true;
                self.client.ack = tcp.end();
                self.backend_said = Said { end: tcp.end(), ack: tcp.ack };
            }
            Side::Backend => {}
        }
        true
    }

    /// Whether the backend acknowledges the SYN, and nothing that the client has not sent: data may come
    /// with a SYN (RFC 7413).
    fn answers(&self, tcp: &Tcp) -> bool {
        let least = self.backend_said.ack;
        tcp.has(ACK) && tcp.ack.wrapping_sub(least) <= self.client.end.wrapping_sub(least)
    }

    /// Whether a RST ends the flow (RFC 5961 §3).
    fn exact(&self, side: Side, tcp: &Tcp) -> bool {
        match side {
            Side::Client => tcp.seq == self.client.end || tcp.seq == self.backend_said.ack,
            Side::Backend if !self.phase.answered => self.answers(tcp),
            Side::Backend => tcp.seq == self.backend_said.end || tcp.seq == self.client.ack,
        }
    }

    fn count(&mut self, side: Side, tcp: &Tcp) -> bool {
        let (own, other) = match side {
            Side::Client => (&mut self.client, &self.backend_said),
            Side::Backend => (&mut self.backend_said, &self.client),
        };
        // The other side may have acknowledged what went another way.
        let next = later(own.end, other.ack);
        if !near(tcp.seq, next) || !near(tcp.ack, other.end) {
            return false;
        }
        // The first acknowledgement shows that the SYN-ACK came.
        if side == Side::Client
            && !self.phase.established
            && tcp.ack.wrapping_sub(own.ack) > other.end.wrapping_sub(own.ack)
        {
            return false;
        }
        own.ack = tcp.ack;
        if later(next, tcp.seq) == next {
            own.end = later(tcp.end(), own.end);
        }
        let fin = tcp.has(FIN);
        match side {
            Side::Client => {
                self.phase.established = true;
                self.phase.fin_client |= fin;
            }
            Side::Backend => self.phase.fin_backend |= fin,
        }
        true
    }
}
