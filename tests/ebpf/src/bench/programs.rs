//! The programs.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use aya_ebpf::{bindings::xdp_action::XDP_TX, macros::xdp, programs::XdpContext};

/// Costs nothing: what is left is the harness.
#[xdp(frags)]
pub fn nothing(_ctx: XdpContext) -> u32 {
    XDP_TX
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the verifier refuses a program that can get here.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
