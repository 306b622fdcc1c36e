//! Lays a packet for each repetition, then calls the program under test.

#![expect(clippy::needless_pass_by_value, reason = "aya's macro hands the context over by value")]

use aya_ebpf::{
    EbpfContext,
    bindings::{
        TC_ACT_OK, TC_ACT_SHOT,
        xdp_action::{XDP_ABORTED, XDP_TX},
    },
    macros::{classifier, map, xdp},
    maps::{Array, ProgramArray},
    programs::{TcContext, XdpContext},
};
use vpce_tests_ebpf::harness::{BACKEND, CLIENT, FROM_BACKEND, Pair, Run, Side};

use crate::frame::{Headers, fold};

/// What to lay. Written by the benchmark before each run, then by the harness, on one CPU.
#[map]
static RUN: Array<Run> = Array::with_max_entries(1, 0);
/// The program under test.
#[map]
static UNDER_TEST: ProgramArray = ProgramArray::with_max_entries(1, 0);
/// That of the TC hook.
#[map]
static UNDER_TEST_TC: ProgramArray = ProgramArray::with_max_entries(1, 0);

/// TTL 64 and TCP: bytes 22 and 23.
const TTL_AND_PROTOCOL: u64 = 64 | 6 << 8;
/// The largest window: bytes 48 and 49.
const WINDOW: u64 = 0xffff;

/// A segment of an established flow: another flow each time.
#[xdp(frags)]
pub fn segments(ctx: XdpContext) -> u32 {
    if segment(Headers::of(ctx.data(), ctx.data_end())).is_some() {
        call(&ctx, &UNDER_TEST);
    }
    XDP_ABORTED
}

/// The same at the TC hook.
#[classifier]
pub fn segments_tc(ctx: TcContext) -> i32 {
    if segment(Headers::of(ctx.data(), ctx.data_end())).is_some() {
        call(&ctx, &UNDER_TEST_TC);
    }
    TC_ACT_SHOT
}

#[inline(always)]
fn segment(frame: Option<Headers>) -> Option<()> {
    let frame = frame?;
    // SAFETY: an entry of an array map stays where it is; nobody else writes it during a run.
    let run = unsafe { &mut *RUN.get_ptr_mut(0)? };
    let (number, before) = run.flows.pick(run.count);
    run.count += 1;
    let (endpoint, index) = run.flows.place(number);
    let (side, pair) = if run.side as usize == CLIENT {
        (&run.sides[CLIENT], run.flows.outside(number, endpoint))
    } else {
        (&run.sides[BACKEND], run.flows.inside(endpoint, index).reversed())
    };
    let number = side.begins.wrapping_add(before.wrapping_mul(run.payload));
    lay(frame, side, pair, (number, side.acknowledges), run.script[0]);
    Some(())
}

/// The next step of a flow's script: one flow after the other.
#[xdp(frags)]
pub fn scripts(ctx: XdpContext) -> u32 {
    let (Some(frame), Some(run)) = (Headers::of(ctx.data(), ctx.data_end()), RUN.get_ptr_mut(0)) else {
        return XDP_ABORTED;
    };
    // SAFETY: as above.
    let run = unsafe { &mut *run };
    let step = run.step;
    if step == 1 {
        // What the first segment became: how the backend sees the flow.
        run.seen = frame.get::<26, u32>();
        run.seen_port = frame.get::<34, u16>();
    }
    run.step = if step + 1 >= run.steps { 0 } else { step + 1 };
    #[expect(clippy::cast_possible_truncation, reason = "flows are numbered by 32 bits at most")]
    let flow = run.count as u32 & ((1 << run.flows.bits) - 1);
    run.count += u64::from(run.step == 0);
    let word = run.script[(step & 7) as usize];
    let flags = word & !FROM_BACKEND;
    let (endpoint, _) = run.flows.place(flow);
    if step == 0 {
        run.next = [run.sides[CLIENT].begins, run.sides[BACKEND].begins];
    }
    // SYN and FIN count.
    let counts = u32::from(flags & 0b11 != 0);
    let acknowledges = flags & 1 << 4 != 0;
    let [client, backend] = run.next;
    if word & FROM_BACKEND == 0 {
        let numbers = (client, if acknowledges { backend } else { 0 });
        run.next[CLIENT] = client.wrapping_add(counts);
        lay(frame, &run.sides[CLIENT], run.flows.outside(flow, endpoint), numbers, flags);
    } else {
        let to = (u32::from_be(run.seen), u16::from_be(run.seen_port).into());
        let pair = Pair::new((run.flows.server, run.flows.server_port), to);
        let numbers = (backend, if acknowledges { client } else { 0 });
        run.next[BACKEND] = backend.wrapping_add(counts);
        lay(frame, &run.sides[BACKEND], pair, numbers, flags);
    }
    call(&ctx, &UNDER_TEST);
    XDP_ABORTED
}

/// Costs nothing: what is measured with it is the harness.
#[xdp(frags)]
pub fn nothing(_ctx: XdpContext) -> u32 {
    XDP_TX
}

/// The same at the TC hook.
#[classifier]
pub fn nothing_tc(_ctx: TcContext) -> i32 {
    TC_ACT_OK
}

/// Writes all headers, checksums right.
#[inline(always)]
fn lay(frame: Headers, side: &Side, pair: Pair, (number, acknowledged): (u32, u32), flags: u16) {
    let Pair { addresses, ports } = pair;
    let (from, to) = (addresses & 0xffff_ffff, addresses >> 32);
    let ip = !fold(side.ip_sum + from + to);
    let numbers = u64::from(number.to_be()) | u64::from(acknowledged.to_be()) << 32;
    let offset_and_flags = u64::from(5 << 4 | flags << 8);
    let parts = u64::from(ports) + (numbers & 0xffff_ffff) + (numbers >> 32) + offset_and_flags + WINDOW;
    let tcp = !fold(side.tcp_sum + from + to + parts);

    // So that no field lies across two of the words: a field that is read soon after would wait for both.
    frame.set::<0, u64>(side.ethernet[0]);
    frame.set::<6, u64>(side.ethernet[1]);
    frame.set::<14, u64>(side.ip);
    frame.set::<22, u64>(TTL_AND_PROTOCOL | u64::from(ip) << 16 | from << 32);
    frame.set::<30, u64>(to | u64::from(ports) << 32);
    frame.set::<38, u64>(numbers);
    frame.set::<46, u64>(offset_and_flags | WINDOW << 16 | u64::from(tcp) << 32);
}

/// Goes on with the program under test; comes back where there is none.
#[inline(always)]
fn call(ctx: &impl EbpfContext, program: &ProgramArray) {
    // SAFETY: the context of this run.
    unsafe { program.tail_call(ctx, 0) };
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: the verifier refuses a program that can get here.
    unsafe { core::hint::unreachable_unchecked() }
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
