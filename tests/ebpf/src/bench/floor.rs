//! The floors: the least that a NAT can do, and the least with state. Written as fast as we can.
//!
//! One hash look-up by what the packet is, an entry for each direction; then addresses, ports, both
//! checksums, TTL and the Ethernet header. No limit, no order of segments, no timers that end.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use aya_ebpf::{
    bindings::xdp_action::{XDP_DROP, XDP_PASS},
    helpers::{bpf_ktime_get_ns, bpf_redirect},
    macros::{map, xdp},
    maps::HashMap,
    programs::XdpContext,
};
use vpce_tests_ebpf::floor::{Key, Tracked, Translation};

use crate::frame::{Headers, fold};

/// Both directions of 1,048,576 flows; whoever loads it may say less.
const ENTRIES: u32 = 1 << 21;

#[map]
static TRANSLATIONS: HashMap<Key, Translation> = HashMap::with_max_entries(ENTRIES, 0);
#[map]
static TRACKED: HashMap<Key, Tracked> = HashMap::with_max_entries(ENTRIES, 0);

/// A stateless NAT.
#[xdp(frags)]
pub fn floor(ctx: XdpContext) -> u32 {
    let Some(frame) = Headers::of(ctx.data(), ctx.data_end()) else { return XDP_PASS };
    let Some(key) = key(&ctx, frame) else { return XDP_PASS };
    // SAFETY: preallocated entries stay readable, and nobody changes them.
    let Some(translation) = (unsafe { TRANSLATIONS.get(key) }) else { return XDP_PASS };
    translate(frame, translation)
}

/// One that notes when a flow was last used, and counts its packets and bytes.
#[xdp(frags)]
pub fn floor_state(ctx: XdpContext) -> u32 {
    let Some(frame) = Headers::of(ctx.data(), ctx.data_end()) else { return XDP_PASS };
    let Some(key) = key(&ctx, frame) else { return XDP_PASS };
    let Some(tracked) = TRACKED.get_ptr_mut(key) else { return XDP_PASS };
    // SAFETY: as above; each flow is used by one CPU, so that not even atomics are paid for.
    let tracked = unsafe { &mut *tracked };
    // SAFETY: a helper without preconditions.
    tracked.seen = unsafe { bpf_ktime_get_ns() };
    tracked.packets += 1;
    tracked.bytes += (ctx.data_end() - ctx.data()) as u64;
    translate(frame, &tracked.translation)
}

/// What the packet is found by, if it is TCP over IPv4 with no options and no fragment, and has hops left.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "an interface index is an int")]
fn key(ctx: &XdpContext, frame: Headers) -> Option<Key> {
    // EtherType, version and header length.
    let kind = frame.get::<12, u32>() & 0x00ff_ffff;
    // Fragment field, all but DF.
    let fragment = frame.get::<20, u16>() & !0x40;
    let ttl_and_protocol = frame.get::<22, u16>();
    if kind != 0x0045_0008 || fragment != 0 || ttl_and_protocol >> 8 != 6 || ttl_and_protocol & 0xff < 2 {
        return None;
    }
    Some(Key {
        addresses: frame.get::<26, u64>(),
        ports: frame.get::<34, u32>(),
        ifindex: ctx.ingress_ifindex() as u32,
    })
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the helper answers an xdp_action")]
fn translate(frame: Headers, to: &Translation) -> u32 {
    let [a, b, c] = to.ethernet;
    frame.set::<0, u64>(u64::from(a) | u64::from(b) << 32);
    frame.set::<8, u32>(c);
    let checksum = !fold(u64::from(!frame.get::<24, u16>()) + u64::from(to.ip));
    let ttl_and_protocol = frame.get::<22, u16>() - 1;
    frame.set::<22, u32>(u32::from(ttl_and_protocol) | u32::from(checksum) << 16);
    frame.set::<26, u64>(to.addresses);
    frame.set::<34, u32>(to.ports);
    let checksum = !fold(u64::from(!frame.get::<50, u16>()) + u64::from(to.tcp));
    frame.set::<50, u16>(checksum);
    // SAFETY: a helper without preconditions.
    if to.out == 0 { XDP_DROP } else { unsafe { bpf_redirect(to.out, 0) as u32 } }
}
