//! The packet path as an XDP program: a frame in the driver's buffer.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use core::mem::MaybeUninit;

use aya_ebpf::{
    bindings::{
        xdp_action::{XDP_ABORTED, XDP_DROP, XDP_PASS},
        xdp_md,
    },
    helpers::{bpf_redirect, bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len},
    macros::xdp,
    programs::XdpContext,
};
use vpce_common::{
    dataplane::Frame,
    path::{self, End, Outcome},
    wire::Header,
};

use crate::{frame::Bytes, maps::Kernel, programs};

/// Takes one frame through the gateway.
#[xdp(frags)]
pub fn vpce(ctx: XdpContext) -> u32 {
    let done = fast(ctx.ctx);
    if done != NOT_DONE {
        return done;
    }
    let mut place = MaybeUninit::uninit();
    let end = End::begin(&mut place);
    decide(ctx.ctx, end);
    if end.tells() {
        // SAFETY: as below.
        unsafe { refuse(ctx.ctx, end) };
    }
    // SAFETY: the context of this run, and a value that outlives the call.
    unsafe { leave(ctx.ctx, end) }
}

/// No action.
const NOT_DONE: u32 = u32::MAX;

/// The fast lane; answers the action, or [`NOT_DONE`].
#[inline(never)]
fn fast(ctx: *mut xdp_md) -> u32 {
    // SAFETY: the context of this run.
    let ifindex = unsafe { (*ctx).ingress_ifindex };
    path::fast(&Kernel, XdpFrame::new(ctx), ifindex, |outcome| ended(ctx, outcome)).unwrap_or(NOT_DONE)
}

/// Decides what becomes of a packet. A function of its own, so that its stack is free again when the end
/// is carried out: both together have 512 bytes.
#[inline(never)]
fn decide(ctx: *mut xdp_md, end: &End) {
    // SAFETY: the context of this run.
    let ifindex = unsafe { (*ctx).ingress_ifindex };
    path::path(&Kernel, XdpFrame::new(ctx), ifindex, end);
}

/// Makes a packet into what tells its sender that it was dropped; as [`leave`].
///
/// # Safety
/// The context of this run; `end` is null or valid.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn refuse(ctx: *mut xdp_md, end: *mut End) -> u32 {
    // SAFETY: as the caller's.
    if let Some(end) = unsafe { end.as_mut() } {
        path::refuse(&Kernel, &XdpFrame::new(ctx), end);
    }
    // The kernel wants a number of every global function.
    0
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
    ended(ctx, path::leave(&Kernel, &XdpFrame::new(ctx), end))
}

/// Counts a packet; answers its action.
#[inline(always)]
fn ended(ctx: *mut xdp_md, outcome: Outcome) -> u32 {
    programs::count(&XdpContext::new(ctx), outcome);
    if outcome.passed() {
        return XDP_PASS;
    }
    // Not XDP_TX: a veth peer without an XDP program would never see the answer.
    if outcome.out == 0 { XDP_DROP } else { redirect(outcome.out) }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the helper answers an xdp_action")]
fn redirect(ifindex: u32) -> u32 {
    // SAFETY: a helper without preconditions.
    unsafe { bpf_redirect(ifindex, 0) as u32 }
}

/// A place in the driver's buffer.
struct XdpFrame<'f> {
    bytes: Bytes<'f>,
    context: *mut xdp_md,
}

impl XdpFrame<'_> {
    /// The frame of this run of the program.
    #[inline(always)]
    fn new(context: *mut xdp_md) -> Self {
        // SAFETY: the context of this run.
        let bytes = unsafe { Bytes::new((*context).data, (*context).data_end) };
        Self { bytes, context }
    }
}

impl<'f> Frame<'f> for XdpFrame<'f> {
    #[inline(always)]
    fn take<T: Header>(&mut self) -> Option<&'f mut T> {
        self.bytes.take()
    }

    #[inline(always)]
    fn skip(&mut self, count: usize) {
        self.bytes.skip(count);
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a frame is far below 4 GiB")]
    fn length(&self) -> usize {
        // SAFETY: the context of this run. Not `end - at`: a jumbo frame lies in several pieces.
        unsafe { bpf_xdp_get_buff_len(self.context) as usize }
    }

    #[inline(always)]
    fn at_hand(&self) -> usize {
        self.bytes.left()
    }

    #[inline(always)]
    fn again(&self) -> Self {
        Self::new(self.context)
    }

    #[inline(always)]
    fn reframe(&self, old: u32, new: u32, rest: usize) -> Option<Self> {
        // SAFETY: the context of this run; no header taken before is used after it.
        if old != new && unsafe { bpf_xdp_adjust_head(self.context, old.cast_signed() - new.cast_signed()) } != 0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a frame is far below 2 GiB")]
        let tail = (new as usize + rest) as i32 - self.length() as i32;
        // SAFETY: as above.
        if tail != 0 && unsafe { bpf_xdp_adjust_tail(self.context, tail) } != 0 {
            return None;
        }
        Some(self.again())
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a frame is far below 4 GiB")]
    fn renew(&self, head: u32, count: usize) -> Option<(Self, u32)> {
        // At its front there is more room than at its end.
        let length = head as usize + count;
        let more = length.saturating_sub(self.length());
        Some((self.reframe(0, more as u32, length - more)?, head))
    }
}
