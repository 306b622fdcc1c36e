//! Frames of a table, one after the other, out of an interface: as a network card hands them to the kernel.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use aya_ebpf::{
    bindings::xdp_action::XDP_ABORTED,
    helpers::bpf_redirect,
    macros::{map, xdp},
    maps::Array,
    programs::XdpContext,
};
use vpce_tests_ebpf::sender::{FRAME, Frame, Order};

/// What to send. Resized to the number of frames; written by the benchmark before the run.
#[map]
static FRAMES: Array<Frame> = Array::with_max_entries(1, 0);
/// Which is next, by which interface. On one CPU.
#[map]
static ORDER: Array<Order> = Array::with_max_entries(1, 0);

/// Each run sends one frame.
#[xdp]
pub fn send(ctx: XdpContext) -> u32 {
    // SAFETY: an entry of an array map stays where it is; nobody else writes it during a run.
    let Some(order) = ORDER.get_ptr_mut(0).map(|order| unsafe { &mut *order }) else { return XDP_ABORTED };
    let Some(frame) = FRAMES.get(order.next) else { return XDP_ABORTED };
    order.next = if order.next + 1 < order.frames { order.next + 1 } else { 0 };
    if ctx.data() + FRAME > ctx.data_end() {
        return XDP_ABORTED;
    }
    let to = ctx.data() as *mut u32;
    for (n, word) in frame.iter().enumerate() {
        // SAFETY: so many bytes were just found to be there, and belong to this run alone.
        unsafe { to.add(n).write_unaligned(*word) };
    }
    // SAFETY: a helper without pointers.
    let verdict = unsafe { bpf_redirect(order.ifindex, 0) };
    u32::try_from(verdict).unwrap_or(XDP_ABORTED)
}
