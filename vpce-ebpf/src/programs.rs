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
    path::{self, End},
    reap,
};

use crate::{
    frame::XdpFrame,
    maps::{Kernel, TOTALS},
};

/// Takes one frame through the gateway.
#[xdp(frags)]
pub fn vpce(ctx: XdpContext) -> u32 {
    let mut end = End::default();
    decide(&ctx, &end);
    // SAFETY: the context of this run, and a value that outlives the call.
    unsafe { leave(ctx.ctx, &raw mut end) }
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
    let outcome = path::leave(&Kernel, &XdpFrame::new(&ctx), end);
    if let Some(totals) = TOTALS.get(0) {
        totals.record(outcome);
    }
    if outcome.passed() {
        return XDP_PASS;
    }
    if outcome.is_drop() {
        debug!(&ctx, "dropped: {}", outcome.reason().name());
    }
    // Not XDP_TX: a veth peer without an XDP program would never see the answer.
    if outcome.out == 0 { XDP_DROP } else { redirect(outcome.out) }
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
