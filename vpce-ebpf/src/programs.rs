//! The programs: one per frame, one per pass of the reaper.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use aya_ebpf::{
    bindings::{
        xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS},
        xdp_md,
    },
    helpers::{bpf_loop, bpf_redirect},
    macros::xdp,
    programs::XdpContext,
};
use aya_log_ebpf::debug;
use vpce_common::{
    dataplane::Dataplane as _,
    layout::Pass,
    path::{self, End, Outcome},
    reap,
    reason::DropReason,
};

use crate::{
    frame::XdpFrame,
    maps::{Kernel, TOTALS},
};

/// Takes one frame through the gateway.
#[xdp(frags)]
pub fn vpce(ctx: XdpContext) -> u32 {
    let done = fast(&ctx);
    if done != NOT_DONE {
        return done;
    }
    let mut end = End::default();
    decide(&ctx, &end);
    // SAFETY: the context of this run, and a value that outlives the call.
    unsafe { leave(ctx.ctx, &raw mut end) }
}

/// No action of XDP.
const NOT_DONE: u32 = u32::MAX;

/// The fast lane; answers the action, or [`NOT_DONE`].
#[inline(never)]
fn fast(ctx: &XdpContext) -> u32 {
    path::fast(&Kernel, XdpFrame::new(ctx), ingress(ctx), |outcome| counted(ctx, outcome)).unwrap_or(NOT_DONE)
}

/// Decides what becomes of a packet. A function of its own, so that its stack is free again when the end
/// is carried out: both together have 512 bytes.
#[inline(never)]
fn decide(ctx: &XdpContext, end: &End) {
    path::path(&Kernel, XdpFrame::new(ctx), ingress(ctx), end);
}

/// Carries out the end of a packet.
///
/// A function of its own, and global: so the verifier looks at it once, not once for each way that a
/// packet can end.
///
/// # Safety
/// The context of this run; `end` is null or valid.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn leave(ctx: *mut xdp_md, end: *mut End) -> u32 {
    // SAFETY: as the caller's.
    let Some(end) = (unsafe { end.as_mut() }) else { return XDP_ABORTED };
    let ctx = XdpContext::new(ctx);
    counted(&ctx, path::leave(&Kernel, &XdpFrame::new(&ctx), end))
}

/// Counts a packet; answers the action.
#[inline(always)]
fn counted(ctx: &XdpContext, outcome: Outcome) -> u32 {
    if let Some(totals) = TOTALS.get(0) {
        totals.record(outcome);
    }
    if outcome.passed() {
        return XDP_PASS;
    }
    if outcome.is_drop() {
        tell(ctx, outcome.reason());
    }
    // Not XDP_TX: a veth peer without an XDP program would never see the answer.
    if outcome.out == 0 { XDP_DROP } else { redirect(outcome.out) }
}

/// A function of its own: what is not asked for costs nothing where packets are quick.
#[inline(never)]
fn tell(ctx: &XdpContext, reason: DropReason) {
    debug!(ctx, "dropped: {}", reason.name());
}

/// Looks at a range of flow records and frees what is over. Run by the agent, never attached.
#[xdp]
pub fn reap(ctx: XdpContext) -> u32 {
    let (data, end) = (ctx.data(), ctx.data_end());
    if data + size_of::<Pass>() > end {
        return XDP_ABORTED;
    }
    // SAFETY: the bounds were checked, and any bytes are a `Pass`.
    let Pass { mut first, count } = unsafe { (data as *const Pass).read_unaligned() };
    // SAFETY: `look` has the helper's signature, and `first` outlives the call.
    unsafe { bpf_loop(count, look as *mut _, (&raw mut first).cast(), 0) };
    XDP_PASS
}

extern "C" fn look(index: u32, first: *mut core::ffi::c_void) -> i64 {
    // SAFETY: `reap` passes a valid u32.
    let slot = unsafe { *first.cast::<u32>() } + index;
    let _ = reap::reap(&Kernel, slot, Kernel.jiffies());
    0
}

#[expect(clippy::cast_possible_truncation, reason = "an interface index is an int")]
fn ingress(ctx: &XdpContext) -> u32 {
    ctx.ingress_ifindex() as u32
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the helper answers an xdp_action")]
fn redirect(ifindex: u32) -> u32 {
    // SAFETY: a helper without preconditions.
    unsafe { bpf_redirect(ifindex, 0) as u32 }
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the verifier refuses a program that can get here.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
