//! Alarms: what an operator must know before clients tell. Pure: the caller reads and says when.
//!
//! An alarm is raised when its cause is seen, stays while that is seen again, and is cleared when it was
//! not for [`QUIET`].

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use crate::model::status::AlarmStatus;

/// How long a cause must not be seen until its alarm is cleared.
const QUIET: Duration = Duration::from_mins(1);

macro_rules! alarms {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal, $cure:literal;)+) => {
        /// What can be wrong, the worst first.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Alarm {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Alarm {
            /// All of them.
            #[cfg(test)]
            pub(super) const ALL: &[Self] = &[$(Self::$name),+];

            /// The name that operators see.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What to do.
            #[must_use]
            pub const fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure,)+ }
            }
        }
    };
}

alarms! {
    /// The maps do not hold what they shall.
    NotApplied = "not-applied", "the kernel refuses a change: see the log";
    /// An interface that is there does not carry the program.
    NotAttached = "not-attached", "an interface can't be attached: `vpcectl get vpcs` says why";
    /// The file was changed and is wrong, or can't be served.
    NotReloaded = "not-reloaded", "the old configuration stands: see the log, or run `vpce-agent check`";
    /// Packets were dropped for a reason that should not be.
    Internal = "internal", "packets are dropped where the maps contradict themselves: report it";
    /// An endpoint refuses connections, or is about to.
    LimitReached = "limit-reached", "all connections of the endpoint are open: raise its max_connections";
    /// An endpoint has no record for a connection.
    NoFreeSlot = "no-free-slot", "no flow record of the endpoint is free: raise its max_connections";
    /// Many connections of an endpoint wait for their handshake: a flood, or a backend that is slow.
    HalfOpen = "half-open", "half of the endpoint's limit waits for a handshake: look at its clients and its backend";
    /// The flow records are given out.
    MaxFlows = "max-flows", "no flow records are left for a further endpoint: raise max_flows (flows end)";
    /// The transit addresses are given out.
    TransitRange = "transit-range", "no transit address is left for a further endpoint: choose a larger transit range";
    /// The numbers of endpoints, backends or links are given out.
    Numbers = "numbers", "no number is left for a further endpoint, backend or attachment: use another gateway";
    /// The port mappings, prefixes or addresses fill their map.
    MapFull = "map-full", "no room is left for a further port mapping, prefix or address: use another gateway";
}

/// Packets of an endpoint that were dropped for want of room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Drops {
    /// Drops for `limit-reached`.
    pub limit_reached: u64,
    /// Drops for `no-free-slot`.
    pub no_free_slot: u64,
}

/// What was read of an endpoint at one look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// What it dropped until then.
    pub drops: Drops,
    /// Open connections.
    pub open: u32,
    /// Those whose handshake is not complete.
    pub half_open: u32,
    /// Open connections at most.
    pub limit: u32,
}

/// What is wrong now.
#[derive(Debug, Default)]
pub struct Alarms {
    raised: BTreeMap<(Alarm, Option<String>), Raised>,
    /// Of endpoints that have dropped any.
    drops: BTreeMap<String, Drops>,
    internal: u64,
}

#[derive(Debug, Clone, Copy)]
struct Raised {
    since: Instant,
    seen: Instant,
}

impl Alarms {
    /// Takes an endpoint's drops as they were found: what was dropped before is nobody's alarm.
    pub fn expect(&mut self, endpoint: &str, drops: Drops) {
        self.note(endpoint, drops);
    }

    /// Takes the gateway's drops for `internal` as they were found.
    pub const fn expect_internal(&mut self, drops: u64) {
        self.internal = drops;
    }

    /// Notes what was read of an endpoint.
    pub fn endpoint(&mut self, name: &str, now: Counts, at: Instant) {
        let last = self.note(name, now.drops);
        if grew(last.limit_reached, now.drops.limit_reached) || now.open >= now.limit {
            self.see(Alarm::LimitReached, Some(name), at);
        }
        if grew(last.no_free_slot, now.drops.no_free_slot) {
            self.see(Alarm::NoFreeSlot, Some(name), at);
        }
        if now.half_open > now.limit / 2 {
            self.see(Alarm::HalfOpen, Some(name), at);
        }
    }

