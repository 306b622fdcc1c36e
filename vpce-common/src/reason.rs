//! Why a packet was not forwarded: one numbered list for the program, the agent and the docs.

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $text:literal;)+) => {
        /// Why a packet was dropped, its sender told or not.
        ///
        /// Numbers are part of the map layout: append, never renumber.
        #[repr(u8)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum DropReason {
            $($(#[doc = $doc])+ $name = $number,)+
        }

        impl DropReason {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The name that operators see.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

reasons! {
    /// IPv4 header or lengths contradict themselves or the frame.
    MalformedIp = 0, "malformed-ip";
    /// TCP header does not fit its packet, or SYN comes with FIN or RST.
    MalformedTcp = 1, "malformed-tcp";
    /// A later fragment whose first one was not seen, or too long ago.
    Fragment = 2, "fragment";
    /// TTL would become 0 (RFC 791).
    TtlExpired = 3, "ttl-expired";
    /// A protocol that no port mapping can be of.
    Protocol = 4, "protocol";
    /// A source that no client can have: the transit range, multicast, loopback, the endpoint.
    MartianSource = 5, "martian-source";
    /// The port is not published.
    NoMapping = 6, "no-mapping";
    /// The endpoint carries no traffic (guide §5.4).
    NotAccepted = 7, "not-accepted";
    /// The endpoint's limit of open connections is reached (guide §1.4).
    LimitReached = 8, "limit-reached";
    /// All flow records of the endpoint hold open connections.
    NoFreeSlot = 9, "no-free-slot";
    /// The backend does not answer ARP.
    BackendUnreachable = 10, "backend-unreachable";
    /// A segment of no flow, and not the first of one.
    NoFlow = 11, "no-flow";
    /// The flow's endpoint was re-pointed, rejected or deleted.
    StaleFlow = 12, "stale-flow";
    /// A packet to a transit address that answers no flow.
    NotAReply = 13, "not-a-reply";
    /// A packet to a transit address from another VPC than the backend's.
    WrongVpc = 14, "wrong-vpc";
    /// Another CPU was changing the same record; the sender's next try goes through. Or, once in two billion flows, there
    /// was no place for the key.
    Contended = 15, "contended";
    /// A map entry that must be there is not: the agent is in the middle of a change, or a bug.
    Internal = 16, "internal";
    /// The interface that the packet must leave by is missing.
    LinkMissing = 17, "link-missing";
    /// UDP header does not fit its packet.
    MalformedUdp = 18, "malformed-udp";
    /// ICMP message shorter than what it says, or an error that quotes no ports.
    MalformedIcmp = 19, "malformed-icmp";
    /// Larger than the MTU of the way out; its sender is told (RFC 1191).
    TooBig = 20, "too-big";
    /// The client is not in the endpoint's whitelist.
    NotListed = 21, "not-listed";
}

/// Places for drop reasons in the counters; more than there are, so that a new one changes no layout.
pub const REASONS: usize = 32;

const _: () = assert!(DropReason::ALL.len() <= REASONS && REASONS.is_power_of_two());

impl DropReason {
    /// Its place in the counters.
    ///
    /// The compiler knows that a reason is a small number and would leave the bound out; the
    /// verifier does not know it. The volatile read keeps the mask.
    #[must_use]
    #[inline(always)]
    pub fn place(self) -> usize {
        let number = self as usize;
        // SAFETY: a local variable.
        unsafe { (&raw const number).read_volatile() & (REASONS - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::DropReason;

    #[test]
    fn numbers_are_places_in_the_list() {
        for (place, reason) in DropReason::ALL.iter().enumerate() {
            assert_eq!(*reason as usize, place);
        }
    }
}
