//! What the programs count: the admission of endpoints, which all CPUs share, and the counters of each CPU.

use crate::{
    atomic::{Atomic32, Atomic64, Counter},
    reason::{DropReason, REASONS},
    state::{Change, TRIES},
};

/// Value of `ADMISSIONS`, by number of the endpoint: its open connections and its free records.
///
/// Records that can be taken are a ring in `FREE`, the longest unused first: taken at `head`, put at
/// `tail`. One that closed is put there at once, and still serves late segments until it is taken.
/// A cache line of its own: two busy endpoints must not share one.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Admission {
    /// Open connections now, and half-open ones.
    pub connections: Connections,
    /// Most open connections at once.
    pub peak: Atomic32,
    /// Ring position of the next record to take; equal to `tail`: none.
    pub head: Atomic32,
    /// Ring position after the last one.
    pub tail: Atomic32,
}

/// Open connections of an endpoint in the lower half, and in the upper one those of them whose handshake is not
/// complete: one word, so that a connection takes and gives back both by one instruction.
#[repr(transparent)]
#[derive(Debug, Default)]
pub struct Connections(Atomic64);

/// One half-open connection.
const HALF_OPEN: u64 = 1 << 32;

#[expect(clippy::cast_possible_truncation, reason = "halves")]
impl Connections {
    /// Open connections now.
    #[inline(always)]
    pub fn open(&self) -> u32 {
        self.0.load() as u32
    }

    /// Open TCP connections whose handshake is not complete.
    #[inline(always)]
    pub fn half_open(&self) -> u32 {
        (self.0.load() >> 32) as u32
    }

    /// Takes a place where fewer than `limit` are open; answers how many are then.
    ///
    /// # Errors
    /// [`DropReason::LimitReached`]
    #[inline(always)]
    pub fn take(&self, limit: u32, half_open: bool) -> Result<u32, DropReason> {
        let mut now = self.0.load();
        for _ in 0..TRIES {
            if now as u32 >= limit {
                return Err(DropReason::LimitReached);
            }
            match self.0.swap_if(now, now + word(true, half_open)) {
                Ok(()) => return Ok(now as u32 + 1),
                Err(other) => now = other,
            }
        }
        Err(DropReason::Contended)
    }

    /// Gives back what a change of state says.
    #[inline(always)]
    pub fn give_back(&self, change: Change) {
        self.0.add(word(change.closed, change.left_half_open).wrapping_neg());
    }
}

#[inline(always)]
const fn word(open: bool, half_open: bool) -> u64 {
    open as u64 + half_open as u64 * HALF_OPEN
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{ANSWERED, ESTABLISHED, OPEN, RESET};

    #[test]
    fn a_connection_gives_back_what_it_took_whichever_way_it_ends() {
        let connections = Connections::default();
        let counts = |of: &Connections| (of.open(), of.half_open());
        assert_eq!(connections.take(2, true), Ok(1));
        assert_eq!(connections.take(2, false), Ok(2));
        assert_eq!(connections.take(2, true), Err(DropReason::LimitReached));
        assert_eq!(counts(&connections), (2, 1));
        let answered = OPEN | ANSWERED;
        connections.give_back(Change::between(answered, answered | ESTABLISHED));
        assert_eq!(counts(&connections), (2, 0));
        connections.give_back(Change::between(answered | ESTABLISHED, answered | ESTABLISHED | RESET));
        assert_eq!(counts(&connections), (1, 0));
        assert_eq!(connections.take(2, true), Ok(2));
        connections.give_back(Change::between(OPEN, OPEN | RESET));
        assert_eq!(counts(&connections), (1, 0));
        connections.give_back(Change::NONE);
        assert_eq!(counts(&connections), (1, 0));
    }
}
