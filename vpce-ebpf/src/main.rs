//! The packet path as an XDP program, and the reaper's walk beside it.
//!
//! What happens to a packet stands in `vpce_common::path`; here is only how it leaves.

#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod frame;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod programs;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    panic!("this is a program for the kernel: `cargo xtask build` compiles it");
}
