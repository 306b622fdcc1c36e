//! What the programs count: the admission of endpoints, which all CPUs share, and the counters of each CPU.

use crate::{
    atomic::{Atomic32, Counter},
    reason::REASONS,
};

/// Value of `ADMISSIONS`, by number of the endpoint: its open connections and its free records.
///
/// Records that can be taken are a ring in `FREE`, the longest unused first: taken at `head`, put at
/// `tail`. One that closed is put there at once, and still serves late segments until it is taken.
/// A cache line of its own: two busy endpoints must not share one.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Admission {
    /// Open connections now.
    pub open: Atomic32,
    /// Most open connections at once.
    pub peak: Atomic32,
    /// Ring position of the next record to take; equal to `tail`: none.
    pub head: Atomic32,
    /// Ring position after the last one.
    pub tail: Atomic32,
    /// Open TCP connections whose handshake is not complete.
    pub half_open: Atomic32,
}

/// Value of `TRAFFIC` (per CPU), by number of the endpoint: what every translated packet writes, apart from
/// all else, so that it stays in the caches of many endpoints.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Traffic {
    /// Packets translated from clients to the backend.
    pub forward_packets: Counter,
    /// Their bytes, Ethernet header included.
    pub forward_bytes: Counter,
    /// Packets translated from the backend to clients.
    pub reply_packets: Counter,
    /// Their bytes, Ethernet header included.
    pub reply_bytes: Counter,
}

/// Value of `STATS` (per CPU), by number of the endpoint.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Stats {
    /// Connections refused: first segments that opened no flow.
    pub refused: Counter,
    /// Packets dropped or refused, by reason.
    pub dropped: [Counter; REASONS],
}

/// The one value of `TOTALS` (per CPU): every packet is counted on entry and in one other field.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Totals {
    /// Packets that came in.
    pub packets_in: Counter,
    /// Left to the kernel untouched.
    pub passed: Counter,
    /// Translated towards a backend.
    pub forwarded: Counter,
    /// Translated towards a client.
    pub replied: Counter,
    /// Answered by the gateway itself: ARP and echo.
    pub answered: Counter,
    /// Dropped or refused, by reason.
    pub dropped: [Counter; REASONS],
}

/// Value of `PACE` (per CPU), by number of the link: what no tenant may have more of than its share.
#[repr(C)]
#[derive(Debug, Default)]
pub struct Pace {
    /// The jiffy that this second began in.
    pub began: Counter,
    /// Errors told in it.
    pub told: Counter,
    /// Messages to the agent in it.
    pub heard: Counter,
}
