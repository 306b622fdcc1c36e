//! How long an idle flow lives: of the gateway, and of a service.

use std::time::Duration;

use super::{
    report::Read,
    table::{Keys, Table},
};
use crate::model::Timers;

pub(super) const KEYS: Keys = &[
    ("opening_secs", "opening_secs = 240"),
    ("established_secs", "established_secs = 7440"),
    ("closing_secs", "closing_secs = 240"),
    ("udp_secs", "udp_secs = 300"),
];

/// RFC 5382 REQ-5, RFC 4787 REQ-5.
pub(super) const DEFAULT: Timers = Timers {
    opening: Duration::from_mins(4),
    established: Duration::from_mins(124),
    closing: Duration::from_mins(4),
    udp: Duration::from_mins(5),
};

/// The timers of a table, with these where it says nothing.
pub(super) fn read(table: Table<'_>, or: Timers) -> Read<Timers> {
    let timer =
        |key, or| table.or(key, or, |value| value.integer(1..=86_400).map(|secs| Duration::from_secs(secs.into())));
    let opening = timer("opening_secs", or.opening);
    let established = timer("established_secs", or.established);
    let closing = timer("closing_secs", or.closing);
    let udp = timer("udp_secs", or.udp);
    Ok(Timers { opening: opening?, established: established?, closing: closing?, udp: udp? })
}
