//! The packet path as a TC classifier: a packet of the kernel's, as large as its sender made it and with
//! the checksum that its sender began.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use core::mem::MaybeUninit;

use aya_ebpf::{
    bindings::{
        __sk_buff, BPF_F_ADJ_ROOM_ENCAP_L2_ETH, BPF_F_ADJ_ROOM_ENCAP_L3_IPV4, BPF_F_ADJ_ROOM_ENCAP_L4_UDP,
        BPF_F_ADJ_ROOM_FIXED_GSO, BPF_F_MARK_MANGLED_0, BPF_F_PSEUDO_HDR,
        bpf_adj_room_mode::BPF_ADJ_ROOM_MAC,
        tcx_action_base::{TCX_DROP, TCX_NEXT},
    },
    helpers::{
        bpf_csum_diff, bpf_csum_update, bpf_l4_csum_replace, bpf_redirect, bpf_redirect_peer, bpf_skb_adjust_room,
        bpf_skb_change_tail, bpf_skb_pull_data, bpf_skb_vlan_pop, bpf_skb_vlan_push,
    },
    macros::classifier,
    programs::TcContext,
};
use vpce_common::{
    checksum::{Delta, fold},
    dataplane::Frame,
    path::{self, End, Outcome},
    wire::{ETHERTYPE_VLAN, Header, VlanHdr},
};

use crate::{frame::Bytes, maps::Kernel, programs};

/// Takes one packet through the gateway. Where others are attached too, they get what passes.
#[classifier]
pub fn vpce_tc(ctx: TcContext) -> i32 {
    let done = fast(ctx.skb.skb);
    if done != NOT_DONE {
        return done;
    }
    let mut place = MaybeUninit::uninit();
    let end = End::begin(&mut place);
    decide(ctx.skb.skb, end);
    if end.tells() {
        // SAFETY: as below.
        unsafe { refuse_tc(ctx.skb.skb, end) };
    }
    // SAFETY: the context of this run, and a value that outlives the call.
    unsafe { leave_tc(ctx.skb.skb, end) }
}

/// No verdict.
const NOT_DONE: i32 = i32::MAX;

/// As that of the XDP program.
#[inline(never)]
fn fast(skb: *mut __sk_buff) -> i32 {
    // SAFETY: the context of this run.
    let ifindex = unsafe { (*skb).ifindex };
    path::fast(&Kernel, TcFrame::new(skb), ifindex, |outcome| ended(skb, outcome)).unwrap_or(NOT_DONE)
}

/// As that of the XDP program.
#[inline(never)]
fn decide(skb: *mut __sk_buff, end: &End) {
    // SAFETY: the context of this run.
    let ifindex = unsafe { (*skb).ifindex };
    path::path(&Kernel, TcFrame::new(skb), ifindex, end);
}

/// As `refuse` of the XDP program.
///
/// # Safety
/// The context of this run; `end` is null or valid.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn refuse_tc(skb: *mut __sk_buff, end: *mut End) -> i32 {
    // SAFETY: as the caller's.
    if let Some(end) = unsafe { end.as_mut() } {
        path::refuse(&Kernel, &TcFrame::new(skb), end);
    }
    0
}

/// As `leave` of the XDP program.
///
/// # Safety
/// The context of this run; `end` is null or valid.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn leave_tc(skb: *mut __sk_buff, end: *mut End) -> i32 {
    // SAFETY: as the caller's.
    let Some(end) = (unsafe { end.as_mut() }) else { return TCX_DROP };
    ended(skb, path::leave(&Kernel, &TcFrame::new(skb), end))
}

/// Counts a packet; answers its verdict.
#[inline(always)]
fn ended(skb: *mut __sk_buff, outcome: Outcome) -> i32 {
    programs::count(&TcContext::new(skb), outcome);
    if outcome.passed() {
        return TCX_NEXT;
    }
    if outcome.out == 0 { TCX_DROP } else { redirect(outcome.out, outcome.peer) }
}

#[expect(clippy::cast_possible_truncation, reason = "the helper answers a verdict")]
fn redirect(ifindex: u32, peer: u32) -> i32 {
    // SAFETY: helpers without preconditions.
    unsafe { if peer == 0 { bpf_redirect(ifindex, 0) as i32 } else { bpf_redirect_peer(ifindex, 0) as i32 } }
}

