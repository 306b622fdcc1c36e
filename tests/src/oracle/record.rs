//! Flow records: who gets which, and the limit.

use std::{collections::VecDeque, ops::Range};

use super::{
    Oracle,
    flow::{Flow, Key, Side},
    segment::Segment,
};

const FIRST_PORT: u32 = 1024;
const PORTS: u32 = 64512;
/// Records of one transit address at most.
const SHARE: u32 = 16384;

/// The memory of one flow.
#[derive(Default)]
pub struct Record {
    /// How often it was used.
    pub uses: u32,
    pub flow: Option<Flow>,
}

/// What an endpoint has open, and the records that can be taken, the longest unused first.
pub struct Count {
    pub open: u32,
    pub half_open: u32,
    pub ring: VecDeque<u32>,
}

impl Count {
    pub fn new(records: Range<u32>) -> Self {
        Self { open: 0, half_open: 0, ring: records.collect() }
    }
}

/// Rule 4.2: transit address and port of the `uses`th use of the record with this index.
pub fn transit(first: u32, records: u32, index: u32, uses: u32) -> (u32, u16) {
    let share = records.min(SHARE);
    let port = FIRST_PORT + index % share + share * (uses % (PORTS / share));
    (first + index / SHARE, u16::try_from(port).expect("a port"))
}

impl Oracle {
    /// Forgets the flow of a key.
    pub(super) fn end(&mut self, key: &Key) {
        if let Some(record) = self.keys.remove(key) {
            self.records.entry(record).or_default().flow = None;
        }
    }

    /// Takes the record that was unused for longest, which counts as a use of it; nothing when all hold
    /// open connections.
    pub(super) fn take(&mut self, endpoint: usize) -> Option<(u32, u32)> {
        let number = self.counts[endpoint].ring.pop_front()?;
        if let Some(key) = self.flow(number).map(|flow| flow.key) {
            self.end(&key);
        }
        let record = self.records.entry(number).or_default();
        record.uses += 1;
        Some((number, record.uses))
    }

    /// Enters a flow in a record that was taken.
    pub(super) fn enter(&mut self, number: u32, flow: Flow) {
        let count = &mut self.counts[flow.endpoint];
        count.open += 1;
        count.half_open += u32::from(flow.half_open());
        self.keys.insert(flow.key, number);
        self.records.entry(number).or_default().flow = Some(flow);
    }

    /// Rule 9: a packet of a flow is noted; answers whether it is believed.
    pub(super) fn note(&mut self, number: u32, side: Side, segment: &Segment) -> bool {
        let flow = self.records.get_mut(&number).and_then(|record| record.flow.as_mut()).expect("a flow");
        let Some(tcp) = segment.tcp() else { return true };
        let before = (flow.phase.closed(), flow.half_open());
        let believed = flow.note(side, tcp);
        let after = (flow.phase.closed(), flow.half_open());
        let count = &mut self.counts[flow.endpoint];
        count.half_open -= u32::from(before.1 && !after.1);
        if after.0 && !before.0 {
            count.open -= 1;
            count.ring.push_back(number);
        }
        believed
    }
}
