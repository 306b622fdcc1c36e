//! Puts the eBPF object where the agent can embed it: `$OUT_DIR/vpce.o`.
//!
//! `cargo xtask build` names the object in `VPCE_EBPF_OBJECT`. Without it the file is empty, so that checks and host
//! tests need no BPF toolchain; such an agent says at run time that it carries no object. An object that merely lies
//! about in the target folder is never taken: it may be older than the source.

use std::{env, fs, path::Path};

const OBJECT: &str = "VPCE_EBPF_OBJECT";

fn main() {
    println!("cargo::rerun-if-env-changed={OBJECT}");
    let out_dir = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let embedded = Path::new(&out_dir).join("vpce.o");
    let object = match env::var(OBJECT) {
        Ok(path) => {
            println!("cargo::rerun-if-changed={path}");
            fs::read(&path).unwrap_or_else(|error| {
                println!("cargo::warning={OBJECT}={path}: {error}; the agent will carry no eBPF object");
                Vec::new()
            })
        }
        Err(_) => Vec::new(),
    };
    fs::write(&embedded, object).expect("OUT_DIR is writable");
}