/// Bytes of all headers that the path reads: of Ethernet with a tag, VXLAN with another Ethernet, and of
/// an ICMP error and the packet that it quotes, both of IPv4 with all options.
const HEADERS: u32 = 18 + 36 + 14 + 60 + 8 + 60 + 8;
/// Bytes of the Ethernet header.
const ETH: u32 = 14;
/// Bytes that VXLAN puts behind it: IPv4, UDP, its own and another Ethernet header.
const VXLAN: u32 = 50;
/// Bytes of a VLAN tag.
const VLAN: u32 = 4;
/// Bytes that the kernel leaves of an IPv4 packet at least.
const LEAST: u32 = 20;

/// How VXLAN is put around a packet, so that the kernel can cut it into smaller ones still.
const WRAP: u64 = (BPF_F_ADJ_ROOM_FIXED_GSO
    | BPF_F_ADJ_ROOM_ENCAP_L3_IPV4
    | BPF_F_ADJ_ROOM_ENCAP_L4_UDP
    | BPF_F_ADJ_ROOM_ENCAP_L2_ETH) as u64
    | (ETH as u64) << 56;

/// A place in a packet of the kernel's.
struct TcFrame<'f> {
    bytes: Bytes<'f>,
    skb: *mut __sk_buff,
}

impl TcFrame<'_> {
    /// The packet of this run of the program, with its headers in one piece.
    #[inline(always)]
    fn new(skb: *mut __sk_buff) -> Self {
        // SAFETY: the context of this run.
        let (length, at, end) = unsafe { ((*skb).len, (*skb).data as usize, (*skb).data_end as usize) };
        if at + HEADERS as usize > end && at + (length as usize) > end {
            // SAFETY: as above. Where it fails the path finds no header there.
            unsafe { bpf_skb_pull_data(skb, if length < HEADERS { length } else { HEADERS }) };
        }
        Self::at_front(skb)
    }

    #[inline(always)]
    fn at_front(skb: *mut __sk_buff) -> Self {
        // SAFETY: the context of this run.
        let bytes = unsafe { Bytes::new((*skb).data, (*skb).data_end) };
        Self { bytes, skb }
    }

    /// Makes the packet behind the Ethernet header longer or shorter, at its front.
    #[inline(always)]
    fn adjust(&self, by: i32, flags: u64) -> Option<()> {
        // SAFETY: the context of this run; no header taken before is used after it.
        let done = unsafe { bpf_skb_adjust_room(self.skb, by, BPF_ADJ_ROOM_MAC, flags) };
        (done == 0).then_some(())
    }

    /// Makes the frame so long, at its end.
    #[inline(always)]
    fn end_at(&self, length: u32) -> Option<()> {
        // SAFETY: as above.
        (unsafe { bpf_skb_change_tail(self.skb, length, 0) } == 0).then_some(())
    }

    /// Takes off the VLAN tag, beside the frame or in it; answers how many of `head` bytes are left.
    #[inline(always)]
    fn untag(&self, head: u32) -> Option<u32> {
        // SAFETY: the context of this run.
        let (beside, kind) = unsafe { ((*self.skb).vlan_present != 0, (*self.skb).protocol) };
        let inside = kind == u32::from(u16::from_ne_bytes(ETHERTYPE_VLAN));
        // SAFETY: as in `adjust`.
        if (beside || inside) && unsafe { bpf_skb_vlan_pop(self.skb) } != 0 {
            return None;
        }
        Some(if beside {
            head
        } else if inside {
            head - VLAN
        } else {
            head
        })
    }

    /// Changes a checksum that the kernel may know of, or finish.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "within the headers")]
    fn replace(&self, offset: usize, by: Delta, flags: u32) {
        // SAFETY: as in `adjust`.
        let _ = unsafe { bpf_l4_csum_replace(self.skb, offset as u32, 0, by.raw().into(), flags.into()) };
    }
}

