//! What the programs share, and the reaper's, one for each pass.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use aya_ebpf::{EbpfContext, bindings::xdp_action::XDP_ABORTED, helpers::bpf_loop, macros::xdp, programs::XdpContext};
use aya_log_ebpf::debug;
use vpce_common::{dataplane::Dataplane as _, layout::Pass, path::Outcome, reap, reason::DropReason};

use crate::maps::{Kernel, TOTALS};

/// Counts a packet whose end was carried out.
#[inline(always)]
pub fn count(ctx: &impl EbpfContext, outcome: Outcome) {
    if let Some(totals) = TOTALS.get(0) {
        totals.record(outcome);
    }
    if outcome.is_drop() {
        tell(ctx, outcome.reason());
    }
}

/// A function of its own: what is not asked for costs nothing where packets are quick.
#[inline(never)]
fn tell(ctx: &impl EbpfContext, reason: DropReason) {
    debug!(ctx, "dropped: {}", reason.name());
}

/// Where the reaper's pass begins, and what it answers.
struct Look {
    first: u32,
    soonest: u32,
}

/// Looks at a range of flow records and frees what is over; answers in how many jiffies the first of the
/// others can be. Run by the agent, never attached.
#[xdp]
pub fn reap(ctx: XdpContext) -> u32 {
    let (data, end) = (ctx.data(), ctx.data_end());
    if data + size_of::<Pass>() > end {
        return XDP_ABORTED;
    }
    // SAFETY: the bounds were checked, and any bytes are a `Pass`.
    let Pass { first, count } = unsafe { (data as *const Pass).read_unaligned() };
    let mut pass = Look { first, soonest: reap::NO_FLOW };
    // SAFETY: `look` has the helper's signature, and `pass` outlives the call.
    unsafe { bpf_loop(count, look as *mut _, (&raw mut pass).cast(), 0) };
    // SAFETY: a value of this function; what the loop made of it the compiler can't see.
    unsafe { (&raw const pass.soonest).read_volatile() }
}

extern "C" fn look(index: u32, pass: *mut core::ffi::c_void) -> i64 {
    // SAFETY: `reap` passes a valid `Look`.
    let pass = unsafe { &mut *pass.cast::<Look>() };
    pass.soonest = pass.soonest.min(reap::reap(&Kernel, pass.first + index, Kernel.jiffies()));
    0
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the verifier refuses a program that can get here.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
