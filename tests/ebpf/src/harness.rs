//! What the benchmark's harness is told: which packets to lay, one for each run.
//!
//! `BPF_PROG_TEST_RUN` repeats a program over one buffer, and a program that translates would see its
//! own output the second time. So the harness lays the headers anew, then calls the program under test.
//! It computes them from the number of a flow: it reads no table that would cost the program its cache.

/// Which end of a flow sends.
pub const CLIENT: usize = 0;
/// The other one.
pub const BACKEND: usize = 1;

/// The part of a [`Run`] that differs by sender; headers are as on the wire, in words of 8 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Side {
    /// Bytes 0 to 7, and 6 to 13: the Ethernet header.
    pub ethernet: [u64; 2],
    /// Bytes 14 to 21: the IPv4 header up to its fragment field.
    pub ip: u64,
    /// Sum of what in the IPv4 header no flow changes.
    pub ip_sum: u64,
    /// Sum of what in the TCP header, its pseudo header and the payload no packet changes.
    pub tcp_sum: u64,
    /// Sequence number of its first segment.
    pub begins: u32,
    /// What it acknowledges.
    pub acknowledges: u32,
}

/// Which flows there are: what number `n` has for addresses and ports. Host byte order.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Flows {
    /// Numbers are below 2 to this power.
    pub bits: u32,
    /// How many endpoints they spread over.
    pub endpoints: u32,
    /// 2^32 / `endpoints`, rounded up.
    pub reciprocal: u64,
    /// Address of the first client; each has 2^14 ports from [`CLIENT_PORT`].
    pub client: u32,
    /// Address of the first endpoint.
    pub endpoint: u32,
    /// Port of all endpoints.
    pub endpoint_port: u32,
    /// First transit address of the first endpoint.
    pub transit: u32,
    /// Transit addresses of one endpoint.
    pub stride: u32,
    /// Records of one transit address are 2 to this power.
    pub share_bits: u32,
    /// Transit port of the first record.
    pub transit_port: u32,
    /// Address of the backend.
    pub server: u32,
    /// Its port.
    pub server_port: u32,
    /// 1: one after the other, as they are opened; 0: in an order without a pattern.
    pub ordered: u32,
}

/// The lowest port of clients.
pub const CLIENT_PORT: u32 = 1024;

/// One flow's addresses and ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    /// As its client sees it.
    pub outside: Pair,
    /// As its backend sees it.
    pub inside: Pair,
}

/// Who speaks to whom, forward; as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Source and destination address.
    pub addresses: u64,
    /// Source and destination port.
    pub ports: u32,
}

/// The harness's one map entry.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    /// By [`CLIENT`] and [`BACKEND`].
    pub sides: [Side; 2],
    /// Which flows.
    pub flows: Flows,
    /// Packets laid until now.
    pub count: u64,
    /// Who sends, where all packets come from one side.
    pub side: u32,
    /// By how much sequence numbers grow from one packet of a flow to the next.
    pub payload: u32,
    /// What each flow goes through: flags of TCP, and [`FROM_BACKEND`].
    pub script: [u16; 8],
    /// How many of them there are.
    pub steps: u32,
    /// The next one.
    pub step: u32,
    /// Next sequence number of either side in the flow that is under way.
    pub next: [u32; 2],
    /// What the backend sees of that flow: where it came from.
    pub seen: u32,
    /// Its port, as on the wire.
    pub seen_port: u16,
    /// Always 0.
    pub reserved: u16,
}

/// In a script: the backend sends it.
pub const FROM_BACKEND: u16 = 1 << 15;

impl Pair {
    /// From addresses and ports.
    #[must_use]
    #[inline(always)]
    pub fn new(from: (u32, u32), to: (u32, u32)) -> Self {
        let ports = from.1 << 16 | to.1 & 0xffff;
        Self { addresses: u64::from(from.0.to_be()) | u64::from(to.0.to_be()) << 32, ports: ports.to_be() }
    }

    /// The other way.
    #[must_use]
    #[inline(always)]
    pub const fn reversed(self) -> Self {
        Self { addresses: self.addresses.rotate_left(32), ports: self.ports.rotate_left(16) }
    }
}

impl Flows {
    /// The flow of packet number `count`: each once, then each again in another order; and how often it
    /// was before.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
    pub fn pick(&self, count: u64) -> (u32, u32) {
        let mask = (1u32 << self.bits) - 1;
        let before = (count >> self.bits) as u32;
        if self.ordered != 0 {
            return (count as u32 & mask, before);
        }
        // Each step can be undone, so that no two of a round are the same.
        let mut number = (count as u32 ^ before.wrapping_mul(0x9e37_79b9)) & mask;
        number = number.wrapping_mul(0x85eb_ca6b) & mask;
        number ^= number >> (self.bits / 2 + 1);
        number = number.wrapping_mul(0xc2b2_ae35) & mask;
        (number, before)
    }

