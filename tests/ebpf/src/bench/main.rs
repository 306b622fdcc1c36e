//! What the benchmark runs in the kernel.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    panic!("this is a program for the kernel: `cargo xtask build` compiles it");
}
