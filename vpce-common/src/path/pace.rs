//! What one tenant may have of what all share, each second on each CPU.

use crate::{dataplane::Dataplane, layout::Pace};

/// Messages to the agent by one link: a backend speaks every few seconds, a flood of ARP must not be
/// heard instead of it.
const HEARD: u64 = 1000;

/// Whether one more ICMP error may be sent on a link now (RFC 1812 §4.3.2.8).
#[inline(always)]
pub(super) fn may_tell<D: Dataplane>(plane: &D, link: u32) -> bool {
    let (Some(settings), Some(pace)) = (plane.settings(), second(plane, link)) else { return false };
    pace.told.add(1);
    pace.told.get() <= settings.errors.into()
}

/// Whether the agent hears one more message from a link now.
#[inline(always)]
pub(super) fn may_say<D: Dataplane>(plane: &D, link: u32) -> bool {
    let Some(pace) = second(plane, link) else { return false };
    pace.heard.add(1);
    pace.heard.get() <= HEARD
}

/// The pace of a link in this second.
#[inline(always)]
fn second<D: Dataplane>(plane: &D, link: u32) -> Option<&Pace> {
    let (settings, pace) = (plane.settings()?, plane.pace(link)?);
    let now = plane.jiffies();
    #[expect(clippy::cast_possible_truncation, reason = "it was made of 32 bits")]
    let age = now.wrapping_sub(pace.began.get() as u32);
    if age >= settings.second {
        pace.began.set(now.into());
        pace.told.set(0);
        pace.heard.set(0);
    }
    Some(pace)
}
