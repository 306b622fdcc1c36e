//! The `[gateway]` section.

use std::time::Duration;

use ipnet::Ipv4Net;

use super::{
    Cause, net,
    report::Read,
    rule,
    table::{Keys, Table},
    value::Value,
};
use crate::model::{Gateway, Mode, Refuse, Timers};

const KEYS: Keys = Keys {
    known: &[
        ("region", r#"region = "region-1""#),
        ("transit", r#"transit = "198.19.128.0/17""#),
        ("mode", r#"mode = "auto""#),
        ("refuse", r#"refuse = "reset""#),
        ("max_flows", "max_flows = 1048576"),
        ("timers", "[gateway.timers]"),
    ],
    planned: &[],
};

const TIMER_KEYS: Keys = Keys {
    known: &[
        ("opening_secs", "opening_secs = 240"),
        ("established_secs", "established_secs = 7440"),
        ("closing_secs", "closing_secs = 240"),
        ("udp_secs", "udp_secs = 300"),
    ],
    planned: &[],
};

const MODES: &[(&str, Option<Mode>)] =
    &[("auto", Some(Mode::Auto)), ("xdp", Some(Mode::Xdp)), ("generic", Some(Mode::Generic)), ("tc", None)];

const REFUSALS: &[(&str, Option<Refuse>)] =
    &[("reset", Some(Refuse::Reset)), ("drop", Some(Refuse::Drop)), ("icmp", None)];

/// Guide §2.2.2.
const DEFAULT_TRANSIT: Ipv4Net = Ipv4Net::new_assert(std::net::Ipv4Addr::new(198, 19, 128, 0), 17);

const DEFAULT_FLOWS: u32 = 1 << 20;
/// Most flow records that a gateway may have.
pub(super) const MAX_FLOWS: u32 = 1 << 24;

/// RFC 5382 REQ-5, RFC 4787 REQ-5.
const DEFAULT_TIMERS: Timers = Timers {
    opening: Duration::from_mins(4),
    established: Duration::from_mins(124),
    closing: Duration::from_mins(4),
    udp: Duration::from_mins(5),
};

/// The section as far as it could be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft<'d> {
    table: Table<'d>,
    region: Read<&'d str>,
    pub(super) transit: Read<Ipv4Net>,
    mode: Read<Mode>,
    refuse: Read<Refuse>,
    max_flows: Read<u32>,
    timers: Read<Timers>,
}

pub(super) fn read(root: Table<'_>) -> Read<Draft<'_>> {
    let table = root.required("gateway", |value| value.section("[gateway]", KEYS))?;
    Ok(Draft {
        table,
        region: table.required("region", |value| value.text_by(rule::REGION)),
        transit: table.or("transit", DEFAULT_TRANSIT, transit),
        mode: table.or("mode", Mode::Auto, |value| value.word(MODES)),
        refuse: table.or("refuse", Refuse::Reset, |value| value.word(REFUSALS)),
        max_flows: table.or("max_flows", DEFAULT_FLOWS, |value| value.integer(4096..=MAX_FLOWS)),
        timers: table.or("timers", DEFAULT_TIMERS, timers),
    })
}

fn transit(value: Value<'_>) -> Read<Ipv4Net> {
    let transit = net::network(value)?;
    if (17..=24).contains(&transit.prefix_len()) { Ok(transit) } else { value.fail(Cause::TransitSize { transit }) }
}

fn timers(value: Value<'_>) -> Read<Timers> {
    let table = value.section("[gateway.timers]", TIMER_KEYS)?;
    let timer = |key, default| {
        table.or(key, default, |value| value.integer(1..=86_400).map(|secs| Duration::from_secs(secs.into())))
    };
    let opening = timer("opening_secs", DEFAULT_TIMERS.opening);
    let established = timer("established_secs", DEFAULT_TIMERS.established);
    let closing = timer("closing_secs", DEFAULT_TIMERS.closing);
    let udp = timer("udp_secs", DEFAULT_TIMERS.udp);
    Ok(Timers { opening: opening?, established: established?, closing: closing?, udp: udp? })
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
            mode: self.mode?,
            refuse: self.refuse?,
            timers: self.timers?,
            max_flows: self.max_flows?,
        })
    }
}
