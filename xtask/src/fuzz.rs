//! Fuzzing: libFuzzer on the targets of `tests/fuzz`, by the compiler that builds everything else.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use crate::cmd;

/// What can be fuzzed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Target {
    /// Frames on the packet path, next to the model of its rules.
    Path,
    /// Configuration files, as far as map entries.
    Config,
}

/// What cargo-fuzz tells the compiler: coverage for libFuzzer, and bounds of memory.
const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Zsanitizer=address",
    "--cfg=fuzzing",
];

/// Longest input, in bytes.
const LONGEST: u32 = 8192;

/// Builds a target and lets it run; what it finds it writes down, and fails.
///
/// It begins with the project's seeds, and with what it found worth keeping in earlier runs here.
pub fn fuzz(target: Target, seconds: u64) -> Result<()> {
    ensure!(cmd::find("c++").is_some(), "libFuzzer is C++, and there is no c++: install g++");
    let name = target.to_possible_value().context("a target's name")?;
    let name = name.get_name();
    let crate_dir = cmd::workspace().join("tests/fuzz");
    let target_dir = cmd::target_dir().join("fuzz");
    // A target of its own, so that build scripts and macros are not instrumented.
    let host = cmd::output(cmd::command("rustc", ["--print", "host-tuple"]).current_dir(&crate_dir))?.trim().to_owned();
    let mut build = cmd::cargo();
    build
        .args(["build", "--release", "--locked", "--bin", name, "--target", &host])
        .current_dir(&crate_dir)
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"))
        .env("RUSTC_BOOTSTRAP", "1");
    cmd::run(&mut build)?;

    let kept = target_dir.join("corpus").join(name);
    let found = target_dir.join("found").join(name);
    for dir in [&kept, &found] {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    let mut run = Command::new(target_dir.join(host).join("release").join(name));
    // What is new goes into the first.
    run.args([&kept, &crate_dir.join("corpus").join(name)])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={LONGEST}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-timeout=10", "-print_final_stats=1"]);
    let words = crate_dir.join(name).with_extension("dict");
    if words.is_file() {
        run.arg(format!("-dict={}", words.display()));
    }
    cmd::run(&mut run).with_context(|| format!("the input that did it is in {}", found.display()))
}
