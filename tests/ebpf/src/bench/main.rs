//! What the benchmark runs in the kernel: the harness, which lays packets for a program under test, and
//! the programs that it is compared with.

#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod floor;
#[cfg(target_arch = "bpf")]
mod frame;
#[cfg(target_arch = "bpf")]
mod harness;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    panic!("this is a program for the kernel: `cargo xtask build` compiles it");
}
