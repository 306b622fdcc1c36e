//! One flow, and what TCP tells of it: rule 9.

use super::{
    config::Station,
    segment::{ACK, FIN, RST, SYN, Segment, Tcp},
};

/// Numbers this far from what is expected are somebody else's.
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

/// What one side of a connection has said: the number after its last byte, what it acknowledged.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    end: u32,
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
    apart < NEAR || apart.wrapping_neg() < NEAR
}

/// The later of two numbers.
fn later(a: u32, b: u32) -> u32 {
    if a.wrapping_sub(b) < 1 << 31 { a } else { b }
}

impl Flow {
    /// What a first packet begins.
    #[expect(clippy::too_many_arguments, reason = "each is a fact of its own")]
    pub fn begin(
        key: Key,
        (endpoint, generation, backend): (usize, u32, usize),
        (transit, transit_port): (u32, u16),
        (server, server_port): (u32, u16),
        client_at: (usize, Station),
        first: &Segment,
    ) -> Self {
        let end = first.tcp().map_or(0, Tcp::end);
        Self {
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
            client: Said { end, ack: 0 },
            backend_said: Said::default(),
        }
    }

    /// A TCP connection whose handshake is not complete.
    #[must_use]
    pub fn half_open(&self) -> bool {
        self.key.protocol == super::packet::TCP && !self.phase.established && !self.phase.closed()
    }

    /// Notes a segment of this flow.
    pub fn note(&mut self, side: Side, tcp: &Tcp) {
        if self.phase.closed() {
            return;
        }
        if tcp.has(RST) {
            self.phase.reset |= self.exact(side, tcp);
        } else if tcp.has(SYN) {
            if side == Side::Backend && tcp.has(ACK) && !self.phase.answered && tcp.ack == self.client.end {
                self.phase.answered = true;
                self.backend_said = Said { end: tcp.end(), ack: tcp.ack };
            }
        } else if tcp.has(ACK) && self.phase.answered {
            self.count(side, tcp);
        }
    }

    /// Whether a RST ends the flow (RFC 5961 §3).
    fn exact(&self, side: Side, tcp: &Tcp) -> bool {
        match (side, self.phase.answered) {
            (Side::Client, false) => tcp.seq == self.client.end,
            (Side::Backend, false) => tcp.has(ACK) && tcp.ack == self.client.end,
            (Side::Client, true) => tcp.seq == self.client.end || tcp.seq == self.backend_said.ack,
            (Side::Backend, true) => tcp.seq == self.backend_said.end || tcp.seq == self.client.ack,
        }
    }

    fn count(&mut self, side: Side, tcp: &Tcp) {
        let (own, other) = match side {
            Side::Client => (&mut self.client, &self.backend_said),
            Side::Backend => (&mut self.backend_said, &self.client),
        };
        if !near(tcp.seq, own.end) || !near(tcp.ack, other.end) {
            return;
        }
        *own = Said { end: later(tcp.end(), own.end), ack: tcp.ack };
        let fin = tcp.has(FIN);
        match side {
            Side::Client => {
                self.phase.established = true;
                self.phase.fin_client |= fin;
            }
            Side::Backend => self.phase.fin_backend |= fin,
        }
    }
}
