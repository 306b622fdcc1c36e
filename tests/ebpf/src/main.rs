//! A machine's interface becomes one of a VLAN: tags go on when frames leave, and off when they
//! come in. Another takes nothing that comes in.
//!
//! For kernels without VLAN devices, and for machines that shall not know of their VLAN.

#![cfg_attr(target_arch = "bpf", no_std, no_main)]

#[cfg(target_arch = "bpf")]
mod programs;

#[cfg(not(target_arch = "bpf"))]
fn main() {
    panic!("this is a program for the kernel: `cargo xtask build` compiles it");
}
