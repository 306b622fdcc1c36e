//! Every packet that came in is told: passed, translated, answered, or dropped for a reason.
//!
//! A rig that is taken down holds the program to that by two equations:
//!
//! - what came in is all that became of it, both counted by the program;
//! - what came in is what the interfaces received. With an XDP program on it, veth counts each packet
//!   that it polls (`rx_queue_N_xdp_packets`), before the program sees it; without one it does not poll,
//!   and counts none. So that figure needs no beginning in time, and it is exact. A program at TC sees
//!   each packet that the interface received at all, whole, where nothing polls it: that figure begins
//!   with the agent's start, before which machines say nothing.

use std::{path::Path, time::Duration};

use aya::maps::{Map, MapData, PerCpuArray};
use vpce_common::layout::Totals;

use crate::{Namespace, link::programs_at_tc, process::output, wait::wait_for};

/// How long the last packets may take.
const QUIET: Duration = Duration::from_secs(5);
const COUNTERS: usize = size_of::<Totals>() / 8;

/// What the gateway's interfaces had received when its program began to count.
#[derive(Debug, Default)]
pub struct Outside(Vec<Interface>);

#[derive(Debug)]
struct Interface {
    /// A new one of the same name counts from nothing.
    index: u64,
    name: String,
    /// Packets that the driver polled.
    polled: u64,
    /// All packets.
    received: u64,
}

impl Outside {
    /// The figures of now.
    pub fn of(gateway: &Namespace) -> Self {
        let told = gateway.ip("-statistics -json link show type veth");
        let links: Vec<serde_json::Value> = serde_json::from_str(&told).expect("what ip told");
        let interface = |link: &serde_json::Value| {
            let name = link["ifname"].as_str()?.to_owned();
            let received = link["stats64"]["rx"]["packets"].as_u64()?;
            Some(Interface { index: link["ifindex"].as_u64()?, polled: polled(gateway, &name), received, name })
        };
        Self(links.iter().filter_map(interface).collect())
    }

    /// What the program should have seen since; `None` where interfaces came or went, and took their
    /// figures along.
    fn since(&self, gateway: &Namespace) -> Option<u64> {
        let now = Self::of(gateway).0;
        let same = |(now, before): (&Interface, &Interface)| (now.index, &now.name) == (before.index, &before.name);
        if now.len() != self.0.len() || !now.iter().zip(&self.0).all(same) {
            return None;
        }
        let seen = |(now, before): (&Interface, &Interface)| {
            if programs_at_tc(gateway, &now.name).is_empty() {
                now.polled - before.polled
            } else {
                now.received - before.received
            }
        };
        Some(now.iter().zip(&self.0).map(seen).sum())
    }
}

/// Compares until it fits; gives the packets that came in. There are none where no program counts.
pub fn check(maps: &Path, gateway: &Namespace, before: Option<&Outside>) -> u64 {
    let pin = maps.join("TOTALS");
    if !pin.exists() {
        return 0;
    }
    wait_for("an account of every packet", QUIET, || {
        let received = before.and_then(|before| before.since(gateway));
        let [came_in, ends @ ..] = totals(&pin);
        let ended: u64 = ends.iter().sum();
        if came_in != ended {
            return Err(format!("{came_in} packets came in, {ended} ended: {ends:?}"));
        }
        match received {
            Some(received) if received != came_in => {
                Err(format!("the interfaces received {received} packets, the program saw {came_in}"))
            }
            _ => Ok(came_in),
        }
    })
}

/// All counters of `TOTALS`, summed up over the CPUs; the first is what came in.
fn totals(pin: &Path) -> [u64; COUNTERS] {
    let map = MapData::from_pin(pin).unwrap_or_else(|error| panic!("{}: {error}", pin.display()));
    let map: Result<PerCpuArray<MapData, [u64; COUNTERS]>, _> = Map::PerCpuArray(map).try_into();
    let counters = map.expect("a map of the totals").get(&0, 0).expect("its one entry");
    counters.iter().fold([0; COUNTERS], |sum, cpu| std::array::from_fn(|n| sum[n] + cpu[n]))
}

/// The packets that the driver polled, on all queues.
fn polled(gateway: &Namespace, interface: &str) -> u64 {
    let told = output(gateway.command("ethtool").args(["-S", interface]));
    let figures = told.lines().filter_map(|line| line.trim().split_once("_xdp_packets: "));
    figures.map(|(_, figure)| figure.parse::<u64>().expect("a figure of ethtool")).sum()
}