    /// The endpoint of a flow, and which of its flows it is.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "quotients of numbers of 32 bits")]
    pub fn place(&self, number: u32) -> (u32, u32) {
        let spread = u64::from(number) * u64::from(self.endpoints);
        let rest = spread & ((1 << self.bits) - 1);
        ((spread >> self.bits) as u32, ((rest * self.reciprocal) >> 32) as u32)
    }

    /// How its client sees a flow.
    #[must_use]
    #[inline(always)]
    pub fn outside(&self, number: u32, endpoint: u32) -> Pair {
        let client = (self.client + (number >> 14), CLIENT_PORT + (number & 0x3fff));
        Pair::new(client, (self.endpoint + endpoint, self.endpoint_port))
    }

    /// How its backend sees a flow that is number `index` of its endpoint's.
    #[must_use]
    #[inline(always)]
    pub fn inside(&self, endpoint: u32, index: u32) -> Pair {
        let address = self.transit + endpoint * self.stride + (index >> self.share_bits);
        let port = self.transit_port + (index & ((1 << self.share_bits) - 1));
        Pair::new((address, port), (self.server, self.server_port))
    }

    /// Both.
    #[must_use]
    pub fn ends(&self, number: u32) -> Ends {
        let (endpoint, index) = self.place(number);
        Ends { outside: self.outside(number, endpoint), inside: self.inside(endpoint, index) }
    }
}

#[cfg(feature = "user")]
// SAFETY: `repr(C)`, integers only, no padding (the size below).
unsafe impl aya::Pod for Run {}

const _: () = assert!(size_of::<Run>() == 2 * 48 + 56 + 8 + 8 + 16 + 8 + 8 + 8);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn flows(bits: u32, endpoints: u32, share_bits: u32) -> Flows {
        let reciprocal = (1u64 << 32).div_ceil(endpoints.into());
        Flows { bits, endpoints, reciprocal, stride: 1, share_bits, ..Flows::default() }
    }

    #[test]
    fn every_flow_is_laid_once_before_any_is_laid_again_and_in_another_order_then() {
        for bits in [0, 1, 2, 10, 17] {
            let flows = flows(bits, 1, 14);
            let round = |n: u64| (n << bits..(n + 1) << bits).map(|count| flows.pick(count)).collect::<Vec<_>>();
            for n in 0..3 {
                assert!(round(n).iter().all(|(_, before)| u64::from(*before) == n));
                let numbers: HashSet<u32> = round(n).iter().map(|(number, _)| *number).collect();
                assert_eq!(numbers.len(), 1 << bits, "of 2^{bits} flows");
            }
            assert!(bits < 10 || round(0) != round(1));
        }
    }

    #[test]
    fn the_flows_of_an_endpoint_are_numbered_without_a_gap() {
        let flows = flows(17, 10_000, 4);
        let (mut endpoint, mut next) = (0, 0);
        for number in 0..1 << 17 {
            let (at, index) = flows.place(number);
            if at != endpoint {
                assert_eq!(at, endpoint + 1);
                (endpoint, next) = (at, 0);
            }
            assert_eq!(index, next, "flow {number} on endpoint {endpoint}");
            assert!(index < 16, "more flows than an endpoint has records");
            next += 1;
        }
        assert_eq!(endpoint, 9_999);
    }

    #[test]
    fn no_two_flows_look_alike_on_either_side() {
        let flows = Flows { stride: 8, ..flows(17, 1, 14) };
        let ends: Vec<_> = (0..1 << 17).map(|number| flows.ends(number)).collect();
        let unlike = |pair: fn(&Ends) -> Pair| ends.iter().map(pair).map(|pair| (pair.addresses, pair.ports));
        assert_eq!(unlike(|ends| ends.outside).collect::<HashSet<_>>().len(), ends.len());
        assert_eq!(unlike(|ends| ends.inside).collect::<HashSet<_>>().len(), ends.len());
    }

    #[test]
    fn a_pair_lies_in_memory_as_on_the_wire() {
        let pair = Pair::new((0x0a01_0203, 0x1234), (0xc613_8001, 0x5678));
        assert_eq!(pair.addresses.to_ne_bytes(), [10, 1, 2, 3, 198, 19, 128, 1]);
        assert_eq!(pair.ports.to_ne_bytes(), [0x12, 0x34, 0x56, 0x78]);
        assert_eq!(pair.reversed(), Pair::new((0xc613_8001, 0x5678), (0x0a01_0203, 0x1234)));
    }
}
