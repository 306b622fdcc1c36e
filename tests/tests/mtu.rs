//! Bottlenecks beyond the gateway: row 8 of the scorecard.

use std::time::Duration;

use vpce_tests::{Bulk, Place, Plan, Rig, scorecard::report};

/// What any link that carries IPv6 carries, and what tunnels leave.
const SMALL: u16 = 1280;

/// A sender that hears nothing of the bottleneck stalls for good. One that does loses a flight,
/// and waits a RTO of 0.2 s at most; the rest is for a busy machine.
const RTO: Duration = Duration::from_secs(2);

/// 100 MB each way; gives the longest stall.
fn transfers(plan: Plan, place: &str) -> Duration {
    let rig = plan.start();
    let stall = Bulk::connect(&rig, 1).both_ways(100_000_000);
    assert!(stall < RTO, "{place}: nothing moved for {stall:?}");
    stall
}

#[test]
fn row_08_a_bottleneck_on_either_side_stalls_no_transfer_for_longer_than_a_rto() {
    let plan = Rig::pair;
    let at = Place::interface;
    let stalls = [
        transfers(plan().client(1, at().mtu(SMALL)), "at the client's attachment"),
        transfers(plan().backend(1, at().mtu(SMALL)), "at the backend's attachment"),
        transfers(plan().client(1, at().bottleneck(SMALL)), "behind the client's router"),
        transfers(plan().backend(1, at().bottleneck(SMALL)), "behind the backend's router"),
    ];
    let longest = stalls.iter().max().expect("four places");
    report(8, format!("4 bottlenecks of {SMALL} bytes, 100 MB each way, longest stall {:.2} s", longest.as_secs_f32()));
}

#[test]
fn jumbo_frames_pass_between_attachments_that_carry_them() {
    let at = || Place::interface().mtu(9000);
    transfers(Rig::pair().client(1, at()).backend(1, at()), "jumbo on both sides");
    transfers(Rig::pair().client(1, at()), "jumbo on the client's side");
    transfers(Rig::pair().backend(1, at()), "jumbo on the backend's side");
}