impl<'f> Frame<'f> for TcFrame<'f> {
    const BESIDE: bool = true;

    #[inline(always)]
    fn take<T: Header>(&mut self) -> Option<&'f mut T> {
        self.bytes.take()
    }

    #[inline(always)]
    fn skip(&mut self, count: usize) {
        self.bytes.skip(count);
    }

    #[inline(always)]
    fn length(&self) -> usize {
        // SAFETY: the context of this run.
        unsafe { (*self.skb).len as usize }
    }

    #[inline(always)]
    fn cut_into(&self) -> u32 {
        // SAFETY: the context of this run.
        unsafe { (*self.skb).gso_size }
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "both have 16 bits")]
    fn tag(&self) -> Option<VlanHdr> {
        // SAFETY: the context of this run.
        let (there, tci, kind) =
            unsafe { ((*self.skb).vlan_present != 0, (*self.skb).vlan_tci as u16, (*self.skb).vlan_proto as u16) };
        there.then_some(VlanHdr { tci: tci.to_be_bytes(), kind: kind.to_ne_bytes() })
    }

    #[inline(always)]
    fn set_tag(&self, tci: u16) -> Option<()> {
        // SAFETY: as in `adjust`.
        let done = unsafe { bpf_skb_vlan_push(self.skb, u16::from_ne_bytes(ETHERTYPE_VLAN), tci) };
        (done == 0).then_some(())
    }

    #[inline(always)]
    fn again(&self) -> Self {
        Self::at_front(self.skb)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "a frame is far below 4 GiB")]
    fn reframe(&self, old: u32, new: u32, rest: usize) -> Option<Self> {
        let old = self.untag(old)?;
        if self.length() > old as usize + rest {
            // Where it fails the frame is padded, as it was.
            let _ = self.end_at(old + rest as u32);
        }
        if new < old {
            self.adjust(new.cast_signed() - old.cast_signed(), BPF_F_ADJ_ROOM_FIXED_GSO.into())?;
        } else if new > old {
            self.adjust(VXLAN.cast_signed(), WRAP)?;
        }
        Some(self.again())
    }

    /// What the kernel knows of the checksum must go with the packet: it would finish one that was
    /// begun, in the middle of what is written. It forgets what it checked where a packet grows, and what
    /// it has to finish where that is cut off at the front.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "far below 2^31 bytes")]
    fn renew(&self, head: u32, count: usize) -> Option<(Self, u32)> {
        let head = self.untag(head)?;
        let mut front = self.again();
        front.skip(head as usize);
        let [first] = *front.take::<[u8; 1]>()?;
        let transport = head + u32::from(first & 0x0f) * 4;
        if self.end_at(HEADERS).and_then(|()| self.end_at(HEADERS + ETH + LEAST)).is_none() {
            // A packet in a tunnel of the kernel's making can't be cut at its end.
            let length = self.length() as u32;
            if self.cut_into() != 0 || length <= transport + ETH + LEAST {
                return None;
            }
            // SAFETY: as in `adjust`.
            unsafe { bpf_skb_pull_data(self.skb, length) };
        }
        self.adjust((ETH + LEAST).cast_signed() - self.length() as i32, 0)?;
        self.adjust(count as i32 - LEAST.cast_signed(), 0)?;
        Some((self.again(), ETH))
    }

    #[inline(always)]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a sum of 32 bits; only other lengths fail"
    )]
    fn sum(&self) -> u16 {
        let mut frame = self.again();
        frame.skip(ETH as usize);
        // The helper takes words of four bytes; whatever VXLAN wraps is longer.
        let Some(bytes) = frame.take::<[u8; 52]>() else { return 0 };
        // SAFETY: of these bytes it reads as many as there are.
        fold(unsafe { bpf_csum_diff(core::ptr::null_mut(), 0, bytes.as_mut_ptr().cast(), 52, 0) } as u32)
    }

    #[inline(always)]
    fn summed(&self, change: Delta) {
        // SAFETY: the context of this run.
        let _ = unsafe { bpf_csum_update(self.skb, change.raw().into()) };
    }

    #[inline(always)]
    fn amend(&self, check: &mut [u8; 2], change: Delta, addresses: Delta, optional: bool) {
        let own = change.without(addresses);
        if optional && *check == [0, 0] {
            self.summed(own);
            return;
        }
        // SAFETY: the context of this run.
        let offset = check.as_ptr() as usize - unsafe { (*self.skb).data as usize };
        let flags = if optional { BPF_F_MARK_MANGLED_0 } else { 0 };
        if addresses != Delta::NONE {
            self.replace(offset, addresses, flags | BPF_F_PSEUDO_HDR);
        }
        self.replace(offset, own, flags);
    }
}
