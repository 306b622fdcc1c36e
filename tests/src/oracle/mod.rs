//! A plain model of the gateway: `docs/dataplane.md` once more, written apart from the packet path.
//!
//! Slow and obvious: frames become structs and are written anew, flows are in a `HashMap`, checksums
//! are summed over whole packets. It shares no code with the path; of `vpce-common` it knows the
//! shapes of the maps, to copy a configuration, and the names of the drop reasons. It has no clock:
//! nothing expires.

mod arp;
mod arrive;
mod client;
mod config;
mod echo;
mod error;
mod exit;
mod flow;
mod fragment;
mod packet;
mod record;
mod refuse;
mod reply;
mod segment;

use std::collections::{BTreeMap, HashMap};

pub use config::{Backend, Block, Config, Endpoint, Link, Refusal, Station};
pub use flow::{Flow, Key, Phase};
use vpce_common::reason::DropReason;

use self::{
    arrive::Arrival,
    fragment::Datagram,
    record::{Count, Record},
};

/// How the model ends a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not ours.
    Pass,
    /// Translated towards the backend, out of this interface.
    Forward(u32),
    /// Translated towards the client.
    Reply(u32),
    /// The gateway's own answer.
    Answer(u32),
    /// Dropped, and its sender told.
    Refuse(DropReason, u32),
    /// Dropped.
    Drop(DropReason),
}

/// Why a packet ends before it is translated.
enum Stop {
    /// Not ours.
    Pass,
    /// Dropped where it is ours, passed on where not.
    Drop(DropReason),
    /// Dropped, and the sender gets this frame by this interface.
    Tell(DropReason, u32, Vec<u8>),
}

type Done = Result<(Verdict, Vec<u8>), Stop>;

/// The model: what the gateway was told, and what it has seen.
pub struct Oracle {
    config: Config,
    records: HashMap<u32, Record>,
    keys: HashMap<Key, u32>,
    counts: Vec<Count>,
    fragments: HashMap<Datagram, (u32, u32)>,
}

impl Oracle {
    /// A gateway that has seen nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let counts = config.endpoints.iter().map(|endpoint| Count::new(endpoint.records.clone())).collect();
        Self { config, records: HashMap::new(), keys: HashMap::new(), counts, fragments: HashMap::new() }
    }

    /// What becomes of a frame that came in by an interface.
    pub fn run(&mut self, frame: &[u8], ifindex: u32) -> (Verdict, Vec<u8>) {
        let done = match arrive::arrive(&self.config, frame, ifindex) {
            Some(arrival) if arrival.kind == arrive::ARP => arp::answer(&self.config, &arrival),
            Some(arrival) if arrival.kind == arrive::IPV4 && arrival.to == arrival.link.mac => self.ipv4(&arrival),
            _ => Err(Stop::Pass),
        };
        done.unwrap_or_else(|stop| match stop {
            Stop::Pass => (Verdict::Pass, frame.to_vec()),
            Stop::Drop(reason) => (Verdict::Drop(reason), Vec::new()),
            Stop::Tell(reason, out, told) => (Verdict::Refuse(reason, out), told),
        })
    }

    /// What the gateway was told, to be changed.
    pub fn config(&mut self) -> &mut Config {
        &mut self.config
    }

    /// The flow of a key.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<&Flow> {
        self.flow(*self.keys.get(key)?)
    }

    /// All flows that can be found, closed ones too.
    #[must_use]
    pub fn flows(&self) -> BTreeMap<Key, &Flow> {
        self.keys.iter().map(|(key, record)| (*key, self.flow(*record).expect("a key leads to a flow"))).collect()
    }

    /// Open and half-open connections of an endpoint.
    #[must_use]
    pub fn count(&self, endpoint: usize) -> (u32, u32) {
        let count = &self.counts[endpoint];
        (count.open, count.half_open)
    }

    fn flow(&self, record: u32) -> Option<&Flow> {
        self.records.get(&record)?.flow.as_ref()
    }

    /// Rule 3: an address that packets are ours to.
    fn ours(&self, vpc: u16, address: u32) -> bool {
        self.config.in_transit(address) || self.config.endpoint_at(vpc, address).is_some()
    }

    fn ipv4(&mut self, arrival: &Arrival) -> Done {
        let Some(to) = packet::receiver(&arrival.body) else { return Err(Stop::Pass) };
        let ours = self.ours(arrival.link.vpc, to);
        self.stages(arrival).map_err(|stop| if ours || matches!(stop, Stop::Tell(..)) { stop } else { Stop::Pass })
    }

    fn stages(&mut self, arrival: &Arrival) -> Done {
        let packet = packet::Packet::parse(&arrival.body).map_err(Stop::Drop)?;
        if packet.ip.offset() != 0 {
            return self.later_fragment(arrival, &packet);
        }
        match packet.ip.protocol {
            packet::TCP | packet::UDP => {
                let segment = segment::Segment::parse(&packet).map_err(Stop::Drop)?;
                if self.config.in_transit(packet.ip.to) {
                    self.reply(arrival, packet, segment)
                } else {
                    self.forward(arrival, packet, segment)
                }
            }
            packet::ICMP if !packet.ip.more() => match packet.payload.as_slice() {
                [8, 0, _, _, _, _, _, _, ..] => echo::answer(&self.config, arrival, packet),
                [3 | 11, _, _, _, _, _, _, _, ..] => self.error(arrival, packet),
                payload if payload.len() < 8 => Err(Stop::Drop(DropReason::MalformedIcmp)),
                _ => Err(Stop::Drop(DropReason::Protocol)),
            },
            _ => Err(Stop::Drop(DropReason::Protocol)),
        }
    }
}