    /// Notes the gateway's drops for `internal`.
    pub fn internal(&mut self, drops: u64, at: Instant) {
        if grew(std::mem::replace(&mut self.internal, drops), drops) {
            self.see(Alarm::Internal, None, at);
        }
    }

    /// Notes a cause.
    pub fn see(&mut self, alarm: Alarm, endpoint: Option<&str>, at: Instant) {
        let raised = self.raised.entry((alarm, endpoint.map(ToOwned::to_owned)));
        let raised = raised.or_insert_with(|| {
            tracing::warn!(alarm = alarm.name(), endpoint, "{}", alarm.cure());
            Raised { since: at, seen: at }
        });
        raised.seen = at;
    }

    /// Clears an alarm of the gateway whose cause is known to be gone.
    pub fn clear(&mut self, alarm: Alarm) {
        self.keep(|(raised, _), _| *raised != alarm);
    }

    /// Clears the alarms whose cause was not seen for long, and those of endpoints that are gone.
    pub fn clear_old(&mut self, is_endpoint: impl Fn(&str) -> bool, at: Instant) {
        self.drops.retain(|name, _| is_endpoint(name));
        self.keep(|(_, endpoint), raised| {
            at.saturating_duration_since(raised.seen) < QUIET && endpoint.as_deref().is_none_or(&is_endpoint)
        });
    }

