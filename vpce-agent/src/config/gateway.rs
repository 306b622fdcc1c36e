//! The `[gateway]` section.

use ipnet::Ipv4Net;

use super::{
    Cause, net,
    report::Read,
    rule,
    table::{Keys, Table},
    timers,
};
use crate::model::{Gateway, Mode, Refuse, Timers};

const KEYS: Keys = &[
    ("region", r#"region = "region-1""#),
    ("transit", r#"transit = "198.19.128.0/17""#),
    ("mode", r#"mode = "auto""#),
    ("refuse", r#"refuse = "reset""#),
    ("icmp_per_sec", "icmp_per_sec = 1000"),
    ("max_flows", "max_flows = 1048576"),
    ("timers", "[gateway.timers]"),
];

const REFUSALS: &[(&str, Refuse)] = &[("reset", Refuse::Reset), ("icmp", Refuse::Icmp), ("drop", Refuse::Drop)];

/// Guide §2.2.2.
const DEFAULT_TRANSIT: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::new(198, 19, 128, 0), 17);

const DEFAULT_FLOWS: u32 = 1 << 20;
/// Most flow records that a gateway may have.
pub(super) const MAX_FLOWS: u32 = 1 << 24;

const DEFAULT_ICMP: u32 = 1000;

/// The section as far as it could be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'d> {
    table: Table<'d>,
    region: Read<&'d str>,
    pub(super) transit: Read<Ipv4Net>,
    /// Of attachments that have none of their own.
    pub(super) mode: Read<Mode>,
    refuse: Read<Refuse>,
    icmp_per_sec: Read<u32>,
    max_flows: Read<u32>,
    pub(super) timers: Read<Timers>,
}

pub(super) fn read(root: Table<'_>) -> Read<Draft<'_>> {
    let table = root.required("gateway", |value| value.section("[gateway]", KEYS))?;
    Ok(Draft {
        table,
        region: table.required("region", |value| value.text_by(rule::REGION)),
        transit: table.or("transit", DEFAULT_TRANSIT, |value| net::network_of(value, 17..=24)),
        mode: table.or("mode", Mode::Auto, |value| value.word(Mode::ALL)),
        refuse: table.or("refuse", Refuse::Reset, |value| value.word(REFUSALS)),
        icmp_per_sec: table.or("icmp_per_sec", DEFAULT_ICMP, |value| value.integer(0..=1_000_000)),
        max_flows: table.or("max_flows", DEFAULT_FLOWS, |value| value.integer(4096..=MAX_FLOWS)),
        timers: table.or("timers", timers::DEFAULT, |value| {
            timers::read(value.section("[gateway.timers]", timers::KEYS)?, timers::DEFAULT)
        }),
    })
}

impl Draft<'_> {
    /// Reports if the endpoints need more flow records than there are.
    pub(super) fn check_room(self, needed: u64) -> Read<()> {
        let max_flows = self.max_flows?;
        if needed <= u64::from(max_flows) {
            return Ok(());
        }
        let cause = Cause::NoRoom { needed, max_flows };
        match self.table.optional("max_flows", Ok)? {
            Some(value) => value.fail(cause),
            None => self.table.fail(cause),
        }
    }

    pub(super) fn build(self) -> Read<Gateway> {
        Ok(Gateway {
            region: self.region?.to_owned(),
            transit: self.transit?,
            refuse: self.refuse?,
            timers: self.timers?,
            icmp_per_sec: self.icmp_per_sec?,
            max_flows: self.max_flows?,
        })
    }
}
