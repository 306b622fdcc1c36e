//! The programs of an interface: two for its TC hooks, one for XDP.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use aya_ebpf::{
    Global,
    bindings::{TC_ACT_OK, TC_ACT_SHOT, xdp_action::XDP_DROP},
    helpers::{bpf_skb_vlan_pop, bpf_skb_vlan_push},
    macros::{classifier, xdp},
    programs::{TcContext, XdpContext},
};

/// `ETH_P_8021Q`, as it is on the wire.
const TAG: u16 = 0x8100_u16.to_be();

/// The VLAN id is the low 12 bits of a tag.
const ID: u32 = 0xfff;

/// The id of the interface's VLAN.
#[unsafe(no_mangle)]
static VLAN: Global<u16> = Global::new(0);

/// Tags a frame that leaves.
#[classifier]
pub fn push(ctx: TcContext) -> i32 {
    // SAFETY: the context of this run.
    verdict(unsafe { bpf_skb_vlan_push(ctx.skb.skb, TAG, VLAN.load()) })
}

/// Takes the tag off a frame that came in; a frame of no VLAN or of another one ends here.
#[classifier]
pub fn pop(ctx: TcContext) -> i32 {
    let skb = ctx.skb.skb;
    // SAFETY: the context of this run; the kernel has put the outermost tag beside the frame.
    let (tagged, tag) = unsafe { ((*skb).vlan_present, (*skb).vlan_tci) };
    if tagged == 0 || tag & ID != u32::from(VLAN.load()) {
        return TC_ACT_SHOT;
    }
    // SAFETY: as above.
    verdict(unsafe { bpf_skb_vlan_pop(skb) })
}

/// Takes nothing of what comes in.
#[xdp(frags)]
pub fn deaf(_ctx: XdpContext) -> u32 {
    XDP_DROP
}

fn verdict(answer: i64) -> i32 {
    if answer == 0 { TC_ACT_OK } else { TC_ACT_SHOT }
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the verifier refuses a program that can get here.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
