//! A frame in the driver's buffer.

use core::marker::PhantomData;

use aya_ebpf::{
    EbpfContext as _,
    bindings::xdp_md,
    helpers::{bpf_xdp_adjust_head, bpf_xdp_adjust_tail, bpf_xdp_get_buff_len},
    programs::XdpContext,
};
use vpce_common::{dataplane::Frame, wire::Header};

/// Reads a frame from front to back; every step is checked against its end, as the verifier asks.
#[derive(Clone)]
pub struct XdpFrame<'f> {
    at: usize,
    end: usize,
    context: *mut xdp_md,
    frame: PhantomData<&'f mut [u8]>,
}

impl<'f> XdpFrame<'f> {
    /// The frame of this run of the program.
    #[inline(always)]
    pub fn new(ctx: &'f XdpContext) -> Self {
        Self { at: ctx.data(), end: ctx.data_end(), context: ctx.as_ptr().cast(), frame: PhantomData }
    }
}

impl<'f> Frame<'f> for XdpFrame<'f> {
    #[inline(always)]
    fn take<T: Header>(&mut self) -> Option<&'f mut T> {
        let at = self.at;
        if at + size_of::<T>() > self.end {
            return None;
        }
        self.at = at + size_of::<T>();
        // SAFETY: in bounds as just checked, of alignment 1, any bytes are a `T`, and `at` moved
        // on, so nothing else refers to these bytes.
        Some(unsafe { &mut *(at as *mut T) })
    }

    #[inline(always)]
    fn skip(&mut self, count: usize) {
        // The mask tells the verifier the bound.
        self.at = opaque(self.at + (count & 127));
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a frame is far below 4 GiB")]
    fn length(&self) -> usize {
        // SAFETY: the context of this run. Not `end - at`: a jumbo frame lies in several pieces.
        unsafe { bpf_xdp_get_buff_len(self.context) as usize }
    }

    #[inline(always)]
    fn at_hand(&self) -> usize {
        self.end - self.at
    }

    #[inline(always)]
    fn reframe(&self, head: i32, length: usize) -> Option<Self> {
        // SAFETY: the context of this run; no header taken before is used after it.
        if head != 0 && unsafe { bpf_xdp_adjust_head(self.context, head) } != 0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "a frame is far below 2 GiB")]
        let tail = length as i32 - self.length() as i32;
        // SAFETY: as above.
        if tail != 0 && unsafe { bpf_xdp_adjust_tail(self.context, tail) } != 0 {
            return None;
        }
        // SAFETY: the context of this run.
        let (at, end) = unsafe { ((*self.context).data as usize, (*self.context).data_end as usize) };
        Some(Self { at, end, context: self.context, frame: PhantomData })
    }
}

/// Hides from the compiler how a pointer came about.
///
/// It would otherwise compute the same position twice, once to check it and once to use it; the
/// verifier takes those for two pointers and refuses the use of the one that was not checked.
#[inline(always)]
fn opaque(mut at: usize) -> usize {
    // SAFETY: a move of a register to itself. An empty template would do, but the kernel refuses the
    // line information that it leaves behind.
    unsafe { core::arch::asm!("{0} = {0}", inout(reg) at, options(nomem, nostack, preserves_flags)) };
    at
}
