//! The packet path as an XDP program and as a TC classifier, and the reaper's walk beside them.
//!
//! What happens to a packet stands in `vpce_common::path`; here is only how it leaves.

#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(asm_experimental_arch))]

#[cfg(target_arch = "bpf")]
mod frame;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod programs;
#[cfg(target_arch = "bpf")]
mod tc;
#[cfg(target_arch = "bpf")]
mod xdp;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    panic!("this is a program for the kernel: `cargo xtask build` compiles it");
}
