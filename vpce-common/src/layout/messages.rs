//! What programs and agent tell each other, beside the maps that they share.

use super::{Ends, Station};
use crate::wire::Be32;

/// A message of the reaper to the agent, in `ENDED`: an established connection that its ends believe
/// in still.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Both translations.
    pub ends: Ends,
    /// Number of the link that the client is on.
    pub client_link: u32,
    /// Who packets to the client go to there.
    pub client: Station,
    /// Sequence numbers, one of which the client expects next: what it acknowledged last, and what follows all that
    /// was sent to it. They differ where an acknowledgement is still to come (RFC 9293 §3.8.6.3), or data was lost.
    pub client_next: [u32; 2],
    /// The same of the backend.
    pub backend_next: [u32; 2],
    /// Always 0.
    pub reserved: u32,
}

/// A message of the path to the agent, in `HEARD`: somebody in a VPC said by ARP where they are, to the
/// gateway or to all.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// Number of the link.
    pub link: u32,
    /// Who.
    pub address: Be32,
    /// Where.
    pub station: Station,
}

/// An order of the agent to the reaper's program: the first bytes of a made frame.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// First record to look at.
    pub first: u32,
    /// Records to look at.
    pub count: u32,
}