    /// Those of an endpoint, by name; none: it has none.
    #[must_use]
    pub fn of(&self, endpoint: &str) -> Option<String> {
        let of = self.raised.keys().filter(|(_, of)| of.as_deref() == Some(endpoint));
        let names: Vec<&str> = of.map(|(alarm, _)| alarm.name()).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// All of them, the worst first.
    #[must_use]
    pub fn all(&self, at: Instant) -> Vec<AlarmStatus> {
        let status = |((alarm, endpoint), raised): (&(Alarm, Option<String>), &Raised)| AlarmStatus {
            alarm: alarm.name().to_owned(),
            endpoint: endpoint.clone(),
            since_secs: at.saturating_duration_since(raised.since).as_secs(),
            cure: alarm.cure().to_owned(),
        };
        self.raised.iter().map(status).collect()
    }

    /// Remembers an endpoint's drops; answers what they were. Of most there are none: nothing is kept of these.
    fn note(&mut self, endpoint: &str, drops: Drops) -> Drops {
        let last = match drops {
            Drops { limit_reached: 0, no_free_slot: 0 } => self.drops.remove(endpoint),
            _ => self.drops.insert(endpoint.to_owned(), drops),
        };
        last.unwrap_or_default()
    }

    fn keep(&mut self, stays: impl Fn(&(Alarm, Option<String>), &Raised) -> bool) {
        self.raised.retain(|key, raised| {
            let stays = stays(key, raised);
            if !stays {
                let (alarm, endpoint) = (key.0.name(), key.1.as_deref());
                tracing::info!(alarm, endpoint, "alarm cleared");
            }
            stays
        });
    }
}

/// Whether a counter grew; one that begins anew grew by all that it says.
const fn grew(last: u64, now: u64) -> bool {
    now != last && now != 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const NO_DROPS: Drops = Drops { limit_reached: 0, no_free_slot: 0 };
    const QUIETLY: Counts = Counts { drops: NO_DROPS, open: 10, half_open: 5, limit: 100 };

    fn dropped(limit_reached: u64, no_free_slot: u64) -> Counts {
        Counts { drops: Drops { limit_reached, no_free_slot }, ..QUIETLY }
    }

    /// Names of the alarms, each with its endpoint.
    fn raised(alarms: &Alarms, at: Instant) -> Vec<(String, Option<String>)> {
        alarms.all(at).into_iter().map(|alarm| (alarm.alarm, alarm.endpoint)).collect()
    }

    #[track_caller]
    fn assert_seen(last: Counts, now: Counts, expected: Option<&str>) {
        let at = Instant::now();
        let mut alarms = Alarms::default();
        alarms.expect("web", last.drops);
        alarms.endpoint("web", now, at);
        assert_eq!(alarms.of("web").as_deref(), expected);
        assert_eq!(alarms.of("other"), None);
    }

    #[test]
    fn each_cause_of_an_endpoint_raises_the_alarm_of_its_name() {
        assert_seen(QUIETLY, QUIETLY, None);
        assert_seen(QUIETLY, dropped(1, 0), Some("limit-reached"));
        assert_seen(QUIETLY, Counts { open: 100, ..QUIETLY }, Some("limit-reached"));
        assert_seen(QUIETLY, Counts { open: 99, ..QUIETLY }, None);
        assert_seen(QUIETLY, dropped(0, 1), Some("no-free-slot"));
        assert_seen(QUIETLY, Counts { half_open: 51, ..QUIETLY }, Some("half-open"));
        assert_seen(QUIETLY, Counts { half_open: 50, ..QUIETLY }, None);
        assert_seen(QUIETLY, Counts { open: 100, half_open: 51, ..QUIETLY }, Some("limit-reached, half-open"));
    }

    #[test]
    fn what_was_dropped_before_is_no_alarm_and_counters_that_begin_anew_are() {
        let old = dropped(7, 7);
        assert_seen(old, old, None);
        assert_seen(old, QUIETLY, None);
        assert_seen(old, dropped(3, 0), Some("limit-reached"));

        let at = Instant::now();
        let mut alarms = Alarms::default();
        // An endpoint that was not there before.
        alarms.endpoint("new", dropped(1, 0), at);
        assert_eq!(alarms.of("new").as_deref(), Some("limit-reached"));
        // Counters that were zero in between begin anew too.
        alarms.expect("old", old.drops);
        alarms.endpoint("old", QUIETLY, at);
        alarms.endpoint("old", old, at);
        assert_eq!(alarms.of("old").as_deref(), Some("limit-reached, no-free-slot"));
        alarms.expect_internal(5);
        alarms.internal(5, at);
        assert!(alarms.all(at).iter().all(|alarm| alarm.alarm != "internal"));
        alarms.internal(6, at);
        assert_eq!(raised(&alarms, at)[0], ("internal".to_owned(), None));
    }

    #[test]
    fn an_alarm_stays_while_its_cause_is_seen_within_a_minute_and_tells_since_when() {
        let start = Instant::now();
        let mut alarms = Alarms::default();
        alarms.see(Alarm::HalfOpen, Some("web"), start);
        let again = start + QUIET / 2;
        alarms.see(Alarm::HalfOpen, Some("web"), again);
        let late = again + QUIET.saturating_sub(Duration::from_secs(1));
        alarms.clear_old(|_| true, late);
        assert_eq!(alarms.all(late)[0].since_secs, 89);
        alarms.clear_old(|_| true, again + QUIET);
        assert_eq!(alarms.all(late), []);
        // Raised again, it is new.
        alarms.see(Alarm::HalfOpen, Some("web"), again + QUIET);
        assert_eq!(alarms.all(again + QUIET)[0].since_secs, 0);
    }

    #[test]
    fn an_alarm_ends_with_its_endpoint_and_with_its_cause_where_that_is_known() {
        let at = Instant::now();
        let mut alarms = Alarms::default();
        alarms.see(Alarm::LimitReached, Some("gone"), at);
        alarms.see(Alarm::LimitReached, Some("web"), at);
        alarms.see(Alarm::NotReloaded, None, at);
        alarms.clear_old(|name| name != "gone", at);
        let web = ("limit-reached".to_owned(), Some("web".to_owned()));
        assert_eq!(raised(&alarms, at), [("not-reloaded".to_owned(), None), web.clone()]);
        alarms.clear(Alarm::NotReloaded);
        assert_eq!(raised(&alarms, at), [web]);
    }

    #[test]
    fn every_alarm_has_a_name_and_a_cure_of_its_own() {
        let names: BTreeSet<_> = Alarm::ALL.iter().map(|alarm| alarm.name()).collect();
        let cures: BTreeSet<_> = Alarm::ALL.iter().map(|alarm| alarm.cure()).collect();
        assert_eq!((names.len(), cures.len()), (Alarm::ALL.len(), Alarm::ALL.len()));
    }
}
